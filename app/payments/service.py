"""Commands on payments: lock, load, decide, write, emit."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from app.core.amounts import positive
from app.core.days import not_ahead
from app.core.errors import conflict, invalid, not_found
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.money import exponent, format_amount, round_half_up
from app.domain.states import PAYMENT
from app.dunning.reminders import in_flight, load_unsent
from app.ledger.payments import receive_payment, reverse_payment
from app.models import Customer, Invoice, Payment, Reminder
from app.payments import repository
from app.payments.repository import PAYMENTS
from app.payments.settling import (
    Settled,
    designate,
    lock_payers,
    references_of,
    settle_designated,
    settle_oldest,
)
from app.settlement.reconcile import reconcile, wake
from app.settlement.references import Reference, lock_customer, unknown_customer

Fields = Mapping[str, Any]
Acknowledged = tuple[Payment, list[Reminder]]
"""A payment, and the customer's reminders that were already claimed when the command was carried out."""
VersionCheck = Callable[[int], None]
"""Raises where the caller knows another version than the one under the lock (If-Match)."""


async def create(uow: UnitOfWork, fields: Fields) -> Acknowledged:
    """Record a payment and settle what the payer designated, or else the oldest due invoices (rule M3).

    Raises:
        ProblemError: 409 when the external id is taken, 422 naming what is not valid.
    """
    fields, customers = await _lock_payers(uow, fields)
    amount = positive("/amount", fields["amount"], fields["currency"])
    _check_dates(fields, uow.today)
    if fields["tendered"] is not None:
        _check_rate(fields["tendered"], amount, fields["currency"])
    if fields["external_id"] is not None and await repository.external_id_exists(uow, fields["external_id"]):
        raise conflict(Code.external_id_taken, "A payment with this external_id was recorded already.")

    payment = _new_payment(uow, fields, amount)
    uow.add(payment)
    settled = Settled()
    designations = await designate(
        uow, payment, fields["allocations"], for_others=fields["for_other_customers"], available_minor=amount
    )
    if payment.status == "posted":
        receive_payment(uow, payment)
        settled = await settle_designated(uow, payment, designations)
        if payment.customer_id is not None and wants_automatic(fields, has_named=bool(designations)):
            await settle_oldest(uow, payment, settled, customer=customers[payment.customer_id], amount_minor=amount)
    uow.emit("payment.created", payment)
    return await acknowledge(uow, payment, customers, settled.invoices.values())


async def reverse(
    uow: UnitOfWork, payment_id: UUID, *, reason: str, reversed_on: date | None, check: VersionCheck
) -> Acknowledged:
    """Take a payment back; what it had settled is open again, and chased from where it stood (rule M5).

    Raises:
        ProblemError: 404, 409 when it was reversed or refunded already, 422 for a date before the payment or ahead.
    """
    found = await PAYMENTS.get(uow, payment_id)
    # What a pending one was to cover is chased again, whoever owes it.
    meant = {"allocations": found.intended_allocations, "for_other_customers": found.for_other_customers}
    payment, customers = await lock_for(uow, payment_id, meant, check)
    on = not_ahead("/reversed_on", reversed_on, uow.today)
    if on < payment.received_on:
        raise invalid("/reversed_on", Code.date_order, "A payment cannot be reversed before it was received.")
    PAYMENT.require(payment.status, "reversed")
    if payment.refunded_minor:
        raise conflict(
            Code.state_conflict,
            "A part of the payment was refunded, so it cannot have bounced whole; invoice the customer for the loss.",
        )
    uow.track(payment)
    invoices = await load_settled(uow, payment)
    for invoice in invoices.values():
        uow.track(invoice)
    await reverse_payment(uow, payment, invoices, on=on)
    payment.status = "reversed"
    payment.reversed_on = on
    payment.reversal_reason = reason
    uow.emit("payment.reversed", payment)
    return await acknowledge(uow, payment, customers, invoices.values())


def _new_payment(uow: UnitOfWork, fields: Fields, amount_minor: int) -> Payment:
    return Payment(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=fields["external_id"],
        customer_id=fields["customer_id"],
        currency=fields["currency"],
        amount_minor=amount_minor,
        unapplied_minor=0,
        refunded_minor=0,
        received_on=fields["received_on"],
        matures_on=fields["matures_on"],
        tendered=fields["tendered"],
        intended_allocations=intended(fields) if fields["status"] == "pending" else [],
        for_other_customers=fields["status"] == "pending" and fields["for_other_customers"],
        method=fields["method"],
        reference=fields["reference"],
        status=fields["status"],
        reversed_on=None,
        reversal_reason=None,
        meta=fields["metadata"],
        allocations=[],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )


def intended(fields: Fields) -> list[Any]:
    """What a pending instrument will settle, as it is kept."""
    return [
        {**item, "invoice_id": str(item["invoice_id"]) if item["invoice_id"] else None}
        for item in fields["allocations"]
    ]


async def _lock_payers(uow: UnitOfWork, fields: Fields) -> tuple[Fields, dict[UUID, Customer]]:
    """Lock who pays and whose invoices are paid; nobody for money that nobody has been named for."""
    if fields["customer_id"] is None and fields["customer_external_id"] is None:
        if fields["allocations"]:
            raise invalid("/allocations", Code.missing, "Name the customer whose payment it is.")
        return fields, {}
    reference = Reference(fields["customer_id"], fields["customer_external_id"])
    if not fields["for_other_customers"]:
        customer = await lock_customer(uow, reference)
        return {**fields, "customer_id": customer.id}, {customer.id: customer}
    customer_id = await repository.find_payer(uow, reference)
    if customer_id is None:
        raise unknown_customer(reference)
    return {**fields, "customer_id": customer_id}, await lock_payers(uow, customer_id, fields["allocations"])


async def lock_for(
    uow: UnitOfWork, payment_id: UUID, fields: Fields | None, check: VersionCheck
) -> tuple[Payment, dict[UUID, Customer]]:
    """A payment under the locks of its customer and of those whose invoices it settles or will settle.

    All of them at once, so that locks are taken in id order; only then the version is compared.

    Raises:
        ProblemError: 404, 409 where who is concerned has changed meanwhile, 412.
    """
    owners = await repository.find_owners(uow, payment_id)
    if owners is None:
        raise not_found("payment")
    if fields is not None and fields["for_other_customers"]:
        owners |= await repository.find_invoice_customers(uow, references_of(fields["allocations"]))
    customers = {customer.id: customer for customer in await uow.lock_customers(owners)}
    # Where no customer's lock covers it, its own does.
    payment = await PAYMENTS.get(uow, payment_id, for_update=not customers)
    # Before the locks were had it may have been assigned, or allocated to yet another customer's invoice.
    if not (await repository.find_owners(uow, payment_id) or set()) <= customers.keys():
        raise conflict(Code.state_conflict, "Another command has just changed whose payment this is; send it again.")
    check(payment.version)
    return payment, customers


async def load_settled(uow: UnitOfWork, payment: Payment) -> dict[UUID, Invoice]:
    """The invoices that a payment settles."""
    wanted = {item.invoice_id for item in payment.allocations if item.reversed_at is None}
    return {invoice.id: invoice for invoice in await repository.load_invoices(uow, wanted)}


async def acknowledge(
    uow: UnitOfWork, payment: Payment, customers: Mapping[UUID, Customer], invoices: Iterable[Invoice]
) -> Acknowledged:
    """Derive what follows from a changed payment, and name the reminders that it came too late for (rule D7)."""
    if not customers:
        return payment, []
    unsent = await load_unsent(uow, list(customers))
    await reconcile(uow, customers, list(invoices), unsent=unsent)
    for customer in customers.values():
        # Unapplied cash covers other invoices than those that were touched.
        wake(uow, customer, uow.now)
    return payment, in_flight(unsent, payment.currency)


def require_posted(payment: Payment) -> None:
    """Only what has come, has stayed and has an owner can be moved.

    Raises:
        ProblemError: 409.
    """
    if payment.status != "posted":
        raise conflict(Code.state_conflict, f"The payment is {payment.status}; only a posted one can be changed.")
    if payment.customer_id is None:
        raise conflict(Code.state_conflict, "Nobody knows yet whose payment this is; assign it to a customer first.")


def wants_automatic(fields: Fields, *, has_named: bool) -> bool:
    """Whether what was not designated goes to the oldest due invoices (rule M3)."""
    wanted = fields.get("auto_allocate")
    return not has_named if wanted is None else bool(wanted)


def _check_dates(fields: Fields, today: date) -> None:
    not_ahead("/received_on", fields["received_on"], today)
    if fields["status"] == "pending" and fields["matures_on"] is None:
        raise invalid("/matures_on", Code.missing, "Say when the pending instrument matures.")
    if fields["status"] == "posted" and fields["matures_on"] is not None:
        raise invalid("/matures_on", Code.invalid_value, "Only a payment with status pending matures.")
    if fields["matures_on"] is not None and fields["matures_on"] < fields["received_on"]:
        raise invalid("/matures_on", Code.date_order, "An instrument does not mature before it was received.")


def _check_rate(tendered: Fields, amount_minor: int, currency: str) -> None:
    """What was handed over, at its rate, comes to the amount: a wrong rate would lose money unseen (rule M11)."""
    if tendered["currency"] == currency:
        raise invalid("/tendered/currency", Code.currency_mismatch, "Leave `tendered` out in the same currency.")
    handed_over = positive("/tendered/amount", tendered["amount"], tendered["currency"])
    scale = Fraction(10) ** (exponent(currency) - exponent(tendered["currency"]))
    expected = round_half_up(handed_over * Fraction(tendered["exchange_rate"]) * scale)
    if abs(expected - amount_minor) > 1:
        raise invalid(
            "/tendered/exchange_rate",
            Code.invalid_value,
            f"At this rate it comes to {format_amount(expected, currency)} {currency}, not to the amount.",
        )
