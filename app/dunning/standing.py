"""Loads what stands between invoices and being chased; customers without any agreement cost no statement."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select

from app.core.uow import UnitOfWork
from app.domain import dispute as dispute_rules
from app.domain import holds as hold_rules
from app.domain import promise as promise_rules
from app.domain.errors import Code
from app.domain.holds import DateRange, lasting
from app.domain.standing import CLEAR, Obstacle, Standing, combine
from app.models import (
    Customer,
    Dispute,
    DunningCase,
    Hold,
    Invoice,
    PaymentPlan,
    Placement,
    PlacementInvoice,
    PlanInvoice,
    Promise,
)

IN_FORCE_PLANS = ("accepted", "active")
LIVE_PLACEMENTS = ("placed", "acknowledged", "in_progress")


@dataclass(slots=True)
class Standings:
    """How each invoice of some customers stands; an invoice without anything is clear."""

    by_customer: dict[UUID, list[Standing]] = field(default_factory=lambda: defaultdict(list))
    by_invoice: dict[UUID, list[Standing]] = field(default_factory=lambda: defaultdict(list))
    # What payment plans make of the invoices that they cover: it does not stand between a plan and its own cases.
    of_plans: dict[UUID, list[Standing]] = field(default_factory=lambda: defaultdict(list))
    # By invoice, every dispute that it has or had: what of its principal bears no interest, and when.
    disputes: dict[UUID, list[dispute_rules.Dispute]] = field(default_factory=lambda: defaultdict(list))
    # By customer, the next date on which time alone changes something.
    wakes: dict[UUID, date] = field(default_factory=dict)
    # The cases of payment plans that run, once they have been derived.
    plan_cases: list[DunningCase] = field(default_factory=list)

    def add(self, customer_id: UUID, invoice_ids: Iterable[UUID] | None, standing: Standing) -> None:
        """Take in what concerns some invoices of a customer, or all of them where none are named."""
        if invoice_ids is None:
            self.by_customer[customer_id].append(standing)
        for invoice_id in invoice_ids or ():
            self.by_invoice[invoice_id].append(standing)
        if standing.wake_on is not None:
            self.wake(customer_id, standing.wake_on)

    def wake(self, customer_id: UUID, on: date) -> None:
        """Have a customer looked at on a date, if not before."""
        self.wakes[customer_id] = min(on, self.wakes.get(customer_id, on))

    def of(self, invoice: Invoice) -> Standing:
        """How an invoice stands."""
        return self._combine(invoice, self.of_plans.get(invoice.id, ()))

    def of_case(self, case: DunningCase, invoice: Invoice) -> Standing:
        """How a case stands: as its invoice does, or as the plan's instalment that it chases."""
        return self.of(invoice) if case.plan_id is None else self.of_plan_part(invoice)

    def of_plan_part(self, invoice: Invoice) -> Standing:
        """How an instalment of a plan stands that an invoice stands for: as if no plan covered that."""
        return self._combine(invoice, ())

    def _combine(self, invoice: Invoice, more: Iterable[Standing]) -> Standing:
        parts = [*self.by_customer.get(invoice.customer_id, ()), *self.by_invoice.get(invoice.id, ()), *more]
        return combine(parts) if parts else CLEAR


async def load_standings(uow: UnitOfWork, customers: Mapping[UUID, Customer] | Iterable[Customer]) -> Standings:
    """What stands on the business date, from holds, disputes, promises, plans and placements of the customers.

    What was agreed and has ended counts, too: the ladder clock stood on its days (rule D8).
    """
    rows = customers.values() if isinstance(customers, Mapping) else customers
    return await _load(uow, [customer.id for customer in rows if customer.has_agreements])


async def load_standings_of(uow: UnitOfWork, invoices: Iterable[Invoice]) -> Standings:
    """The same for invoices whose customers are not at hand."""
    ids = {invoice.customer_id for invoice in invoices}
    found = await uow.driver.fetch(_AGREED, uow.tenant_id, list(ids))
    return await _load(uow, [row["id"] for row in found])


_AGREED = "SELECT id FROM customers WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND has_agreements"


async def _load(uow: UnitOfWork, ids: list[UUID]) -> Standings:
    if not ids:
        return Standings()
    standings = Standings()
    await _add_holds(uow, ids, standings)
    await _add_disputes(uow, ids, standings)
    await _add_promises(uow, ids, standings)
    await _add_plans(uow, ids, standings)
    await _add_placements(uow, ids, standings)
    await _add_erased(uow, ids, standings)
    return standings


def hold_of(row: Hold) -> hold_rules.Hold:
    """A hold as the domain has it."""
    known: dict[str, hold_rules.Effect] = {"contact": "contact", "escalation": "escalation", "charges": "charges"}
    return hold_rules.Hold(row.starts_on, row.ends_on, frozenset(known[name] for name in row.effects), row.released_on)


def promise_of(row: Promise) -> promise_rules.Promise:
    """A promise as the domain has it."""
    return promise_rules.Promise(
        row.amount_minor, row.made_on, row.promised_on, row.tolerance_days, Fraction(row.tolerance_percent)
    )


_DISPUTE_STATES: dict[str, dispute_rules.DisputeStatus] = {
    "open": "open",
    "accepted": "accepted",
    "partially_accepted": "partially_accepted",
    "rejected": "rejected",
    "withdrawn": "withdrawn",
}


def dispute_of(row: Dispute) -> dispute_rules.Dispute:
    """A dispute as the domain has it; what was accepted counts as credited, whoever credits it."""
    return dispute_rules.Dispute(
        row.opened_on, row.amount_minor, _DISPUTE_STATES[row.status], row.resolved_on, row.accepted_minor
    )


async def _add_holds(uow: UnitOfWork, ids: list[UUID], standings: Standings) -> None:
    for row in await _rows(uow, Hold, ids):
        invoice_ids = None if row.invoice_id is None else [row.invoice_id]
        standings.add(row.customer_id, invoice_ids, _of_hold(hold_of(row), uow.today))


def _of_hold(hold: hold_rules.Hold, today: date) -> Standing:
    is_active = hold.status(today) == "active"
    until_on = hold_rules.after(hold.ends_on) if hold.ends_on is not None else None
    obstacles = []
    if is_active and "contact" in hold.effects:
        obstacles.append(Obstacle(Code.hold, "on_hold", until_on))
    if is_active and "escalation" in hold.effects:
        # Nothing is sent while the ladder stands: its next step is not due before the clock goes on.
        obstacles.append(Obstacle(Code.hold, "on_hold", until_on, stops_clock=True))
    return Standing(
        obstacles=tuple(obstacles),
        states=frozenset({"on_hold"}) if is_active and hold.effects & {"contact", "escalation"} else frozenset(),
        stops=hold_rules.ranges([hold], "escalation"),
        charge_stops=hold_rules.ranges([hold], "charges"),
        wake_on=hold.wake_on(today),
    )


async def _add_disputes(uow: UnitOfWork, ids: list[UUID], standings: Standings) -> None:
    for row in await _rows(uow, Dispute, ids):
        dispute = dispute_of(row)
        is_open, is_whole = dispute.is_open, dispute.is_whole
        standings.disputes[row.invoice_id].append(dispute)
        respond_by_on = row.respond_by_on if is_open and not row.is_overdue else None
        standing = Standing(
            obstacles=(Obstacle(Code.disputed, "disputed", stops_clock=True),) if is_open and is_whole else (),
            states=frozenset({"disputed"}) if is_open else frozenset(),
            stops=dispute_rules.ladder_stops([dispute]),
            # The day after the last on which it could have been answered in time.
            wake_on=respond_by_on and hold_rules.after(respond_by_on),
        )
        standings.add(row.customer_id, [row.invoice_id], standing)


async def _add_promises(uow: UnitOfWork, ids: list[UUID], standings: Standings) -> None:
    # One that was kept ahead of its day may have been opened again by this unit of work, which has not written it.
    may_run = or_(
        Promise.status == "open",
        and_(Promise.status == "kept", Promise.promised_on + Promise.tolerance_days >= uow.today),
    )
    rows = await uow.session.scalars(
        select(Promise).where(Promise.tenant_id == uow.tenant_id, Promise.customer_id.in_(ids), may_run)
    )
    for row in rows:
        if row.status != "open":
            continue
        judged_on = promise_of(row).judged_from_on
        standing = Standing(
            obstacles=(Obstacle(Code.promise, "promised", judged_on),),
            states=frozenset({"promised"}),
            wake_on=judged_on,
        )
        standings.add(row.customer_id, row.invoice_ids, standing)


async def _add_plans(uow: UnitOfWork, ids: list[UUID], standings: Standings) -> None:
    # The plans themselves, since what has become of one may not have been written yet.
    rows = await uow.session.execute(
        select(PaymentPlan, PlanInvoice.invoice_id)
        .select_from(PlanInvoice)
        .join(PaymentPlan, (PaymentPlan.tenant_id == PlanInvoice.tenant_id) & (PaymentPlan.id == PlanInvoice.plan_id))
        .where(
            PaymentPlan.tenant_id == uow.tenant_id,
            PaymentPlan.customer_id.in_(ids),
        )
    )
    for plan, invoice_id in rows:
        if plan.activated_on is None:
            # Offered, and not agreed.
            continue
        is_live = plan.status in IN_FORCE_PLANS
        days = lasting(plan.activated_on, None if is_live else plan.ended_on)
        free = _free_of_interest(plan.status, plan.activated_on, plan.ended_on)
        standing = Standing(
            obstacles=(Obstacle(Code.plan, "in_plan", stops_clock=True),) if is_live else (),
            states=frozenset({"in_plan"}) if is_live else frozenset(),
            stops=(days,) if days is not None else (),
            charge_stops=(free,) if free is not None else (),
        )
        standings.of_plans[invoice_id].append(standing)
        if is_live and plan.wake_on is not None:
            standings.wake(plan.customer_id, plan.wake_on)


def _free_of_interest(status: str, activated_on: date, ended_on: date | None) -> DateRange | None:
    """The days of a plan without late interest.

    Its first day is none of them, which may have been charged before; the day on which it was paid is.
    """
    until_on = None if status in IN_FORCE_PLANS else ended_on
    if until_on is not None and status == "completed":
        until_on = hold_rules.after(until_on)
    return lasting(hold_rules.after(activated_on), until_on)


async def _add_placements(uow: UnitOfWork, ids: list[UUID], standings: Standings) -> None:
    rows = await uow.session.execute(
        select(Placement.customer_id, PlacementInvoice.invoice_id, Placement.kind, Placement.status)
        .join(
            Placement,
            (Placement.tenant_id == PlacementInvoice.tenant_id) & (Placement.id == PlacementInvoice.placement_id),
        )
        .where(
            Placement.tenant_id == uow.tenant_id,
            Placement.customer_id.in_(ids),
            PlacementInvoice.is_over.is_(False),
        )
    )
    for customer_id, invoice_id, kind, status in rows:
        state = "legal" if kind == "legal" else "with_agency"
        # After the agency has done what it could, nobody begins with reminders again; but nobody is at work, either.
        states = frozenset({state}) if status in LIVE_PLACEMENTS else frozenset()
        standings.add(customer_id, [invoice_id], Standing(obstacles=(Obstacle(Code.placed, state),), states=states))


_ERASED = "SELECT id FROM customers WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND erased_at IS NOT NULL"


async def _add_erased(uow: UnitOfWork, ids: list[UUID], standings: Standings) -> None:
    for row in await uow.driver.fetch(_ERASED, uow.tenant_id, ids):
        standings.add(row["id"], None, Standing(obstacles=(Obstacle(Code.erased, "none"),)))


async def _rows(uow: UnitOfWork, kind: Any, ids: list[UUID]) -> list[Any]:
    found = await uow.session.scalars(
        select(kind).where(kind.tenant_id == uow.tenant_id, kind.customer_id.in_(ids)).order_by(kind.id)
    )
    return list(found)
