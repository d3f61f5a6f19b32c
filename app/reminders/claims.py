"""Claims reminders for sending: the last check, under the customer's lock, and the message frozen with it.

The plan that made a reminder was a forecast. Here everything is judged again on the facts of this instant (rule D7);
what may no longer be said is dropped, and what may is rendered, charged for and leased in the same transaction.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID, uuid4

from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.domain.channels import CHANNELS, WITHOUT_ADDRESS
from app.domain.chase import evaluate
from app.domain.clocktime import business_date
from app.domain.contact_rules import Contact
from app.domain.errors import Code
from app.domain.states import REMINDER
from app.domain.verdicts import PASSING, ChaseFacts, Verdict, due_step
from app.dunning.contacts import zone_of
from app.dunning.facts import Dossier, load_case_policies, load_dossiers, load_facts, tried_again
from app.dunning.reminders import drop_items, live_items
from app.dunning.shares import by_invoice, share_of
from app.dunning.tasks import put_call_task
from app.dunning.wording import Wording, load_wording
from app.messages.rendering import RenderedMessage
from app.models import Customer, Invoice, Reminder, ReminderItem
from app.reminders.accounts import account_of
from app.reminders.channels.base import Account
from app.reminders.chats import load_open_chats
from app.reminders.choosing import load_ready, lock_customers, put_off, within
from app.reminders.composing import compose, encode, message_key
from app.reminders.fees import ChargedStep, load_charged, post_fees
from app.reminders.pauses import has_failed
from app.reminders.tokens import CallbackTarget, callback_url
from app.settlement.outcomes import record_sent
from app.settlement.reconcile import reconcile, reconcile_released, wake

ALSO_OPEN_LIMIT = 50
_NO_ROOMS: Mapping[str, int] = {}
# Shared with other claims, but not with a change of the setting: whoever pauses waits for the claims under way, and
# none begins after the pause was answered.
_SENDING = "SELECT sending FROM tenants WHERE tenants.id = $1 FOR SHARE"


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
    account: Account | None = None
    callback_url: str | None = None


@dataclass(slots=True)
class Batch:
    """What one claim transaction did.

    Attributes:
        claims: Reminders to be sent.
        shadowed: Those that ended in shadow.
        requested: Those that the tenant's own system was asked for.
        judged: All that were taken up, whatever became of them.
        failing: Channels whose last word was a failure.
    """

    claims: list[Claim] = field(default_factory=list)
    shadowed: int = 0
    requested: int = 0
    judged: int = 0
    failing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Making:
    """What messages are made out with."""

    settings: Settings
    wording: Wording
    open_chats: frozenset[tuple[UUID, str]]


async def claim(
    uow: UnitOfWork,
    settings: Settings,
    *,
    limit: int,
    rooms: Mapping[str, int] = _NO_ROOMS,
    wait: bool = False,
    only: UUID | None = None,
) -> Batch:
    """Claim up to `limit` ready reminders, customers first (the other way round deadlocks with a payment).

    Args:
        uow: one transaction.
        settings: lengths of lease and quarantine.
        limit: reminders.
        rooms: of channels that are limited by themselves, how many more they take.
        wait: wait for customers that others hold.
        only: this reminder alone, to tell a failing one from its batch.
    """
    sending = await uow.driver.fetchval(_SENDING, uow.tenant_id)
    if sending == "paused" or sending != uow.tenant.sending:
        return Batch()
    full = [channel for channel, room in rooms.items() if room <= 0]
    customers = await lock_customers(uow, limit=limit, full=full, wait=wait, only=only)
    if not customers:
        return Batch()
    ready = within(rooms, await load_ready(uow, customers, limit, full, only))
    batch = await claim_these(uow, settings, customers, put_off(uow, ready))
    batch.judged = len(ready)
    return batch


async def claim_these(
    uow: UnitOfWork, settings: Settings, customers: Mapping[UUID, Customer], reminders: Sequence[Reminder]
) -> Batch:
    """Claim reminders that are ready, with their items, of customers who are locked."""
    dossiers = await load_dossiers(uow, customers.values())
    facts = await load_facts(uow, dossiers, lifted=frozenset(reminder.id for reminder in reminders))
    policies = await load_case_policies(uow, [case for dossier in dossiers.values() for case in dossier.cases.values()])
    charged = await load_charged(uow, reminders, policies.values())
    wording = await load_wording(
        uow, dossiers, {step.template for policy in policies.values() for step in policy.steps}
    )
    moved_before = set(uow.charged)
    claiming = _Claiming(
        uow,
        Making(settings, wording, await load_open_chats(uow, dossiers, reminders)),
        charged,
        Batch(judged=len(reminders), failing=frozenset(name for name in CHANNELS if has_failed(uow, name))),
    )
    for customer_id, own in _by_customer(reminders).items():
        known = facts[customer_id]
        for reminder in own:
            known = await claiming.take(reminder, dossiers[customer_id], known)
    if claiming.priced:
        cases = by_invoice(case for dossier in dossiers.values() for case in dossier.cases.values())
        await reconcile(
            uow, customers, list({invoice.id: invoice for invoice in claiming.priced}.values()), cases=cases
        )
    # Fees that were taken back with what may not be said any more.
    await reconcile_released(uow, customers, moved_before)
    if claiming.recorded:
        # Claimed and sent are two changes, as for a message that leaves.
        await uow.flush()
        await record_sent(uow, claiming.recorded, dossiers, policies)
    return claiming.batch


@dataclass(slots=True)
class _Claiming:
    """Goes through the reminders of one claim.

    Attributes:
        priced: Invoices that owe more now.
        recorded: Reminders that nothing has to leave for.
    """

    uow: UnitOfWork
    making: Making
    charged: Collection[ChargedStep]
    batch: Batch
    priced: list[Invoice] = field(default_factory=list)
    recorded: list[Reminder] = field(default_factory=list)

    async def take(self, reminder: Reminder, dossier: Dossier, known: ChaseFacts) -> ChaseFacts:
        """Judge one reminder and claim it, if it may go; the customer's facts after it."""
        uow = self.uow
        case_ids = frozenset(item.case_id for item in live_items(reminder))
        again = tried_again(known, reminder, tried=reminder.tried_channels)
        plan = evaluate(replace(again, promised=case_ids))
        verdicts = {verdict.case.case_id: verdict for verdict in plan.verdicts}
        if not await _judge(uow, reminder, verdicts, dossier):
            return known
        reminder.is_shadow = uow.tenant.sending == "shadow"
        if not reminder.is_shadow:
            self.priced += post_fees(uow, reminder, verdicts, dossier, self.charged)
        rendered = _make_out(uow, reminder, verdicts, dossier, self.making)
        if reminder.channel == "call" and not reminder.is_shadow:
            await _hand_to_person(uow, dossier.customer, reminder)
            return _with_pending(known, case_ids, Code.awaiting_call)
        made = _lease(uow, dossier.customer, reminder, self.making.settings)
        if reminder.is_shadow:
            self.batch.shadowed += 1
            self.recorded.append(reminder)
        elif reminder.channel in WITHOUT_ADDRESS:
            _request(uow, reminder, rendered)
            self.batch.requested += 1
            self.recorded.append(reminder)
        else:
            self.batch.claims.append(made)
        return _with_contact(known, reminder, case_ids)


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
        _with_pending(facts, case_ids, Code.in_flight),
        contacts_today=facts.contacts_today + 1,
        last_contact_on=today,
        contacts=(*facts.contacts, Contact(today, reminder.channel, invoice_ids=invoice_ids)),
    )


def _with_pending(facts: ChaseFacts, case_ids: frozenset[UUID], code: Code) -> ChaseFacts:
    cases = (replace(case, pending=code) if case.case_id in case_ids else case for case in facts.cases)
    return replace(facts, cases=tuple(cases))


async def _judge(uow: UnitOfWork, reminder: Reminder, verdicts: Mapping[UUID, Verdict], dossier: Dossier) -> bool:
    """Drop what may no longer be sent; whether anything is left to send now."""
    dropped: list[tuple[ReminderItem, Code]] = []
    waiting: list[Verdict] = []
    for item in live_items(reminder):
        verdict = verdicts.get(item.case_id)
        code = _objection(item, verdict)
        if code is None and verdict is not None and reminder.run_id is not None:
            # Somebody has approved what was shown, and this amount was.
            code = Code.amount_changed if verdict.residual_minor != item.amount_minor else None
        if code is None:
            continue
        if verdict is not None and code in PASSING and all(blocker.code in PASSING for blocker in verdict.blockers):
            waiting.append(verdict)
        else:
            dropped.append((item, code))
    if uow.tenant.sending == "shadow" or reminder.channel in WITHOUT_ADDRESS:
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
    making: Making,
) -> RenderedMessage:
    """Render and freeze what is said now."""
    items = live_items(reminder)
    highest = max((due_step(verdicts[item.case_id]) for item in items), key=lambda step: step.step.offset_days)
    address = verdicts[items[0].case_id].address
    if address is not None:
        reminder.channel, reminder.to, reminder.to_name = address.channel, address.address or None, address.name
    reminder.template = highest.step.template
    for item in items:
        item.amount_minor = verdicts[item.case_id].residual_minor + _charged(dossier, item, verdicts)
    reminder.total_due_minor = sum(item.amount_minor for item in items)

    today = business_date(uow.now, uow.tenant.zone)
    composed = compose(
        uow,
        reminder,
        dossier,
        wording=making.wording,
        step_key=highest.step.key,
        also_open=_also_open(reminder, verdicts, dossier, today),
        today=today,
    )
    rendered = composed.rendered
    reminder.language = rendered.language
    reminder.subject, reminder.text_body, reminder.html_body = rendered.subject, rendered.text, rendered.html
    reminder.content = encode(
        uow,
        reminder,
        composed,
        domain=making.settings.message_id_domain,
        is_open=(dossier.customer.id, reminder.to or "") in making.open_chats,
    )
    return rendered


async def _hand_to_person(uow: UnitOfWork, customer: Customer, reminder: Reminder) -> None:
    """A call waits for somebody to make it; until then nobody has been contacted, and it can be taken back."""
    reminder.attempt_count += 1
    reminder.next_attempt_at = None
    await put_call_task(uow, customer, reminder)
    # Nothing records it, and a later step may come due before somebody calls.
    wake(uow, customer, uow.now)


def _request(uow: UnitOfWork, reminder: Reminder, rendered: RenderedMessage) -> None:
    """Ask the tenant's own system to write."""
    said = {"subject": rendered.subject, "text": rendered.text, "html": rendered.html}
    uow.emit("reminder.requested", reminder, {"message": said})


def _lease(uow: UnitOfWork, customer: Customer, reminder: Reminder, settings: Settings) -> Claim:
    """The reminder is claimed: under its lease the message leaves."""
    REMINDER.require(reminder.status, "sending")
    reminder.status = "sending"
    reminder.attempt_count += 1
    reminder.contacted_on = business_date(uow.now, zone_of(uow, customer))
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
        content=reminder.content or b"",
        account=account_of(uow, settings, reminder.channel),
        callback_url=callback_url(settings, CallbackTarget(uow.tenant_id, reminder.id)),
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
        # Nobody is told of a debt that is held, promised or placed, nor of one that a payment plan asks for.
        and not verdict.case.standing.obstacles
    ]
    overdue = [case for case in others if case.ladder.due_on < today]
    overdue.sort(key=lambda case: (case.ladder.due_on, dossier.invoices[case.invoice_id].number))
    return [case.case_id for case in overdue[:ALSO_OPEN_LIMIT]]
