"""Money comes in, goes back, and turns out not to have come."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from app.core.uow import UnitOfWork
from app.ledger.allocations import end_allocations, undo
from app.ledger.entries import load_standing, post_unapplied
from app.models import Invoice, Payment


def receive_payment(uow: UnitOfWork, payment: Payment) -> None:
    """Book a payment as unapplied cash: the customer's, or nobody's while it is unidentified (rule M4)."""
    post_unapplied(uow, payment, kind="payment_received", amount=-payment.amount_minor, on=payment.received_on)


def refund_payment(uow: UnitOfWork, payment: Payment, amount_minor: int, *, on: date) -> None:
    """Give unapplied cash back to the payer."""
    post_unapplied(uow, payment, kind="payment_refunded", amount=amount_minor, on=max(on, payment.received_on))
    payment.refunded_minor += amount_minor


async def reverse_payment(uow: UnitOfWork, payment: Payment, invoices: Mapping[UUID, Invoice], *, on: date) -> None:
    """Undo a payment and its allocations by opposite entries that name what they reverse (rule M5)."""
    # What was wholly given back to the payer settles nothing: its entries add up to nothing and stay.
    ended = {allocation.id for allocation in payment.allocations if allocation.reversed_at is not None}
    for entry in await load_standing(uow, payment_id=payment.id):
        if entry.allocation_id in ended:
            continue
        kind = "payment_reversed" if entry.allocation_id is None else "allocation_reversed"
        await undo(uow, entry, payment, invoices, on=on, kind=kind)
    end_allocations(uow, payment.allocations, invoices)
