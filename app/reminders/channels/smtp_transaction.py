"""One SMTP transaction, and what each of its possible ends says about the message."""

import asyncio
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aiosmtplib import SMTP, SMTPException, SMTPResponse, SMTPTimeoutError

from app.reminders.channels.base import Outcome, SendResult

RETRY_AFTER_SECONDS: Final = 300.0

_START_INPUT: Final = 354
_CLOSING: Final = 421
# These speak of the session or of our account, not of this recipient or message: another attempt may well succeed.
_SESSION_CODES: Final = frozenset({500, 502, 503, 530, 534, 535, 538})
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)")
_PROVIDER_ID: Final = re.compile(
    r"queued as ([\w.@-]{1,100})|^(?:2\.\d{1,3}\.\d{1,3} )?Ok:? ([\w.-]{8,100})$", re.ASCII | re.IGNORECASE
)
_BARE_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


class State(StrEnum):
    """What a transaction leaves behind on its connection."""

    ready = "ready"
    """The next MAIL can follow."""
    open = "open"
    """A transaction is still open and wants RSET."""
    lost = "lost"
    """The connection died before the content left: with a fresh one the send may begin again."""
    broken = "broken"
    """Nothing more can be said over it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a transaction ended."""

    result: SendResult
    state: State


@dataclass(frozen=True, slots=True)
class Envelope:
    """What goes over the wire: checked ASCII addresses and content from `wire_content`."""

    sender: str
    recipient: str
    content: bytes
    deadline: float


PERMIT_EXPIRED: Final = SendResult(Outcome.not_sent, None, "permit expired")


def wire_content(content: bytes) -> bytes:
    """Write content as DATA carries it: CRLF only, leading dots doubled, the closing dot (RFC 5321, 4.5.2).

    A bare CR or LF would let one relay read two messages where another reads one, so none is passed on.
    """
    if not content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r"):
        content = _BARE_LINE_END.sub(b"\r\n", content)
    content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    return content + (b".\r\n" if content.endswith(b"\r\n") or not content else b"\r\n.\r\n")


async def transact(client: SMTP, envelope: Envelope, timeout: float) -> Ending:  # noqa: ASYNC109 - per reply
    """Send one message over a connection that is ready for it.

    Every command waits no longer than the permit lasts, because nothing may begin after it. Only the wait for the
    answer to the content has the full timeout: by then the message has left.
    """
    loop = asyncio.get_running_loop()
    commands = (
        ("MAIL", (b"MAIL", f"FROM:<{envelope.sender}>".encode("ascii"))),
        ("RCPT", (b"RCPT", f"TO:<{envelope.recipient}>".encode("ascii"))),
        ("DATA", (b"DATA",)),
    )
    for phase, command in commands:
        left = envelope.deadline - loop.time()
        if left <= 0:
            return Ending(PERMIT_EXPIRED, State.ready if phase == "MAIL" else State.open)
        try:
            reply = await client.execute_command(*command, timeout=min(timeout, left))
        except SMTPTimeoutError:
            timed_out = SendResult(Outcome.not_sent, None, f"{phase}: no answer")
            return Ending(PERMIT_EXPIRED if left <= timeout else timed_out, State.broken)
        except (SMTPException, OSError) as error:
            return Ending(SendResult(Outcome.not_sent, None, f"{phase}: {type(error).__name__}"), State.lost)
        if not _goes_on(phase, reply):
            return _stopped(phase, reply)
    return await _send_content(client, envelope, timeout)


async def _send_content(client: SMTP, envelope: Envelope, timeout: float) -> Ending:  # noqa: ASYNC109 - per reply
    # aiosmtplib's own data() asks for 354 and writes the content in one call, which leaves no room to look at the
    # permit in between and no way to tell a break before the content from one after it. Between write() and the
    # first step of read_response() nothing else can run, so no answer is missed.
    protocol = client.protocol
    if asyncio.get_running_loop().time() >= envelope.deadline:
        return Ending(PERMIT_EXPIRED, State.broken)
    if protocol is None:
        return Ending(SendResult(Outcome.not_sent, None, "DATA: connection lost"), State.lost)
    try:
        protocol.write(envelope.content)
    except (SMTPException, OSError):
        # write() refuses a closing transport before it hands over the first byte.
        return Ending(SendResult(Outcome.not_sent, None, "DATA: connection lost"), State.lost)
    try:
        reply = await protocol.read_response(timeout=timeout)
    except (SMTPException, OSError) as error:
        return Ending(SendResult(Outcome.unknown, None, f"content: {type(error).__name__}"), State.broken)
    if 200 <= reply.code < 300:
        return Ending(SendResult(Outcome.accepted, _provider_id(reply), _detail("content", reply)), State.ready)
    return _stopped("content", reply)


def _goes_on(phase: str, reply: SMTPResponse) -> bool:
    return reply.code == _START_INPUT if phase == "DATA" else 200 <= reply.code < 300


def _stopped(phase: str, reply: SMTPResponse) -> Ending:
    code = reply.code
    detail = _detail(phase, reply)
    later = SendResult(Outcome.not_sent, None, detail, RETRY_AFTER_SECONDS)
    if code == _CLOSING:
        # An idle connection is often greeted so; a connection that was just opened is not retried anyway.
        return Ending(later, State.lost if phase == "MAIL" else State.broken)
    state = State.ready if phase in {"MAIL", "content"} else State.open
    if 400 <= code < 500:
        return Ending(later, state)
    if 500 <= code < 600:
        if code in _SESSION_CODES:
            return Ending(later, State.broken)
        # A refused sender is the tenant's set-up, the same for every message, and is mended without touching this one.
        return Ending(later if phase == "MAIL" else SendResult(Outcome.refused, None, detail), state)
    outcome = Outcome.unknown if phase == "content" else Outcome.not_sent
    return Ending(SendResult(outcome, None, detail), State.broken)


def _detail(phase: str, reply: SMTPResponse) -> str:
    # A server's text may repeat the recipient's address, so only its numbers are told.
    enhanced = _ENHANCED.match(reply.message)
    return f"{phase}: {reply.code} {enhanced.group()}" if enhanced else f"{phase}: {reply.code}"


def _provider_id(reply: SMTPResponse) -> str | None:
    found = _PROVIDER_ID.search(reply.message)
    return (found.group(1) or found.group(2)) if found else None
