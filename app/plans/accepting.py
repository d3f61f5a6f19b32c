"""A plan is accepted, and active from that instant (rules P2, P5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.core.errors import conflict
from app.core.uow import UnitOfWork
from app.core.wire import instant
from app.domain.errors import Code
from app.domain.states import PLAN
from app.dunning.reminders import load_unsent, under_way
from app.models import Customer, Invoice, PaymentPlan, Reminder
from app.plans import repository
from app.plans.repository import PLANS
from app.settlement.plan_facts import known_ids, load_covered
from app.settlement.plans import end_plan
from app.settlement.reconcile import reconcile, wake

Acknowledged = tuple[PaymentPlan, list[Reminder]]
"""A plan, and the reminders that its acceptance came too late for (rule D7)."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepts, how and from where, and the hash of the terms that were shown."""

    by: str
    method: str
    address: str | None
    terms_hash: str


async def accept(uow: UnitOfWork, customer: Customer, plan: PaymentPlan, given: Acceptance) -> Acknowledged:
    """Accept a proposed plan under its customer's lock.

    Raises:
        ProblemError: 409 where it is not offered any more, other terms were shown, or what it covers has changed.
    """
    if plan.status != "proposed":
        raise conflict(Code.state_conflict, f"The payment plan is {plan.status}; only a proposed one is accepted.")
    if given.terms_hash != plan.terms_hash:
        raise conflict(Code.plan_changed, "These are not the terms of the plan: show them anew and send their hash.")
    if plan.expires_at is not None and plan.expires_at <= uow.now:
        raise conflict(Code.state_conflict, "The proposal has expired; propose the plan again, or draw up a new one.")
    if any(part.due_on < uow.today for part in plan.instalments):
        raise conflict(Code.plan_changed, "An instalment would be overdue already; draw up a new plan.")
    touched = await _end_replaced(uow, customer, plan)
    covered = (await load_covered(uow, [plan]))[plan.id]
    await _require_unchanged(uow, plan, covered)
    uow.track(plan)
    PLAN.require(plan.status, "accepted")
    plan.status = "accepted"
    plan.acceptance = {
        "by": given.by,
        "at": instant(uow.now),
        "method": given.method,
        "address": given.address,
        "terms_hash": given.terms_hash,
    }
    uow.emit("payment_plan.accepted", plan)
    PLAN.require(plan.status, "active")
    plan.status = "active"
    plan.activated_on = uow.today
    invoice_ids = [item.invoice_id for item in plan.invoices]
    settled_before = await known_ids(uow, invoice_ids)
    # Interest of a plan that this one replaces was included as far as it still stands.
    included = await repository.list_charge_ids(uow, invoice_ids) & set(plan.known_ids)
    plan.known_ids = sorted(included | settled_before)
    customer.has_agreements = True
    await uow.flush()
    touched |= {invoice.id: invoice for invoice in covered}
    unsent = await load_unsent(uow, [customer.id])
    await reconcile(uow, {customer.id: customer}, list(touched.values()), unsent=unsent)
    wake(uow, customer, uow.now)
    return plan, under_way(unsent, touched.keys())


async def _end_replaced(uow: UnitOfWork, customer: Customer, plan: PaymentPlan) -> dict[UUID, Invoice]:
    """The plan whose place this one takes is superseded with it."""
    if plan.supersedes_id is None:
        return {}
    replaced = await PLANS.get(uow, plan.supersedes_id)
    if replaced.status != "active":
        raise conflict(Code.plan_changed, f"The plan that it would replace is {replaced.status}; draw up a new one.")
    cut_off_on = date.fromisoformat(plan.definition["starts_on"])
    covered = await end_plan(uow, customer, replaced, status="superseded", reason="restructured", cut_off_on=cut_off_on)
    return {invoice.id: invoice for invoice in covered}


async def _require_unchanged(uow: UnitOfWork, plan: PaymentPlan, covered: Sequence[Invoice]) -> None:
    """What the plan covers is open as it was when the plan was drawn up; what has been charged since stays outside."""
    without = [plan.id] if plan.supersedes_id is None else [plan.id, plan.supersedes_id]
    in_force = await repository.find_in_force(uow, [invoice.id for invoice in covered], without)
    if in_force is not None:
        raise conflict(Code.plan_changed, f"Payment plan {in_force} covers one of its invoices by now.")
    principal = sum(item.principal_minor for item in plan.invoices)
    charges = sum(item.charges_minor for item in plan.invoices)
    is_same = (
        sum(invoice.principal_open_minor for invoice in covered) == principal
        and sum(invoice.charges_open_minor for invoice in covered) >= charges
    )
    if not is_same:
        raise conflict(
            Code.plan_changed, "What the plan covers has been paid, credited or opened since; draw up a new plan."
        )
