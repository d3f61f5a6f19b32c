"""The tenant's accounts at providers, decrypted for those who send."""

from functools import lru_cache

from cryptography.fernet import InvalidToken

from app.core.secrets import decrypt
from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.reminders.channels.base import Account


def account_of(uow: UnitOfWork, settings: Settings, channel: str) -> Account | None:
    """The account that a channel leaves through; None where there is none, or it cannot be read."""
    stored = uow.tenant.settings["channels"].get(channel)
    if stored is None:
        return None
    token = _readable(settings, stored["token"])
    if token is None:
        return None
    return Account(stored["base_url"], stored["account_id"], token, stored["from"])


# Every batch asks for the same few, and taking them apart costs more than the message.
@lru_cache(maxsize=1024)
def _readable(settings: Settings, encrypted: str) -> str | None:
    try:
        return decrypt(settings, encrypted)
    except (InvalidToken, ValueError):
        # The process has another secret key than the one that encrypted it: messages wait for the right one.
        return None
