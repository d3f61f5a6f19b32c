"""Commands on webhook endpoints and deliveries."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.core.addresses import check_url
from app.core.clock import system_now
from app.core.errors import FieldError, conflict, invalid, invalid_fields, not_found
from app.core.ids import new_id
from app.core.secrets import encrypt
from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.core.work import Kind
from app.domain.errors import Code
from app.domain.signing import new_secret
from app.domain.states import DELIVERY
from app.models import Delivery, Event, WebhookEndpoint
from app.outbox.relay import new_delivery
from app.webhooks import repository
from app.webhooks.claims import is_live
from app.webhooks.repository import MAX_REPLAY

_SECRET_BYTES: Final = 24
# Each one adds a signature to every request.
_MAX_LIVE_SECRETS: Final = 10
_REPLAY_CHUNK: Final = 500


async def create(uow: UnitOfWork, settings: Settings, fields: Mapping[str, Any]) -> tuple[WebhookEndpoint, str]:
    """Create an endpoint; also its secret, which nothing shows again.

    Raises:
        ProblemError: 422 when the URL is not allowed.
    """
    _check_url(settings, fields["url"])
    secret = new_secret(secrets.token_bytes(_SECRET_BYTES))
    endpoint = WebhookEndpoint(
        tenant_id=uow.tenant_id,
        id=new_id(),
        status="enabled",
        disabled_reason=None,
        secrets=[_stored(settings, secret, system_now())],
        deleted_at=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    _assign(endpoint, fields)
    uow.session.add(endpoint)
    return endpoint, secret


async def get(uow: UnitOfWork, endpoint_id: UUID, *, lock: bool = False) -> WebhookEndpoint:
    """The endpoint with an id; with `lock`, nobody else changes it until the commit.

    Raises:
        ProblemError: 404.
    """
    endpoint = await repository.find_endpoint(uow, endpoint_id, lock=lock)
    if endpoint is None:
        raise not_found("webhook endpoint")
    return endpoint


def update(uow: UnitOfWork, settings: Settings, endpoint: WebhookEndpoint, fields: Mapping[str, Any]) -> None:
    """Change the named fields of a locked endpoint.

    Raises:
        ProblemError: 422 when the URL is not allowed.
    """
    if "url" in fields:
        _check_url(settings, fields["url"])
    wanted = fields.get("status", endpoint.status)
    if wanted != endpoint.status:
        endpoint.disabled_reason = None if wanted == "enabled" else "requested"
        # What has waited while it was disabled is due.
        uow.ring(Kind.deliver)
    _assign(endpoint, fields)


def delete(uow: UnitOfWork, endpoint: WebhookEndpoint) -> None:
    """End a locked endpoint: it gets nothing more, and its deliveries stay as history."""
    endpoint.status = "disabled"
    endpoint.disabled_reason = "deleted"
    endpoint.deleted_at = uow.now
    endpoint.secrets = []


def rotate_secret(settings: Settings, endpoint: WebhookEndpoint) -> tuple[str, datetime]:
    """Give a locked endpoint a new secret; until when the ones before it also sign, in real time.

    Raises:
        ProblemError: 409 when too many are live already.
    """
    now = system_now()
    until = now + timedelta(hours=settings.webhook_secret_overlap_hours)
    before = [secret for secret in endpoint.secrets if is_live(secret, now)]
    if len(before) >= _MAX_LIVE_SECRETS:
        raise conflict(
            Code.state_conflict,
            f"{len(before)} secrets of this endpoint still sign; rotate again when the oldest has expired.",
        )
    secret = new_secret(secrets.token_bytes(_SECRET_BYTES))
    endpoint.secrets = [
        _stored(settings, secret, now),
        # One that is ending already keeps its own end.
        *({**old, "expires_at": old["expires_at"] or until.isoformat()} for old in before),
    ]
    return secret, until


def send_test(uow: UnitOfWork, endpoint: WebhookEndpoint) -> None:
    """Send a test event to an endpoint alone.

    Raises:
        ProblemError: 409 when the endpoint is disabled.
    """
    _require_enabled(endpoint)
    uow.emit("webhook.test", endpoint)


async def replay(
    uow: UnitOfWork,
    endpoint: WebhookEndpoint,
    *,
    after: int | None,
    before: int | None,
    types: Sequence[str] | None,
    event_ids: Sequence[UUID] | None,
) -> int:
    """Make new deliveries of past events to an endpoint; how many.

    Raises:
        ProblemError: 409 when the endpoint is disabled, 422 for an unknown event, for neither or both of range and
            single events, and for too many.
    """
    _require_enabled(endpoint)
    if event_ids is not None:
        if (after, before, types) != (None, None, None):
            raise invalid("/event_ids", Code.invalid_value, "Send event_ids alone, or a range without them.")
        sequences: Sequence[int] = await _sequences_of(uow, endpoint, event_ids)
    elif after is None and before is None:
        raise invalid("/after", Code.missing, "Send after or before (both for a range), or event_ids.")
    else:
        sequences = await repository.sequences_between(
            uow, endpoint, after=after or 0, before=before, types=types or endpoint.event_types, limit=MAX_REPLAY
        )
        if len(sequences) > MAX_REPLAY:
            raise invalid(
                "/before",
                Code.out_of_range,
                f"More than {MAX_REPLAY:,} events are in this range; send before: {sequences[-1]}, then the rest.",
            )
    for start in range(0, len(sequences), _REPLAY_CHUNK):
        await repository.add_deliveries(uow, endpoint.id, sequences[start : start + _REPLAY_CHUNK])
    uow.ring(Kind.deliver)
    return len(sequences)


async def _sequences_of(uow: UnitOfWork, endpoint: WebhookEndpoint, event_ids: Sequence[UUID]) -> list[int]:
    known = await repository.sequences_of(uow, endpoint, event_ids)
    unknown = [
        FieldError(f"/event_ids/{place}", Code.unknown_reference, "No event with this id for this endpoint.")
        for place, event_id in enumerate(event_ids)
        if event_id not in known
    ]
    if unknown:
        raise invalid_fields(unknown[:100])
    return sorted(known.values())


async def get_delivery(uow: UnitOfWork, delivery_id: UUID) -> Delivery:
    """The delivery with an id.

    Raises:
        ProblemError: 404.
    """
    delivery = await repository.find_delivery(uow, delivery_id)
    if delivery is None:
        raise not_found("delivery")
    return delivery


async def retry(uow: UnitOfWork, delivery_id: UUID) -> Delivery:
    """Make a delivery due now: itself while it has attempts left, else a new one of the same event.

    Raises:
        ProblemError: 404, 409 while an attempt is under way or the endpoint takes nothing.
    """
    delivery = await repository.lock_delivery(uow, delivery_id)
    if delivery is None:
        raise not_found("delivery")
    endpoint = await repository.find_endpoint(uow, delivery.endpoint_id)
    if endpoint is None:
        raise conflict(Code.state_conflict, "The endpoint of this delivery was deleted.")
    _require_enabled(endpoint)
    if delivery.status == "in_flight":
        raise conflict(Code.state_conflict, "An attempt is under way; read the delivery again for its outcome.")
    uow.ring(Kind.deliver)
    if delivery.status in DELIVERY.final:
        row = new_delivery(uow, delivery.endpoint_id, delivery.event_id, delivery.event_type, delivery.body)
        delivery = Delivery(**row)
        uow.session.add(delivery)
    else:
        delivery.next_attempt_at = uow.now
        delivery.updated_at = uow.now
    return delivery


async def get_event(uow: UnitOfWork, event_id: UUID) -> Event:
    """The event with an id.

    Raises:
        ProblemError: 404, also before the event has its sequence.
    """
    event = await repository.find_event(uow, event_id)
    if event is None:
        raise not_found("event")
    return event


def _check_url(settings: Settings, url: str) -> None:
    problem = check_url(url, allow_http=settings.webhook_allow_http, allow_loopback=settings.webhook_allow_loopback)
    if problem is not None:
        raise invalid("/url", Code.url_not_allowed, problem.message)


def _require_enabled(endpoint: WebhookEndpoint) -> None:
    if endpoint.status != "enabled":
        raise conflict(Code.state_conflict, "The endpoint is disabled; enable it first (PATCH status: enabled).")


def _stored(settings: Settings, secret: str, now: datetime) -> dict[str, Any]:
    return {"ciphertext": encrypt(settings, secret), "created_at": now.isoformat(), "expires_at": None}


def _assign(endpoint: WebhookEndpoint, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        setattr(endpoint, "meta" if name == "metadata" else name, value)
