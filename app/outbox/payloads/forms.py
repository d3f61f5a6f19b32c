"""What all wire forms share."""

from typing import Any

from app.core.wire import instant
from app.models import Versioned

Payload = dict[str, Any]


def stamps(row: Versioned) -> Payload:
    """Version and instants of a resource."""
    return {"version": row.version, "created_at": instant(row.created_at), "updated_at": instant(row.updated_at)}
