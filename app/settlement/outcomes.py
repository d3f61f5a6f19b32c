"""What follows from a message that left, or may have: steps taken, cases moved, everything brought in line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from app.core.rows import any_of
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.ladder import PlannedStep
from app.domain.policy import Policy
from app.domain.states import REMINDER
from app.dunning.cases import Skip, exhaust_if_done, record_sent_step, skip_steps
from app.dunning.facts import Dossier, load_case_policies
from app.dunning.reminders import live_items
from app.dunning.shares import by_invoice, share_of
from app.models import CaseStep, Customer, DunningCase, Invoice, Reminder, ReminderItem
from app.settlement.reconcile import reconcile


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a reminder with the rows that it is about."""

    reminder: Reminder
    item: ReminderItem
    case: DunningCase
    invoice: Invoice
    policy: Policy


async def record_sent(
    uow: UnitOfWork,
    reminders: Sequence[Reminder],
    dossiers: Mapping[UUID, Dossier],
    policies: Mapping[tuple[UUID, int], Policy],
    *,
    status: str = "sent",
) -> None:
    """Reminders reached the provider, or may have: their steps are taken, and the lower ones recorded as skipped.

    Args:
        uow: one transaction, holding the customers' locks.
        reminders: claimed ones.
        dossiers: the cases and invoices of their items, by customer.
        policies: those that the cases pin.
        status: what they become, `sent` or `outcome_unknown`.
    """
    await _close_steps(uow, reminders, "sent" if status == "sent" else "unknown")
    parts = parts_of(reminders, dossiers, policies)
    await skip_steps(uow, lower_steps(parts))
    for part in parts:
        # Of a case that a payment has closed meanwhile, too: a reversal takes it up above this step (rule M5).
        on = part.reminder.contacted_on or uow.today
        record_sent_step(uow, part.case, part.policy, part.item.step_key, on=on)
        exhaust_if_done(uow, part.case, part.policy)
    for reminder in reminders:
        uow.track(reminder)
        REMINDER.require(reminder.status, status)
        reminder.status = status
        reminder.sent_at = uow.now if status == "sent" else None
        reminder.next_attempt_at = None
        reminder.lease_token = None
        reminder.lease_expires_at = None
        uow.emit(f"reminder.{status}", reminder)
    await reconcile_parts(uow, dossiers, parts)


async def record_one_sent(uow: UnitOfWork, customer: Customer, reminder: Reminder) -> None:
    """One reminder reached the customer or the provider: the same, for who has nothing loaded but the reminder."""
    dossiers = await load_touched(uow, {customer.id: customer}, [reminder])
    policies = await load_case_policies(uow, dossiers[customer.id].cases.values())
    await record_sent(uow, [reminder], dossiers, policies)


def parts_of(
    reminders: Iterable[Reminder], dossiers: Mapping[UUID, Dossier], policies: Mapping[tuple[UUID, int], Policy]
) -> list[Part]:
    """The items of reminders with their rows."""
    parts = []
    for reminder in reminders:
        dossier = dossiers[reminder.customer_id]
        for item in live_items(reminder):
            case = dossier.cases.get(item.case_id)
            if case is not None:
                policy = policies[case.policy_id, case.policy_version]
                parts.append(Part(reminder, item, case, dossier.invoices[item.invoice_id], policy))
    return parts


def lower_steps(parts: Iterable[Part]) -> list[Skip]:
    """The steps that the sent ones pass over."""
    return [
        Skip(part.case, planned, code)
        for part in parts
        for planned, code in superseded_steps(part.case, part.item, part.policy, part.invoice)
    ]


def superseded_steps(
    case: DunningCase, item: ReminderItem, policy: Policy, invoice: Invoice
) -> list[tuple[PlannedStep, Code]]:
    """The steps between the one that was reached before and the item's own, which stands for them."""
    sent = policy.step(item.step_key)
    if sent is None:
        return []
    floor = case.reached_offset_days
    due_on = share_of(case, invoice).due_on
    return [
        (
            PlannedStep(step, nominal := due_on + timedelta(days=step.offset_days + shift), nominal),
            Code.missed if step.offset_days < 0 <= sent.offset_days else Code.superseded,
        )
        for step in policy.steps
        if step.offset_days < sent.offset_days and (floor is None or step.offset_days > floor)
        for shift in [case.shift_days if step.offset_days > 0 else 0]
    ]


async def _close_steps(uow: UnitOfWork, reminders: Sequence[Reminder], outcome: str) -> None:
    if not reminders:
        return
    await uow.session.execute(
        update(CaseStep)
        .where(
            CaseStep.tenant_id == uow.tenant_id,
            CaseStep.reminder_id == any_of(reminder.id for reminder in reminders),
            CaseStep.outcome == "pending",
        )
        .values(outcome=outcome, decided_at=uow.now)
        .execution_options(synchronize_session=False)
    )


async def reconcile_parts(uow: UnitOfWork, dossiers: Mapping[UUID, Dossier], parts: Sequence[Part]) -> None:
    """Bring everything that a batch of outcomes touched in line at once."""
    if not parts:
        return
    invoices = {part.invoice.id: part.invoice for part in parts}
    known = [case for dossier in dossiers.values() for case in dossier.cases.values()]
    await reconcile(
        uow,
        {invoice.customer_id: dossiers[invoice.customer_id].customer for invoice in invoices.values()},
        list(invoices.values()),
        cases=by_invoice(case for case in known if case.invoice_id in invoices),
    )


async def load_touched(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], reminders: Sequence[Reminder]
) -> dict[UUID, Dossier]:
    """The cases and invoices of the reminders' items, whatever their state is by now.

    Of an invoice in instalments, or under a plan, all its cases: together they tell what is being done about it.
    """
    dossiers = {customer_id: Dossier(customer) for customer_id, customer in customers.items()}
    items = [item for reminder in reminders for item in reminder.items]
    invoices = await uow.session.scalars(
        select(Invoice).where(
            Invoice.tenant_id == uow.tenant_id, Invoice.id == any_of({item.invoice_id for item in items})
        )
    )
    for invoice in invoices:
        dossiers[invoice.customer_id].invoices[invoice.id] = invoice
    wanted: ColumnElement[bool] = DunningCase.id == any_of({item.case_id for item in items})
    # An invoice that stands for a plan's instalment has a case of its own beside it.
    several = {item.invoice_id for item in items if item.plan_id is not None}
    several |= {
        invoice.id for dossier in dossiers.values() for invoice in dossier.invoices.values() if invoice.instalments
    }
    if several:
        wanted |= DunningCase.invoice_id == any_of(several)
    cases = await uow.session.scalars(select(DunningCase).where(DunningCase.tenant_id == uow.tenant_id, wanted))
    for case in cases:
        dossiers[case.customer_id].cases[case.id] = case
    return dossiers
