"""Reminders as rows: made from a plan, pruned when their reason goes away, released when they end unsent."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm.attributes import set_committed_value

from app.core.ids import new_id
from app.core.rows import NewRow
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.states import REMINDER
from app.domain.verdicts import PlannedReminder, Verdict, due_step
from app.dunning.tasks import cancel_call_task
from app.ledger.charges import reverse_charge
from app.models import CaseStep, Charge, Customer, DunningRunItem, Invoice, Reminder, ReminderItem
from app.models.base import fresh

PRUNABLE = ("awaiting_approval", "ready")


def make_reminder(
    uow: UnitOfWork,
    customer: Customer,
    planned: PlannedReminder,
    language: str,
    *,
    replaces: Reminder | None = None,
    taken: Collection[UUID] = (),
    run_id: UUID | None = None,
) -> Reminder:
    """A reminder that is ready to be claimed, or that waits for approval; its steps are reserved with it.

    Args:
        uow: the unit of work, holding the customer's lock.
        customer: who is written to.
        planned: what goes out.
        language: of the message.
        replaces: the reminder whose steps are tried by another channel.
        taken: cases whose step has been taken already, by a message that came back.
        run_id: the run that it belongs to, which somebody has approved.
    """
    waits = planned.requires_approval and run_id is None
    reminder = fresh(
        Reminder,
        tenant_id=uow.tenant_id,
        id=new_id(),
        customer_id=customer.id,
        policy_id=planned.policy.id,
        policy_version=planned.policy.version,
        currency=planned.currency,
        channel=planned.address.channel,
        to=planned.address.address or None,
        to_name=planned.address.name,
        language=language,
        template=planned.highest.step.template,
        status="awaiting_approval" if waits else "ready",
        is_shadow=uow.tenant.sending == "shadow",
        nominal_on=planned.highest.nominal_on,
        scheduled_at=uow.now,
        sent_at=None,
        contacted_on=None,
        provider_message_id=None,
        replaces_id=replaces.id if replaces is not None else None,
        run_id=run_id,
        tried_channels=[*replaces.tried_channels, replaces.channel] if replaces is not None else [],
        skip_reason=None,
        total_due_minor=sum(verdict.residual_minor for verdict in planned.verdicts),
        subject=None,
        text_body=None,
        html_body=None,
        content=None,
        attempt_count=0,
        last_error=None,
        next_attempt_at=None if waits else uow.now,
        lease_token=None,
        lease_expires_at=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    items = []
    for verdict in planned.verdicts:
        step = due_step(verdict)
        items.append(
            fresh(
                ReminderItem,
                tenant_id=uow.tenant_id,
                reminder_id=reminder.id,
                case_id=verdict.case.case_id,
                invoice_id=verdict.case.invoice_id,
                step_key=step.step.key,
                cycle=verdict.case.cycle,
                nominal_on=step.nominal_on,
                amount_minor=verdict.residual_minor,
                plan_id=verdict.case.plan_id,
                instalment_number=verdict.case.instalment_number,
                dropped_reason=None,
            )
        )
        if verdict.case.case_id not in taken:
            taken_up = {
                "tenant_id": uow.tenant_id,
                "case_id": verdict.case.case_id,
                "cycle": verdict.case.cycle,
                "step_key": step.step.key,
                "outcome": "pending",
                "reminder_id": reminder.id,
                "nominal_on": step.nominal_on,
                "decided_at": uow.now,
            }
            uow.add(NewRow(CaseStep, taken_up))
    set_committed_value(reminder, "items", items)
    uow.add(reminder)
    for item in items:
        uow.add(item)
    if waits:
        uow.emit("reminder.awaiting_approval", reminder)
    else:
        uow.ring("reminder.send")
    return reminder


_UNSENT = """
SELECT * FROM reminders
WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND status IN ('awaiting_approval', 'ready', 'sending')
ORDER BY id
"""
_ITEMS = "SELECT * FROM reminder_items WHERE tenant_id = $1 AND reminder_id = ANY($2::uuid[]) ORDER BY case_id"


async def load_unsent(uow: UnitOfWork, customer_ids: Collection[UUID]) -> list[Reminder]:
    """Reminders of the customers that are not known to have left, with their items."""
    reminders = await uow.fetch(Reminder, _UNSENT, uow.tenant_id, list(customer_ids))
    return await with_items(uow, reminders)


async def with_items(uow: UnitOfWork, reminders: list[Reminder]) -> list[Reminder]:
    """Reminders that the driver has read, with their items."""
    if reminders:
        items: dict[UUID, list[ReminderItem]] = {reminder.id: [] for reminder in reminders}
        for item in await uow.fetch(ReminderItem, _ITEMS, uow.tenant_id, list(items)):
            items[item.reminder_id].append(item)
        for reminder in reminders:
            set_committed_value(reminder, "items", items[reminder.id])
    return reminders


def live_items(reminder: Reminder) -> list[ReminderItem]:
    """The items that are still to go out."""
    return [item for item in reminder.items if item.dropped_reason is None]


async def prune_reminders(uow: UnitOfWork, reminders: Iterable[Reminder], ended: Mapping[UUID, Code]) -> None:
    """Take cases that are not chased any more out of reminders that can still be held back.

    Args:
        uow: the unit of work, holding the customers' locks.
        reminders: those that have not left; a claimed one is in flight and stays as it is.
        ended: why, by case.
    """
    for reminder in reminders:
        items = [item for item in live_items(reminder) if item.case_id in ended]
        if items and reminder.status in PRUNABLE:
            await drop_items(uow, reminder, [(item, ended[item.case_id]) for item in items])


async def prune_undue(uow: UnitOfWork, reminders: Iterable[Reminder], verdicts: Mapping[UUID, Verdict]) -> None:
    """Take cases out of reminders that can still be held back, where the step they were made for is not due any more.

    Args:
        uow: the unit of work, holding the customers' locks.
        reminders: those that have not left.
        verdicts: the cases judged anew.
    """
    ended = {}
    for reminder in reminders:
        for item in live_items(reminder):
            verdict = verdicts.get(item.case_id)
            choice = verdict.choice if verdict is not None else None
            if choice is not None and choice.due is None and reminder.replaces_id is not None:
                # The step has been taken; that it is tried by another channel does not follow from the ladder.
                continue
            if choice is not None and (choice.due is None or choice.due.step.key != item.step_key):
                ended[item.case_id] = Code.not_due if choice.due is None else Code.superseded
    await prune_reminders(uow, reminders, ended)


async def drop_items(uow: UnitOfWork, reminder: Reminder, dropped: Sequence[tuple[ReminderItem, Code]]) -> None:
    """Take items out of a reminder that has not left; the reminder ends when none is left.

    The steps are released, so that they are judged afresh when whatever stopped them ends (rule D3).
    """
    uow.track(reminder)
    if reminder.run_id is not None:
        # It goes out as it was shown when it was approved, or not at all (rule D14).
        named = {item.case_id for item, _ in dropped}
        dropped = [*dropped, *((item, dropped[0][1]) for item in live_items(reminder) if item.case_id not in named)]
    for item, code in dropped:
        item.dropped_reason = str(code)
    items = [item for item, _ in dropped]
    await release_steps(uow, reminder, items)
    await reverse_reminder_charges(uow, reminder, {item.case_id for item in items})
    left = live_items(reminder)
    reminder.total_due_minor = sum(item.amount_minor for item in left)
    if not left:
        await end_unsent(uow, reminder, status="skipped", reason=dropped[0][1])
    elif reminder.channel == "call" and reminder.status == "ready":
        # The script is written anew for what is left.
        reminder.next_attempt_at = uow.now
        uow.ring("reminder.send")


async def end_unsent(uow: UnitOfWork, reminder: Reminder, *, status: str, reason: Code) -> None:
    """A reminder ends without having left: its charges are taken back (rule M10)."""
    REMINDER.require(reminder.status, status)
    uow.track(reminder)
    reminder.status = status
    reminder.skip_reason = str(reason)
    reminder.next_attempt_at = None
    reminder.lease_token = None
    reminder.lease_expires_at = None
    reminder.contacted_on = None
    await report_drift(uow, reminder, reason)
    if reminder.channel == "call":
        await cancel_call_task(uow, reminder)
    await reverse_reminder_charges(uow, reminder, {item.case_id for item in reminder.items})
    uow.emit("reminder.cancelled", reminder)


async def report_drift(uow: UnitOfWork, reminder: Reminder, reason: Code) -> None:
    """Tell the run that a reminder is of, if any, that it does not go out after all (rule D14)."""
    if reminder.run_id is None:
        return
    await uow.session.execute(
        update(DunningRunItem)
        .where(DunningRunItem.tenant_id == uow.tenant_id, DunningRunItem.reminder_id == reminder.id)
        .values(status="drifted", drift_reason=str(reason))
        .execution_options(synchronize_session=False)
    )


async def release_steps(uow: UnitOfWork, reminder: Reminder, items: Iterable[ReminderItem]) -> None:
    """Give back the reservation of steps that were not sent."""
    case_ids = [item.case_id for item in items]
    await uow.session.execute(
        delete(CaseStep).where(
            CaseStep.tenant_id == uow.tenant_id,
            CaseStep.reminder_id == reminder.id,
            CaseStep.case_id.in_(case_ids),
            CaseStep.outcome == "pending",
        ),
        execution_options={"synchronize_session": False},
    )


async def reverse_reminder_charges(uow: UnitOfWork, reminder: Reminder, case_ids: Collection[UUID]) -> None:
    """Take back what was charged to cases for a reminder that never left; what has been paid meanwhile stays."""
    if reminder.attempt_count == 0:
        return
    charges = await uow.session.scalars(
        select(Charge).where(
            Charge.tenant_id == uow.tenant_id,
            Charge.reminder_id == reminder.id,
            Charge.case_id.in_(case_ids),
            Charge.status == "posted",
        )
    )
    for charge in charges.all():
        invoice = await uow.session.get_one(Invoice, (uow.tenant_id, charge.invoice_id))
        # The row may still say `posted` where this unit of work has just taken the charge back.
        if charge.status != "posted" or charge.paid_minor or invoice.fees_open_minor < charge.amount_minor:
            continue
        uow.track(charge)
        uow.track(invoice)
        await reverse_charge(uow, charge, invoice)
        charge.status = "reversed"
        uow.emit("charge.reversed", charge)
        uow.emit("invoice.updated", invoice)


def in_flight(reminders: Iterable[Reminder], currency: str) -> list[Reminder]:
    """Reminders that were already claimed: they start within the permit or not at all (rule D7)."""
    return [reminder for reminder in reminders if reminder.status == "sending" and reminder.currency == currency]


def under_way(reminders: Iterable[Reminder], invoice_ids: Collection[UUID]) -> list[Reminder]:
    """Those that were already claimed and are about one of the invoices (rule D7)."""
    return [
        reminder
        for reminder in reminders
        if reminder.status == "sending" and any(item.invoice_id in invoice_ids for item in live_items(reminder))
    ]
