"""Delivers events to endpoints: claim under a lease, post, record the attempt. Bytes signed = stored = sent."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from app.core.clock import monotonic_seconds, system_now
from app.core.log import get_logger
from app.core.metrics import observe_webhook
from app.core.settings import Settings
from app.core.uow import Database
from app.domain.signing import sign
from app.webhooks.claims import Parcel, claim, is_under_way
from app.webhooks.recording import record
from app.webhooks.transport import AttemptResult, WebhookTransport

log = get_logger(__name__)

# What has been answered is recorded at this pace, so that a slow receiver does not keep the others' outcomes waiting.
_SLICE_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 1.0
_LOOK_AGAIN_SECONDS: Final = 0.05

_Posting = dict["asyncio.Task[AttemptResult]", Parcel]


@dataclass(slots=True)
class Deliverer:
    """Delivers due webhooks of one tenant at a time."""

    database: Database
    settings: Settings
    transport: WebhookTransport
    _left: set["asyncio.Task[None]"] = field(default_factory=set)
    _slow: Counter[UUID] = field(default_factory=Counter)

    async def deliver_batch(
        self, tenant_id: UUID, *, first_attempts_only: bool = False, wait: bool = False, leave_slow: bool = False
    ) -> int:
        """Claim, post and record one batch; how many were attempted.

        Args:
            tenant_id: whose deliveries.
            first_attempts_only: leave retries alone, since those of a test tenant move only with its clock.
            wait: where nothing is due, wait for attempts that other workers have under way, until they have ended or
                become due here.
            leave_slow: return after about a second though receivers have not answered; their outcomes are recorded
                in the background, and until then their endpoints are left out of this process's batches. Call `close`
                before the transport is closed.
        """
        while True:
            async with self.database.unit_of_work(tenant_id) as uow:
                parcels = await claim(
                    uow, self.settings, first_attempts_only=first_attempts_only, without=list(self._slow)
                )
                others = wait and not parcels and await is_under_way(uow)
            if not others:
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        posting: _Posting = {asyncio.create_task(self._post(parcel)): parcel for parcel in parcels}
        made = await self._collect(tenant_id, posting, patience=_PATIENCE_SECONDS if leave_slow else None)
        if posting:
            self._leave(tenant_id, posting)
        return made + len(posting)

    async def close(self) -> None:
        """Wait for what `leave_slow` has left; each attempt ends within the transport's own limits."""
        if self._left:
            await asyncio.wait(self._left)

    async def _collect(self, tenant_id: UUID, posting: _Posting, *, patience: float | None) -> int:
        """Record outcomes as they come and take them out of `posting`; how many attempts were made."""
        until = None if patience is None else monotonic_seconds() + patience
        made = 0
        try:
            while posting and (until is None or monotonic_seconds() < until):
                done, _ = await asyncio.wait(posting, timeout=_SLICE_SECONDS)
                if done:
                    outcomes = [(posting.pop(task), task.result()) for task in done]
                    async with self.database.unit_of_work(tenant_id) as uow:
                        made += await record(uow, outcomes)
        except BaseException:
            # Their leases run out, and another worker sends them again under the same webhook-id.
            for task in posting:
                task.cancel()
            raise
        return made

    def _leave(self, tenant_id: UUID, posting: _Posting) -> None:
        endpoints = Counter(parcel.endpoint_id for parcel in posting.values())
        self._slow.update(endpoints)
        left = dict(posting)

        async def finish() -> None:
            try:
                await self._collect(tenant_id, left, patience=None)
            except Exception as error:
                # Their leases run out, and they are sent again under the same webhook-id.
                log.error("webhook.record_failed", exc_info=error)
            finally:
                self._slow.subtract(endpoints)
                # Drops those that have none left.
                self._slow += Counter()
            await self.database.doorbell.ring({"webhook.deliver"})

        task = asyncio.create_task(finish())
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    async def _post(self, parcel: Parcel) -> AttemptResult:
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
