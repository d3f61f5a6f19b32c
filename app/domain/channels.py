"""The channels of a policy's steps, and what kind of address each goes to."""

from typing import Final

CHANNELS: Final = ("email", "sms", "whatsapp", "letter", "call", "erp")
"""Everything that a step can name."""

THROUGH_ACCOUNTS: Final = frozenset({"sms", "whatsapp"})
"""Those that leave through an account of the tenant's at a provider."""

WITHOUT_ADDRESS: Final = frozenset({"erp"})
"""Those that need none: the tenant's own system is asked to act."""

_ADDRESS_KINDS: Final = {"letter": "post", "call": "phone"}


def address_kind(channel: str) -> str:
    """The kind of address that a channel goes to: a letter by post, a call to a phone."""
    return _ADDRESS_KINDS.get(channel, channel)
