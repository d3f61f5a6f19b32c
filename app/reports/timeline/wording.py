"""One line of a timeline in words: what happened, and to what."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.events import EVENT_TYPES

_UNKNOWN: Final = "Something changed."
_KINDS: Final = {
    "call": "Call",
    "visit": "Visit",
    "email": "E-mail",
    "message": "Message",
    "letter": "Letter",
    "note": "Note",
}


def event_summary(event_type: str, object_type: str, data: Mapping[str, Any]) -> str:
    """What an event says, with what tells its resource from others."""
    about = _about(object_type, data)
    said = EVENT_TYPES.get(event_type, _UNKNOWN)
    return f"{about}: {said}" if about else said


def activity_summary(data: Mapping[str, Any]) -> str:
    """What an activity was, and what came of it."""
    side = "from the customer" if data["direction"] == "inbound" else "to the customer"
    parts = [_KINDS[data["kind"]] if data["kind"] == "note" else f"{_KINDS[data['kind']]} {side}"]
    if data["contact_name"]:
        parts.append(f"with {data['contact_name']}")
    outcome = f" ({data['outcome'].replace('_', ' ')})" if data["outcome"] else ""
    note = f": {data['note']}" if data["note"] else "."
    return f"{' '.join(parts)}{outcome}{note}"


def _about(object_type: str, data: Mapping[str, Any]) -> str:
    match object_type:
        case "invoice":
            return f"Invoice {data['number']}"
        case "payment":
            return f"Payment of {data['amount']} {data['currency']}"
        case "credit_note" | "charge" | "promise":
            return f"{object_type.replace('_', ' ').capitalize()} of {data['amount']} {data['currency']}"
        case "reminder":
            to = f" to {data['to']}" if data["to"] else ""
            return f"Reminder by {data['channel']}{to}, {data['total_due']} {data['currency']}"
        case "hold" | "dispute":
            return f"{object_type.capitalize()}, {data['reason']}"
        case "task":
            return f"Task, {data['title']}"
    return ""
