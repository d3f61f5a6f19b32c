"""The relay: gives committed events their gap-free sequence and fans them out to deliveries, one relay a tenant.

Rows of the outbox commit out of order, so paging by their ids would lose some for good. The sequence is given after
the commit, under the tenant's counter row, to whatever is visible and has none yet.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, insert, select, update

from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.core.wire import instant
from app.domain.events import matches
from app.models import Delivery, Event, EventCounter, WebhookEndpoint


async def relay(uow: UnitOfWork, *, limit: int, wait: bool = False) -> tuple[int, int]:
    """Sequence a batch of events and write their deliveries.

    Args:
        uow: one transaction.
        limit: events in it.
        wait: wait for another relay of the tenant instead of leaving the work to it.

    Returns:
        The numbers of events and of deliveries; (0, 0) also while another relay is at work for the tenant.
    """
    counter = await uow.session.scalar(
        select(EventCounter).where(EventCounter.tenant_id == uow.tenant_id).with_for_update(skip_locked=not wait)
    )
    if counter is None:
        return 0, 0
    events = (
        await uow.session.scalars(
            select(Event)
            .where(Event.tenant_id == uow.tenant_id, Event.sequence.is_(None))
            .order_by(Event.position)
            .limit(limit)
        )
    ).all()
    if not events:
        return 0, 0
    for number, event in enumerate(events, start=counter.last_sequence + 1):
        event.sequence = number
    counter.last_sequence += len(events)
    endpoints = (
        await uow.session.scalars(
            select(WebhookEndpoint).where(
                WebhookEndpoint.tenant_id == uow.tenant_id, WebhookEndpoint.status == "enabled"
            )
        )
    ).all()
    connection = await uow.session.connection()
    await connection.execute(
        update(Event.__table__)  # type: ignore[arg-type]  # mapped tables are Tables
        .where(Event.tenant_id == bindparam("tenant"), Event.id == bindparam("event"))
        .values(sequence=bindparam("number")),
        [{"tenant": uow.tenant_id, "event": event.id, "number": event.sequence} for event in events],
    )
    for event in events:
        uow.session.expunge(event)
    rows = _deliveries(uow, events, endpoints)
    if rows:
        await uow.session.execute(insert(Delivery), rows)
        uow.ring("webhook.deliver")
    return len(events), len(rows)


def event_body(event: Event) -> bytes:
    """The wire form of an event: what webhooks carry and the feed answers."""
    return orjson.dumps({
        "id": str(event.id),
        "type": event.type,
        "created_at": instant(event.created_at),
        "sequence": event.sequence,
        "object": {"type": event.object_type, "id": str(event.object_id), "version": event.object_version},
        "data": orjson.Fragment(event.data),
        "previous": orjson.Fragment(event.previous) if event.previous is not None else None,
        "idempotency_key": event.idempotency_key,
        "request_id": event.request_id,
    })  # fmt: skip


def _deliveries(uow: UnitOfWork, events: Sequence[Event], endpoints: Sequence[WebhookEndpoint]) -> list[dict[str, Any]]:
    rows = []
    for event in events:
        body = event_body(event)
        rows += [
            {
                "tenant_id": uow.tenant_id,
                "id": new_id(),
                "endpoint_id": endpoint.id,
                "event_id": event.id,
                "event_type": event.type,
                "status": "pending",
                "body": body,
                "attempt_count": 0,
                "next_attempt_at": uow.now,
                "created_at": uow.now,
                "updated_at": uow.now,
            }
            for endpoint in endpoints
            if _wants(endpoint, event)
        ]
    return rows


def _wants(endpoint: WebhookEndpoint, event: Event) -> bool:
    if event.type == "webhook.test":
        return event.object_id == endpoint.id
    return matches(endpoint.event_types, event.type)
