"""What follows from a message that left, or may have: steps taken, cases moved, everything brought in line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.policy import Policy, Step
from app.domain.states import REMINDER
from app.dunning.cases import Skip, exhaust_if_done, record_sent_step, skip_steps
from app.dunning.facts import Dossier, ladder_of, load_case_policies
from app.dunning.reminders import live_items
from app.dunning.shares import by_invoice
from app.dunning.standing import load_standings_of
from app.models import Customer, DunningCase, Invoice, Reminder, ReminderItem
from app.settlement.reconcile import load_invoices, reconcile


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
    await skip_steps(uow, await lower_steps(uow, parts))
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
            case = dossier.cases[item.case_id]
            policy = policies[case.policy_id, case.policy_version]
            parts.append(Part(reminder, item, case, dossier.invoices[item.invoice_id], policy))
    return parts


async def lower_steps(uow: UnitOfWork, parts: Iterable[Part]) -> list[Skip]:
    """The steps that items pass over: those between the one that was reached before and their own."""
    passed = [(part, step, code) for part in parts for step, code in _superseded(part)]
    if not passed:
        return []
    standings = await load_standings_of(uow, [part.invoice for part, _, _ in passed])
    skips = []
    for part, step, code in passed:
        stops = standings.of_case(part.case, part.invoice).stops
        skips.append(Skip(part.case, ladder_of(uow, part.case, part.invoice, stops).passed(step), code))
    return skips


def _superseded(part: Part) -> list[tuple[Step, Code]]:
    sent = part.policy.own_step(part.item.step_key)
    floor = part.case.reached_offset_days
    return [
        (step, Code.missed if step.offset_days < 0 <= sent.offset_days else Code.superseded)
        for step in part.policy.steps
        if step.offset_days < sent.offset_days and (floor is None or step.offset_days > floor)
    ]


_CLOSE_STEPS = """
UPDATE case_steps SET outcome = $3, decided_at = $4
WHERE tenant_id = $1 AND reminder_id = ANY($2::uuid[]) AND outcome = 'pending'
"""


async def _close_steps(uow: UnitOfWork, reminders: Sequence[Reminder], outcome: str) -> None:
    if not reminders:
        return
    await uow.driver.execute(_CLOSE_STEPS, uow.tenant_id, [reminder.id for reminder in reminders], outcome, uow.now)


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


_CASES = """
SELECT * FROM dunning_cases WHERE tenant_id = $1 AND (id = ANY($2::uuid[]) OR invoice_id = ANY($3::uuid[]))
"""


async def load_touched(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], reminders: Sequence[Reminder]
) -> dict[UUID, Dossier]:
    """The cases and invoices of the reminders' items, whatever their state is by now.

    Of an invoice in instalments, or under a plan, all its cases: together they tell what is being done about it.
    """
    dossiers = {customer_id: Dossier(customer) for customer_id, customer in customers.items()}
    items = [item for reminder in reminders for item in reminder.items]
    for invoice in await load_invoices(uow, {item.invoice_id for item in items}):
        dossiers[invoice.customer_id].invoices[invoice.id] = invoice
    # An invoice that stands for a plan's instalment has a case of its own beside it.
    several = {item.invoice_id for item in items if item.plan_id is not None}
    several |= {
        invoice.id for dossier in dossiers.values() for invoice in dossier.invoices.values() if invoice.instalments
    }
    case_ids = list({item.case_id for item in items})
    for case in await uow.fetch(DunningCase, _CASES, uow.tenant_id, case_ids, list(several)):
        dossiers[case.customer_id].cases[case.id] = case
    return dossiers
