"""The interface of a channel, and the four ways in which a send can end."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """What is known after a send; the caller's next step follows from it alone."""

    accepted = "accepted"
    """The provider has the message."""
    not_sent = "not_sent"
    """Surely nothing went out: an error before the last byte left, or a temporary refusal. To be tried again."""
    refused = "refused"
    """The provider definitely and permanently refused this recipient or this message."""
    unknown = "unknown"
    """The last byte may have left and no answer was read. Never to be sent again without looking."""


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant's account at a provider, its secret in clear: never logged, never stored.

    Attributes:
        base_url: Where the provider's interface begins; checked again before every connection.
        account_id: Name of the account there.
        token: Its secret.
        sender: The number, or the pool of numbers, that messages come from.
    """

    base_url: str
    account_id: str
    token: str
    sender: str

    def __repr__(self) -> str:
        """Without the secret, which must not reach a log."""
        return f"Account({self.account_id})"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One attempt at a message.

    Attributes:
        message_key: The same for every attempt of the message.
        content: The frozen bytes; with CRLF line ends for e-mail.
        deadline: Event loop time after which the send must not begin.
        account: The tenant's own account, for channels that have such.
        callback_url: Where the provider tells what became of the message.
    """

    message_key: str
    sender: str
    recipient: str
    content: bytes
    deadline: float
    account: Account | None = None
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A message whose outcome is not known.

    Attributes:
        message_key: As it was sent with.
        content: The frozen bytes.
        attempted_at: When it was claimed, by a clock that the provider shares; None where there is no such clock.
    """

    message_key: str
    recipient: str = ""
    content: bytes = b""
    account: Account | None = None
    attempted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SendResult:
    """How an attempt ended.

    Attributes:
        detail: For operators; never holds an address, a name or a provider's free text.
        retry_after_seconds: A hint for `not_sent`, when there is reason to wait.
        is_provider_fault: Of `not_sent`: any other message would have met the same, so the channel pauses.
        document: What was made of the content and is kept in its place, such as the PDF of a letter.
    """

    outcome: Outcome
    provider_message_id: str | None
    detail: str
    retry_after_seconds: float | None = None
    is_provider_fault: bool = False
    document: bytes | None = None


class Channel(Protocol):
    """A way to a customer.

    `send` never raises for what a provider or a network does. Cancelling it leaves the outcome unknown to the caller.
    """

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Make one attempt."""
        ...

    async def look_up(self, inquiry: Inquiry) -> bool | None:
        """Ask the provider: True it was accepted, False it surely was not, None it cannot tell."""
        ...

    async def close(self) -> None:
        """Release connections; nothing is sent afterwards."""
        ...
