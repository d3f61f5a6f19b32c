"""Commands that move a payment after it was recorded: allocate, unallocate, refund, assign, confirm."""

from datetime import date
from uuid import UUID

from app.core.amounts import up_to
from app.core.days import not_ahead
from app.core.errors import conflict, invalid
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.states import PAYMENT
from app.ledger.allocations import unsettle
from app.ledger.entries import reassign
from app.ledger.payments import receive_payment, refund_payment
from app.payments.repository import PAYMENTS
from app.payments.service import (
    Acknowledged,
    Fields,
    VersionCheck,
    acknowledge,
    intended,
    load_settled,
    lock_for,
    require_posted,
    wants_automatic,
)
from app.payments.settling import Settled, designate, settle_designated, settle_oldest, still_possible
from app.settlement.references import Reference, lock_customer


async def allocate(uow: UnitOfWork, payment_id: UUID, fields: Fields, check: VersionCheck) -> Acknowledged:
    """Apply unapplied cash to invoices, later than it came.

    Raises:
        ProblemError: 404, 409 when nothing is unapplied, 422 naming what is not valid.
    """
    payment, customers = await lock_for(uow, payment_id, fields, check)
    require_posted(payment)
    if payment.unapplied_minor == 0:
        raise conflict(Code.state_conflict, "Nothing of the payment is unapplied; unallocate a part of it first.")
    left = payment.unapplied_minor
    designations = await designate(
        uow, payment, fields["allocations"], for_others=fields["for_other_customers"], available_minor=left
    )
    uow.track(payment)
    settled = await settle_designated(uow, payment, designations)
    if payment.customer_id is not None and wants_automatic(fields, has_named=bool(designations)):
        await settle_oldest(uow, payment, settled, customer=customers[payment.customer_id], amount_minor=left)
    if settled.invoices:
        uow.emit("payment.allocated", payment)
    return await acknowledge(uow, payment, customers, settled.invoices.values())


async def unallocate(uow: UnitOfWork, payment_id: UUID, fields: Fields, check: VersionCheck) -> Acknowledged:
    """Take a payment off invoices, as if it had not been applied to them; the cash is unapplied again.

    Raises:
        ProblemError: 404, 409 when the payment is not posted, 422 for an invoice that it does not settle.
    """
    payment, customers = await lock_for(uow, payment_id, None, check)
    require_posted(payment)
    standing = [item for item in payment.allocations if item.reversed_at is None]
    invoices = await load_settled(uow, payment)
    if fields["invoice_ids"]:
        unknown = set(fields["invoice_ids"]) - {item.invoice_id for item in standing}
        if unknown:
            raise invalid("/invoice_ids", Code.unknown_reference, "The payment does not settle one of these invoices.")
        standing = [item for item in standing if item.invoice_id in fields["invoice_ids"]]
    if not standing:
        raise conflict(Code.state_conflict, "The payment settles nothing.")
    uow.track(payment)
    touched = [invoices[invoice_id] for invoice_id in {item.invoice_id for item in standing}]
    for invoice in touched:
        uow.track(invoice)
    # Undone from the day they took effect: what was misapplied never settled the invoice.
    await unsettle(uow, payment, standing, invoices, on=date.min)
    uow.emit("payment.allocated", payment)
    return await acknowledge(uow, payment, customers, touched)


async def refund(uow: UnitOfWork, payment_id: UUID, fields: Fields, check: VersionCheck) -> Acknowledged:
    """Record that unapplied cash went back to the payer.

    Raises:
        ProblemError: 404, 409 when the payment is not posted, 422 for more than is unapplied.
    """
    payment, customers = await lock_for(uow, payment_id, None, check)
    require_posted(payment)
    amount = up_to("/amount", fields["amount"], payment.currency, payment.unapplied_minor)
    on = not_ahead("/refunded_on", fields["refunded_on"], uow.today)
    uow.track(payment)
    refund_payment(uow, payment, amount, on=on)
    uow.emit("payment.refunded", payment)
    return await acknowledge(uow, payment, customers, [])


async def assign(uow: UnitOfWork, payment_id: UUID, fields: Fields, check: VersionCheck) -> Acknowledged:
    """Say whose an unidentified payment is, and settle that customer's invoices with it (rule M4).

    Raises:
        ProblemError: 404, 409 when it is somebody's already, 422 naming what is not valid.
    """
    await PAYMENTS.get(uow, payment_id)
    customer = await lock_customer(uow, Reference(fields["customer_id"], fields["customer_external_id"]))
    payment = await PAYMENTS.get(uow, payment_id, for_update=True)
    check(payment.version)
    if payment.customer_id is not None:
        raise conflict(Code.state_conflict, "The payment belongs to a customer; reverse it and record it anew.")
    if payment.status == "reversed":
        raise conflict(Code.state_conflict, "The payment was reversed.")
    uow.track(payment)
    if payment.status == "posted":
        reassign(uow, payment, customer.id, on=payment.received_on)
    payment.customer_id = customer.id
    settled = Settled()
    left = payment.unapplied_minor
    available = left if payment.status == "posted" else payment.amount_minor
    designations = await designate(uow, payment, fields["allocations"], for_others=False, available_minor=available)
    if payment.status == "pending":
        payment.intended_allocations = intended(fields)
    else:
        settled = await settle_designated(uow, payment, designations)
        if wants_automatic(fields, has_named=bool(designations)):
            await settle_oldest(uow, payment, settled, customer=customer, amount_minor=left)
    uow.emit("payment.allocated", payment)
    return await acknowledge(uow, payment, {customer.id: customer}, settled.invoices.values())


async def confirm(uow: UnitOfWork, payment_id: UUID, fields: Fields, check: VersionCheck) -> Acknowledged:
    """A pending instrument has been paid: it is posted, and settles what it was meant for (rule M4).

    Raises:
        ProblemError: 404, 409 when it is not pending, 422 for a date that cannot be.
    """
    found = await PAYMENTS.get(uow, payment_id)
    meant = {"allocations": found.intended_allocations, "for_other_customers": True}
    payment, customers = await lock_for(uow, payment_id, meant, check)
    PAYMENT.require(payment.status, "posted")
    on = not_ahead("/received_on", fields["received_on"], uow.today)
    if on < payment.received_on:
        raise invalid("/received_on", Code.date_order, "An instrument is not paid before it was received.")
    uow.track(payment)
    payment.received_on = on
    payment.status = "posted"
    amount = payment.amount_minor
    designations = await still_possible(uow, payment, payment.intended_allocations)
    receive_payment(uow, payment)
    settled = await settle_designated(uow, payment, designations)
    if payment.customer_id is not None and wants_automatic(fields, has_named=bool(designations)):
        await settle_oldest(uow, payment, settled, customer=customers[payment.customer_id], amount_minor=amount)
    uow.emit("payment.allocated", payment)
    return await acknowledge(uow, payment, customers, settled.invoices.values())
