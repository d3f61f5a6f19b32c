"""Sends batch after batch: while one is on the wire or being recorded, the next is claimed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from uuid import UUID

from app.core.clock import monotonic_seconds
from app.core.log import get_logger
from app.core.metrics import observe_job
from app.core.work import Kind
from app.reminders.pace import SMALLEST_BATCH
from app.reminders.sender import Claimed, Sender

BATCHES_UNDER_WAY = 3

log = get_logger(__name__)


@dataclass(slots=True)
class Pipeline:
    """The sends of one process.

    One batch is claimed at a time, and its permit begins with its own claim. A reminder under way is no longer `ready`,
    so no two batches hold the same one, and it counts as a contact from its claim on, so the caps hold between them.
    Channels do not wait for each other: one that is slow is given no more, and the others go on.

    It is a context: left in peace it waits for what is under way, and cancelled it cancels that.

    Attributes:
        wake: Called when a channel that was full has room again.
    """

    sender: Sender
    wake: Callable[[], None] = lambda: None
    _tasks: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    _under_way: Counter[str] = field(default_factory=Counter)
    _was_full: bool = False

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
        """Wait until another batch may be claimed: some channel has few enough under way, and will be free in time."""
        while not any(room > 0 for room in self._rooms().values()):
            self.sender.ended.clear()
            await self.sender.ended.wait()

    async def send(self, tenant_id: UUID) -> int:
        """Claim a batch and leave it to go its way; how many ready reminders it took up."""
        rooms = self._rooms()
        self._was_full |= not all(rooms.values())
        claimed = await self.sender.claim_batch(tenant_id, limit=self.sender.settings.send_batch_size, rooms=rooms)
        for name in claimed.channels():
            self._under_way[name] += 1
            self._tasks.create_task(self._finish(claimed, name))
        return claimed.batch.judged

    def _rooms(self) -> dict[str, int]:
        """How many more each channel takes; none while it takes fewer than are worth a claim."""
        enough = min(self.sender.settings.send_batch_size, SMALLEST_BATCH)
        return {
            name: pace.room if self._under_way[name] < BATCHES_UNDER_WAY and pace.room >= enough else 0
            for name, pace in self.sender.paces.items()
        }

    async def _finish(self, claimed: Claimed, name: str) -> None:
        started = monotonic_seconds()
        try:
            await self.sender.finish_channel(claimed, name)
        except Exception as error:
            # Its leases run out, and the quarantine decides; the other batches go on.
            log.error("reminder.batch_lost", exc_info=error)
            observe_job(Kind.send, succeeded=False, seconds=monotonic_seconds() - started)
        finally:
            self._under_way[name] -= 1
            self.sender.ended.set()
            if self._was_full:
                self._was_full = False
                self.wake()
