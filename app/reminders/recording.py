"""Records what became of a claimed reminder, under its lease token: a late or second answer writes nothing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import defer, selectinload

from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.ladder import PlannedStep
from app.domain.policy import Policy
from app.domain.retry import send_backoff
from app.domain.states import REMINDER
from app.dunning.cases import Skip, exhaust_if_done, record_sent_step, skip_steps
from app.dunning.facts import Dossier, load_case_policies
from app.dunning.reminders import live_items, release_steps, reverse_reminder_charges
from app.dunning.shares import by_invoice, share_of
from app.models import CaseStep, Customer, DunningCase, Invoice, Reminder, ReminderItem
from app.reminders.channels.base import Outcome, SendResult
from app.reminders.repository import any_of
from app.settlement.reconcile import reconcile, wake

_MAKING_OUT_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Part:
    """One item of a reminder with the rows that it is about."""

    reminder: Reminder
    item: ReminderItem
    case: DunningCase
    invoice: Invoice
    policy: Policy


async def record(uow: UnitOfWork, results: Mapping[UUID, tuple[UUID, SendResult]]) -> int:
    """Write the outcomes of sends.

    Args:
        uow: one transaction.
        results: by reminder, the lease token it was sent under and what happened.

    Returns:
        How many were written; the others' leases had been taken over.
    """
    customers = await _lock_owners(uow, results)
    reminders = await _load_sending(uow, results)
    fenced = [reminder for reminder in reminders if reminder.lease_token == results[reminder.id][0]]
    dossiers = await _load_touched(uow, customers, fenced)
    policies = await load_case_policies(uow, [case for dossier in dossiers.values() for case in dossier.cases.values()])
    accepted: list[Reminder] = []
    refused: list[Reminder] = []
    for reminder in fenced:
        result = results[reminder.id][1]
        uow.track(reminder)
        reminder.last_error = None if result.outcome is Outcome.accepted else result.detail[:500]
        if result.outcome is Outcome.accepted:
            reminder.provider_message_id = result.provider_message_id
            accepted.append(reminder)
        elif result.outcome is Outcome.not_sent:
            _retry(uow, reminder, result)
        elif result.outcome is Outcome.refused:
            refused.append(reminder)
        # An unknown outcome stays claimed until its quarantine ends: see `rescue`.
    await record_sent(uow, accepted, dossiers, policies)
    await _record_refused(uow, refused, dossiers, policies)
    return len(fenced)


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
    parts = _parts(reminders, dossiers, policies)
    await skip_steps(uow, _lower_steps(parts))
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
    await _reconcile(uow, dossiers, parts)


def _parts(
    reminders: Iterable[Reminder], dossiers: Mapping[UUID, Dossier], policies: Mapping[tuple[UUID, int], Policy]
) -> list[_Part]:
    parts = []
    for reminder in reminders:
        dossier = dossiers[reminder.customer_id]
        for item in live_items(reminder):
            case = dossier.cases.get(item.case_id)
            if case is not None:
                policy = policies[case.policy_id, case.policy_version]
                parts.append(_Part(reminder, item, case, dossier.invoices[item.invoice_id], policy))
    return parts


def _lower_steps(parts: Iterable[_Part]) -> list[Skip]:
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


async def _reconcile(uow: UnitOfWork, dossiers: Mapping[UUID, Dossier], parts: Sequence[_Part]) -> None:
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


async def _record_refused(
    uow: UnitOfWork,
    reminders: Sequence[Reminder],
    dossiers: Mapping[UUID, Dossier],
    policies: Mapping[tuple[UUID, int], Policy],
) -> None:
    """The receiving server refused them for good: the steps are skipped and the ladders go on."""
    parts = _parts(reminders, dossiers, policies)
    for reminder in reminders:
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
    skips = _lower_steps(parts)
    for part in parts:
        step = part.policy.step(part.item.step_key)
        if step is not None:
            refused = PlannedStep(step, part.item.nominal_on, part.item.nominal_on)
            skips.append(Skip(part.case, refused, Code.address_rejected, part.reminder.id))
    await skip_steps(uow, skips)
    for part in parts:
        exhaust_if_done(uow, part.case, part.policy)
    for reminder in reminders:
        uow.emit("reminder.failed", reminder)
    await _reconcile(uow, dossiers, parts)


async def _lock_owners(uow: UnitOfWork, reminder_ids: Collection[UUID]) -> dict[UUID, Customer]:
    """Lock the customers of reminders, in the one order that all locks are taken in."""
    owners = select(Reminder.customer_id).where(
        Reminder.tenant_id == uow.tenant_id, Reminder.id == any_of(reminder_ids)
    )
    statement = (
        select(Customer)
        .where(Customer.tenant_id == uow.tenant_id, Customer.id.in_(owners))
        .order_by(Customer.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {customer.id: customer for customer in await uow.session.scalars(statement)}


async def _load_sending(uow: UnitOfWork, reminder_ids: Collection[UUID]) -> Sequence[Reminder]:
    reminders = await uow.session.scalars(
        select(Reminder)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.id == any_of(reminder_ids), Reminder.status == "sending")
        .options(
            selectinload(Reminder.items),
            # What was said is the greater part of the row, and does not matter any more.
            *(defer(column, raiseload=True) for column in (Reminder.content, Reminder.text_body, Reminder.html_body)),
        )
        .order_by(Reminder.id)
    )
    return reminders.all()


async def _load_touched(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], reminders: Sequence[Reminder]
) -> dict[UUID, Dossier]:
    """The cases and invoices of the reminders' items, whatever their state is by now.

    Of an invoice in instalments, all its cases: together they tell what is being done about it.
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
    divided = [
        invoice.id for dossier in dossiers.values() for invoice in dossier.invoices.values() if invoice.instalments
    ]
    if divided:
        wanted |= DunningCase.invoice_id == any_of(divided)
    cases = await uow.session.scalars(select(DunningCase).where(DunningCase.tenant_id == uow.tenant_id, wanted))
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
    customers = await _lock_owners(uow, found)
    reminders = [
        reminder
        for reminder in await _load_sending(uow, found)
        if reminder.next_attempt_at is not None and reminder.next_attempt_at <= uow.now
    ]
    dossiers = await _load_touched(uow, customers, reminders)
    policies = await load_case_policies(uow, [case for dossier in dossiers.values() for case in dossier.cases.values()])
    for reminder in reminders:
        uow.track(reminder)
        if found[reminder.id] is False:
            reminder.status = "ready"
            reminder.contacted_on = None
            reminder.lease_token = None
            reminder.lease_expires_at = None
            reminder.next_attempt_at = uow.now
    accepted = [reminder for reminder in reminders if found[reminder.id] is True]
    untold = [reminder for reminder in reminders if found[reminder.id] is None]
    await record_sent(uow, accepted, dossiers, policies)
    await record_sent(uow, untold, dossiers, policies, status="outcome_unknown")
    for reminder in reminders:
        wake(uow, customers[reminder.customer_id], uow.now)
    return len(reminders)
