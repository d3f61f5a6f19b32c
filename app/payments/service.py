"""Commands on payments: lock, load, decide, write, emit."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import FieldError, conflict, invalid, not_found
from app.core.ids import new_id
from app.core.schemas import to_minor
from app.core.uow import UnitOfWork
from app.domain.allocation import allocate_automatically
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.states import PAYMENT
from app.dunning.reminders import in_flight, load_unsent
from app.ledger.writer import allocate_payment, open_item, receive_payment, reverse_payment
from app.models import Invoice, Payment, Reminder
from app.payments import repository
from app.settlement.reconcile import reconcile, wake
from app.settlement.references import Reference, load_customer_invoices, lock_customer

Fields = Mapping[str, Any]


async def create(uow: UnitOfWork, fields: Fields) -> tuple[Payment, list[Reminder]]:
    """Record a payment and settle what the payer designated, or else the oldest due invoices (rule M3).

    Returns:
        The payment, and the customer's reminders that were already claimed when it was recorded.

    Raises:
        ProblemError: 409 when the external id is taken, 422 naming what is not valid.
    """
    customer = await lock_customer(uow, Reference(fields["customer_id"], fields["customer_external_id"]))
    amount = _positive("/amount", fields["amount"], fields["currency"])
    _check_received_on("/received_on", fields["received_on"], uow.today)
    if fields["external_id"] is not None and await repository.external_id_exists(uow, fields["external_id"]):
        raise conflict(Code.external_id_taken, "A payment with this external_id was recorded already.")

    payment = Payment(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=fields["external_id"],
        customer_id=customer.id,
        currency=fields["currency"],
        amount_minor=amount,
        unapplied_minor=0,
        refunded_minor=0,
        intended_allocations=[],
        received_on=fields["received_on"],
        method=fields["method"],
        reference=fields["reference"],
        status="posted",
        reversed_on=None,
        reversal_reason=None,
        meta=fields["metadata"],
        allocations=[],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    designated = await _designated(uow, payment, fields["allocations"])
    wants_automatic = fields["auto_allocate"] if fields["auto_allocate"] is not None else not designated
    # By the whole amount: what was designated may lie among the oldest, and no more than that is taken from them.
    oldest = (
        await repository.load_oldest_invoices(uow, customer.id, payment.currency, amount) if wants_automatic else []
    )

    uow.add(payment)
    receive_payment(uow, payment)
    touched = {invoice.id: invoice for invoice, _ in designated}
    for invoice, part in designated:
        uow.track(invoice)
        allocate_payment(uow, payment, invoice, part)
    chosen, _ = allocate_automatically(payment.unapplied_minor, [open_item(invoice) for invoice in oldest])
    by_id = {invoice.id: invoice for invoice in oldest}
    for allocation in chosen:
        invoice = touched[allocation.invoice_id] = by_id[allocation.invoice_id]
        uow.track(invoice)
        allocate_payment(uow, payment, invoice, allocation.amount)

    uow.emit("payment.created", payment)
    unsent = await load_unsent(uow, [customer.id])
    await reconcile(uow, {customer.id: customer}, list(touched.values()), unsent=unsent)
    return payment, in_flight(unsent, payment.currency)


async def reverse(
    uow: UnitOfWork, payment_id: UUID, *, reason: str, reversed_on: date | None
) -> tuple[Payment, list[Reminder]]:
    """Take a payment back; what it had settled is open again, and chased from where it stood (rule M5).

    Raises:
        ProblemError: 404, 409 when it was reversed already, 422 for a date before the payment or in the future.
    """
    payment = await lock(uow, payment_id)
    customer = await uow.lock_customer(payment.customer_id)
    on = reversed_on or uow.today
    _check_received_on("/reversed_on", on, uow.today)
    if on < payment.received_on:
        raise invalid("/reversed_on", Code.date_order, "A payment cannot be reversed before it was received.")
    PAYMENT.require(payment.status, "reversed")

    invoices = await repository.load_invoices(uow, {allocation.invoice_id for allocation in payment.allocations})
    uow.track(payment)
    for invoice in invoices:
        uow.track(invoice)
    await reverse_payment(uow, payment, {invoice.id: invoice for invoice in invoices}, on=on)
    payment.status = "reversed"
    payment.reversed_on = on
    payment.reversal_reason = reason

    uow.emit("payment.reversed", payment)
    await reconcile(uow, {customer.id: customer}, invoices)
    # Unapplied cash that covered other invoices is gone, too.
    wake(uow, customer, uow.now)
    return payment, in_flight(await load_unsent(uow, [customer.id]), payment.currency)


async def lock(uow: UnitOfWork, payment_id: UUID) -> Payment:
    """A payment under its customer's lock.

    Raises:
        ProblemError: 404.
    """
    customer_id = await repository.find_customer_id(uow, payment_id)
    if customer_id is None:
        raise not_found("payment")
    await uow.lock_customer(customer_id)
    return await get(uow, payment_id)


async def get(uow: UnitOfWork, payment_id: UUID) -> Payment:
    """The payment with an id.

    Raises:
        ProblemError: 404.
    """
    payment = await repository.find(uow, payment_id)
    if payment is None:
        raise not_found("payment")
    return payment


async def _designated(uow: UnitOfWork, payment: Payment, allocations: Sequence[Fields]) -> list[tuple[Invoice, int]]:
    """The payer's own allocations, checked against what is open and what was paid.

    Raises:
        ProblemError: 422 naming the allocation that cannot be made.
    """
    if not allocations:
        return []
    references = [Reference(item["invoice_id"], item["invoice_external_id"]) for item in allocations]
    found = await load_customer_invoices(uow, payment.customer_id, references)
    left: dict[UUID, int] = {}
    designated = []
    for index, (item, reference) in enumerate(zip(allocations, references, strict=True)):
        pointer = f"/allocations/{index}"
        invoice = found.get(reference)
        if invoice is None:
            name = "invoice_id" if reference.id is not None else "invoice_external_id"
            raise invalid(f"{pointer}/{name}", Code.unknown_reference, "The customer has no invoice with this id.")
        if invoice.currency != payment.currency:
            raise invalid(
                f"{pointer}/amount", Code.currency_mismatch, f"The invoice is in {invoice.currency}; pay it in that."
            )
        if invoice.status not in RECEIVABLE:
            raise invalid(
                f"{pointer}/amount", Code.allocation_exceeds_open, f"Nothing is open: the invoice is {invoice.status}."
            )
        part = _positive(f"{pointer}/amount", item["amount"], payment.currency)
        left[invoice.id] = left.get(invoice.id, invoice.open_minor) - part
        if left[invoice.id] < 0:
            raise invalid(f"{pointer}/amount", Code.allocation_exceeds_open, "This is more than the invoice has open.")
        designated.append((invoice, part))
    if sum(part for _, part in designated) > payment.amount_minor:
        raise invalid(
            "/allocations", Code.allocation_exceeds_payment, "The allocations add up to more than the payment."
        )
    return designated


def _positive(pointer: str, amount: str, currency: str) -> int:
    minor = to_minor(pointer, amount, currency)
    if isinstance(minor, FieldError):
        raise invalid(minor.pointer, minor.code, minor.message)
    if minor <= 0:
        raise invalid(pointer, Code.out_of_range, "This amount must be more than zero.")
    return minor


def _check_received_on(pointer: str, on: date, today: date) -> None:
    """A date after the business date is an error (rule T0)."""
    if on > today:
        raise invalid(pointer, Code.date_in_future, f"This date lies after the business date, {today.isoformat()}.")
