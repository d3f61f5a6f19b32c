"""Records what came of attempts: in set statements, and only for those whose lease is still held."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from app.core.log import get_logger
from app.core.uow import UnitOfWork
from app.domain.retry import next_attempt_at
from app.domain.states import DELIVERY
from app.models import WebhookEndpoint
from app.webhooks.claims import Parcel
from app.webhooks.transport import AttemptResult

log = get_logger(__name__)

Outcome = tuple[Parcel, AttemptResult]

BUSY_WAIT: Final = timedelta(seconds=5)
"""Wait of a delivery for which no connection came free; nothing was sent, so it is no attempt."""


class _Change(NamedTuple):
    """What becomes of a delivery, and the attempt that it comes of; its fields are the statement's arrays."""

    id: UUID
    token: UUID
    status: str
    attempt_count: int
    next_attempt_at: datetime | None
    is_attempt: bool
    duration_ms: int
    status_code: int | None
    error: str | None
    response_excerpt: str


# Straight through the driver, as the claims are. A worker whose lease was taken over moves nothing.
_RECORD: Final = """
WITH new AS (
    SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::integer[], $7::timestamptz[], $8::boolean[],
                         $9::integer[], $10::integer[], $11::text[], $12::text[])
        AS new (id, token, status, attempt_count, next_attempt_at, is_attempt,
                duration_ms, status_code, error, response_excerpt)
), moved AS (
    UPDATE deliveries d
    SET status = new.status, attempt_count = new.attempt_count, next_attempt_at = new.next_attempt_at,
        lease_token = NULL, lease_expires_at = NULL, updated_at = $2
    FROM new
    WHERE d.tenant_id = $1 AND d.id = new.id AND d.status = 'in_flight' AND d.lease_token = new.token
    RETURNING d.id, new.token
), made AS (
    INSERT INTO delivery_attempts
        (tenant_id, delivery_id, number, attempted_at, duration_ms, status_code, error, response_excerpt)
    SELECT $1, id, new.attempt_count, $2, new.duration_ms, new.status_code, new.error, new.response_excerpt
    FROM new JOIN moved USING (id, token) WHERE new.is_attempt
)
SELECT id, token FROM moved
"""


async def record(uow: UnitOfWork, outcomes: Sequence[Outcome]) -> int:
    """Write the attempts and what follows from them; how many attempts were made.

    A worker whose lease ran out and was taken over writes nothing: the outcome is now another's to tell.
    """
    if not outcomes:
        return 0
    changes = [_change(parcel, result, uow.now) for parcel, result in outcomes]
    rows = await uow.driver.fetch(_RECORD, uow.tenant_id, uow.now, *map(list, zip(*changes, strict=True)))
    held = {(row["id"], row["token"]) for row in rows}
    made = 0
    gone = set()
    for (parcel, result), change in zip(outcomes, changes, strict=True):
        if (change.id, change.token) not in held:
            log.warning("webhook.lease_lost", delivery_id=str(parcel.delivery_id))
            continue
        if result.is_gone:
            gone.add(parcel.endpoint_id)
        made += change.is_attempt
    for endpoint_id in sorted(gone):
        await _disable(uow, endpoint_id)
    return made


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
    return _Change(
        id=parcel.delivery_id,
        token=parcel.lease_token,
        status=status,
        attempt_count=number,
        next_attempt_at=due,
        is_attempt=result.error != "busy",
        duration_ms=result.duration_ms,
        status_code=result.status_code,
        error=result.error,
        response_excerpt=result.response_excerpt,
    )


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
