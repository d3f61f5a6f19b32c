"""Derives every state anew after a change of what is owed or may be said.

State is a function of facts: a command writes its own fact and calls `reconcile` with the invoices it touched; cost
follows what was touched. It is idempotent, and the order of independent facts does not matter.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, select, update

from app.core.uow import UnitOfWork
from app.domain.chase import evaluate
from app.domain.clocktime import start_of_day
from app.domain.errors import Code
from app.domain.policy import Policy
from app.domain.standing import CLEAR, Standing
from app.dunning.assignments import load_assignments
from app.dunning.cases import follow_standing, move_case, open_case
from app.dunning.facts import case_facts, chase_facts, load_case_policies
from app.dunning.reminders import load_unsent, prune_reminders
from app.dunning.shares import Cases, by_invoice, numbers_to_chase, share_of
from app.dunning.standing import Standings, load_standings
from app.models import Customer, DunningCase, Invoice, Reminder
from app.settlement.charges import follow_charges
from app.settlement.credit import follow_exposure
from app.settlement.disputes import follow_disputes
from app.settlement.holds import follow_holds
from app.settlement.interest import follow_interest, interest_wake_at
from app.settlement.invoices import derive_collection_state, derive_invoice, is_receivable
from app.settlement.plan_cases import follow_plan_cases
from app.settlement.plans import follow_plans
from app.settlement.promises import follow_promises


async def reconcile(
    uow: UnitOfWork,
    customers: Mapping[UUID, Customer],
    invoices: Sequence[Invoice],
    *,
    cases: Cases | None = None,
    unsent: Sequence[Reminder] | None = None,
    sets_wakes: bool = True,
) -> Standings:
    """Bring invoices, their cases and their customers' next wake-up in line with the facts.

    Args:
        uow: the unit of work; the customers are locked in it.
        customers: the customers of the invoices, by id, and those whose unapplied cash or credit has changed.
        invoices: what the command touched, as loaded under the lock.
        cases: the cases of the invoices that are not closed, or all, where the caller knows them (new invoices have
            none); those that are opened here are put in.
        unsent: the customers' reminders that have not left, where the caller has loaded them.
        sets_wakes: whether to bring wake-ups forward; the tick sets them itself.

    Returns:
        What stands between the customers' invoices and being chased.
    """
    await follow_holds(uow, customers)
    await follow_disputes(uow, customers, invoices)
    await follow_promises(uow, customers, invoices)
    plans = await follow_plans(uow, customers, invoices)
    invoices, cases = await _with_others(uow, invoices, cases, plans.invoices)
    standings = await load_standings(uow, customers)
    rebooked = await follow_interest(uow, customers, invoices, standings)
    if rebooked:
        await follow_promises(uow, customers, rebooked)
        standings = await load_standings(uow, customers)
    await follow_charges(uow, invoices)
    for invoice in invoices:
        derive_invoice(uow, invoice)
    await _follow(uow, customers, invoices, cases, standings)
    policies = await load_case_policies(uow, [case for own in cases.values() for case in own])
    ended = await follow_plan_cases(uow, customers, plans, standings)
    bereft = {customer.id for customer in customers.values() if ended and customer.has_agreements}
    for invoice in invoices:
        standing = standings.of(invoice)
        followed = [(case, policies[case.policy_id, case.policy_version]) for case in cases.get(invoice.id, ())]
        for case, policy in followed:
            code = _align_case(uow, invoice, case, policy, standing)
            if code is not None:
                ended[case.id] = code
                bereft.add(invoice.customer_id)
        derive_collection_state(uow, invoice, followed, standing.states)
        if sets_wakes and is_receivable(invoice) and not _is_awake(uow, customers[invoice.customer_id]):
            at = invoice_wake_at(uow, customers, invoice, followed, standing)
            wake(uow, customers[invoice.customer_id], at)
    if ended:
        await _prune(uow, customers, await load_unsent(uow, bereft) if unsent is None else unsent, ended)
    await follow_exposure(uow, customers.values())
    if sets_wakes:
        _wake_for_agreements(uow, customers, standings)
    return standings


async def _with_others(
    uow: UnitOfWork, invoices: Sequence[Invoice], cases: Cases | None, concerned: Mapping[UUID, Invoice]
) -> tuple[Sequence[Invoice], Cases]:
    """What was touched and what a plan concerns beside it, and the cases of both."""
    known = {invoice.id for invoice in invoices}
    others = [invoice for invoice in concerned.values() if invoice.id not in known]
    missing = others if cases is not None else [*invoices, *others]
    # The caller's own mapping, into which what is opened here is put.
    cases = cases if cases is not None else {}
    if missing:
        cases |= await _load_cases(uow, missing)
    return [*invoices, *others] if others else invoices, cases


async def _prune(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], unsent: Sequence[Reminder], ended: Mapping[UUID, Code]
) -> None:
    """Hold back what is said about cases that have ended."""
    moved_before = set(uow.charged)
    await prune_reminders(uow, unsent, ended)
    await reconcile_released(uow, customers, moved_before, unsent=unsent)


async def reconcile_released(
    uow: UnitOfWork,
    customers: Mapping[UUID, Customer],
    moved_before: Set[UUID],
    *,
    unsent: Sequence[Reminder] | None = None,
    sets_wakes: bool = True,
) -> None:
    """Derive invoices whose fees went with what was held back: a fee may be all that was still owed.

    Args:
        uow: the unit of work; the customers are locked in it.
        customers: whose reminders were held back.
        moved_before: `uow.charged` as it was before.
        unsent: as of `reconcile`.
        sets_wakes: as of `reconcile`.
    """
    released = uow.charged - moved_before
    if released:
        await uow.flush()
        await reconcile(uow, customers, await load_invoices(uow, released), unsent=unsent, sets_wakes=sets_wakes)


def _wake_for_agreements(uow: UnitOfWork, customers: Mapping[UUID, Customer], standings: Standings) -> None:
    for customer_id, on in standings.wakes.items():
        wake(uow, customers[customer_id], start_of_day(on, uow.tenant.zone))
    for customer_id in {case.customer_id for case in standings.plan_cases}:
        # Only the tick sees all that a customer's cases have in common.
        wake(uow, customers[customer_id], uow.now)


def wake(uow: UnitOfWork, customer: Customer, at: datetime | None) -> None:
    """Make sure that the tick looks at a customer by `at`; earlier is harmless, later would be too late."""
    if at is None:
        return
    known = uow.wakes.get(customer.id, customer.next_action_at)
    if known is None or at < known:
        uow.wakes[customer.id] = at
        if at <= uow.now:
            uow.ring("dunning.tick")


def _is_awake(uow: UnitOfWork, customer: Customer) -> bool:
    """Whether the tick looks at a customer now, whatever else comes of an invoice."""
    known = uow.wakes.get(customer.id, customer.next_action_at)
    return known is not None and known <= uow.now


def invoice_wake_at(
    uow: UnitOfWork,
    customers: Mapping[UUID, Customer],
    invoice: Invoice,
    followed: Iterable[tuple[DunningCase, Policy]],
    standing: Standing = CLEAR,
) -> datetime | None:
    """When time alone next changes something about one invoice: its due state, its interest, or a step of its cases."""
    customer = customers[invoice.customer_id]
    instants = [
        at for at in (due_transition_at(uow, invoice), interest_wake_at(uow, customer, invoice)) if at is not None
    ]
    if uow.today < invoice.oldest_due_on and all(_begins_when_due(policy) for _, policy in followed):
        # No verdict says anything before that day, and judging costs more than all else of a new invoice.
        return min(instants, default=None)
    for case, policy in followed:
        if case.state == "closed":
            continue
        facts = chase_facts(uow, customer, [case_facts(uow, case, invoice, policy, standing=standing)], unapplied={})
        verdict = evaluate(facts).verdicts[0]
        if verdict.wake_at is not None:
            instants.append(verdict.wake_at)
        if any(blocker.code is Code.min_amount for blocker in verdict.blockers):
            # Together with the customer's other invoices it may reach the minimum; the tick sees them all.
            instants.append(uow.now)
        if verdict.choice is not None and verdict.choice.unmet:
            # The tick passes over what the case is not for.
            instants.append(uow.now)
    return min(instants, default=None)


def _begins_when_due(policy: Policy) -> bool:
    """Whether nothing of a policy comes before the due date, not even by the minimum of what else is due."""
    return policy.steps[0].offset_days >= 0 and not policy.min_amount and not any(s.min_amount for s in policy.steps)


def due_transition_at(uow: UnitOfWork, invoice: Invoice) -> datetime | None:
    """When the due state next changes: at the start of the due date and of the day after it."""
    due_on = invoice.oldest_due_on
    if uow.today < due_on:
        return start_of_day(due_on, uow.tenant.zone)
    if uow.today == due_on:
        return start_of_day(due_on + timedelta(days=1), uow.tenant.zone)
    return None


async def wake_all(uow: UnitOfWork, *, customer_ids: Collection[UUID] | None = None) -> None:
    """Have every customer with something open looked at: a policy, a window or the tenant's sending has changed."""
    has_open = exists(
        select(1).where(
            Invoice.tenant_id == Customer.tenant_id,
            Invoice.customer_id == Customer.id,
            Invoice.status.in_(("open", "partially_paid")),
        )
    )
    wanted = select(Customer.id).where(Customer.tenant_id == uow.tenant_id, has_open)
    if customer_ids is not None:
        wanted = wanted.where(Customer.id.in_(customer_ids))
    # Locked in the one order that all locks are taken in, before the update takes them in the order it finds them.
    await uow.session.execute(wanted.order_by(Customer.id).with_for_update(key_share=True))
    await uow.session.execute(
        update(Customer)
        .where(Customer.tenant_id == uow.tenant_id, Customer.id.in_(wanted.order_by(None)))
        .values(next_action_at=uow.now)
        .execution_options(synchronize_session=False)
    )
    uow.ring("dunning.tick")


_INVOICES = "SELECT * FROM invoices WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id"
_CASES = "SELECT * FROM dunning_cases WHERE tenant_id = $1 AND invoice_id = ANY($2::uuid[])"


async def load_invoices(uow: UnitOfWork, invoice_ids: Iterable[UUID]) -> list[Invoice]:
    """Invoices in the order of their ids, whatever their state is."""
    return await uow.fetch(Invoice, _INVOICES, uow.tenant_id, list(invoice_ids))


async def _load_cases(uow: UnitOfWork, invoices: Sequence[Invoice]) -> Cases:
    cases = await uow.fetch(DunningCase, _CASES, uow.tenant_id, [invoice.id for invoice in invoices])
    return by_invoice(cases)


async def _follow(
    uow: UnitOfWork,
    customers: Mapping[UUID, Customer],
    invoices: Sequence[Invoice],
    cases: Cases,
    standings: Standings,
) -> None:
    """Open the cases that are missing: of each invoice, or of each of its instalments with something open."""
    unfollowed = [
        (invoice, missing)
        for invoice in invoices
        if is_receivable(invoice) and (missing := _missing(invoice, cases.get(invoice.id, ())))
    ]
    if not unfollowed:
        return
    assigned = await load_assignments(uow, customers, [invoice for invoice, _ in unfollowed])
    for invoice, missing in unfollowed:
        policy = assigned.get(invoice.id)
        if policy is not None:
            stops = standings.of(invoice).stops
            opened = [open_case(uow, invoice, policy, stops=stops, instalment_number=number) for number in missing]
            cases.setdefault(invoice.id, []).extend(opened)


def _missing(invoice: Invoice, own: Iterable[DunningCase]) -> list[int | None]:
    known = {case.instalment_number for case in own}
    return [number for number in numbers_to_chase(invoice) if number not in known]


def _align_case(
    uow: UnitOfWork, invoice: Invoice, case: DunningCase, policy: Policy, standing: Standing
) -> Code | None:
    """A case ends with its invoice or instalment, and is taken up again where it stood (rule M5).

    Returns:
        Why nothing is said about it any more, if that may have changed.
    """
    if not is_receivable(invoice):
        move_case(uow, case, "closed")
        return Code(invoice.status)
    if case.instalment_number is not None and share_of(case, invoice).open_minor == 0:
        was_closed = case.state == "closed"
        move_case(uow, case, "closed")
        return None if was_closed else Code.paid
    return follow_standing(uow, case, policy, standing)
