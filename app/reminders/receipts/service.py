"""Takes in what a provider tells about a message: it arrived, was opened, came back, or is not wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.core.errors import conflict, invalid
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.clocktime import business_date
from app.domain.errors import Code
from app.domain.states import REMINDER
from app.dunning.contacts import zone_of
from app.models import Customer, Reminder, ReminderReceipt
from app.reminders.receipts import repository
from app.reminders.repository import decide_unknown_steps
from app.reminders.service import get, lock
from app.settlement.addresses import deny, mark_bounced
from app.settlement.fallback import fall_back
from app.settlement.outcomes import record_one_sent

# Clocks of providers run ahead a little.
_TOLERANCE: Final = timedelta(minutes=5)
_LEFT: Final = frozenset({"sending", "sent", "delivered", "failed", "outcome_unknown"})


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a receipt.

    Attributes:
        is_new: It was not known before.
        replacements: The reminders that try the step by another channel.
    """

    receipt: ReminderReceipt
    reminder: Reminder
    is_new: bool
    replacements: list[Reminder] = field(default_factory=list)


async def take(uow: UnitOfWork, reminder_id: UUID, fields: Mapping[str, Any]) -> Taken:
    """Record what a provider tells, once, and do what follows.

    Whatever it tells, it had the message: one whose outcome was not known has left.

    Raises:
        ProblemError: 404, 409 for a reminder that has not left, 422 for a receipt of the future.
    """
    customer, reminder = await lock(uow, reminder_id)
    kind, event_id = fields["kind"], fields["provider_event_id"]
    known = await repository.find(uow, reminder.id, kind=kind, provider_event_id=event_id)
    if known is not None:
        return Taken(known, reminder, is_new=False)
    if not may_have_left(reminder):
        what = "left nothing, since `sending` was `shadow`" if reminder.is_shadow else f"is {reminder.status}"
        raise conflict(Code.state_conflict, f"The reminder {what}; only of one that has left something can be told.")
    occurred_at = fields["occurred_at"] or uow.now
    if occurred_at > uow.now + _TOLERANCE:
        raise invalid("/occurred_at", Code.date_in_future, "What is told has happened already.")
    receipt = ReminderReceipt(
        tenant_id=uow.tenant_id,
        id=new_id(),
        reminder_id=reminder.id,
        kind=kind,
        provider_event_id=event_id,
        occurred_at=occurred_at,
        received_at=uow.now,
        # What a provider says may name the address.
        detail=None if customer.erased_at is not None else fields["detail"],
    )
    uow.add(receipt)
    await prove_sent(uow, customer, reminder)
    if kind in {"delivered", "read"}:
        _arrived(uow, reminder, kind, occurred_at)
        return Taken(receipt, reminder, is_new=True)
    if kind == "complained":
        # Only who has a message complains of it.
        _arrived(uow, reminder, "delivered", occurred_at)
        await deny(uow, customer, reminder.channel, reminder.to or "")
        return Taken(receipt, reminder, is_new=True)
    return Taken(receipt, reminder, is_new=True, replacements=await _came_back(uow, customer, reminder, receipt))


async def list_of(uow: UnitOfWork, reminder_id: UUID) -> Sequence[ReminderReceipt]:
    """What was told about a reminder, the oldest first.

    Raises:
        ProblemError: 404.
    """
    await get(uow, reminder_id)
    return await repository.list_of(uow, reminder_id)


def may_have_left(reminder: Reminder) -> bool:
    """Whether a provider can tell something of it: also of one that it said to be too busy for, and took."""
    if reminder.is_shadow:
        return False
    # What becomes of a call is told by its task.
    was_tried = reminder.status == "ready" and reminder.attempt_count > 0 and reminder.channel != "call"
    return reminder.status in _LEFT or was_tried


async def prove_sent(uow: UnitOfWork, customer: Customer, reminder: Reminder) -> None:
    """The provider has the message, whatever was recorded of it so far."""
    if reminder.status == "ready":
        # Recorded as not sent, and about to be sent again.
        REMINDER.require(reminder.status, "sending")
        uow.track(reminder)
        reminder.status = "sending"
        reminder.contacted_on = business_date(uow.now, zone_of(uow, customer))
    if reminder.status == "sending":
        # Told before the sender could record it, or after the sender had died: its own word comes too late.
        uow.track(reminder)
        await record_one_sent(uow, customer, reminder)
    elif reminder.status == "outcome_unknown":
        uow.track(reminder)
        reminder.status = "sent"
        reminder.sent_at = uow.now
        await decide_unknown_steps(uow, reminder.id, outcome="sent", reason=None)
        uow.emit("reminder.sent", reminder)


def _arrived(uow: UnitOfWork, reminder: Reminder, kind: str, at: datetime) -> None:
    uow.track(reminder)
    if reminder.status == "sent":
        REMINDER.require(reminder.status, "delivered")
        reminder.status = "delivered"
        reminder.delivered_at = at
        uow.emit("reminder.delivered", reminder)
    if kind == "read" and reminder.read_at is None:
        reminder.read_at = at
        uow.emit("reminder.read", reminder)


async def _came_back(
    uow: UnitOfWork, customer: Customer, reminder: Reminder, receipt: ReminderReceipt
) -> list[Reminder]:
    """The step stays taken and its contact counts; where it has another channel, that one is tried."""
    if reminder.status == "failed":
        return []
    uow.track(reminder)
    REMINDER.require(reminder.status, "failed")
    reminder.status = "failed"
    reminder.last_error = f"{receipt.kind}: {receipt.detail or 'no detail'}"[:500]
    uow.emit("reminder.failed", reminder, {"receipt": receipt.kind})
    if receipt.kind == "bounced" and reminder.to:
        await mark_bounced(uow, customer, reminder.channel, reminder.to)
    return await fall_back(uow, customer, reminder)
