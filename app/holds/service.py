"""Commands on holds: lock, load, decide, write, emit."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from app.core.errors import invalid
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.states import HOLD
from app.dunning.reminders import load_unsent, under_way
from app.dunning.standing import hold_of
from app.holds import repository
from app.holds.repository import HOLDS
from app.models import Customer, Hold, Reminder
from app.settlement.reconcile import reconcile, wake
from app.settlement.references import Reference, lock_customer, lock_invoice_customer

Fields = Mapping[str, Any]
Acknowledged = tuple[Hold, list[Reminder]]
# Debt Respite Scheme (Breathing Space Moratorium and Mental Health Crisis Moratorium) Regulations 2020, reg. 26.
BREATHING_SPACE_DAYS: Final = 60


async def create(uow: UnitOfWork, fields: Fields) -> Acknowledged:
    """Place a hold (rule D8); the reminders that it came too late for are named.

    Raises:
        ProblemError: 409 when the external id is taken, 422 for what is not valid.
    """
    customer, invoice_id = await _lock_target(uow, fields)
    await HOLDS.refuse_taken(uow, fields["external_id"], "A hold with this external_id was placed already.")
    starts_on: date = fields["starts_on"] or uow.today
    ends_on, effects = fields["ends_on"], list(fields["effects"])
    if fields["preset"] == "uk_breathing_space":
        ends_on, effects = starts_on + timedelta(days=BREATHING_SPACE_DAYS - 1), ["contact", "charges"]
    if ends_on is not None and ends_on < uow.today:
        raise invalid("/ends_on", Code.date_order, "The hold would be over already.")
    hold = Hold(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=fields["external_id"],
        customer_id=customer.id,
        invoice_id=invoice_id,
        reason=fields["reason"],
        note=fields["note"],
        starts_on=starts_on,
        ends_on=ends_on,
        effects=effects,
        status="scheduled",
        released_on=None,
        release_reason=None,
        meta=fields["metadata"],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    hold.status = hold_of(hold).status(uow.today)
    uow.add(hold)
    uow.emit("hold.placed", hold)
    return await _acknowledge(uow, customer, hold)


async def release(uow: UnitOfWork, customer: Customer, hold: Hold, *, reason: str | None) -> Acknowledged:
    """Release a hold under its customer's lock before its end; the business date is free again.

    Raises:
        ProblemError: 409 when it has ended.
    """
    HOLD.require(hold.status, "released")
    uow.track(hold)
    hold.status = "released"
    hold.released_on = uow.today
    hold.release_reason = reason
    uow.emit("hold.released", hold)
    return await _acknowledge(uow, customer, hold)


async def _lock_target(uow: UnitOfWork, fields: Fields) -> tuple[Customer, UUID | None]:
    if fields["invoice_id"] is None and fields["invoice_external_id"] is None:
        return await lock_customer(uow, Reference(fields["customer_id"], fields["customer_external_id"])), None
    return await lock_invoice_customer(uow, Reference(fields["invoice_id"], fields["invoice_external_id"]))


async def _acknowledge(uow: UnitOfWork, customer: Customer, hold: Hold) -> Acknowledged:
    """Derive what follows, and name the reminders on their way (rule D7)."""
    customer.has_agreements = True
    await uow.flush()
    invoices = await repository.load_open_invoices(uow, customer.id, hold.invoice_id)
    if "charges" in hold.effects:
        # Interest of its days may have been posted.
        uow.backdated.update(invoice.id for invoice in invoices)
    unsent = await load_unsent(uow, [customer.id])
    await reconcile(uow, {customer.id: customer}, invoices, unsent=unsent)
    wake(uow, customer, uow.now)
    return hold, under_way(unsent, {invoice.id for invoice in invoices})
