"""Cursor lists: newest first by id, which is stable while rows are added."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Query

from app.core.errors import invalid
from app.domain.errors import Code

Row = TypeVar("Row")

Limit = Annotated[int, Query(ge=1, le=200, description="How many resources a page holds.")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the page before; leave out for the first page.")
]
OnlyExternalId = Annotated[str | None, Query(max_length=200, description="Only the one with this external id.")]
DEFAULT_LIMIT = 50


def encode_cursor(last: UUID) -> str:
    """An opaque cursor behind a row."""
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> UUID | None:
    """The id behind a cursor.

    Raises:
        ProblemError: 422 when it is none of ours.
    """
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise invalid(
            "?cursor", Code.invalid_cursor, "This is no cursor; take it from next_cursor unchanged."
        ) from error


def page(
    rows: Sequence[Row], limit: int, payload: Callable[[Row], dict[str, Any]], id_of: Callable[[Row], UUID]
) -> dict[str, Any]:
    """A page of up to `limit` of the rows, of which one more than `limit` was asked for."""
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "data": [payload(row) for row in shown],
        "next_cursor": encode_cursor(id_of(shown[-1])) if more else None,
    }
