"""Reads reports of e-mails that came back (RFC 3464): which message it was, and what is to be thought of it."""

import hashlib
import re
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from email.policy import Compat32
from typing import Final, Literal
from uuid import UUID

_MESSAGE_ID: Final = re.compile(r"<?([0-9a-fA-F-]{36})@([^<>\s@]{1,253})>?")
_STATUS: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_ACTION: Final = re.compile(r"[a-z-]+")
# Of the classes of RFC 3463: bad destination, and a mailbox that is disabled.
_ADDRESS_FAULTS: Final = frozenset(
    {("1", "0"), ("1", "1"), ("1", "2"), ("1", "3"), ("1", "6"), ("1", "10"), ("2", "1")}
)

# Python's parser takes a level of its stack, and a look at every line, for each part within another.
_NESTING: Final = re.compile(r"^content-type:\s*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)
_MAX_NESTING: Final = 30
_MAX_HEADER: Final = 10_000

BounceKind = Literal["bounced", "failed", "delivered"]


@dataclass(frozen=True, slots=True)
class Bounce:
    """What came back.

    Attributes:
        kind: None where nothing is decided yet, as for a message that is late.
        event_id: The same for the same report.
        detail: The report's numbers; never its text, which repeats addresses.
    """

    reminder_id: UUID
    kind: BounceKind | None
    event_id: str
    detail: str


class _ShortHeaders(Compat32):
    """Cuts headers that are longer than any honest one: the time for the parameters of one is quadratic."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_MAX_HEADER]


def reminder_of(message_id: str, domain: str) -> UUID | None:
    """The reminder whose Message-ID it is; None for one that is not ours."""
    match = _MESSAGE_ID.fullmatch(message_id.strip())
    if match is None or match[2].lower() != domain.lower():
        return None
    try:
        return UUID(match[1])
    except ValueError:
        return None


def read_report(text: str, domain: str) -> Bounce | None:
    """What a report says; None where it names no message of ours, or is none."""
    if len(_NESTING.findall(text)) > _MAX_NESTING:
        return None
    report = message_from_string(text, policy=_ShortHeaders())
    fields = _status_fields(report)
    reminder_id = next(
        (found for match in _MESSAGE_ID.finditer(_returned(report, text)) if (found := reminder_of(match[0], domain))),
        None,
    )
    if reminder_id is None:
        return None
    action = _ACTION.match(fields.get("action", "failed").strip().lower())
    status = _STATUS.search(fields.get("status", "")) or _STATUS.search(fields.get("diagnostic-code", ""))
    return Bounce(
        reminder_id,
        _kind(action[0] if action else "failed", status),
        f"report:{hashlib.sha256(text.encode()).hexdigest()[:32]}",
        f"{action[0] if action else 'failed'} {status[0] if status else ''}".strip(),
    )


def _kind(action: str, status: re.Match[str] | None) -> BounceKind | None:
    if action == "delivered":
        return "delivered"
    if action != "failed":
        # Delayed, relayed or expanded: the end is not told.
        return None
    is_fault = status is None or (status[1] == "5" and (status[2], status[3]) in _ADDRESS_FAULTS)
    return "bounced" if is_fault else "failed"


def _status_fields(report: Message) -> dict[str, str]:
    """The fields of the first recipient, by their names in small letters."""
    fields: dict[str, str] = {}
    for part in report.walk():
        if part.get_content_type() == "message/delivery-status":
            # The library reads each group of fields as a message of its own: the report's, then the recipients'.
            for group in part.get_payload() if part.is_multipart() else []:
                if isinstance(group, Message):
                    for name, value in group.items():
                        fields.setdefault(name.lower(), str(value))
    return fields


def _returned(report: Message, text: str) -> str:
    """The headers of the message that came back; the whole report where it does not say which part they are."""
    for part in report.walk():
        if part.get_content_type() in {"message/rfc822", "text/rfc822-headers"}:
            return part.as_string()
    return text
