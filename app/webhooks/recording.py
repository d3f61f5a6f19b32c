"""Records what came of attempts: in set statements, and only for those whose lease is still held."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, TIMESTAMP, ColumnClause, Integer, Text, bindparam, column, func, insert, update
from sqlalchemy.dialects.postgresql import UUID as PG_UUID

from app.core.log import get_logger
from app.core.uow import UnitOfWork
from app.domain.retry import next_attempt_at
from app.domain.states import DELIVERY
from app.models import Delivery, DeliveryAttempt, WebhookEndpoint
from app.webhooks.claims import Parcel
from app.webhooks.transport import AttemptResult

log = get_logger(__name__)

Outcome = tuple[Parcel, AttemptResult]

BUSY_WAIT: Final = timedelta(seconds=5)
"""Wait of a delivery for which no connection came free; nothing was sent, so it is no attempt."""


class _Change(NamedTuple):
    id: UUID
    token: UUID
    status: str
    attempt_count: int
    next_attempt_at: datetime | None


_COLUMNS: Final[tuple[ColumnClause[Any], ...]] = (
    column("id", PG_UUID(as_uuid=True)),
    column("token", PG_UUID(as_uuid=True)),
    column("status", Text()),
    column("attempt_count", Integer()),
    column("next_attempt_at", TIMESTAMP(timezone=True)),
)


async def record(uow: UnitOfWork, outcomes: Sequence[Outcome]) -> int:
    """Write the attempts and what follows from them; how many attempts were made.

    A worker whose lease ran out and was taken over writes nothing: the outcome is now another's to tell.
    """
    held = await _move(uow, [_change(parcel, result, uow.now) for parcel, result in outcomes])
    made = []
    gone = set()
    for parcel, result in outcomes:
        if parcel.delivery_id not in held:
            log.warning("webhook.lease_lost", delivery_id=str(parcel.delivery_id))
            continue
        if result.is_gone:
            gone.add(parcel.endpoint_id)
        if result.error != "busy":
            made.append(_attempt(uow, parcel, result))
    if made:
        await uow.session.execute(insert(DeliveryAttempt), made)
    for endpoint_id in sorted(gone):
        await _disable(uow, endpoint_id)
    return len(made)


def _change(parcel: Parcel, result: AttemptResult, now: datetime) -> _Change:
    number = parcel.attempt_count + 1
    status: str
    due: datetime | None
    if result.error == "busy":
        status, number, due = "retry_scheduled", parcel.attempt_count, now + BUSY_WAIT
    elif result.is_success:
        status, due = "delivered", None
    else:
        due = next_attempt_at(
            attempt_number=number,
            failed_at=now,
            retry_after_seconds=result.retry_after_seconds,
            # Spread by the delivery's own random bits: the same for a replay of the same facts.
            jitter_permille=parcel.delivery_id.int % 101,
        )
        if result.is_gone:
            due = None
        status = "exhausted" if due is None else "retry_scheduled"
    DELIVERY.require("in_flight", status)
    return _Change(parcel.delivery_id, parcel.lease_token, status, number, due)


async def _move(uow: UnitOfWork, changes: Sequence[_Change]) -> set[UUID]:
    """Change the deliveries whose lease is still held; which they were."""
    arrays = [
        bindparam(None, [change[place] for change in changes], type_=ARRAY(part.type))
        for place, part in enumerate(_COLUMNS)
    ]
    new = func.unnest(*arrays).table_valued(*_COLUMNS, name="new").render_derived()
    moved = await uow.session.scalars(
        update(Delivery)
        .where(
            Delivery.tenant_id == uow.tenant_id,
            Delivery.id == new.c.id,
            Delivery.status == "in_flight",
            Delivery.lease_token == new.c.token,
        )
        .values(
            status=new.c.status,
            attempt_count=new.c.attempt_count,
            next_attempt_at=new.c.next_attempt_at,
            lease_token=None,
            lease_expires_at=None,
            updated_at=uow.now,
        )
        .returning(Delivery.id),
        execution_options={"synchronize_session": False},
    )
    return set(moved)


def _attempt(uow: UnitOfWork, parcel: Parcel, result: AttemptResult) -> dict[str, Any]:
    return {
        "tenant_id": uow.tenant_id,
        "delivery_id": parcel.delivery_id,
        "number": parcel.attempt_count + 1,
        "attempted_at": uow.now,
        "duration_ms": result.duration_ms,
        "status_code": result.status_code,
        "error": result.error,
        "response_excerpt": result.response_excerpt,
    }


async def _disable(uow: UnitOfWork, endpoint_id: UUID) -> None:
    """An endpoint that says 410 wants no more; what is still due waits for it to be enabled again."""
    endpoint = await uow.session.get_one(
        WebhookEndpoint, (uow.tenant_id, endpoint_id), with_for_update={"key_share": True}, populate_existing=True
    )
    if endpoint.status == "disabled":
        return
    uow.track(endpoint)
    endpoint.status = "disabled"
    endpoint.disabled_reason = "gone"
    uow.emit("webhook_endpoint.disabled", endpoint)
