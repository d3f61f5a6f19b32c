"""The relay: gives committed events their gap-free sequence and fans them out to deliveries, one relay a tenant.

Rows of the outbox commit out of order, so paging by their ids would lose some for good. The sequence is given after
the commit, under the tenant's counter row, to whatever is visible and has none yet.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, BigInteger, any_, bindparam, func, insert, select, update

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
        select(EventCounter)
        .where(EventCounter.tenant_id == uow.tenant_id)
        .with_for_update(skip_locked=not wait)
        .execution_options(populate_existing=True)
    )
    if counter is None:
        return 0, 0
    positions = await _waiting(uow, limit=limit)
    if not positions:
        return 0, 0
    # Read after the events were found: an endpoint that was there before one of them is among these.
    endpoints = (
        await uow.session.scalars(
            select(WebhookEndpoint).where(
                WebhookEndpoint.tenant_id == uow.tenant_id,
                WebhookEndpoint.status == "enabled",
                WebhookEndpoint.deleted_at.is_(None),
            )
        )
    ).all()
    events = await _number(uow, positions, after=counter.last_sequence, load=bool(endpoints))
    counter.last_sequence += len(positions)
    rows = [row for event in events for row in _fan_out(uow, event, endpoints)]
    if rows:
        await uow.session.execute(insert(Delivery), rows)
        uow.ring("webhook.deliver")
    return len(positions), len(rows)


async def _waiting(uow: UnitOfWork, *, limit: int) -> Sequence[int]:
    """The positions of visible events that have no number, in the order in which they were written."""
    # A statement of its own, after the lock: its snapshot holds everything that the last relay has numbered.
    waiting = await uow.session.scalars(
        select(Event.position)
        .where(Event.tenant_id == uow.tenant_id, Event.sequence.is_(None))
        .order_by(Event.position)
        .limit(limit)
    )
    return waiting.all()


async def _number(uow: UnitOfWork, waiting: Sequence[int], *, after: int, load: bool) -> list[Event]:
    """Give events the next numbers; the events, in their order, where somebody is to be told of them."""
    positions = bindparam("positions", list(waiting), type_=ARRAY(BigInteger), unique=True)
    # An array and no join: with the statistics of a table that has just grown, a join was planned as a scan for each.
    statement = (
        update(Event)
        .where(Event.tenant_id == uow.tenant_id, Event.sequence.is_(None), Event.position == any_(positions))
        .values(sequence=after + func.array_position(positions, Event.position))
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    if not load:
        await uow.session.execute(statement)
        return []
    numbered = await uow.session.scalars(statement.returning(Event))
    return sorted(numbered, key=lambda event: event.sequence or 0)


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


def new_delivery(uow: UnitOfWork, endpoint_id: UUID, event_id: UUID, event_type: str, body: bytes) -> dict[str, Any]:
    """The row of a delivery that is due now; `body` is what will be signed and sent, byte for byte."""
    return {
        "tenant_id": uow.tenant_id,
        "id": new_id(),
        "endpoint_id": endpoint_id,
        "event_id": event_id,
        "event_type": event_type,
        "status": "pending",
        "body": body,
        "attempt_count": 0,
        "next_attempt_at": uow.now,
        "lease_token": None,
        "lease_expires_at": None,
        "created_at": uow.now,
        "updated_at": uow.now,
    }


def _fan_out(uow: UnitOfWork, event: Event, endpoints: Sequence[WebhookEndpoint]) -> list[dict[str, Any]]:
    wanting = [endpoint for endpoint in endpoints if _wants(endpoint, event)]
    if not wanting:
        return []
    body = event_body(event)
    return [new_delivery(uow, endpoint.id, event.id, event.type, body) for endpoint in wanting]


def _wants(endpoint: WebhookEndpoint, event: Event) -> bool:
    if event.type == "webhook.test":
        return event.object_id == endpoint.id
    return matches(endpoint.event_types, event.type)
