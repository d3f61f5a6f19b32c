"""Claims due deliveries under a lease: in one statement, with a fair share for each endpoint."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid4

from cryptography.fernet import InvalidToken

from app.core.clock import system_now
from app.core.log import get_logger
from app.core.secrets import decrypt
from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.domain.states import DELIVERY

log = get_logger(__name__)

_READY: Final = tuple(sorted(state for state in DELIVERY.states if DELIVERY.allows(state, "in_flight")))


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed delivery: this worker's alone until its lease ends."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    lease_token: UUID
    attempt_count: int
    url: str
    secrets: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Target:
    """Where an endpoint's parcels go, its secrets decrypted once for all of them."""

    url: str
    secrets: tuple[str, ...]


async def claim(
    uow: UnitOfWork, settings: Settings, *, first_attempts_only: bool = False, without: Collection[UUID] = ()
) -> list[Parcel]:
    """Claim a batch of due deliveries of enabled endpoints, and those whose worker died with them.

    Args:
        uow: one transaction.
        settings: batch size, length of the lease, key of the secrets.
        first_attempts_only: leave retries alone.
        without: endpoints to leave alone.
    """
    targets = await _targets(uow, settings, first_attempts_only=first_attempts_only, without=without)
    if not targets:
        return []
    token = uuid4()
    rows = await uow.driver.fetch(
        _claim(first_attempts_only=first_attempts_only),
        uow.tenant_id,
        uow.now,
        list(targets),
        # An endpoint with a backlog does not keep the others waiting.
        max(1, settings.deliver_batch_size // len(targets)),
        settings.deliver_batch_size,
        token,
        timedelta(seconds=settings.deliver_lease_seconds),
    )
    parcels = [
        Parcel(
            delivery_id=row["id"],
            endpoint_id=row["endpoint_id"],
            event_id=row["event_id"],
            lease_token=token,
            attempt_count=row["attempt_count"],
            url=targets[row["endpoint_id"]].url,
            secrets=targets[row["endpoint_id"]].secrets,
            body=row["body"],
        )
        for row in rows
    ]
    return sorted(parcels, key=lambda parcel: parcel.delivery_id)


async def is_under_way(uow: UnitOfWork) -> bool:
    """Whether some worker has an attempt under way, or died with one."""
    return bool(await uow.driver.fetchval(_UNDER_WAY, uow.tenant_id))


async def _targets(
    uow: UnitOfWork, settings: Settings, *, first_attempts_only: bool, without: Collection[UUID]
) -> dict[UUID, _Target]:
    """Enabled endpoints that have due deliveries."""
    statement = _find_targets(first_attempts_only=first_attempts_only)
    targets = {}
    for row in await uow.driver.fetch(statement, uow.tenant_id, uow.now, list(without)):
        try:
            targets[row["id"]] = _Target(row["url"], live_secrets(settings, row["secrets"], system_now()))
        except (InvalidToken, ValueError) as error:
            # The process has another secret key than the one that encrypted: the deliveries wait for the right one.
            log.error("webhook.secret_unreadable", endpoint_id=str(row["id"]), exc_info=error)
    return targets


def live_secrets(settings: Settings, stored: list[Any], now: datetime) -> tuple[str, ...]:
    """The secrets of an endpoint that sign at an instant of real time, the newest first.

    One that was encrypted under another key is left out while another can sign: it was rotated away for that reason.

    Raises:
        InvalidToken: they were all encrypted under another key.
        ValueError: the process has no key.
    """
    readable = []
    unreadable = None
    for secret in stored:
        if not is_live(secret, now):
            continue
        try:
            readable.append(decrypt(settings, secret["ciphertext"]))
        except InvalidToken as error:
            unreadable = error
    if unreadable is not None and not readable:
        raise unreadable
    return tuple(readable)


def is_live(secret: dict[str, Any], now: datetime) -> bool:
    """Whether a stored secret still signs."""
    return secret["expires_at"] is None or datetime.fromisoformat(secret["expires_at"]) > now


# What follows is sent straight through the driver, for the reason that `app.core.driver` gives. States are written into
# the statements: with a parameter in their place no partial index could be used.
_ENABLED: Final = "e.status = 'enabled' AND e.deleted_at IS NULL"
_UNDER_WAY: Final = """
SELECT EXISTS (
    SELECT FROM deliveries d JOIN webhook_endpoints e ON e.tenant_id = d.tenant_id AND e.id = d.endpoint_id
    WHERE d.tenant_id = $1 AND d.status = 'in_flight' AND e.status = 'enabled'
)
"""


def _ready(*, first_attempts_only: bool) -> str:
    states = ", ".join(f"'{state}'" for state in (("pending",) if first_attempts_only else _READY))
    return f"d.tenant_id = $1 AND d.status IN ({states}) AND d.next_attempt_at <= $2"


def _abandoned(*, first_attempts_only: bool) -> str:
    """In flight with a worker that died: the receiver may see it twice, under the same webhook-id."""
    retries = "AND d.attempt_count = 0" if first_attempts_only else ""
    return f"d.tenant_id = $1 AND d.status = 'in_flight' AND d.lease_expires_at <= statement_timestamp() {retries}"


@cache
def _find_targets(*, first_attempts_only: bool) -> str:
    ready, abandoned = (
        _ready(first_attempts_only=first_attempts_only),
        _abandoned(first_attempts_only=first_attempts_only),
    )
    return f"""
        SELECT e.id, e.url, e.secrets FROM webhook_endpoints e
        WHERE e.tenant_id = $1 AND e.id <> ALL($3::uuid[]) AND {_ENABLED}
          AND (EXISTS (SELECT FROM deliveries d WHERE d.endpoint_id = e.id AND {ready})
               OR EXISTS (SELECT FROM deliveries d WHERE d.endpoint_id = e.id AND {abandoned}))
        ORDER BY e.id
    """  # noqa: S608  built of constants


@cache
def _claim(*, first_attempts_only: bool) -> str:
    """Lease the oldest of each endpoint; with more endpoints than a batch holds, those whose oldest is due the longest.

    They are chosen in CTEs, since PostgreSQL may run a subquery that locks more than once. The lease ends by the
    database's clock, which is one for all workers.
    """
    ready, abandoned = (
        _ready(first_attempts_only=first_attempts_only),
        _abandoned(first_attempts_only=first_attempts_only),
    )
    return f"""
        WITH abandoned AS (
            SELECT d.id FROM deliveries d WHERE d.endpoint_id = ANY($3::uuid[]) AND {abandoned}
            ORDER BY d.lease_expires_at LIMIT $5 FOR UPDATE SKIP LOCKED
        ), ready AS (
            SELECT oldest.id FROM unnest($3::uuid[]) AS e (id), LATERAL (
                SELECT d.id, d.next_attempt_at FROM deliveries d WHERE d.endpoint_id = e.id AND {ready}
                ORDER BY d.next_attempt_at, d.id LIMIT $4 FOR UPDATE SKIP LOCKED
            ) AS oldest ORDER BY oldest.next_attempt_at, oldest.id LIMIT $5 - (SELECT count(*) FROM abandoned)
        )
        UPDATE deliveries d
        SET status = 'in_flight', lease_token = $6, lease_expires_at = clock_timestamp() + $7::interval, updated_at = $2
        WHERE d.tenant_id = $1 AND d.id IN (SELECT id FROM ready UNION ALL SELECT id FROM abandoned)
        RETURNING d.id, d.endpoint_id, d.event_id, d.attempt_count, d.body
    """  # noqa: S608  built of constants
