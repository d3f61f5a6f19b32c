"""Builds the e-mail of a rendered message, byte for byte the same for the same input.

The bytes are frozen when a reminder is claimed and sent as they are on every attempt, so nothing here reads a clock or
draws a random boundary.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

from app.messages.rendering import RenderedMessage

_CRLF: Final = "\r\n"
_LINE_LENGTH: Final = 76
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,70}")
_KEY: Final = re.compile(r"[A-Za-z0-9_=-]+(?:\.[A-Za-z0-9_=-]+)*")
_MESSAGE_ID: Final = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>")
_LOCAL_PART: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")
_PLAIN_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_OWN_HEADERS: Final = frozenset(
    {
        "auto-submitted",
        "bcc",
        "cc",
        "date",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "sender",
        "subject",
        "to",
        "x-auto-response-suppress",
    }
)


def message_id_for(message_key: str, domain: str) -> str:
    """Return the Message-ID of a message key: the same for every attempt, so that a double is one message to readers.

    Raises:
        ValueError: The key or the domain cannot stand in a Message-ID.
    """
    if not _KEY.fullmatch(message_key):
        raise ValueError("a message key consists of letters, digits, dots, hyphens, underscores and equals signs")
    return f"<{message_key}@{_ascii_domain(domain)}>"


def ascii_address(address: str) -> str:
    """Return an address fit for SMTP without SMTPUTF8, an international domain in its ASCII form.

    Raises:
        ValueError: It is no address, or its local part is not ASCII.
    """
    local, _, domain = address.rpartition("@")
    if not _LOCAL_PART.fullmatch(local) or len(local) > 64:
        raise ValueError("not an ASCII e-mail address")
    return f"{local}@{_ascii_domain(domain)}"


def build_email(
    *,
    rendered: RenderedMessage,
    sender_name: str,
    sender_address: str,
    reply_to: str | None,
    to_address: str,
    to_name: str | None,
    message_id: str,
    date: datetime,
    headers: Mapping[str, str],
) -> bytes:
    """Build a multipart/alternative message, text and HTML, with CRLF line ends and 7-bit content.

    Args:
        rendered: The message.
        sender_name: The name in From, in any script.
        sender_address: The address in From.
        reply_to: Where answers go, when not to the sender.
        to_address: The recipient.
        to_name: The recipient's name, in any script.
        message_id: See `message_id_for`.
        date: The Date header; it must carry its offset.
        headers: Further headers; none that this function writes itself.

    Raises:
        ValueError: A value would break out of its header, an address or the Message-ID is malformed, or the date is
            naive, or the message is no e-mail.
    """
    if rendered.subject is None or rendered.html is None:
        raise ValueError("an e-mail has a subject and HTML")
    if date.tzinfo is None:
        raise ValueError("the date of a message needs an offset")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("malformed Message-ID")
    # "=_" never occurs in quoted-printable text, so no content can look like the boundary.
    boundary = f"=_{hashlib.sha256(message_id.encode()).hexdigest()[:32]}"
    lines = [
        _own_mailbox("From", sender_name, sender_address),
        _mailbox("To", to_name, to_address),
        _unstructured("Subject", rendered.subject),
        f"Date: {format_datetime(date)}",
        f"Message-ID: {message_id}",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative;{_CRLF} boundary="{boundary}"',
        _unstructured("Content-Language", rendered.language),
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: OOF, AutoReply",
    ]
    if reply_to is not None:
        lines.insert(1, _own_mailbox("Reply-To", None, reply_to))
    lines.extend(_extra_header(name, value) for name, value in headers.items())
    head = _CRLF.join(lines).encode("ascii")
    mark = f"--{boundary}".encode("ascii")
    return b"\r\n".join(
        (head, b"", mark, *_part("plain", rendered.text), mark, *_part("html", rendered.html), mark + b"--", b"")
    )


def _part(subtype: str, content: str) -> tuple[bytes, ...]:
    normal = content.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    return (
        f"Content-Type: text/{subtype}; charset=utf-8".encode("ascii"),
        b"Content-Transfer-Encoding: quoted-printable",
        b"",
        binascii.b2a_qp(normal.encode("utf-8"), istext=True),
    )


def _extra_header(name: str, value: str) -> str:
    lowered = name.lower()
    if not _HEADER_NAME.fullmatch(name) or lowered in _OWN_HEADERS or lowered.startswith("content-"):
        raise ValueError("this header cannot be set")
    return _unstructured(name, value)


def _unstructured(name: str, value: str) -> str:
    _refuse_breaks(value)
    if value.isascii() and "=?" not in value:
        return _fold(f"{name}: {value.strip()}")
    return f"{name}: {_encoded_words(value, len(name) + 2)}"


def _mailbox(name: str, display: str | None, address: str) -> str:
    safe = ascii_address(address)
    if not display or not display.strip():
        return f"{name}: {safe}"
    _refuse_breaks(display)
    if not display.isascii() or "=?" in display:
        phrase = _encoded_words(display, len(name) + 2)
    elif _PLAIN_PHRASE.fullmatch(display):
        phrase = display
    else:
        escaped = display.replace("\\", "\\\\").replace('"', '\\"')
        phrase = f'"{escaped}"'
    return _fold_address(f"{name}: {phrase}", safe)


# A tenant's own addresses, which stand in all of its messages.
_own_mailbox: Final = lru_cache(maxsize=512)(_mailbox)


def _fold_address(start: str, address: str) -> str:
    last_line = start.rsplit(_CRLF, 1)[-1]
    separator = " " if len(last_line) + len(address) + 3 <= _LINE_LENGTH else f"{_CRLF} "
    return f"{start}{separator}<{address}>"


def _refuse_breaks(value: str) -> None:
    if _FORBIDDEN.search(value):
        raise ValueError("a header value contains a line break or a control character")


def _fold(header: str) -> str:
    if len(header) <= _LINE_LENGTH:
        return header
    lines: list[str] = []
    line, *words = header.split(" ")
    for position, word in enumerate(words):
        # The first word stays beside the header's name: a line of nothing but a name confuses old readers.
        if position and len(line) + 1 + len(word) > _LINE_LENGTH and word:
            lines.append(line)
            line = f" {word}"
        else:
            line = f"{line} {word}"
    folded = _CRLF.join([*lines, line])
    if max(map(len, folded.split(_CRLF))) > 990:
        raise ValueError("a header value has no place to fold")
    return folded


def _encoded_words(value: str, used: int) -> str:
    words: list[str] = []
    octets, room = value.encode("utf-8"), _room(used)
    while len(octets) > room:
        cut = room
        # Never inside a character.
        while octets[cut] & 0xC0 == 0x80:
            cut -= 1
        words.append(_encoded_word(octets[:cut]))
        octets, room = octets[cut:], _room(1)
    words.append(_encoded_word(octets))
    return f"{_CRLF} ".join(words)


def _room(used: int) -> int:
    # An encoded word may take 75 characters, a line 76; base64 turns three octets into four characters.
    return max(1, (min(75, _LINE_LENGTH - used) - len("=?utf-8?b??=")) // 4) * 3


def _encoded_word(chunk: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(chunk).decode('ascii')}?="


def _ascii_domain(domain: str) -> str:
    try:
        encoded = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("malformed domain") from None
    if not _DOMAIN.fullmatch(encoded) or len(encoded) > 253:
        raise ValueError("malformed domain")
    return encoded
