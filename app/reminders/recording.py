"""Records what became of a claimed reminder, under its lease token: a late or second answer writes nothing."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import selectinload

from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.ladder import PlannedStep
from app.domain.policy import Policy
from app.domain.retry import send_backoff
from app.domain.states import REMINDER
from app.dunning.cases import exhaust_if_done, reach_step, record_sent_step, skip_steps
from app.dunning.facts import Dossier, load_case_policies
from app.dunning.reminders import live_items, release_steps, reverse_reminder_charges
from app.models import CaseStep, Customer, DunningCase, Invoice, Reminder, ReminderItem
from app.reminders.channels.base import Outcome, SendResult
from app.settlement.reconcile import reconcile, wake

_MAKING_OUT_PAUSE = timedelta(minutes=5)


async def record(uow: UnitOfWork, results: Mapping[UUID, tuple[UUID, SendResult]]) -> int:
    """Write the outcomes of sends.

    Args:
        uow: one transaction.
        results: by reminder, the lease token it was sent under and what happened.

    Returns:
        How many were written; the others' leases had been taken over.
    """
    owners = await uow.session.execute(
        select(Reminder.id, Reminder.customer_id).where(
            Reminder.tenant_id == uow.tenant_id, Reminder.id.in_(list(results))
        )
    )
    customer_ids = {customer_id for _, customer_id in owners}
    customers = {customer.id: customer for customer in await uow.lock_customers(customer_ids)}
    reminders = await _load_sending(uow, list(results))
    fenced = [reminder for reminder in reminders if reminder.lease_token == results[reminder.id][0]]
    dossiers = await _load_touched(uow, customers, fenced)
    policies = await load_case_policies(uow, [case for dossier in dossiers.values() for case in dossier.cases.values()])
    for reminder in fenced:
        result = results[reminder.id][1]
        dossier = dossiers[reminder.customer_id]
        uow.track(reminder)
        reminder.last_error = None if result.outcome is Outcome.accepted else result.detail[:500]
        if result.outcome is Outcome.accepted:
            await record_sent(
                uow, reminder, dossier.customer, dossier.cases, dossier.invoices, policies, result.provider_message_id
            )
        elif result.outcome is Outcome.not_sent:
            _retry(uow, reminder, result)
        elif result.outcome is Outcome.refused:
            await _refuse(uow, reminder, dossier, policies)
        # An unknown outcome stays claimed until its quarantine ends: see `rescue`.
    return len(fenced)


async def record_sent(
    uow: UnitOfWork,
    reminder: Reminder,
    customer: Customer,
    cases: Mapping[UUID, DunningCase],
    invoices: Mapping[UUID, Invoice],
    policies: Mapping[tuple[UUID, int], Policy],
    provider_message_id: str | None,
    *,
    status: str = "sent",
) -> None:
    """A reminder reached the provider, or may have: its steps are taken, and the lower ones recorded as skipped."""
    uow.track(reminder)
    REMINDER.require(reminder.status, status)
    reminder.status = status
    reminder.sent_at = uow.now if status == "sent" else None
    reminder.provider_message_id = provider_message_id
    reminder.next_attempt_at = None
    reminder.lease_token = None
    reminder.lease_expires_at = None
    outcome = "sent" if status == "sent" else "unknown"
    items = [item for item in live_items(reminder) if item.case_id in cases]
    await _close_steps(uow, reminder, outcome)
    touched = []
    for item in items:
        case, invoice = cases[item.case_id], invoices[item.invoice_id]
        policy = policies[case.policy_id, case.policy_version]
        await skip_steps(uow, case, superseded_steps(case, item, policy, invoice))
        # Of a case that a payment has closed meanwhile, too: a reversal takes it up above this step (rule M5).
        record_sent_step(uow, case, policy, item.step_key, on=reminder.contacted_on or uow.today)
        exhaust_if_done(uow, case, policy)
        touched.append(invoice)
    uow.emit(f"reminder.{status}", reminder)
    await reconcile(uow, {customer.id: customer}, touched)


def superseded_steps(
    case: DunningCase, item: ReminderItem, policy: Policy, invoice: Invoice
) -> list[tuple[PlannedStep, Code]]:
    """The steps between the one that was reached before and the item's own, which stands for them."""
    sent = policy.step(item.step_key)
    if sent is None:
        return []
    floor = case.reached_offset_days
    return [
        (
            PlannedStep(step, nominal := invoice.due_on + timedelta(days=step.offset_days + shift), nominal),
            Code.missed if step.offset_days < 0 <= sent.offset_days else Code.superseded,
        )
        for step in policy.steps
        if step.offset_days < sent.offset_days and (floor is None or step.offset_days > floor)
        for shift in [case.shift_days if step.offset_days > 0 else 0]
    ]


async def _close_steps(uow: UnitOfWork, reminder: Reminder, outcome: str) -> None:
    await uow.session.execute(
        update(CaseStep)
        .where(CaseStep.tenant_id == uow.tenant_id, CaseStep.reminder_id == reminder.id, CaseStep.outcome == "pending")
        .values(outcome=outcome, decided_at=uow.now)
        .execution_options(synchronize_session=False)
    )


def _retry(uow: UnitOfWork, reminder: Reminder, result: SendResult) -> None:
    """Nothing left: it is tried again later, after a new check."""
    REMINDER.require(reminder.status, "ready")
    pause = send_backoff(reminder.attempt_count)
    if result.retry_after_seconds is not None:
        pause = max(pause, timedelta(milliseconds=round(result.retry_after_seconds * 1000)))
    reminder.status = "ready"
    reminder.contacted_on = None
    reminder.lease_token = None
    reminder.lease_expires_at = None
    reminder.next_attempt_at = uow.now + pause


async def _refuse(
    uow: UnitOfWork, reminder: Reminder, dossier: Dossier, policies: Mapping[tuple[UUID, int], Policy]
) -> None:
    """The receiving server refused it for good: the steps are skipped and the ladder goes on."""
    REMINDER.require(reminder.status, "ready")
    reminder.status = "skipped"
    reminder.skip_reason = str(Code.address_rejected)
    reminder.contacted_on = None
    reminder.next_attempt_at = None
    reminder.lease_token = None
    reminder.lease_expires_at = None
    items = live_items(reminder)
    await release_steps(uow, reminder, items)
    await reverse_reminder_charges(uow, reminder, {item.case_id for item in items})
    touched = []
    for item in items:
        case, invoice = dossier.cases[item.case_id], dossier.invoices[item.invoice_id]
        policy = policies[case.policy_id, case.policy_version]
        step = policy.step(item.step_key)
        if step is not None:
            await skip_steps(uow, case, superseded_steps(case, item, policy, invoice))
            refused = (PlannedStep(step, item.nominal_on, item.nominal_on), Code.address_rejected)
            await skip_steps(uow, case, [refused], reminder_id=reminder.id)
            reach_step(uow, case, step.key, step.offset_days)
            exhaust_if_done(uow, case, policy)
        touched.append(invoice)
    uow.emit("reminder.failed", reminder)
    await reconcile(uow, {dossier.customer.id: dossier.customer}, touched)


async def _load_sending(uow: UnitOfWork, reminder_ids: Sequence[UUID]) -> Sequence[Reminder]:
    reminders = await uow.session.scalars(
        select(Reminder)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.id.in_(reminder_ids), Reminder.status == "sending")
        .options(selectinload(Reminder.items))
        .order_by(Reminder.id)
    )
    return reminders.all()


async def _load_touched(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], reminders: Sequence[Reminder]
) -> dict[UUID, Dossier]:
    """The cases and invoices of the reminders' items, whatever their state is by now."""
    dossiers = {customer_id: Dossier(customer) for customer_id, customer in customers.items()}
    items = [item for reminder in reminders for item in reminder.items]
    invoices = await uow.session.scalars(
        select(Invoice).where(Invoice.tenant_id == uow.tenant_id, Invoice.id.in_({item.invoice_id for item in items}))
    )
    for invoice in invoices:
        dossiers[invoice.customer_id].invoices[invoice.id] = invoice
    cases = await uow.session.scalars(
        select(DunningCase).where(
            DunningCase.tenant_id == uow.tenant_id, DunningCase.id.in_({item.case_id for item in items})
        )
    )
    for case in cases:
        dossiers[case.customer_id].cases[case.id] = case
    return dossiers


async def postpone(uow: UnitOfWork, reminder_id: UUID, customer_id: UUID, detail: str) -> None:
    """A reminder that could not be made out waits a while, where the tenant can see why."""
    await uow.lock_customer(customer_id)
    reminder = await uow.session.get_one(Reminder, (uow.tenant_id, reminder_id))
    if reminder.status == "ready":
        reminder.next_attempt_at = uow.now + _MAKING_OUT_PAUSE
        reminder.last_error = detail[:500]


async def rescue(uow: UnitOfWork, *, limit: int) -> dict[UUID, str]:
    """Claimed reminders whose worker died or whose outcome stayed unknown, after the quarantine, and their channels."""
    rows = await uow.session.execute(
        select(Reminder.id, Reminder.channel)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.status == "sending", Reminder.next_attempt_at <= uow.now)
        .order_by(Reminder.next_attempt_at)
        .limit(limit)
    )
    return {row.id: row.channel for row in rows}


async def settle_unknown(uow: UnitOfWork, found: Mapping[UUID, bool | None]) -> int:
    """Decide reminders of unknown outcome by what the provider said: accepted, surely not, or cannot tell.

    What cannot be told stays `outcome_unknown`, announced by event and never sent again by itself.
    """
    owners = await uow.session.execute(
        select(Reminder.id, Reminder.customer_id).where(Reminder.tenant_id == uow.tenant_id, Reminder.id.in_(found))
    )
    customers = {
        customer.id: customer for customer in await uow.lock_customers({customer_id for _, customer_id in owners})
    }
    reminders = [
        reminder
        for reminder in await _load_sending(uow, list(found))
        if reminder.next_attempt_at is not None and reminder.next_attempt_at <= uow.now
    ]
    dossiers = await _load_touched(uow, customers, reminders)
    policies = await load_case_policies(uow, [case for dossier in dossiers.values() for case in dossier.cases.values()])
    for reminder in reminders:
        answer = found[reminder.id]
        uow.track(reminder)
        dossier = dossiers[reminder.customer_id]
        if answer is False:
            reminder.status = "ready"
            reminder.contacted_on = None
            reminder.lease_token = None
            reminder.lease_expires_at = None
            reminder.next_attempt_at = uow.now
        else:
            await record_sent(
                uow,
                reminder,
                dossier.customer,
                dossier.cases,
                dossier.invoices,
                policies,
                None,
                status="sent" if answer else "outcome_unknown",
            )
        wake(uow, dossier.customer, uow.now)
    return len(reminders)
