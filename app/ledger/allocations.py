"""What settles invoices: payments and credit notes applied to them, and taken back (rules M3, M5, M7, M11).

The caller holds the locks of all customers concerned and has loaded the rows under them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.core.errors import conflict
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.allocation import AllocationError, Component, split_within_invoice
from app.domain.errors import Code
from app.ledger.entries import (
    Source,
    because_of,
    component_order,
    load_standing,
    open_item,
    post,
    post_unapplied,
    reverse,
)
from app.ledger.write_offs import recover, unrecover
from app.models import Allocation, CreditNote, Invoice, LedgerEntry, Payment

CREDIT_ORDER: tuple[Component, ...] = ("principal", "interest", "fees")
"""A credit note corrects what was sold, so it lowers the principal."""


Grown = Mapping[Payment, int]
"""Payments whose unapplied cash has grown, and by how much."""


class Difference(NamedTuple):
    """A part of what is owed that is given up, and why (rule M11)."""

    reason: str
    amount_minor: int


async def settle(
    uow: UnitOfWork,
    source: Source,
    invoice: Invoice,
    amount_minor: int,
    *,
    discount_minor: int = 0,
    differences: Sequence[Difference] = (),
) -> Allocation:
    """Apply a part of a payment or credit note to an invoice.

    What exceeds the open amount of an invoice that was written off comes in after all: it is recovered first.

    Args:
        uow: the unit of work.
        source: where the amount comes from; it has as much unapplied.
        invoice: what it settles.
        amount_minor: money or credit.
        discount_minor: what the payer may keep for paying early; it settles principal (rule M7).
        differences: what is given up beside it, by reason.

    Raises:
        AllocationError: the invoice has less to settle, or the source less unapplied.
    """
    given_up = sum(difference.amount_minor for difference in differences)
    if amount_minor > source.unapplied_minor:
        raise AllocationError("More is applied than there is.")
    if amount_minor + discount_minor + given_up <= 0 or min(amount_minor, discount_minor, given_up) < 0:
        raise AllocationError("An allocation settles something.")
    allocation = Allocation(
        tenant_id=uow.tenant_id,
        id=new_id(),
        payment_id=source.id if isinstance(source, Payment) else None,
        credit_note_id=source.id if isinstance(source, CreditNote) else None,
        invoice_id=invoice.id,
        amount_minor=amount_minor,
        discount_minor=discount_minor,
        difference_minor=given_up,
        differences=[{"reason": item.reason, "amount_minor": item.amount_minor} for item in differences],
        # What was there before the invoice settles it on the day it was issued, not earlier.
        effective_on=max(effective_on(source), invoice.issued_on),
        created_at=uow.now,
        reversed_at=None,
    )
    on = allocation.effective_on
    missing = allocation.settled_minor - invoice.open_minor
    if missing > 0:
        await recover(uow, invoice, missing, on=on, because=because_of(source, allocation_id=allocation.id))
    source.allocations.append(allocation)
    uow.add(allocation)
    kind = "payment_allocated" if isinstance(source, Payment) else "credit_applied"
    order = component_order(uow) if isinstance(source, Payment) else CREDIT_ORDER
    if discount_minor > invoice.principal_open_minor:
        raise AllocationError("A discount is on principal, and no more than is open of it.")
    _lower(uow, source, invoice, allocation, "discount_taken", discount_minor, CREDIT_ORDER)
    post_unapplied(uow, source, kind=kind, amount=amount_minor, on=on, allocation_id=allocation.id)
    _lower(uow, source, invoice, allocation, kind, amount_minor, order)
    for item in differences:
        _lower(uow, source, invoice, allocation, "difference_closed", item.amount_minor, order, reason=item.reason)
    if isinstance(source, Payment):
        invoice.settled_minor += allocation.settled_minor
    return allocation


async def unsettle(
    uow: UnitOfWork,
    source: Source,
    allocations: Iterable[Allocation],
    invoices: Mapping[UUID, Invoice],
    *,
    on: date,
) -> None:
    """Take allocations back: every entry of theirs is reversed, recoveries of write-offs included."""
    standing = {allocation.id: allocation for allocation in allocations if allocation.reversed_at is None}
    for entry in await load_standing(uow, allocation_ids=standing):
        await undo(uow, entry, source, invoices, on=on, kind="allocation_reversed")
    end_allocations(uow, standing.values(), invoices)


async def undo(
    uow: UnitOfWork, entry: LedgerEntry, source: Source, invoices: Mapping[UUID, Invoice], *, on: date, kind: str
) -> None:
    """Reverse one entry of a payment or credit note, whichever balance it moved."""
    if entry.invoice_id is None:
        reverse(uow, entry, kind=kind, on=on, source=source)
        return
    invoice = invoices[entry.invoice_id]
    reverse(uow, entry, kind=kind, on=on, invoice=invoice)
    if entry.kind == "write_off_recovered":
        await unrecover(uow, invoice, entry)


def end_allocations(uow: UnitOfWork, allocations: Iterable[Allocation], invoices: Mapping[UUID, Invoice]) -> None:
    """Mark allocations whose entries have been reversed."""
    for allocation in allocations:
        if allocation.reversed_at is None:
            allocation.reversed_at = uow.now
            if allocation.payment_id is not None:
                invoices[allocation.invoice_id].settled_minor -= allocation.settled_minor


async def free_component(uow: UnitOfWork, invoice: Invoice, component: Component, amount_minor: int) -> Grown:
    """Take payments off a component that is about to be lowered by more than is open of it.

    What paid a charge that is waived or reversed goes to the invoice's other components, and what nothing is left
    for goes back to the payer as unapplied cash; the latest allocation gives first.

    Returns:
        What has gone back to payers.

    Raises:
        ProblemError: 409 when it was not money that lowered the component.
    """
    allocations = await uow.session.scalars(
        select(Allocation)
        .where(
            Allocation.tenant_id == uow.tenant_id,
            Allocation.invoice_id == invoice.id,
            Allocation.payment_id.is_not(None),
            Allocation.reversed_at.is_(None),
        )
        .order_by(Allocation.effective_on.desc(), Allocation.id.desc())
    )
    standing = {allocation.id: allocation for allocation in allocations}
    paid: dict[UUID | None, int] = defaultdict(int)
    for entry in await load_standing(uow, allocation_ids=standing):
        if entry.account == component and entry.kind == "payment_allocated":
            paid[entry.allocation_id] -= entry.amount_minor
    left = amount_minor
    grown: defaultdict[Payment, int] = defaultdict(int)
    for allocation in standing.values():
        taken = min(left, paid[allocation.id])
        if taken <= 0:
            continue
        payment = await _load_payment(uow, allocation)
        uow.track(payment)
        given_back = _rebook(uow, payment, invoice, allocation, component, taken)
        if given_back:
            grown[payment] += given_back
        left -= taken
        if left == 0:
            return grown
    raise conflict(
        Code.state_conflict,
        "A part of what was charged was not paid but given up: reverse the write-off or credit that closed it first.",
    )


async def _load_payment(uow: UnitOfWork, allocation: Allocation) -> Payment:
    """The payment of an allocation with all of its allocations, which its events tell."""
    found = await uow.session.scalars(
        select(Payment)
        .where(Payment.tenant_id == uow.tenant_id, Payment.id == allocation.payment_id)
        .options(selectinload(Payment.allocations))
    )
    return found.one()


def effective_on(source: Source) -> date:
    """From when a payment or credit note counts."""
    return source.received_on if isinstance(source, Payment) else source.issued_on


def _lower(
    uow: UnitOfWork,
    source: Source,
    invoice: Invoice,
    allocation: Allocation,
    kind: str,
    amount: int,
    order: tuple[Component, ...],
    *,
    reason: str | None = None,
) -> None:
    because = because_of(source, allocation_id=allocation.id, reason=reason)
    for component, part in split_within_invoice(amount, open_item(invoice), order).items():
        post(uow, invoice, account=component, kind=kind, amount=-part, on=allocation.effective_on, because=because)


def _rebook(
    uow: UnitOfWork, payment: Payment, invoice: Invoice, allocation: Allocation, component: Component, amount: int
) -> int:
    """Move a part of an allocation off a component; how much of it went back to the payer."""
    on = allocation.effective_on
    because = because_of(payment, allocation_id=allocation.id)
    left = amount
    for other in component_order(uow):
        if other == component:
            continue
        part = min(left, open_of(invoice, other))
        post(uow, invoice, account=other, kind="payment_allocated", amount=-part, on=on, because=because)
        left -= part
    post(uow, invoice, account=component, kind="payment_allocated", amount=amount, on=on, because=because)
    if left:
        post_unapplied(uow, payment, kind="payment_allocated", amount=-left, on=on, allocation_id=allocation.id)
        invoice.settled_minor -= left
        if left == allocation.settled_minor:
            # It settles nothing any more.
            allocation.reversed_at = uow.now
        else:
            allocation.amount_minor -= left
    return left


def open_of(invoice: Invoice, component: Component) -> int:
    """What is open of one component."""
    item = open_item(invoice)
    return {"principal": item.principal_open, "interest": item.interest_open, "fees": item.fees_open}[component]
