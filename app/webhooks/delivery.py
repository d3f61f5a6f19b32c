"""Delivers events to endpoints: claim under a lease, post, record the attempt. Bytes signed = stored = sent."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.core.clock import system_now
from app.core.log import get_logger
from app.core.metrics import observe_webhook
from app.core.settings import Settings
from app.core.uow import Database
from app.domain.signing import sign
from app.webhooks.claims import Parcel, claim, is_under_way
from app.webhooks.recording import Outcome, record
from app.webhooks.transport import AttemptResult, WebhookTransport

log = get_logger(__name__)

SLICE_SECONDS: Final = 0.2
"""What has been answered is recorded at this pace: a slow receiver does not keep the others' outcomes waiting."""

_LOOK_AGAIN_SECONDS: Final = 0.05


@dataclass(slots=True)
class Deliverer:
    """Delivers due webhooks of one tenant at a time."""

    database: Database
    settings: Settings
    transport: WebhookTransport

    async def deliver_batch(self, tenant_id: UUID, *, first_attempts_only: bool = False, wait: bool = False) -> int:
        """Claim, post and record one batch; how many were attempted.

        Args:
            tenant_id: whose deliveries.
            first_attempts_only: leave retries alone, since those of a test tenant move only with its clock.
            wait: where nothing is due, wait for attempts that other workers have under way, until they have ended or
                become due here.
        """
        while True:
            async with self.database.unit_of_work(tenant_id) as uow:
                parcels = await claim(uow, self.settings, first_attempts_only=first_attempts_only)
                others = wait and not parcels and await is_under_way(uow)
            if not others:
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        posting = {asyncio.create_task(self.post(parcel)): parcel for parcel in parcels}
        made = 0
        try:
            while posting:
                done, _ = await asyncio.wait(posting, timeout=SLICE_SECONDS)
                made += await self.record_batch(tenant_id, [(posting.pop(task), task.result()) for task in done])
        finally:
            # Their leases run out, and another worker sends them again under the same webhook-id.
            for task in posting:
                task.cancel()
        return made

    async def claim_batch(
        self, tenant_id: UUID, *, first_attempts_only: bool, without: Collection[UUID]
    ) -> list[Parcel]:
        """Claim a batch, to be posted at once."""
        async with self.database.unit_of_work(tenant_id) as uow:
            return await claim(uow, self.settings, first_attempts_only=first_attempts_only, without=without)

    async def record_batch(self, tenant_id: UUID, outcomes: list[Outcome]) -> int:
        """Record outcomes; how many of them were attempts."""
        if not outcomes:
            return 0
        async with self.database.unit_of_work(tenant_id) as uow:
            return await record(uow, outcomes)

    async def post(self, parcel: Parcel) -> AttemptResult:
        """Make one attempt."""
        timestamp = int(system_now().timestamp())
        try:
            headers = {
                "content-type": "application/json",
                "webhook-id": str(parcel.event_id),
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(parcel.secrets, str(parcel.event_id), timestamp, parcel.body),
            }
            result = await self.transport.post(parcel.url, parcel.body, headers)
        except Exception as error:
            # None is expected; one that came all the same must not cost the rest of the batch its outcomes.
            log.error("webhook.post_failed", delivery_id=str(parcel.delivery_id), exc_info=error)
            result = AttemptResult(None, "disconnected", 0)
        observe_webhook(result.status_code, result.error, result.duration_ms)
        return result
