"""Runs due work of each kind until none is left, for every tenant that has some.

The arq jobs and the direct poll of PostgreSQL both come here; claims with SKIP LOCKED and leases make it harmless
when they come at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy import select

from app.core.log import get_logger
from app.core.settings import Settings
from app.core.uow import Database
from app.core.work import DueTenant, Kind, due_tenants
from app.models import Customer
from app.outbox.relay import relay
from app.reminders.sender import Sender
from app.settlement.tick import tick
from app.webhooks.delivery import Deliverer

log = get_logger(__name__)


@dataclass(slots=True)
class Runner:
    """The background work of one process."""

    database: Database
    settings: Settings
    sender: Sender
    deliverer: Deliverer
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _again: dict[Kind, bool] = field(default_factory=dict)
    _running: set[Kind] = field(default_factory=set)

    async def run(self, kind: Kind) -> int:
        """Do all due work of a kind; a call while one runs makes that one look again before it ends."""
        if kind in self._running:
            self._again[kind] = True
            return 0
        self._running.add(kind)
        total = 0
        try:
            while True:
                self._again[kind] = False
                done = await self._round(kind)
                total += done
                if self.stopping.is_set() or (not done and not self._again[kind]):
                    return total
        finally:
            self._running.discard(kind)

    async def _round(self, kind: Kind) -> int:
        done = 0
        for tenant in await due_tenants(self.database, kind):
            if self.stopping.is_set():
                break
            with structlog.contextvars.bound_contextvars(tenant_id=str(tenant.id), job=str(kind)):
                try:
                    done += await self._steps[kind](tenant)
                except Exception as error:
                    log.error("job.failed", exc_info=error)
        return done

    @property
    def _steps(self) -> dict[Kind, Callable[[DueTenant], Awaitable[int]]]:
        return {
            Kind.tick: self._tick,
            Kind.send: self._send,
            Kind.rescue: lambda tenant: self.sender.rescue_batch(tenant.id),
            Kind.relay: self._relay,
            Kind.deliver: lambda tenant: self.deliverer.deliver_batch(tenant.id, first_attempts_only=tenant.is_test),
        }

    async def _tick(self, tenant: DueTenant) -> int:
        try:
            async with self.database.unit_of_work(tenant.id) as uow:
                return (await tick(uow, limit=self.settings.tick_batch_size)).customers
        except Exception as error:
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
        return done

    async def _send(self, tenant: DueTenant) -> int:
        return (await self.sender.send_batch(tenant.id)).worked

    async def _relay(self, tenant: DueTenant) -> int:
        async with self.database.unit_of_work(tenant.id) as uow:
            events, _ = await relay(uow, limit=self.settings.relay_batch_size)
        return events
