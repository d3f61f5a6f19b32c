"""Queries for webhook endpoints, deliveries and events."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, any_, bindparam, insert, or_, select, true
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import defer

from app.core.uow import UnitOfWork
from app.models import Delivery, DeliveryAttempt, Event, EventCounter, WebhookEndpoint
from app.outbox.relay import event_body, new_delivery

MAX_REPLAY = 10_000


async def find_endpoint(uow: UnitOfWork, endpoint_id: UUID, *, lock: bool = False) -> WebhookEndpoint | None:
    """The endpoint with an id, unless it was deleted."""
    statement = select(WebhookEndpoint).where(
        WebhookEndpoint.tenant_id == uow.tenant_id,
        WebhookEndpoint.id == endpoint_id,
        WebhookEndpoint.deleted_at.is_(None),
    )
    if lock:
        # Not plain FOR UPDATE: that blocks every delivery that references the endpoint.
        statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    return await uow.session.scalar(statement)


async def list_endpoints(uow: UnitOfWork, *, limit: int, before: UUID | None) -> Sequence[WebhookEndpoint]:
    """Endpoints newest first, one more than `limit`."""
    statement = select(WebhookEndpoint).where(
        WebhookEndpoint.tenant_id == uow.tenant_id, WebhookEndpoint.deleted_at.is_(None)
    )
    if before is not None:
        statement = statement.where(WebhookEndpoint.id < before)
    return (await uow.session.scalars(statement.order_by(WebhookEndpoint.id.desc()).limit(limit + 1))).all()


async def find_delivery(uow: UnitOfWork, delivery_id: UUID) -> Delivery | None:
    """The delivery with an id, without its body."""
    return await uow.session.scalar(
        select(Delivery)
        .where(Delivery.tenant_id == uow.tenant_id, Delivery.id == delivery_id)
        .options(defer(Delivery.body, raiseload=True))
    )


async def lock_delivery(uow: UnitOfWork, delivery_id: UUID) -> Delivery | None:
    """The delivery with an id and its body, kept from workers until the commit."""
    return await uow.session.scalar(
        select(Delivery)
        .where(Delivery.tenant_id == uow.tenant_id, Delivery.id == delivery_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


async def list_deliveries(
    uow: UnitOfWork, endpoint_id: UUID, *, limit: int, before: UUID | None, status: str | None
) -> Sequence[Delivery]:
    """Deliveries of an endpoint newest first, one more than `limit`, without their bodies."""
    statement = (
        select(Delivery)
        .where(Delivery.tenant_id == uow.tenant_id, Delivery.endpoint_id == endpoint_id)
        .options(defer(Delivery.body, raiseload=True))
    )
    if before is not None:
        statement = statement.where(Delivery.id < before)
    if status is not None:
        statement = statement.where(Delivery.status == status)
    return (await uow.session.scalars(statement.order_by(Delivery.id.desc()).limit(limit + 1))).all()


async def list_attempts(uow: UnitOfWork, delivery_id: UUID) -> Sequence[DeliveryAttempt]:
    """The attempts of a delivery, the first one first."""
    return (
        await uow.session.scalars(
            select(DeliveryAttempt)
            .where(DeliveryAttempt.tenant_id == uow.tenant_id, DeliveryAttempt.delivery_id == delivery_id)
            .order_by(DeliveryAttempt.number)
        )
    ).all()


async def find_event(uow: UnitOfWork, event_id: UUID) -> Event | None:
    """The event with an id, once it has its sequence."""
    return await uow.session.scalar(
        select(Event).where(Event.tenant_id == uow.tenant_id, Event.id == event_id, Event.sequence.is_not(None))
    )


async def last_sequence(uow: UnitOfWork) -> int:
    """The highest sequence given so far."""
    found = await uow.session.scalar(select(EventCounter.last_sequence).where(EventCounter.tenant_id == uow.tenant_id))
    return found or 0


async def list_events(
    uow: UnitOfWork, *, after: int, until: int, types: Collection[str], limit: int
) -> Sequence[Event]:
    """Events of `types` with a sequence in `(after, until]`, oldest first, one more than `limit`."""
    return (
        await uow.session.scalars(
            select(Event)
            .where(
                Event.tenant_id == uow.tenant_id,
                Event.sequence > after,
                Event.sequence <= until,
                _of_types(types),
            )
            .order_by(Event.sequence)
            .limit(limit + 1)
        )
    ).all()


async def sequences_between(
    uow: UnitOfWork, endpoint: WebhookEndpoint, *, after: int, before: int | None, types: Collection[str], limit: int
) -> Sequence[int]:
    """Sequences of the events in `(after, before)` that an endpoint may be given, one more than `limit`."""
    statement = select(Event.sequence).where(
        Event.tenant_id == uow.tenant_id, Event.sequence > after, _of_types(types), _meant_for(endpoint)
    )
    if before is not None:
        statement = statement.where(Event.sequence < before)
    found = await uow.session.scalars(statement.order_by(Event.sequence).limit(limit + 1))
    return [number for number in found if number is not None]


async def sequences_of(uow: UnitOfWork, endpoint: WebhookEndpoint, event_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Sequences of those of the events that exist and that an endpoint may be given."""
    rows = await uow.session.execute(
        select(Event.id, Event.sequence).where(
            Event.tenant_id == uow.tenant_id,
            Event.id == any_(bindparam(None, list(event_ids), type_=ARRAY(PG_UUID(as_uuid=True)))),
            Event.sequence.is_not(None),
            _meant_for(endpoint),
        )
    )
    return {row.id: row.sequence for row in rows}


async def add_deliveries(uow: UnitOfWork, endpoint_id: UUID, sequences: Sequence[int]) -> None:
    """A new delivery of each event to an endpoint, due now."""
    events = await uow.session.execute(
        select(Event).where(Event.tenant_id == uow.tenant_id, Event.sequence.in_(sequences)).order_by(Event.sequence)
    )
    rows = [new_delivery(uow, endpoint_id, event.id, event.type, event_body(event)) for event in events.scalars()]
    await uow.session.execute(insert(Delivery), rows)


def _of_types(patterns: Collection[str]) -> ColumnElement[bool]:
    if not patterns or "*" in patterns:
        return true()
    exact = [pattern for pattern in patterns if not pattern.endswith("*")]
    families = [pattern[:-1] for pattern in patterns if pattern.endswith("*")]
    return or_(Event.type.in_(exact), *(Event.type.startswith(family, autoescape=True) for family in families))


def _meant_for(endpoint: WebhookEndpoint) -> ColumnElement[bool]:
    """A test event is for the endpoint that it tests and for no other."""
    return or_(Event.type != "webhook.test", Event.object_id == endpoint.id)
