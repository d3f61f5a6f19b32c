"""How entries come to be: each adds a row and moves the kept balance by the same amount (rule M2).

The only places that write ledger rows and balances; everything in this package goes through here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.core.ids import new_id
from app.core.rows import NewRow
from app.core.uow import UnitOfWork
from app.domain.allocation import Component, DuePart, OpenItem
from app.models import CreditNote, Invoice, LedgerEntry, Payment

_BALANCES: Final = {
    "principal": "principal_open_minor",
    "interest": "interest_open_minor",
    "fees": "fees_open_minor",
}
_COMPONENTS: Final[dict[str, Component]] = {"interest": "interest", "fees": "fees", "principal": "principal"}

Source = Payment | CreditNote
"""What settles an invoice: money, or a credit."""


@dataclass(frozen=True, slots=True)
class Because:
    """What an entry comes from, beside its invoice or source; all of it optional."""

    payment_id: UUID | None = None
    credit_note_id: UUID | None = None
    allocation_id: UUID | None = None
    charge_id: UUID | None = None
    write_off_id: UUID | None = None
    reason: str | None = None


NOTHING_MORE: Final = Because()


def post(
    uow: UnitOfWork,
    invoice: Invoice,
    *,
    account: str,
    kind: str,
    amount: int,
    on: date,
    because: Because = NOTHING_MORE,
) -> None:
    """Add an entry to an account of an invoice; nothing for an amount of zero."""
    if amount == 0:
        return
    _add(uow, invoice.customer_id, invoice.id, invoice.currency, account, kind, amount, on, because, None)
    move(uow, invoice, account, amount, on=on)


def post_unapplied(
    uow: UnitOfWork,
    source: Source,
    *,
    kind: str,
    amount: int,
    on: date,
    allocation_id: UUID | None = None,
) -> None:
    """Add an entry to what a payment or credit note has not been applied to: negative puts in, positive takes out."""
    if amount == 0:
        return
    account = "cash" if isinstance(source, Payment) else "credit"
    because = because_of(source, allocation_id=allocation_id)
    _add(uow, source.customer_id, None, source.currency, account, kind, amount, on, because, None)
    source.unapplied_minor -= amount


def because_of(source: Source, *, allocation_id: UUID | None = None, reason: str | None = None) -> Because:
    """The origin of an entry that a payment or credit note makes."""
    if isinstance(source, Payment):
        return Because(payment_id=source.id, allocation_id=allocation_id, reason=reason)
    return Because(credit_note_id=source.id, allocation_id=allocation_id, reason=reason)


def reassign(uow: UnitOfWork, payment: Payment, customer_id: UUID | None, *, on: date) -> None:
    """Move a payment's unapplied cash to another customer's account, or from nobody's."""
    amount, because = payment.unapplied_minor, because_of(payment)
    for owner, moved in ((payment.customer_id, amount), (customer_id, -amount)):
        _add(uow, owner, None, payment.currency, "cash", "payment_assigned", moved, on, because, None)
    payment.customer_id = customer_id


def reverse(
    uow: UnitOfWork,
    entry: LedgerEntry,
    *,
    kind: str,
    on: date,
    invoice: Invoice | None = None,
    source: Source | None = None,
) -> None:
    """Add the opposite of an entry, which it names; it cannot take effect before what it reverses did."""
    effective_on = max(on, entry.effective_on)
    because = Because(
        payment_id=entry.payment_id,
        credit_note_id=entry.credit_note_id,
        allocation_id=entry.allocation_id,
        charge_id=entry.charge_id,
        write_off_id=entry.write_off_id,
        reason=entry.reason,
    )
    _add(
        uow,
        entry.customer_id,
        entry.invoice_id,
        entry.currency,
        entry.account,
        kind,
        -entry.amount_minor,
        effective_on,
        because,
        entry.id,
    )
    if invoice is not None:
        move(uow, invoice, entry.account, -entry.amount_minor, on=entry.effective_on)
    if source is not None:
        source.unapplied_minor += entry.amount_minor


def move(uow: UnitOfWork, invoice: Invoice, account: str, amount: int, *, on: date) -> None:
    """Move a kept balance, and remember what that may have changed about the invoice's charges."""
    balance = _BALANCES[account]
    setattr(invoice, balance, getattr(invoice, balance) + amount)
    if account != "principal":
        uow.charged.add(invoice.id)
        return
    # No more is disputed than is open; what is opened again is disputed again once it is derived anew.
    if invoice.disputed_minor > invoice.principal_open_minor:
        invoice.disputed_minor = max(0, invoice.principal_open_minor)
    if on < uow.today:
        uow.backdated.add(invoice.id)


async def load_standing(
    uow: UnitOfWork,
    *,
    allocation_ids: Collection[UUID] | None = None,
    payment_id: UUID | None = None,
    charge_id: UUID | None = None,
    write_off_id: UUID | None = None,
    credit_note_id: UUID | None = None,
) -> Sequence[LedgerEntry]:
    """Entries of one origin that neither reverse another one nor have been reversed, in the order they were made.

    They are those of the database: what this unit of work has added and not flushed is not among them.
    """
    undoing = aliased(LedgerEntry)
    statement = (
        select(LedgerEntry)
        .outerjoin(undoing, (undoing.tenant_id == LedgerEntry.tenant_id) & (undoing.reverses_id == LedgerEntry.id))
        .where(LedgerEntry.tenant_id == uow.tenant_id, LedgerEntry.reverses_id.is_(None), undoing.id.is_(None))
        .order_by(LedgerEntry.id)
    )
    if allocation_ids is not None:
        statement = statement.where(LedgerEntry.allocation_id.in_(allocation_ids))
    for column, value in (
        (LedgerEntry.payment_id, payment_id),
        (LedgerEntry.charge_id, charge_id),
        (LedgerEntry.write_off_id, write_off_id),
        (LedgerEntry.credit_note_id, credit_note_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    return (await uow.session.scalars(statement)).all()


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
        parts=tuple(DuePart(part.due_on, part.principal_minor) for part in invoice.parts),
    )


def component_order(uow: UnitOfWork) -> tuple[Component, ...]:
    """What a payment settles first within one invoice, as the tenant has set it (rule M3)."""
    return tuple(_COMPONENTS[name] for name in uow.tenant.allocation_order)


def _add(
    uow: UnitOfWork,
    customer_id: UUID | None,
    invoice_id: UUID | None,
    currency: str,
    account: str,
    kind: str,
    amount: int,
    on: date,
    because: Because,
    reverses_id: UUID | None,
) -> None:
    uow.add(
        NewRow(
            LedgerEntry,
            {
                "tenant_id": uow.tenant_id,
                "id": new_id(),
                "customer_id": customer_id,
                "invoice_id": invoice_id,
                "payment_id": because.payment_id,
                "credit_note_id": because.credit_note_id,
                "charge_id": because.charge_id,
                "allocation_id": because.allocation_id,
                "write_off_id": because.write_off_id,
                "account": account,
                "kind": kind,
                "currency": currency,
                "amount_minor": amount,
                "effective_on": on,
                "booked_at": uow.now,
                "reverses_id": reverses_id,
                "reason": because.reason,
            },
        )
    )
