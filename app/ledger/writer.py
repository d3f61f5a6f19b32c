"""The only writer of money. Every function adds entries and moves the kept balances by the same amounts (rule M2).

The caller holds the customer's lock and has loaded the rows under it.
"""

from datetime import date
from typing import Final

from sqlalchemy import select

from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.allocation import Component, OpenItem, split_within_invoice
from app.models import Allocation, Charge, Invoice, LedgerEntry, Payment

_BALANCES: Final = {
    "principal": "principal_open_minor",
    "interest": "interest_open_minor",
    "fees": "fees_open_minor",
}
CHARGE_ACCOUNTS: Final[dict[str, Component]] = {"interest": "interest", "fee": "fees", "recovery_cost": "fees"}


def issue_invoice(uow: UnitOfWork, invoice: Invoice) -> None:
    """Book the invoice's total as principal, and what was paid before Puntual knew it."""
    _post(uow, invoice, account="principal", kind="invoice_issued", amount=invoice.total_minor, on=invoice.issued_on)
    if invoice.opening_paid_minor:
        # Dated with the issue: when it was really paid is known to the ERP alone.
        _post(
            uow,
            invoice,
            account="principal",
            kind="opening_paid",
            amount=-invoice.opening_paid_minor,
            on=invoice.issued_on,
        )
        invoice.settled_minor += invoice.opening_paid_minor


def receive_payment(uow: UnitOfWork, payment: Payment) -> None:
    """Book a payment as the customer's unapplied cash."""
    _post_cash(uow, payment, kind="payment_received", amount=-payment.amount_minor, on=payment.received_on)


def allocate_payment(uow: UnitOfWork, payment: Payment, invoice: Invoice, amount_minor: int) -> Allocation:
    """Move unapplied cash of a payment onto an invoice, divided among its components in the tenant's order (M3).

    Raises:
        AllocationError: the invoice has less open than `amount_minor`.
    """
    allocation = Allocation(
        tenant_id=uow.tenant_id,
        id=new_id(),
        payment_id=payment.id,
        invoice_id=invoice.id,
        amount_minor=amount_minor,
        discount_minor=0,
        difference_minor=0,
        differences=[],
        # Money that was there before the invoice settles it on the day it was issued, not earlier.
        effective_on=max(payment.received_on, invoice.issued_on),
        created_at=uow.now,
        reversed_at=None,
    )
    payment.allocations.append(allocation)
    uow.add(allocation)
    _post_cash(
        uow,
        payment,
        kind="payment_allocated",
        amount=amount_minor,
        on=allocation.effective_on,
        allocation=allocation,
    )
    parts = split_within_invoice(amount_minor, open_item(invoice), _order(uow))
    for component, part in parts.items():
        if part:
            _post(
                uow,
                invoice,
                account=component,
                kind="payment_allocated",
                amount=-part,
                on=allocation.effective_on,
                payment=payment,
                allocation=allocation,
            )
    invoice.settled_minor += amount_minor
    return allocation


async def reverse_payment(uow: UnitOfWork, payment: Payment, invoices: dict[object, Invoice], *, on: date) -> None:
    """Undo a payment and its allocations by opposite entries that name what they reverse (rule M5)."""
    entries = await uow.session.scalars(
        select(LedgerEntry)
        .where(
            LedgerEntry.tenant_id == uow.tenant_id,
            LedgerEntry.payment_id == payment.id,
            LedgerEntry.reverses_id.is_(None),
        )
        .order_by(LedgerEntry.id)
    )
    for entry in entries.all():
        kind = "payment_reversed" if entry.kind == "payment_received" else "allocation_reversed"
        _reverse(uow, entry, kind=kind, on=on)
        if entry.account == "cash":
            payment.unapplied_minor += entry.amount_minor
        else:
            _move(invoices[entry.invoice_id], entry.account, -entry.amount_minor)
    for allocation in payment.allocations:
        allocation.reversed_at = uow.now
        invoices[allocation.invoice_id].settled_minor -= allocation.amount_minor


def post_charge(uow: UnitOfWork, charge: Charge, invoice: Invoice) -> None:
    """Book a charge onto its invoice."""
    entry = _post(
        uow,
        invoice,
        account=CHARGE_ACCOUNTS[charge.kind],
        kind="charge_posted",
        amount=charge.amount_minor,
        on=charge.posted_on,
    )
    entry.charge_id = charge.id


async def reverse_charge(uow: UnitOfWork, charge: Charge, invoice: Invoice) -> None:
    """Take a charge back by an opposite entry."""
    entry = (
        await uow.session.scalars(
            select(LedgerEntry).where(
                LedgerEntry.tenant_id == uow.tenant_id,
                LedgerEntry.invoice_id == invoice.id,
                LedgerEntry.charge_id == charge.id,
                LedgerEntry.kind == "charge_posted",
            )
        )
    ).one()
    _reverse(uow, entry, kind="charge_reversed", on=uow.today)
    _move(invoice, entry.account, -entry.amount_minor)


def open_item(invoice: Invoice) -> OpenItem:
    """An invoice as allocation sees it."""
    return OpenItem(
        invoice_id=invoice.id,
        due_on=invoice.due_on,
        issued_on=invoice.issued_on,
        principal_open=invoice.principal_open_minor,
        interest_open=invoice.interest_open_minor,
        fees_open=invoice.fees_open_minor,
        disputed=invoice.disputed_minor,
    )


def _order(uow: UnitOfWork) -> tuple[Component, ...]:
    known: dict[str, Component] = {"interest": "interest", "fees": "fees", "principal": "principal"}
    return tuple(known[name] for name in uow.tenant.allocation_order)


def _post(
    uow: UnitOfWork,
    invoice: Invoice,
    *,
    account: Component,
    kind: str,
    amount: int,
    on: date,
    payment: Payment | None = None,
    allocation: Allocation | None = None,
) -> LedgerEntry:
    entry = LedgerEntry(
        tenant_id=uow.tenant_id,
        id=new_id(),
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        payment_id=payment.id if payment else None,
        allocation_id=allocation.id if allocation else None,
        account=account,
        kind=kind,
        currency=invoice.currency,
        amount_minor=amount,
        effective_on=on,
        booked_at=uow.now,
    )
    uow.add(entry)
    _move(invoice, account, amount)
    return entry


def _post_cash(
    uow: UnitOfWork, payment: Payment, *, kind: str, amount: int, on: date, allocation: Allocation | None = None
) -> None:
    uow.add(
        LedgerEntry(
            tenant_id=uow.tenant_id,
            id=new_id(),
            customer_id=payment.customer_id,
            payment_id=payment.id,
            allocation_id=allocation.id if allocation else None,
            account="cash",
            kind=kind,
            currency=payment.currency,
            amount_minor=amount,
            effective_on=on,
            booked_at=uow.now,
        )
    )
    payment.unapplied_minor -= amount


def _reverse(uow: UnitOfWork, entry: LedgerEntry, *, kind: str, on: date) -> None:
    uow.add(
        LedgerEntry(
            tenant_id=uow.tenant_id,
            id=new_id(),
            customer_id=entry.customer_id,
            invoice_id=entry.invoice_id,
            payment_id=entry.payment_id,
            charge_id=entry.charge_id,
            allocation_id=entry.allocation_id,
            account=entry.account,
            kind=kind,
            currency=entry.currency,
            amount_minor=-entry.amount_minor,
            # A reversal cannot take effect before what it reverses did.
            effective_on=max(on, entry.effective_on),
            booked_at=uow.now,
            reverses_id=entry.id,
        )
    )


def _move(invoice: Invoice, account: str, amount: int) -> None:
    balance = _BALANCES[account]
    setattr(invoice, balance, getattr(invoice, balance) + amount)
