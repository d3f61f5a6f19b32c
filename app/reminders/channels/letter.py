"""Letters: made into a PDF that the tenant prints and posts, or hands to whoever does."""

import asyncio

from app.messages.pdf import LettersNotAvailableError, letter_pdf
from app.reminders.channels.base import Inquiry, Outcome, OutgoingMessage, SendResult


class LetterChannel:
    """A channel whose provider is the printer: a letter that could be made has been taken."""

    def __init__(self) -> None:
        # Each takes a processor for itself; more at a time would only hold up what else the process does.
        self._one_at_a_time = asyncio.Semaphore(1)

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Make the PDF."""
        async with self._one_at_a_time:
            if asyncio.get_running_loop().time() >= message.deadline:
                return SendResult(Outcome.not_sent, None, "permit expired")
            try:
                made = await asyncio.to_thread(letter_pdf, message.content.decode())
            except LettersNotAvailableError:
                return SendResult(Outcome.not_sent, None, "letters cannot be made here", is_provider_fault=True)
            except Exception as error:
                # Whatever a library finds in a tenant's own HTML.
                return SendResult(Outcome.refused, None, f"letter: {type(error).__name__}")
        return SendResult(Outcome.accepted, None, "made", document=made)

    async def look_up(self, inquiry: Inquiry) -> bool | None:  # noqa: ARG002 - part of the interface
        """Answer that it has not been made: nothing of it is anywhere but in the record that was not written."""
        return False

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""
