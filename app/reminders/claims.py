"""Claims reminders for sending: the last check, under the customer's lock, and the message frozen with it.

The plan that made a reminder was a forecast. Here everything is judged again on the facts of this instant (rule D7);
what may no longer be said is dropped, and what may is rendered, charged for and leased in the same transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.domain.chase import evaluate
from app.domain.clocktime import business_date
from app.domain.contact_rules import Contact
from app.domain.errors import Code
from app.domain.states import REMINDER
from app.domain.verdicts import PASSING, ChaseFacts, Verdict, due_step
from app.dunning.contacts import zone_of
from app.dunning.facts import Dossier, load_case_policies, load_dossiers, load_facts
from app.dunning.reminders import drop_items, live_items
from app.dunning.shares import by_invoice, share_of
from app.dunning.wording import Wording, load_wording
from app.models import Customer, Invoice, Reminder, ReminderItem, Tenant
from app.reminders.composing import compose, encode, message_key
from app.reminders.fees import load_charged, post_fees
from app.reminders.recording import record_sent
from app.settlement.reconcile import reconcile, wake

ALSO_OPEN_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Claim:
    """A reminder that this process alone may send, under its lease token, until its permit runs out."""

    reminder_id: UUID
    lease_token: UUID
    channel: str
    message_key: str
    sender: str
    recipient: str
    content: bytes


@dataclass(slots=True)
class Batch:
    """What one claim transaction did: reminders to be sent, those that ended in shadow, and all that were judged."""

    claims: list[Claim] = field(default_factory=list)
    shadowed: int = 0
    judged: int = 0


async def claim(
    uow: UnitOfWork, settings: Settings, *, limit: int, wait: bool = False, only: UUID | None = None
) -> Batch:
    """Claim up to `limit` ready reminders, customers first (the other way round deadlocks with a payment).

    Args:
        uow: one transaction.
        settings: lengths of lease and quarantine.
        limit: reminders.
        wait: wait for customers that others hold.
        only: this reminder alone, to tell a failing one from its batch.
    """
    # Shared with other claims, but not with a change of the setting: whoever pauses waits for the claims under way,
    # and none begins after the pause was answered.
    sending = await uow.session.scalar(
        select(Tenant.sending).where(Tenant.id == uow.tenant_id).with_for_update(read=True)
    )
    if sending == "paused" or sending != uow.tenant.sending:
        return Batch()
    customers = await _lock_customers(uow, limit=limit, wait=wait, only=only)
    if not customers:
        return Batch()
    reminders = await _load_ready(uow, customers, limit, only)
    dossiers = await load_dossiers(uow, customers.values())
    facts = await load_facts(uow, dossiers, lifted=frozenset(reminder.id for reminder in reminders))
    policies = await load_case_policies(uow, [case for dossier in dossiers.values() for case in dossier.cases.values()])
    charged = await load_charged(uow, reminders, policies.values())
    wording = await load_wording(
        uow, dossiers, {step.template for policy in policies.values() for step in policy.steps}
    )
    batch = Batch(judged=len(reminders))
    priced: list[Invoice] = []
    shadowed: list[Reminder] = []
    for customer_id, own in _by_customer(reminders).items():
        dossier, known = dossiers[customer_id], facts[customer_id]
        for reminder in own:
            case_ids = frozenset(item.case_id for item in live_items(reminder))
            plan = evaluate(replace(known, promised=case_ids))
            verdicts = {verdict.case.case_id: verdict for verdict in plan.verdicts}
            if not await _judge(uow, reminder, verdicts, dossier):
                continue
            reminder.is_shadow = uow.tenant.sending == "shadow"
            if not reminder.is_shadow:
                priced += post_fees(uow, reminder, verdicts, dossier, charged)
            made = _make_out(uow, reminder, verdicts, dossier, wording, settings)
            if reminder.is_shadow:
                shadowed.append(reminder)
            else:
                batch.claims.append(made)
            known = _with_contact(known, reminder, case_ids)
    if priced:
        cases = by_invoice(case for dossier in dossiers.values() for case in dossier.cases.values())
        await reconcile(uow, customers, list({invoice.id: invoice for invoice in priced}.values()), cases=cases)
    if shadowed:
        batch.shadowed = len(shadowed)
        # Claimed and sent are two changes, as for a message that leaves.
        await uow.flush()
        await record_sent(uow, shadowed, dossiers, policies)
    return batch


def _by_customer(reminders: Iterable[Reminder]) -> dict[UUID, list[Reminder]]:
    grouped: dict[UUID, list[Reminder]] = {}
    for reminder in reminders:
        grouped.setdefault(reminder.customer_id, []).append(reminder)
    return grouped


def _with_contact(facts: ChaseFacts, reminder: Reminder, case_ids: frozenset[UUID]) -> ChaseFacts:
    """The facts after one more contact, which counts for the customer's next reminder (rule D6)."""
    today = business_date(facts.now, facts.customer_zone)
    invoice_ids = frozenset(item.invoice_id for item in live_items(reminder))
    return replace(
        facts,
        contacts_today=facts.contacts_today + 1,
        last_contact_on=today,
        contacts=(*facts.contacts, Contact(today, reminder.channel, invoice_ids=invoice_ids)),
        cases=tuple(
            replace(case, pending=Code.in_flight) if case.case_id in case_ids else case for case in facts.cases
        ),
    )


async def _lock_customers(uow: UnitOfWork, *, limit: int, wait: bool, only: UUID | None) -> dict[UUID, Customer]:
    due = (
        select(Reminder.customer_id)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.status == "ready", Reminder.next_attempt_at <= uow.now)
        .order_by(Reminder.next_attempt_at)
        # Room for other workers' customers, which are skipped.
        .limit(limit * 8)
    )
    if only is not None:
        due = due.where(Reminder.id == only)
    statement = (
        select(Customer)
        .where(Customer.tenant_id == uow.tenant_id, Customer.id.in_(due))
        .order_by(Customer.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=not wait)
    )
    return {customer.id: customer for customer in await uow.session.scalars(statement)}


async def _load_ready(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], limit: int, only: UUID | None
) -> Sequence[Reminder]:
    statement = (
        select(Reminder)
        .where(
            Reminder.tenant_id == uow.tenant_id,
            Reminder.customer_id.in_(customers),
            Reminder.status == "ready",
            Reminder.next_attempt_at <= uow.now,
        )
        .options(selectinload(Reminder.items))
        .order_by(Reminder.next_attempt_at, Reminder.id)
        .limit(limit)
    )
    if only is not None:
        statement = statement.where(Reminder.id == only)
    return (await uow.session.scalars(statement)).all()


async def _judge(uow: UnitOfWork, reminder: Reminder, verdicts: Mapping[UUID, Verdict], dossier: Dossier) -> bool:
    """Drop what may no longer be sent; whether anything is left to send now."""
    dropped: list[tuple[ReminderItem, Code]] = []
    waiting: list[Verdict] = []
    for item in live_items(reminder):
        verdict = verdicts.get(item.case_id)
        code = _objection(item, verdict)
        if code is None:
            continue
        if verdict is not None and code in PASSING and all(blocker.code in PASSING for blocker in verdict.blockers):
            waiting.append(verdict)
        else:
            dropped.append((item, code))
    if uow.tenant.sending == "shadow":
        # Its event comes in this transaction; that of a message that leaves tells what sending has changed.
        uow.track(reminder)
    if dropped:
        await drop_items(uow, reminder, dropped)
        # What was dropped is judged afresh by the next tick.
        wake(uow, dossier.customer, uow.now)
    left = live_items(reminder)
    if not left:
        return False
    if waiting:
        # Approved or retried too late in the day: it goes out when time allows it.
        instants = [verdict.earliest_at for verdict in waiting if verdict.earliest_at is not None]
        reminder.next_attempt_at = max(instants, default=uow.now + timedelta(days=1))
        return False
    return True


def _objection(item: ReminderItem, verdict: Verdict | None) -> Code | None:
    """Why an item may not go out now, if it may not."""
    if verdict is None:
        return Code.paid
    if verdict.case.cycle != item.cycle:
        return Code.superseded
    planned = verdict.choice.due if verdict.choice is not None else None
    standing = [blocker.code for blocker in verdict.blockers if blocker.code not in PASSING]
    if standing:
        return standing[0]
    if planned is not None and planned.step.key != item.step_key:
        return Code.superseded
    if planned is None:
        upcoming = verdict.choice.upcoming if verdict.choice is not None else None
        return Code.not_due if upcoming is not None and upcoming.step.key == item.step_key else Code.superseded
    return verdict.blockers[0].code if verdict.blockers else None


def _make_out(
    uow: UnitOfWork,
    reminder: Reminder,
    verdicts: Mapping[UUID, Verdict],
    dossier: Dossier,
    wording: Wording,
    settings: Settings,
) -> Claim:
    """Render and freeze, for a lease under which the message leaves; in shadow it is only recorded."""
    items = live_items(reminder)
    highest = max((due_step(verdicts[item.case_id]) for item in items), key=lambda step: step.step.offset_days)
    address = verdicts[items[0].case_id].address
    if address is not None:
        reminder.channel, reminder.to, reminder.to_name = address.channel, address.address, address.name
    reminder.template = highest.step.template
    for item in items:
        item.amount_minor = verdicts[item.case_id].residual_minor + _charged(dossier, item, verdicts)
    reminder.total_due_minor = sum(item.amount_minor for item in items)

    today = business_date(uow.now, uow.tenant.zone)
    rendered = compose(
        uow,
        reminder,
        dossier,
        wording=wording,
        step_key=highest.step.key,
        also_open=_also_open(reminder, verdicts, dossier, today),
        today=today,
    )
    reminder.language = rendered.language
    reminder.subject, reminder.text_body, reminder.html_body = rendered.subject, rendered.text, rendered.html
    reminder.content = encode(uow, reminder, rendered, domain=settings.message_id_domain)
    REMINDER.require(reminder.status, "sending")
    reminder.status = "sending"
    reminder.attempt_count += 1
    reminder.contacted_on = business_date(uow.now, zone_of(uow, dossier.customer))
    reminder.lease_token = uuid4()
    reminder.lease_expires_at = uow.now + timedelta(seconds=settings.send_lease_seconds)
    reminder.next_attempt_at = uow.now + timedelta(
        seconds=settings.send_lease_seconds + settings.send_quarantine_seconds
    )
    return Claim(
        reminder_id=reminder.id,
        lease_token=reminder.lease_token,
        channel=reminder.channel,
        message_key=message_key(reminder),
        sender=uow.tenant.settings["sender_address"],
        recipient=reminder.to or "",
        content=reminder.content,
    )


def _charged(dossier: Dossier, item: ReminderItem, verdicts: Mapping[UUID, Verdict]) -> int:
    """What charges posted since the verdict have added to what a case chases."""
    share = share_of(dossier.cases[item.case_id], dossier.invoices[item.invoice_id])
    return share.open_minor - verdicts[item.case_id].case.open_minor


def _also_open(reminder: Reminder, verdicts: Mapping[UUID, Verdict], dossier: Dossier, today: date) -> list[UUID]:
    """Cases of other overdue debts in the currency, for a reminder that speaks for the whole customer (rule D5)."""
    listed = {item.case_id for item in live_items(reminder)}
    others = [
        verdict.case
        for verdict in verdicts.values()
        if verdict.case.case_id not in listed
        and verdict.case.currency == reminder.currency
        and verdict.case.policy.id == reminder.policy_id
        and verdict.case.policy.grouping == "customer"
        and verdict.residual_minor > 0
        and verdict.case.pending is None
    ]
    overdue = [case for case in others if case.ladder.due_on < today]
    overdue.sort(key=lambda case: (case.ladder.due_on, dossier.invoices[case.invoice_id].number))
    return [case.case_id for case in overdue[:ALSO_OPEN_LIMIT]]
