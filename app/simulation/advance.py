"""Advances a test tenant's clock from due instant to due instant, running everything that falls due in order.

Each instant is worked off to the end before the clock moves: tick, rescue, sends, relay, deliveries, again until
nothing is due. Every chunk is a transaction, so an advance that is killed stands at the last instant it reached and
the next call goes on from there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import update

from app.core.clock import system_now
from app.core.errors import ProblemError, conflict, invalid
from app.core.metrics import EVENTS_RELAYED
from app.core.settings import Settings
from app.core.uow import Database
from app.core.work import Kind
from app.domain.errors import Code
from app.models import Tenant
from app.outbox.relay import relay
from app.reminders.sender import Sender
from app.settlement.tick import tick
from app.simulation.due import Due, load_due
from app.webhooks.delivery import Deliverer


@dataclass(slots=True)
class AdvanceResult:
    """What happened on the way."""

    now: datetime
    reminders_sent: int = 0
    steps_skipped: int = 0
    events: int = 0
    deliveries: int = 0


@dataclass(slots=True)
class Simulation:
    """Drives one tenant's work by its own clock."""

    database: Database
    settings: Settings
    sender: Sender
    deliverer: Deliverer

    async def advance(self, tenant_id: UUID, to: datetime) -> AdvanceResult:
        """Move the clock to `to`, inclusive.

        Raises:
            ProblemError: 409 when another advance runs or the tenant is live, 422 when `to` is in its past.
        """
        token = uuid4()
        result, due = await self._begin(tenant_id, to, token)
        if due is None:
            return result
        try:
            while True:
                due = await self._work_off(tenant_id, due, result)
                at = due.next_at()
                if at is None or at > to:
                    await self._set_clock(tenant_id, token, to, ends=True)
                    result.now = to
                    return result
                due = await self._set_clock(tenant_id, token, at)
                result.now = at
        except BaseException:
            # Also when the caller hangs up: the clock stands where it is, free for the next advance.
            await self._let_go(tenant_id, token)
            raise

    async def _begin(self, tenant_id: UUID, to: datetime, token: UUID) -> tuple[AdvanceResult, Due | None]:
        """Take the clock; where nothing falls due on the way, move it at once."""
        async with self.database.unit_of_work(tenant_id) as uow:
            tenant = await uow.session.get_one(Tenant, uow.tenant_id, with_for_update={"key_share": True})
            if tenant.clock_at is None:
                raise conflict(Code.test_tenant_only, "Only a test tenant has a clock that can be advanced.")
            if tenant.advance_lease_until is not None and tenant.advance_lease_until > system_now():
                raise conflict(Code.advance_in_progress, "Another advance is running; wait for its answer.")
            if to < tenant.clock_at:
                raise invalid("/to", Code.clock_backwards, "A clock only moves forward; `to` lies before its `now`.")
            due = await load_due(uow)
            if due.is_idle_until(to):
                tenant.clock_at = to
                return AdvanceResult(now=to), None
            tenant.advance_token = token
            tenant.advance_lease_until = self._lease_until()
            return AdvanceResult(now=tenant.clock_at), due

    async def _work_off(self, tenant_id: UUID, due: Due, result: AdvanceResult) -> Due:
        """Do everything that is due at the clock's instant, in a fixed order, until nothing is.

        A later kind of work follows from an earlier one, so after any work its followers are tried; then it is asked
        anew what is due. What was due and could not be done, as when sending is paused, is left.
        """
        while True:
            worked = due.is_due(Kind.tick) and await self._tick(tenant_id, result) > 0
            worked |= due.is_due(Kind.rescue) and await self.sender.rescue_batch(tenant_id) > 0
            worked |= (worked or due.is_due(Kind.send)) and await self._send(tenant_id, result) > 0
            relayed = (0, 0)
            if worked or due.is_due(Kind.relay):
                relayed = await self._relay(tenant_id, result)
            worked |= relayed[0] > 0
            worked |= (relayed[1] > 0 or due.is_due(Kind.deliver)) and await self._deliver(tenant_id, result) > 0
            if not worked:
                return due
            async with self.database.unit_of_work(tenant_id) as uow:
                due = await load_due(uow)

    async def _tick(self, tenant_id: UUID, result: AdvanceResult) -> int:
        async with self.database.unit_of_work(tenant_id) as uow:
            done = await tick(uow, limit=self.settings.tick_batch_size, wait=True)
        result.steps_skipped += done.steps_skipped
        return done.customers

    async def _send(self, tenant_id: UUID, result: AdvanceResult) -> int:
        counts = await self.sender.send_batch(tenant_id, wait=True)
        result.reminders_sent += counts.outcomes.get("accepted", 0) + counts.shadowed
        return counts.judged

    async def _relay(self, tenant_id: UUID, result: AdvanceResult) -> tuple[int, int]:
        async with self.database.unit_of_work(tenant_id) as uow:
            relayed = await relay(uow, limit=self.settings.relay_batch_size, wait=True)
        EVENTS_RELAYED.inc(relayed[0])
        result.events += relayed[0]
        return relayed

    async def _deliver(self, tenant_id: UUID, result: AdvanceResult) -> int:
        attempted = await self.deliverer.deliver_batch(tenant_id, wait=True)
        result.deliveries += attempted
        return attempted

    async def _set_clock(self, tenant_id: UUID, token: UUID, at: datetime, *, ends: bool = False) -> Due:
        async with self.database.unit_of_work(tenant_id) as uow:
            moved = await uow.session.execute(
                update(Tenant)
                .where(Tenant.id == tenant_id, Tenant.advance_token == token)
                .values(
                    clock_at=at,
                    advance_token=None if ends else token,
                    advance_lease_until=None if ends else self._lease_until(),
                )
                .returning(Tenant.id)
                .execution_options(synchronize_session=False)
            )
            if moved.first() is None:
                raise ProblemError(409, Code.advance_in_progress, "Another advance has taken the clock over.")
            return await load_due(uow, at=at)

    async def _let_go(self, tenant_id: UUID, token: UUID) -> None:
        async with self.database.unit_of_work(tenant_id) as uow:
            await uow.session.execute(
                update(Tenant)
                .where(Tenant.id == tenant_id, Tenant.advance_token == token)
                .values(advance_token=None, advance_lease_until=None)
                .execution_options(synchronize_session=False)
            )

    def _lease_until(self) -> datetime:
        return system_now() + timedelta(seconds=self.settings.advance_lease_seconds)
