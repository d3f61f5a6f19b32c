"""The interface of a channel, and the four ways in which a send can end."""

from dataclasses import dataclass
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
class OutgoingMessage:
    """One attempt at a message.

    Attributes:
        message_key: The same for every attempt of the message.
        content: The frozen bytes; with CRLF line ends for e-mail.
        deadline: Event loop time after which the send must not begin.
    """

    message_key: str
    sender: str
    recipient: str
    content: bytes
    deadline: float


@dataclass(frozen=True, slots=True)
class SendResult:
    """How an attempt ended.

    Attributes:
        detail: For operators; never holds an address, a name or a provider's free text.
        retry_after_seconds: A hint for `not_sent`, when there is reason to wait.
    """

    outcome: Outcome
    provider_message_id: str | None
    detail: str
    retry_after_seconds: float | None = None


class Channel(Protocol):
    """A way to a customer.

    `send` never raises for what a provider or a network does. Cancelling it leaves the outcome unknown to the caller.
    """

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Make one attempt."""
        ...

    async def look_up(self, message_key: str) -> bool | None:
        """Ask the provider: True it was accepted, False it surely was not, None it cannot tell."""
        ...

    async def close(self) -> None:
        """Release connections; nothing is sent afterwards."""
        ...
