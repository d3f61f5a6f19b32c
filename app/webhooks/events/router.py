"""HTTP for the feed of events."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Query
from starlette.responses import Response

from app.core.errors import invalid
from app.core.pages import DEFAULT_LIMIT, Cursor, Limit
from app.core.responses import LIST, READ, json_response
from app.deps import Uow, tenant_router
from app.domain.errors import Code
from app.domain.events import is_subscribable
from app.outbox.relay import event_body
from app.webhooks import service
from app.webhooks.events import feed
from app.webhooks.schemas import MAX_SEQUENCE, EventOutput, EventPage

router = tenant_router("/v1/events", "Events")

After = Annotated[
    int,
    Query(ge=0, le=MAX_SEQUENCE, description="Events with a higher sequence: `next_after` of the answer before."),
]
Types = Annotated[
    str | None,
    Query(
        max_length=2000,
        description="Only these types, separated by commas; `invoice.*` is a family.",
        examples=["invoice.*,payment.created"],
    ),
]


@router.get("", response_model=EventPage, responses=LIST, operation_id="list_events")
async def list_events(
    uow: Uow, after: After = 0, types: Types = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """Read the feed of events, oldest first.

    Keep `next_after` and send it as `after`: whoever follows it sees every event exactly once, in order and without
    gaps, however long he was away. `cursor` (`next_cursor` of the answer before) may stand in place of `after`.
    """
    part = await feed.read(
        uow, after=after if cursor is None else _position(cursor), types=_patterns(types), limit=limit
    )
    return json_response({
        "data": [orjson.Fragment(event_body(event)) for event in part.events],
        "next_after": part.next_after,
        "has_more": part.has_more,
        "next_cursor": str(part.next_after) if part.has_more else None,
    })  # fmt: skip


@router.get("/{event_id}", response_model=EventOutput, responses=READ, operation_id="get_event")
async def get_event(uow: Uow, event_id: UUID) -> Response:
    """Read an event."""
    return json_response(orjson.Fragment(event_body(await service.get_event(uow, event_id))))


def _position(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 16 and int(cursor) <= MAX_SEQUENCE):
        raise invalid("?cursor", Code.invalid_cursor, "This is no cursor; take it from next_cursor unchanged.")
    return int(cursor)


def _patterns(types: str | None) -> list[str]:
    if types is None:
        return []
    patterns = [pattern.strip() for pattern in types.split(",")]
    if not all(is_subscribable(pattern) for pattern in patterns):
        raise invalid(
            "?types", Code.invalid_value, "Send event types separated by commas, such as invoice.paid,payment.*."
        )
    return patterns
