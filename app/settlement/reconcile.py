"""Derives every state anew after a change of what is owed or may be said.

State is a function of facts: a command writes its own fact and calls `reconcile` with the invoices it touched; cost
follows what was touched. It is idempotent, and the order of independent facts does not matter.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, select, update

from app.core.uow import UnitOfWork
from app.domain.chase import evaluate
from app.domain.clocktime import start_of_day
from app.domain.errors import Code
from app.domain.policy import Policy
from app.dunning.cases import exhaust_if_done, load_assignments, move_case, open_case
from app.dunning.facts import case_facts, chase_facts, load_case_policies
from app.dunning.reminders import load_unsent, prune_reminders
from app.models import Customer, DunningCase, Invoice, Reminder
from app.settlement.credit import follow_exposure
from app.settlement.invoices import derive_collection_state, derive_invoice, is_receivable


async def reconcile(
    uow: UnitOfWork,
    customers: Mapping[UUID, Customer],
    invoices: Sequence[Invoice],
    *,
    cases: dict[UUID, DunningCase] | None = None,
    unsent: Sequence[Reminder] | None = None,
    sets_wakes: bool = True,
) -> None:
    """Bring invoices, their cases and their customers' next wake-up in line with the facts.

    Args:
        uow: the unit of work; the customers are locked in it.
        customers: the customers of the invoices, by id, and those whose unapplied cash or credit has changed.
        invoices: what the command touched, as loaded under the lock.
        cases: all cases of the invoices, by invoice, where the caller knows them (new invoices have none); those that
            are opened here are put in.
        unsent: the customers' reminders that have not left, where the caller has loaded them.
        sets_wakes: whether to bring wake-ups forward; the tick sets them itself.
    """
    for invoice in invoices:
        derive_invoice(uow, invoice)
    if cases is None:
        cases = await _load_cases(uow, invoices)
    await _follow(uow, customers, invoices, cases)
    policies = await load_case_policies(uow, cases.values())
    closed: dict[UUID, Code] = {}
    for invoice in invoices:
        case = cases.get(invoice.id)
        policy = policies[case.policy_id, case.policy_version] if case else None
        if case is not None and policy is not None:
            _align_case(uow, invoice, case, policy)
            if not is_receivable(invoice):
                closed[invoice.id] = Code(invoice.status)
        derive_collection_state(uow, invoice, case, policy)
        if sets_wakes and is_receivable(invoice):
            wake(uow, customers[invoice.customer_id], invoice_wake_at(uow, customers, invoice, case, policy))
    if closed:
        if unsent is None:
            unsent = await load_unsent(uow, {invoice.customer_id for invoice in invoices if invoice.id in closed})
        await prune_reminders(uow, unsent, closed)
    await follow_exposure(uow, customers.values())


def wake(uow: UnitOfWork, customer: Customer, at: datetime | None) -> None:
    """Make sure that the tick looks at a customer by `at`; earlier is harmless, later would be too late."""
    if at is None:
        return
    known = uow.wakes.get(customer.id, customer.next_action_at)
    if known is None or at < known:
        uow.wakes[customer.id] = at
        if at <= uow.now:
            uow.ring("dunning.tick")


def invoice_wake_at(
    uow: UnitOfWork,
    customers: Mapping[UUID, Customer],
    invoice: Invoice,
    case: DunningCase | None,
    policy: Policy | None,
) -> datetime | None:
    """When time alone next changes something about one invoice: its due state, or its case's next step."""
    instants = [at for at in [due_transition_at(uow, invoice)] if at is not None]
    if case is not None and policy is not None:
        facts = chase_facts(uow, customers[invoice.customer_id], [case_facts(uow, case, invoice, policy)], unapplied={})
        verdict = evaluate(facts).verdicts[0]
        if verdict.wake_at is not None:
            instants.append(verdict.wake_at)
        if any(blocker.code is Code.min_amount for blocker in verdict.blockers):
            # Together with the customer's other invoices it may reach the minimum; the tick sees them all.
            instants.append(uow.now)
    return min(instants, default=None)


def due_transition_at(uow: UnitOfWork, invoice: Invoice) -> datetime | None:
    """When the due state next changes: at the start of the due date and of the day after it."""
    if uow.today < invoice.due_on:
        return start_of_day(invoice.due_on, uow.tenant.zone)
    if uow.today == invoice.due_on:
        return start_of_day(invoice.due_on + timedelta(days=1), uow.tenant.zone)
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


_CASES = "SELECT * FROM dunning_cases WHERE tenant_id = $1 AND invoice_id = ANY($2::uuid[])"


async def _load_cases(uow: UnitOfWork, invoices: Sequence[Invoice]) -> dict[UUID, DunningCase]:
    if not invoices:
        return {}
    cases = await uow.fetch(DunningCase, _CASES, uow.tenant_id, [invoice.id for invoice in invoices])
    return {case.invoice_id: case for case in cases}


async def _follow(
    uow: UnitOfWork,
    customers: Mapping[UUID, Customer],
    invoices: Sequence[Invoice],
    cases: dict[UUID, DunningCase],
) -> None:
    """Open the cases that are missing."""
    unfollowed = [invoice for invoice in invoices if is_receivable(invoice) and invoice.id not in cases]
    if not unfollowed:
        return
    assigned = await load_assignments(uow, customers, unfollowed)
    for invoice in unfollowed:
        policy = assigned.get(invoice.id)
        if policy is not None:
            cases[invoice.id] = open_case(uow, invoice, policy)


def _align_case(uow: UnitOfWork, invoice: Invoice, case: DunningCase, policy: Policy) -> None:
    """A case ends with its invoice, and is taken up again where it stood (rule M5)."""
    if not is_receivable(invoice):
        move_case(uow, case, "closed")
    elif case.state == "closed":
        move_case(uow, case, "active")
        exhaust_if_done(uow, case, policy)
