"""Sends batch after batch: while one is on the wire or being recorded, the next is claimed."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from uuid import UUID

from app.core.clock import monotonic_seconds
from app.core.log import get_logger
from app.core.metrics import observe_job
from app.core.work import Kind
from app.reminders.sender import Claimed, Sender

BATCHES_UNDER_WAY = 3

log = get_logger(__name__)


@dataclass(slots=True)
class Pipeline:
    """The sends of one process.

    One batch is claimed at a time, and its permit begins with its own claim. A reminder under way is no longer `ready`,
    so no two batches hold the same one, and it counts as a contact from its claim on, so the caps hold between them.

    It is a context: left in peace it waits for what is under way, and cancelled it cancels that.
    """

    sender: Sender
    _tasks: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BATCHES_UNDER_WAY))

    async def __aenter__(self) -> "Pipeline":
        """Begin."""
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what is under way."""
        await self._tasks.__aexit__(kind, error, trace)

    async def wait_for_turn(self) -> None:
        """Wait until another batch may be claimed: few enough are under way, and the channel will be free in time."""
        async with self._free:
            await self.sender.pace.wait_for_room(self.sender.settings.send_batch_size)

    async def send(self, tenant_id: UUID) -> int:
        """Claim a batch and leave it to go its way; how many ready reminders it took up."""
        await self._free.acquire()
        try:
            limit = min(self.sender.settings.send_batch_size, max(1, self.sender.pace.room))
            claimed = await self.sender.claim_batch(tenant_id, limit=limit)
            self._tasks.create_task(self._finish(claimed))
        except BaseException:
            # Cancelled or failed, the place must be given back.
            self._free.release()
            raise
        return claimed.batch.judged

    async def _finish(self, claimed: Claimed) -> None:
        started = monotonic_seconds()
        try:
            await self.sender.finish_batch(claimed)
        except Exception as error:
            # Its leases run out, and the quarantine decides; the other batches go on.
            log.error("reminder.batch_lost", exc_info=error)
            observe_job(Kind.send, succeeded=False, seconds=monotonic_seconds() - started)
        finally:
            self._free.release()
