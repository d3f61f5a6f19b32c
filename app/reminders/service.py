"""Commands on reminders; the customer is locked first, so none of them races a claim or a payment."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from app.core.errors import conflict, not_found
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.ladder import PlannedStep
from app.domain.states import REMINDER
from app.dunning.cases import Skip, exhaust_if_done, skip_steps
from app.dunning.facts import load_case_policies
from app.dunning.reminders import end_unsent, live_items, release_steps, reverse_reminder_charges
from app.messages.mime import message_id_for
from app.models import Customer, Reminder
from app.reminders import repository
from app.reminders.composing import message_key
from app.settlement.outcomes import Part, lower_steps
from app.settlement.reconcile import reconcile


async def get(uow: UnitOfWork, reminder_id: UUID) -> Reminder:
    """The reminder with an id, with its items.

    Raises:
        ProblemError: 404.
    """
    reminder = await repository.find(uow, reminder_id)
    if reminder is None:
        raise not_found("reminder")
    return reminder


async def message(uow: UnitOfWork, reminder_id: UUID, *, message_id_domain: str) -> dict[str, Any]:
    """The wire form of a reminder's frozen message.

    Raises:
        ProblemError: 404, 409 before the reminder has been claimed for sending.
    """
    reminder = await get(uow, reminder_id)
    if reminder.content is None:
        raise conflict(
            Code.state_conflict,
            f"The reminder is {reminder.status} and has no message: it is made out when the reminder is claimed for "
            "sending, from what is owed then.",
        )
    return {
        "reminder_id": str(reminder.id),
        "channel": reminder.channel,
        "to": reminder.to,
        "subject": reminder.subject,
        "text": reminder.text_body,
        "html": reminder.html_body,
        "language": reminder.language,
        "message_id": message_id_for(message_key(reminder), message_id_domain),
        "provider_message_id": reminder.provider_message_id,
        "size_bytes": len(reminder.content),
    }


async def approve(uow: UnitOfWork, reminder_id: UUID) -> Reminder:
    """Let a reminder go that waits for approval; it is judged again before it leaves (rule D7).

    Raises:
        ProblemError: 404, 409 when it does not wait for approval.
    """
    _, reminder = await lock(uow, reminder_id)
    if reminder.status != "awaiting_approval":
        raise _wrong_state(reminder, "only one that is awaiting_approval can be approved")
    uow.track(reminder)
    reminder.status = "ready"
    reminder.next_attempt_at = uow.now
    uow.ring("reminder.send")
    return reminder


async def cancel(uow: UnitOfWork, reminder_id: UUID) -> Reminder:
    """Stop a reminder that has not left; its steps are skipped and the ladder goes on above them.

    Raises:
        ProblemError: 404, 409 when it has left, is on its way, or has ended.
    """
    customer, reminder = await lock(uow, reminder_id)
    if reminder.status == "sending":
        raise conflict(
            Code.in_flight, "The reminder is already on its way and cannot be cancelled; read it again in a moment."
        )
    if not REMINDER.allows(reminder.status, "cancelled"):
        raise _wrong_state(reminder, "only one that has not left can be cancelled")
    items = live_items(reminder)
    cases = await repository.load_cases(uow, [item.case_id for item in items])
    invoices = await repository.load_invoices(uow, [item.invoice_id for item in items])
    policies = await load_case_policies(uow, cases.values())
    parts = [
        Part(reminder, item, case, invoices[item.invoice_id], policies[case.policy_id, case.policy_version])
        for item in items
        for case in [cases[item.case_id]]
    ]
    await release_steps(uow, reminder, items)
    await end_unsent(uow, reminder, status="cancelled", reason=Code.cancelled)
    # It stands for the lower steps that it replaced: they are not sent in its stead.
    skips = [replace(skip, reminder_id=reminder.id) for skip in await lower_steps(uow, parts)]
    for part in parts:
        step = part.policy.own_step(part.item.step_key)
        cancelled = PlannedStep(step, part.item.nominal_on, part.item.nominal_on)
        skips.append(Skip(part.case, cancelled, Code.cancelled, reminder.id))
    await skip_steps(uow, skips)
    for part in parts:
        exhaust_if_done(uow, part.case, part.policy)
    await reconcile(uow, {customer.id: customer}, list(invoices.values()))
    return reminder


async def resolve(uow: UnitOfWork, reminder_id: UUID, *, outcome: str, note: str | None) -> Reminder:
    """Decide a reminder of unknown outcome by what people found out; it is not sent again in either case.

    A failed one was no contact, and what was charged for it is taken back (rules D6, M10).

    Raises:
        ProblemError: 404, 409 when its outcome is not unknown.
    """
    customer, reminder = await lock(uow, reminder_id)
    if reminder.status != "outcome_unknown":
        raise _wrong_state(reminder, "only one whose outcome_unknown can be resolved")
    uow.track(reminder)
    reminder.status = outcome
    items = live_items(reminder)
    if outcome == "sent":
        reminder.sent_at = uow.now
        await repository.decide_unknown_steps(uow, reminder.id, outcome="sent", reason=None)
    else:
        reminder.contacted_on = None
        await repository.decide_unknown_steps(uow, reminder.id, outcome="skipped", reason=str(Code.not_delivered))
        await reverse_reminder_charges(uow, reminder, {item.case_id for item in items})
    uow.emit(f"reminder.{outcome}", reminder, {"note": note} if note else None)
    invoices = await repository.load_invoices(uow, [item.invoice_id for item in items])
    await reconcile(uow, {customer.id: customer}, list(invoices.values()))
    return reminder


async def lock(uow: UnitOfWork, reminder_id: UUID) -> tuple[Customer, Reminder]:
    """Lock a reminder's customer, then read it as it is under the lock.

    Raises:
        ProblemError: 404.
    """
    customer_id = await repository.find_customer_id(uow, reminder_id)
    if customer_id is None:
        raise not_found("reminder")
    customer = await uow.lock_customer(customer_id)
    return customer, await get(uow, reminder_id)


def _wrong_state(reminder: Reminder, allowed: str) -> Exception:
    return conflict(Code.state_conflict, f"The reminder is {reminder.status}; {allowed}.")
