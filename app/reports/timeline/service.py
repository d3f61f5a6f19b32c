"""Timelines, put together for the wire."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from app.core.errors import invalid, not_found
from app.core.uow import UnitOfWork
from app.core.wire import instant
from app.domain.errors import Code
from app.models import Activity
from app.models.base import fresh
from app.outbox.payloads import activity_payload
from app.reports.timeline import repository
from app.reports.timeline.repository import Place
from app.reports.timeline.wording import activity_summary, event_summary

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INSTANT_BYTES: Final = 8


async def of_customer(uow: UnitOfWork, customer_id: UUID, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of what happened with a customer.

    Raises:
        ProblemError: 404, 422 for a cursor that is none.
    """
    before = decode(cursor)
    if not await repository.customer_exists(uow, customer_id):
        raise not_found("customer")
    return _page(await repository.of_customer(uow, customer_id, limit=limit, before=before), limit)


async def of_invoice(uow: UnitOfWork, invoice_id: UUID, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of what happened with an invoice.

    Raises:
        ProblemError: 404, 422 for a cursor that is none.
    """
    before = decode(cursor)
    customer_id = await repository.find_owner(uow, invoice_id)
    if customer_id is None:
        raise not_found("invoice")
    return _page(await repository.of_invoice(uow, invoice_id, customer_id, limit=limit, before=before), limit)


def encode(place: Place) -> str:
    """An opaque cursor behind a line."""
    since = (place.at - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(since.to_bytes(_INSTANT_BYTES, signed=True) + place.id.bytes).decode()


def decode(cursor: str | None) -> Place | None:
    """The line behind a cursor.

    Raises:
        ProblemError: 422 when it is none of ours.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        at = _EPOCH + int.from_bytes(raw[:_INSTANT_BYTES], signed=True) * _MICROSECOND
        return Place(at, UUID(bytes=raw[_INSTANT_BYTES:]))
    except (ValueError, OverflowError, binascii.Error) as error:
        raise invalid(
            "?cursor", Code.invalid_cursor, "This is no cursor; take it from next_cursor unchanged."
        ) from error


def _page(rows: Sequence[Any], limit: int) -> dict[str, Any]:
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    return {
        "data": [_line(row) for row in shown],
        "next_cursor": None if last is None else encode(Place(last["at"], last["id"])),
    }


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["activity"] is not None:
        data = activity_payload(fresh(Activity, **_columns(row["activity"])))
        summary = activity_summary(data)
    else:
        data = orjson.loads(row["data"])
        summary = event_summary(row["type"], row["object_type"], data)
    return {
        "at": instant(row["at"]),
        "type": row["type"],
        "summary": summary,
        "object": {"type": row["object_type"], "id": str(row["object_id"])},
        "data": data,
    }


def _columns(record: Mapping[str, Any]) -> dict[str, Any]:
    return dict(record.items())
