"""Claims due deliveries under a lease: in one statement, with a fair share for each endpoint."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from cryptography.fernet import InvalidToken
from sqlalchemy import ColumnElement, bindparam, exists, func, select, true, union_all, update

from app.core.clock import system_now
from app.core.log import get_logger
from app.core.secrets import decrypt
from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.domain.states import DELIVERY
from app.models import Delivery, WebhookEndpoint

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
    chosen = _chosen(uow, settings, list(targets), first_attempts_only=first_attempts_only)
    rows = await uow.session.execute(
        update(Delivery)
        .where(Delivery.tenant_id == uow.tenant_id, Delivery.id.in_(chosen))
        .values(
            status="in_flight",
            lease_token=token,
            # The database's clock, which is one for all workers.
            lease_expires_at=func.clock_timestamp() + timedelta(seconds=settings.deliver_lease_seconds),
            updated_at=uow.now,
        )
        .returning(Delivery.id, Delivery.endpoint_id, Delivery.event_id, Delivery.attempt_count, Delivery.body)
        .execution_options(synchronize_session=False)
    )
    parcels = [
        Parcel(
            delivery_id=row.id,
            endpoint_id=row.endpoint_id,
            event_id=row.event_id,
            lease_token=token,
            attempt_count=row.attempt_count,
            url=targets[row.endpoint_id].url,
            secrets=targets[row.endpoint_id].secrets,
            body=row.body,
        )
        for row in rows
    ]
    return sorted(parcels, key=lambda parcel: parcel.delivery_id)


async def is_under_way(uow: UnitOfWork) -> bool:
    """Whether some worker has an attempt under way, or died with one."""
    found = await uow.session.scalar(
        select(exists().where(Delivery.tenant_id == uow.tenant_id, _in_state("in_flight"), _is_enabled()))
    )
    return bool(found)


def _in_state(*states: str) -> ColumnElement[bool]:
    # Written into the statement: with a parameter in its place no partial index could be used.
    return Delivery.status.in_(bindparam("states", states, expanding=True, literal_execute=True, unique=True))


def _is_enabled() -> ColumnElement[bool]:
    return exists().where(
        WebhookEndpoint.tenant_id == Delivery.tenant_id,
        WebhookEndpoint.id == Delivery.endpoint_id,
        WebhookEndpoint.status == "enabled",
    )


def _ready(uow: UnitOfWork, *, first_attempts_only: bool) -> tuple[ColumnElement[bool], ...]:
    return (
        Delivery.tenant_id == uow.tenant_id,
        _in_state("pending") if first_attempts_only else _in_state(*_READY),
        Delivery.next_attempt_at <= uow.now,
    )


def _abandoned(uow: UnitOfWork, *, first_attempts_only: bool) -> tuple[ColumnElement[bool], ...]:
    """In flight with a worker that died: the receiver may see it twice, under the same webhook-id."""
    return (
        Delivery.tenant_id == uow.tenant_id,
        _in_state("in_flight"),
        Delivery.lease_expires_at <= func.statement_timestamp(),
        Delivery.attempt_count == 0 if first_attempts_only else true(),
    )


async def _targets(
    uow: UnitOfWork, settings: Settings, *, first_attempts_only: bool, without: Collection[UUID]
) -> dict[UUID, _Target]:
    """Enabled endpoints that have due deliveries."""
    here = Delivery.endpoint_id == WebhookEndpoint.id
    endpoints = await uow.session.execute(
        select(WebhookEndpoint.id, WebhookEndpoint.url, WebhookEndpoint.secrets)
        .where(
            WebhookEndpoint.tenant_id == uow.tenant_id,
            WebhookEndpoint.status == "enabled",
            WebhookEndpoint.deleted_at.is_(None),
            WebhookEndpoint.id.not_in(without),
            exists().where(here, *_ready(uow, first_attempts_only=first_attempts_only))
            | exists().where(here, *_abandoned(uow, first_attempts_only=first_attempts_only)),
        )
        .order_by(WebhookEndpoint.id)
    )
    targets = {}
    for row in endpoints:
        try:
            targets[row.id] = _Target(row.url, live_secrets(settings, row.secrets, system_now()))
        except (InvalidToken, ValueError) as error:
            # The process has another secret key than the one that encrypted: the deliveries wait for the right one.
            log.error("webhook.secret_unreadable", endpoint_id=str(row.id), exc_info=error)
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


def _chosen(uow: UnitOfWork, settings: Settings, endpoint_ids: list[UUID], *, first_attempts_only: bool) -> Any:
    """The ids to claim, their rows locked; an endpoint with a backlog does not keep the others waiting."""
    share = max(1, settings.deliver_batch_size // len(endpoint_ids))
    oldest = (
        select(Delivery.id)
        .where(
            Delivery.endpoint_id == WebhookEndpoint.id,
            *_ready(uow, first_attempts_only=first_attempts_only),
        )
        .order_by(Delivery.next_attempt_at, Delivery.id)
        .limit(share)
        .with_for_update(skip_locked=True)
        .correlate(WebhookEndpoint)
        .lateral("oldest")
    )
    # CTEs, since PostgreSQL may run a subquery that locks more than once.
    ready = (
        select(oldest.c.id)
        .select_from(WebhookEndpoint)
        .join(oldest, true())
        .where(WebhookEndpoint.tenant_id == uow.tenant_id, WebhookEndpoint.id.in_(endpoint_ids))
        .cte("ready")
    )
    abandoned = (
        select(Delivery.id)
        .where(
            Delivery.endpoint_id.in_(endpoint_ids),
            *_abandoned(uow, first_attempts_only=first_attempts_only),
        )
        .order_by(Delivery.lease_expires_at)
        .limit(settings.deliver_batch_size)
        .with_for_update(skip_locked=True)
        .cte("abandoned")
    )
    return union_all(select(ready.c.id), select(abandoned.c.id))
