"""Delivers events to endpoints: claim under a lease, post, record the attempt. Bytes signed = stored = sent."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import or_, select

from app.core.clock import system_now
from app.core.log import get_logger
from app.core.secrets import decrypt
from app.core.settings import Settings
from app.core.uow import Database, UnitOfWork
from app.domain.retry import next_attempt_at
from app.domain.signing import sign
from app.domain.states import DELIVERY
from app.models import Delivery, DeliveryAttempt, WebhookEndpoint
from app.webhooks.transport import AttemptResult, WebhookTransport

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed delivery, signed and ready to go."""

    delivery_id: UUID
    endpoint_id: UUID
    lease_token: UUID
    url: str
    event_id: UUID
    secrets: tuple[str, ...]
    body: bytes


@dataclass(slots=True)
class Deliverer:
    """Delivers due webhooks of one tenant at a time."""

    database: Database
    settings: Settings
    transport: WebhookTransport

    async def deliver_batch(self, tenant_id: UUID, *, first_attempts_only: bool = False) -> int:
        """Claim, post and record one batch; how many were attempted.

        Args:
            tenant_id: whose deliveries.
            first_attempts_only: leave retries alone, since those of a test tenant move only with its clock.
        """
        async with self.database.unit_of_work(tenant_id) as uow:
            parcels = await self._claim(uow, first_attempts_only=first_attempts_only)
        if not parcels:
            return 0
        results = await asyncio.gather(*(self._post(parcel) for parcel in parcels))
        async with self.database.unit_of_work(tenant_id) as uow:
            await self._record(uow, list(zip(parcels, results, strict=True)))
        return len(parcels)

    async def _claim(self, uow: UnitOfWork, *, first_attempts_only: bool) -> list[Parcel]:
        due = Delivery.status.in_(("pending",) if first_attempts_only else ("pending", "retry_scheduled"))
        statement = (
            select(Delivery, WebhookEndpoint)
            .join(
                WebhookEndpoint,
                (WebhookEndpoint.tenant_id == Delivery.tenant_id) & (WebhookEndpoint.id == Delivery.endpoint_id),
            )
            .where(
                Delivery.tenant_id == uow.tenant_id,
                or_(
                    due & (Delivery.next_attempt_at <= uow.now),
                    # A worker died with it: the receiver may see it twice, under the same webhook-id.
                    (Delivery.status == "in_flight") & (Delivery.lease_expires_at <= system_now()),
                ),
                WebhookEndpoint.status == "enabled",
            )
            .order_by(Delivery.next_attempt_at, Delivery.id)
            .limit(self.settings.deliver_batch_size)
            .with_for_update(of=Delivery, skip_locked=True)
        )
        parcels = []
        now = system_now()
        for delivery, endpoint in (await uow.session.execute(statement)).tuples():
            if delivery.status != "in_flight":
                DELIVERY.require(delivery.status, "in_flight")
            delivery.status = "in_flight"
            delivery.lease_token = uuid4()
            delivery.lease_expires_at = now + timedelta(seconds=self.settings.deliver_lease_seconds)
            delivery.updated_at = uow.now
            parcels.append(
                Parcel(
                    delivery_id=delivery.id,
                    endpoint_id=endpoint.id,
                    lease_token=delivery.lease_token,
                    url=endpoint.url,
                    event_id=delivery.event_id,
                    secrets=tuple(
                        decrypt(self.settings, secret["ciphertext"])
                        for secret in endpoint.secrets
                        if secret["expires_at"] is None or datetime.fromisoformat(secret["expires_at"]) > now
                    ),
                    body=delivery.body,
                )
            )
        return parcels

    async def _post(self, parcel: Parcel) -> AttemptResult:
        timestamp = int(system_now().timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": str(parcel.event_id),
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(parcel.secrets, str(parcel.event_id), timestamp, parcel.body),
        }
        return await self.transport.post(parcel.url, parcel.body, headers)

    async def _record(self, uow: UnitOfWork, attempts: list[tuple[Parcel, AttemptResult]]) -> None:
        rows = await uow.session.scalars(
            select(Delivery)
            .where(Delivery.tenant_id == uow.tenant_id, Delivery.id.in_([parcel.delivery_id for parcel, _ in attempts]))
            .order_by(Delivery.id)
            .with_for_update()
        )
        deliveries = {delivery.id: delivery for delivery in rows}
        gone: set[UUID] = set()
        for parcel, result in attempts:
            delivery = deliveries[parcel.delivery_id]
            if delivery.lease_token != parcel.lease_token:
                log.warning("webhook.lease_lost", delivery_id=str(delivery.id))
                continue
            self._write(uow, delivery, result)
            if result.is_gone:
                gone.add(parcel.endpoint_id)
        for endpoint_id in gone:
            await self._disable(uow, endpoint_id)

    def _write(self, uow: UnitOfWork, delivery: Delivery, result: AttemptResult) -> None:
        delivery.attempt_count += 1
        delivery.updated_at = uow.now
        delivery.lease_token = None
        delivery.lease_expires_at = None
        uow.session.add(
            DeliveryAttempt(
                tenant_id=uow.tenant_id,
                delivery_id=delivery.id,
                number=delivery.attempt_count,
                attempted_at=uow.now,
                duration_ms=result.duration_ms,
                status_code=result.status_code,
                error=result.error,
                response_excerpt=result.response_excerpt.replace("\x00", ""),
            )
        )
        if result.is_success:
            status, retry_at = "delivered", None
        else:
            retry_at = next_attempt_at(
                attempt_number=delivery.attempt_count,
                failed_at=uow.now,
                retry_after_seconds=result.retry_after_seconds,
                # Spread by the delivery's own random bits: the same for a replay of the same facts.
                jitter_permille=delivery.id.int % 101,
            )
            status = "exhausted" if retry_at is None or result.is_gone else "retry_scheduled"
        DELIVERY.require(delivery.status, status)
        delivery.status = status
        delivery.next_attempt_at = retry_at if status == "retry_scheduled" else None

    async def _disable(self, uow: UnitOfWork, endpoint_id: UUID) -> None:
        """An endpoint that says 410 wants no more; what is still due waits for it to be enabled again."""
        endpoint = await uow.session.get_one(WebhookEndpoint, (uow.tenant_id, endpoint_id), with_for_update=True)
        if endpoint.status == "disabled":
            return
        uow.track(endpoint)
        endpoint.status = "disabled"
        endpoint.disabled_reason = "gone"
        uow.emit("webhook_endpoint.disabled", endpoint)
