"""Takes in what a customer answered, and honours an opt-out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from app.core.errors import conflict, invalid
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.customers.inbound import repository
from app.domain.errors import Code
from app.domain.opt_out import opt_out_word
from app.dunning.reminders import load_unsent
from app.models import Activity, Customer, Reminder
from app.settlement.reconcile import wake_all

# Clocks of providers run ahead a little.
_TOLERANCE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message: the activity that records it, and the reminders that it came too late for."""

    activity: Activity
    is_new: bool
    in_flight: list[Reminder]


async def take(uow: UnitOfWork, customer_id: UUID, fields: Mapping[str, Any]) -> Taken:
    """Record a message of a customer; one that is an opt-out word and nothing else ends the use of its address.

    Raises:
        ProblemError: 404, 409 when the customer was erased, 422 for a message of the future.
    """
    customer = await uow.lock_customer(customer_id)
    if customer.erased_at is not None:
        raise conflict(Code.state_conflict, "The customer was erased; nothing that it sends is kept.")
    external_id = fields["external_id"]
    if external_id is not None:
        known = await repository.find_by_external_id(uow, customer.id, external_id)
        if known is not None:
            return Taken(known, is_new=False, in_flight=[])
    received_at = fields["received_at"] or uow.now
    if received_at > uow.now + _TOLERANCE:
        raise invalid("/received_at", Code.date_in_future, "A message has been received already.")
    channel, sender, text = fields["channel"], fields["sender"], fields["text"]
    word = opt_out_word(text)
    name, entries = _found(customer, channel, sender)
    activity = Activity(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=external_id,
        customer_id=customer.id,
        invoice_ids=[],
        kind="email" if channel == "email" else "message",
        direction="inbound",
        occurred_at=received_at,
        # Nobody has contacted the customer.
        contacted_on=None,
        is_conversation=False,
        contact_name=name,
        outcome=_outcome(word, entries),
        note=text,
        author=None,
        task_id=None,
        meta={"channel": channel, "from": sender, **({"word": word} if word is not None else {})},
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(activity)
    if activity.outcome != "opted_out":
        return Taken(activity, is_new=True, in_flight=[])
    return Taken(activity, is_new=True, in_flight=await _opt_out(uow, customer, channel, sender, activity))


def _outcome(word: str | None, entries: list[Mapping[str, Any]]) -> str:
    if word is None:
        return "recorded"
    if not entries:
        return "unknown_address"
    return "already_opted_out" if all(entry["consent"] == "denied" for entry in entries) else "opted_out"


async def _opt_out(
    uow: UnitOfWork, customer: Customer, channel: str, sender: str, activity: Activity
) -> list[Reminder]:
    """Deny consent for one address, wherever it stands; what was claimed before is told."""
    uow.track(customer)
    customer.contacts = [
        {
            **contact,
            "channels": [
                {**entry, "consent": "denied"} if _is_address(entry, channel, sender) else entry
                for entry in contact["channels"]
            ],
        }
        for contact in customer.contacts
    ]
    uow.emit("customer.updated", customer)
    told = {"channel": channel, "address": sender, "activity_id": str(activity.id)}
    uow.emit("customer.opted_out", customer, told)
    await uow.flush()
    unsent = await load_unsent(uow, [customer.id])
    # Another address or channel may take the place of this one.
    await wake_all(uow, customer_ids=[customer.id])
    return [
        reminder
        for reminder in unsent
        if reminder.status == "sending" and reminder.channel == channel and _same(channel, reminder.to or "", sender)
    ]


def _found(customer: Customer, channel: str, sender: str) -> tuple[str | None, list[Mapping[str, Any]]]:
    """Whose address it is, and every entry of it."""
    found = [
        (contact["name"], entry)
        for contact in customer.contacts
        for entry in contact["channels"]
        if _is_address(entry, channel, sender)
    ]
    return (found[0][0] if found else None), [entry for _, entry in found]


def _is_address(entry: Mapping[str, Any], channel: str, sender: str) -> bool:
    return entry["type"] == channel and _same(channel, entry["address"], sender)


def _same(channel: str, one: str, other: str) -> bool:
    # Mailboxes that differ by case alone are one in practice.
    return one.casefold() == other.casefold() if channel == "email" else one == other
