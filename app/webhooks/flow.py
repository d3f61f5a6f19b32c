"""Delivers batch after batch: while one is posted, the next is claimed and what was answered is recorded."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final
from uuid import UUID

from app.core.clock import monotonic_seconds
from app.core.log import get_logger
from app.core.metrics import observe_job
from app.core.work import Kind
from app.webhooks.claims import Parcel
from app.webhooks.delivery import SLICE_SECONDS, Deliverer
from app.webhooks.recording import Outcome
from app.webhooks.transport import AttemptResult

log = get_logger(__name__)

_PATIENCE_SECONDS: Final = 1.0
"""An endpoint that takes longer to answer is slow: it takes no room, and is left alone until it has answered."""

_BATCHES_RECORDED_TOGETHER: Final = 2
_LAST_RECORDS_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class _Batch:
    """What was claimed together and has not been answered."""

    tenant_id: UUID
    since: float
    posting: dict["asyncio.Task[AttemptResult]", Parcel] = field(default_factory=dict)

    @property
    def is_slow(self) -> bool:
        return monotonic_seconds() >= self.since + _PATIENCE_SECONDS


@dataclass(slots=True)
class _Answered:
    """Outcomes of one tenant that wait to be recorded, all by one task."""

    outcomes: list[Outcome] = field(default_factory=list)
    is_enough: asyncio.Event = field(default_factory=asyncio.Event)
    # A slow endpoint may be called again; nothing else tells the loop of it.
    rings: bool = False


@dataclass(slots=True)
class Flow:
    """The deliveries of one process.

    A delivery under way is `in_flight` under its lease, so no two batches hold the same one. A batch is claimed once
    less than one is being posted; slow ones do not count, so that a receiver that does not answer keeps neither the
    tenant's other endpoints nor other tenants waiting.

    It is a context: left in peace it waits for what is under way, and cancelled it cancels that and records the rest.
    """

    deliverer: Deliverer
    _batches: list[_Batch] = field(default_factory=list)
    _answered: dict[UUID, _Answered] = field(default_factory=dict)
    _recorders: set["asyncio.Task[None]"] = field(default_factory=set)
    _has_room: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> "Flow":
        """Begin."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what is under way; each attempt ends within the transport's own limits."""
        try:
            if kind is None:
                await self.drain()
        finally:
            # Their leases run out, and another worker sends them again under the same webhook-id.
            for task in self._tasks():
                task.cancel()
            if self._recorders:
                await asyncio.wait(self._recorders, timeout=_LAST_RECORDS_SECONDS)

    async def drain(self) -> None:
        """Wait until everything under way has been answered and recorded."""
        while under_way := [*self._tasks(), *self._recorders]:
            await asyncio.wait(under_way)

    async def wait_for_room(self) -> None:
        """Wait until another batch may be claimed."""
        while not self._room():
            self._has_room.clear()
            oldest = min(batch.since for batch in self._batches if not batch.is_slow)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._has_room.wait(), max(0.0, oldest + _PATIENCE_SECONDS - monotonic_seconds())
                )

    async def deliver(self, tenant_id: UUID, *, first_attempts_only: bool) -> int:
        """Claim a batch and leave it to go its way; how many it took up."""
        slow = {parcel.endpoint_id for batch in self._batches if batch.is_slow for parcel in batch.posting.values()}
        parcels = await self.deliverer.claim_batch(tenant_id, first_attempts_only=first_attempts_only, without=slow)
        if parcels:
            batch = _Batch(tenant_id, monotonic_seconds())
            self._batches.append(batch)
            for parcel in parcels:
                task = asyncio.create_task(self.deliverer.post(parcel))
                batch.posting[task] = parcel
                task.add_done_callback(lambda task: self._end(batch, task))
        return len(parcels)

    def _tasks(self) -> "Iterator[asyncio.Task[AttemptResult]]":
        return (task for batch in list(self._batches) for task in list(batch.posting))

    def _room(self) -> bool:
        posting = sum(len(batch.posting) for batch in self._batches if not batch.is_slow)
        return posting < self.deliverer.settings.deliver_batch_size

    def _end(self, batch: _Batch, task: "asyncio.Task[AttemptResult]") -> None:
        parcel = batch.posting.pop(task)
        if not batch.posting:
            self._batches.remove(batch)
        if self._room():
            self._has_room.set()
        if not task.cancelled():
            answered = self._answered_of(batch.tenant_id)
            answered.outcomes.append((parcel, task.result()))
            answered.rings |= not batch.posting and batch.is_slow
        self._look(batch.tenant_id)

    def _answered_of(self, tenant_id: UUID) -> _Answered:
        answered = self._answered.get(tenant_id)
        if answered is None:
            answered = self._answered[tenant_id] = _Answered()
            recorder = asyncio.create_task(self._record(tenant_id, answered))
            self._recorders.add(recorder)
            recorder.add_done_callback(self._recorders.discard)
        return answered

    def _look(self, tenant_id: UUID) -> None:
        """Record at once what is enough for a statement, and the last of what a tenant has under way."""
        answered = self._answered.get(tenant_id)
        if answered is not None and (
            len(answered.outcomes) >= self.deliverer.settings.deliver_batch_size * _BATCHES_RECORDED_TOGETHER
            or not any(batch.tenant_id == tenant_id for batch in self._batches)
        ):
            answered.is_enough.set()

    async def _record(self, tenant_id: UUID, answered: _Answered) -> None:
        """Record a tenant's outcomes, those of each slice together, until there are no more."""
        rings = False
        while answered.outcomes:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answered.is_enough.wait(), SLICE_SECONDS)
            answered.is_enough.clear()
            outcomes, answered.outcomes = answered.outcomes, []
            rings |= answered.rings
            started = monotonic_seconds()
            try:
                await self.deliverer.record_batch(tenant_id, outcomes)
            except Exception as error:
                # Their leases run out, and they are sent again under the same webhook-id.
                log.error("webhook.record_failed", exc_info=error)
                observe_job(Kind.deliver, succeeded=False, seconds=monotonic_seconds() - started)
            # Those that were answered meanwhile may be the last ones.
            self._look(tenant_id)
        del self._answered[tenant_id]
        if rings:
            await self.deliverer.database.doorbell.ring({str(Kind.deliver)})
