"""Runs due work of each kind until none is left, for every tenant that has some.

One loop a kind looks at PostgreSQL at a steady pace, and at once when arq rings. Claims with SKIP LOCKED and leases
make it harmless when several processes come at once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select

from app.core.clock import monotonic_seconds
from app.core.log import get_logger
from app.core.metrics import CUSTOMERS_PUT_OFF, EVENTS_RELAYED, observe_job
from app.core.settings import Settings
from app.core.uow import Database
from app.core.work import DueTenant, Kind, due_tenants
from app.imports.running import Importer
from app.models import Customer
from app.outbox.relay import relay
from app.reminders.pipeline import Pipeline
from app.reminders.sender import Sender
from app.runs.working import RunWorker
from app.settlement.tick import tick
from app.webhooks.delivery import Deliverer
from app.webhooks.flow import Flow

log = get_logger(__name__)

_FAILED_CUSTOMER_PAUSE = timedelta(minutes=5)
# Whoever holds it at the moment has it looked at again.
_PUT_OFF = """
UPDATE customers SET next_action_at = $4 WHERE tenant_id = $1 AND id = ANY(ARRAY(
    SELECT id FROM customers WHERE tenant_id = $1 AND id = $2 AND next_action_at <= $3 FOR NO KEY UPDATE SKIP LOCKED))
"""


def _bells() -> dict[Kind, asyncio.Event]:
    return {kind: asyncio.Event() for kind in Kind}


@dataclass(slots=True)
class Runner:
    """The background work of one process."""

    database: Database
    settings: Settings
    sender: Sender
    deliverer: Deliverer
    is_stopping: bool = False
    _bells: dict[Kind, asyncio.Event] = field(default_factory=_bells)
    _importer: Importer = field(init=False)
    _runs: RunWorker = field(init=False)
    _pipeline: Pipeline = field(init=False)
    _flow: Flow = field(init=False)

    def __post_init__(self) -> None:
        self._importer = Importer(self.database, self.settings)
        self._runs = RunWorker(self.database, self.settings)
        self._pipeline = Pipeline(self.sender, wake=lambda: self.wake(Kind.send))
        self._flow = Flow(self.deliverer)

    def wake(self, kind: Kind) -> None:
        """Have a kind of work looked at now; while it is being done, once more when that is through."""
        self._bells[kind].set()

    def stop(self) -> None:
        """Take up nothing more; what has been claimed is finished."""
        self.is_stopping = True
        for bell in self._bells.values():
            bell.set()

    async def serve(self, kind: Kind) -> None:
        """Do due work of a kind until told to stop: whenever it rings, and at a steady pace whatever the queue says."""
        under_way: dict[Kind, contextlib.AbstractAsyncContextManager[object]] = {
            Kind.send: self._pipeline,
            Kind.deliver: self._flow,
        }
        async with under_way.get(kind, contextlib.nullcontext()):
            await self._serve(kind)

    async def _serve(self, kind: Kind) -> None:
        bell = self._bells[kind]
        while not self.is_stopping:
            bell.clear()
            try:
                await self.run(kind)
            except Exception as error:
                # A database that restarts must not end the loop.
                log.error("poll.failed", job=str(kind), exc_info=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), self.settings.poll_interval_seconds)

    async def run(self, kind: Kind) -> int:
        """Do all due work of a kind."""
        total = 0
        while done := await self._round(kind):
            total += done
        return total

    async def _round(self, kind: Kind) -> int:
        done = 0
        tenants = [] if self.is_stopping else await due_tenants(self.database, kind)
        for tenant in tenants:
            if self.is_stopping:
                break
            with structlog.contextvars.bound_contextvars(tenant_id=str(tenant.id), job=str(kind)):
                done += await self._step(kind, tenant)
        return done

    async def _step(self, kind: Kind, tenant: DueTenant) -> int:
        started = monotonic_seconds()
        succeeded = False
        try:
            done = await self._steps[kind](tenant)
            succeeded = True
        except Exception as error:
            # One tenant's failure must not stop the others' work.
            log.error("job.failed", exc_info=error)
            done = 0
        finally:
            observe_job(kind, succeeded=succeeded, seconds=monotonic_seconds() - started)
        return done

    @property
    def _steps(self) -> dict[Kind, Callable[[DueTenant], Awaitable[int]]]:
        return {
            Kind.tick: self._tick,
            Kind.send: self._send,
            Kind.rescue: lambda tenant: self.sender.rescue_batch(tenant.id),
            Kind.relay: self._relay,
            Kind.deliver: self._deliver,
            Kind.import_run: self._import,
            Kind.dunning_run: lambda tenant: self._runs.run(tenant.id),
        }

    async def _tick(self, tenant: DueTenant) -> int:
        try:
            async with self.database.unit_of_work(tenant.id) as uow:
                return (await tick(uow, limit=self.settings.tick_batch_size)).customers
        except Exception as error:
            # Which customer fails is found by trying each alone.
            log.error("dunning.batch_failed", exc_info=error)
            return await self._tick_each(tenant.id)

    async def _tick_each(self, tenant_id: UUID) -> int:
        """Evaluate due customers one by one, so that one that fails does not hold up its batch."""
        async with self.database.unit_of_work(tenant_id) as uow:
            ids = list(
                await uow.session.scalars(
                    select(Customer.id)
                    .where(Customer.tenant_id == tenant_id, Customer.next_action_at <= uow.now)
                    .order_by(Customer.next_action_at)
                    .limit(self.settings.tick_batch_size)
                )
            )
        done = 0
        for customer_id in ids:
            try:
                async with self.database.unit_of_work(tenant_id) as uow:
                    done += (await tick(uow, limit=1, only=customer_id)).customers
            except Exception as error:
                log.error("dunning.customer_failed", customer_id=str(customer_id), exc_info=error)
                done += await self._put_off(tenant_id, customer_id)
        return done

    async def _put_off(self, tenant_id: UUID, customer_id: UUID) -> int:
        """Leave a customer that fails alone for a while: many that come first would keep the others waiting."""
        async with self.database.unit_of_work(tenant_id) as uow:
            next_at = uow.now + _FAILED_CUSTOMER_PAUSE
            status = await uow.driver.execute(_PUT_OFF, tenant_id, customer_id, uow.now, next_at)
        count = int(status.rpartition(" ")[2])
        CUSTOMERS_PUT_OFF.inc(count)
        return count

    async def _send(self, tenant: DueTenant) -> int:
        await self._pipeline.wait_for_turn()
        return 0 if self.is_stopping else await self._pipeline.send(tenant.id)

    async def _relay(self, tenant: DueTenant) -> int:
        async with self.database.unit_of_work(tenant.id) as uow:
            events, _ = await relay(uow, limit=self.settings.relay_batch_size)
        EVENTS_RELAYED.inc(events)
        return events

    async def _deliver(self, tenant: DueTenant) -> int:
        await self._flow.wait_for_room()
        return 0 if self.is_stopping else await self._flow.deliver(tenant.id, first_attempts_only=tenant.is_test)

    async def _import(self, tenant: DueTenant) -> int:
        return await self._importer.run(tenant.id, is_stopping=lambda: self.is_stopping)
