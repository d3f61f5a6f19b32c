"""Payment plans follow what is paid: their instalments, their charges, their end (rules P2 to P4, D11, M5)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select, tuple_

from app.core.uow import UnitOfWork
from app.domain.plan_payments import Share, cut_off
from app.domain.plan_state import InstalmentState, PlanStanding, judge, path
from app.domain.states import PLAN
from app.models import Charge, Customer, Invoice, PaymentPlan, PlanInstalment, PlanInvoice
from app.settlement.plan_charges import follow_plan_charges, load_plan_charges
from app.settlement.plan_facts import Receipt, agreement_of, load_covered, load_plans, load_receipts, payments_of

# What an instalment announces when it gets there; one that is open again after a reversal was announced before.
_ANNOUNCED: Final = {
    "due": "payment_plan.instalment_due",
    "paid": "payment_plan.instalment_paid",
    "missed": "payment_plan.instalment_missed",
}
MISSED_INSTALMENTS: Final = "missed_instalments"
GIVEN_UP: Final = "invoices_given_up"


@dataclass(slots=True)
class FollowedPlans:
    """The plans that were judged, and what else they concern.

    Attributes:
        active: Those that are active afterwards.
        covered: What each of them covers, in the order in which it is settled.
        invoices: Invoices that have changed, or are chased again, because of them.
    """

    active: list[PaymentPlan] = field(default_factory=list)
    covered: dict[UUID, list[Invoice]] = field(default_factory=dict)
    invoices: dict[UUID, Invoice] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Dossier:
    """A plan with all that it is judged by."""

    customer: Customer
    plan: PaymentPlan
    covered: Sequence[Invoice]
    receipts: Sequence[Receipt]
    charges: Sequence[Charge]


async def follow_plans(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], invoices: Iterable[Invoice]
) -> FollowedPlans:
    """Bring the customers' plans in line with what their invoices have been paid, and with the date.

    Args:
        uow: the unit of work, holding the customers' locks.
        customers: by id; those without agreements cost no statement.
        invoices: what was touched: a completed plan over one of them may be active again.
    """
    followed = FollowedPlans()
    ids = [customer.id for customer in customers.values() if customer.has_agreements]
    if not ids:
        return followed
    plans = await load_plans(uow, ids, [invoice.id for invoice in invoices])
    if not plans:
        return followed
    for dossier in await _load(uow, customers, plans):
        plan = dossier.plan
        if await _follow(uow, dossier):
            followed.invoices |= {invoice.id: invoice for invoice in dossier.covered}
        if plan.status == "active":
            followed.active.append(plan)
            followed.covered[plan.id] = list(dossier.covered)
    return followed


async def end_plan(
    uow: UnitOfWork, customer: Customer, plan: PaymentPlan, *, status: str, reason: str | None, cut_off_on: date
) -> list[Invoice]:
    """End an active plan before it is paid: interest that is not earned through a day is taken back (rule P3).

    Returns:
        What the plan covered.
    """
    (dossier,) = await _load(uow, {customer.id: customer}, [plan])
    uow.track(plan)
    await _cut_off(uow, dossier, cut_off_on)
    _end(uow, plan, status, on=uow.today, reason=reason)
    return list(dossier.covered)


async def _load(uow: UnitOfWork, customers: Mapping[UUID, Customer], plans: Sequence[PaymentPlan]) -> list[_Dossier]:
    receipts = await load_receipts(uow, plans)
    covered = await load_covered(uow, plans)
    charges = await load_plan_charges(uow, plans)
    return [
        _Dossier(customers[plan.customer_id], plan, covered[plan.id], receipts[plan.id], charges[plan.id])
        for plan in plans
    ]


async def _follow(uow: UnitOfWork, dossier: _Dossier) -> bool:
    """Judge one plan; whether its invoices are concerned by what has come of it."""
    plan = dossier.plan
    standing = judge(agreement_of(plan), payments_of(dossier.receipts), uow.today)
    before = plan.status
    if before == "completed" and standing.status != "completed":
        if await _is_covered_anew(uow, plan):
            return False
        _reopen(uow, plan)
    _fill(uow, plan, standing.instalments)
    if plan.status == "active" and all(invoice.status == "void" for invoice in dossier.covered):
        # What it costs has been taken back with what it covered.
        _end(uow, plan, "cancelled", on=uow.today, reason=GIVEN_UP)
        return True
    interest = sum(state.share.interest_minor for state in standing.instalments)
    if standing.status == "defaulted":
        # Dunning and acceleration begin now, even where a reversal shows that they might have begun before.
        await _cut_off(uow, dossier, uow.today)
        _end(uow, plan, "defaulted", on=uow.today, reason=MISSED_INSTALMENTS)
        return True
    charged = await _charge(uow, dossier, interest)
    if standing.status == "completed" and plan.status == "active":
        _complete(uow, plan, standing, dossier.receipts)
    if plan.status == "active":
        plan.wake_on = standing.wake_on
    return charged or plan.status != before


def _reopen(uow: UnitOfWork, plan: PaymentPlan) -> None:
    uow.track(plan)
    PLAN.require(plan.status, "active")
    plan.status = "active"
    plan.ended_on = None
    uow.emit("payment_plan.reopened", plan)


def _complete(uow: UnitOfWork, plan: PaymentPlan, standing: PlanStanding, receipts: Sequence[Receipt]) -> None:
    paid = judge(agreement_of(plan), payments_of(one for one in receipts if not one.is_loss), uow.today)
    on = max(standing.changed_on or uow.today, plan.activated_on or uow.today)
    if paid.status == "completed":
        _end(uow, plan, "completed", on=on, reason=None)
    else:
        _end(uow, plan, "cancelled", on=on, reason=GIVEN_UP)


def _end(uow: UnitOfWork, plan: PaymentPlan, status: str, *, on: date, reason: str | None) -> None:
    uow.track(plan)
    PLAN.require(plan.status, status)
    plan.status = status
    plan.ended_on = on
    plan.end_reason = reason
    plan.wake_on = None
    uow.emit(f"payment_plan.{status}", plan)


async def _cut_off(uow: UnitOfWork, dossier: _Dossier, on: date) -> None:
    plan = dossier.plan
    shares = cut_off(agreement_of(plan), payments_of(dossier.receipts), on).shares
    parts = {part.number: part for part in plan.instalments}
    changed = [share for share in shares if _take(parts[share.number], share)]
    if changed:
        _count(uow, plan)
    await _charge(uow, dossier, sum(share.interest_minor for share in shares))


async def _charge(uow: UnitOfWork, dossier: _Dossier, interest_minor: int) -> bool:
    return await follow_plan_charges(
        uow, dossier.customer, dossier.plan, dossier.covered, dossier.charges, interest_minor=interest_minor
    )


def _fill(uow: UnitOfWork, plan: PaymentPlan, states: Iterable[InstalmentState]) -> None:
    """Write what each instalment has come to, and announce where it has got."""
    parts = {part.number: part for part in plan.instalments}
    announced = []
    changed = False
    for state in states:
        part = parts[state.number]
        before = part.status
        steps = path(before, state.status)
        if not steps and not _differs(part, state.share) and part.missed_on == state.missed_on:
            continue
        uow.track(plan)
        changed = True
        _take(part, state.share)
        part.status, part.missed_on = state.status, state.missed_on
        announced += [
            (_ANNOUNCED[step], part.number)
            for step in steps
            if step in _ANNOUNCED and (step != "due" or before == "pending")
        ]
    if changed:
        _count(uow, plan)
    for event_type, number in announced:
        uow.emit(event_type, plan, {"instalment_number": number})


def _differs(part: PlanInstalment, share: Share) -> bool:
    return (part.interest_minor, part.paid_minor) != (share.interest_minor, share.paid_minor)


def _take(part: PlanInstalment, share: Share) -> bool:
    if not _differs(part, share):
        return False
    part.interest_minor, part.paid_minor = share.interest_minor, share.paid_minor
    return True


def _count(uow: UnitOfWork, plan: PaymentPlan) -> None:
    uow.track(plan)
    plan.paid_minor = sum(part.paid_minor for part in plan.instalments)
    plan.instalment_changes += 1


async def _is_covered_anew(uow: UnitOfWork, plan: PaymentPlan) -> bool:
    """Whether another plan has begun over one of its invoices: what is open there is that one's, or outside of both."""
    other = await uow.session.scalar(
        select(PaymentPlan.id)
        .join(PlanInvoice, (PlanInvoice.tenant_id == PaymentPlan.tenant_id) & (PlanInvoice.plan_id == PaymentPlan.id))
        .where(
            PaymentPlan.tenant_id == uow.tenant_id,
            tuple_(PaymentPlan.activated_on, PaymentPlan.id) > tuple_(plan.activated_on, plan.id),
            PlanInvoice.invoice_id.in_([item.invoice_id for item in plan.invoices]),
        )
        .limit(1)
    )
    return other is not None
