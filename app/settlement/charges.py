"""Charges come to be, end, and are paid: what every kind of them has in common."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.allocation import Component
from app.domain.charge_tax import add_tax, find_tax
from app.domain.states import CHARGE
from app.ledger.charges import CHARGE_ACCOUNTS, post_charge
from app.models import Allocation, Charge, Invoice, LedgerEntry, Payment

_NO_PERIOD: Final = (None, None)


@dataclass(frozen=True, slots=True)
class NewCharge:
    """What is charged, before tax unless a plan names it; all that is not named is empty."""

    kind: str
    net_minor: int
    posted_on: date
    external_id: str | None = None
    reason: str | None = None
    rate_table: str | None = None
    period: tuple[date, date] | tuple[None, None] = _NO_PERIOD
    segments: list[Any] = field(default_factory=list)
    meta: Mapping[str, str] = field(default_factory=dict)
    # The payment plan whose cost it is: what was agreed there includes any tax.
    plan_id: UUID | None = None
    # The step of a dunning case that charges, and its message.
    case_id: UUID | None = None
    step_key: str | None = None
    cycle: int | None = None
    reminder_id: UUID | None = None


def charge(uow: UnitOfWork, invoice: Invoice, new: NewCharge) -> Charge:
    """Post a charge with its tax to an invoice, and announce both."""
    find = add_tax if new.plan_id is None else find_tax
    taxed = find(new.net_minor, new.kind, uow.tenant.settings["charge_tax"])
    made = Charge(
        tenant_id=uow.tenant_id,
        id=new_id(),
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        kind=new.kind,
        currency=invoice.currency,
        amount_minor=taxed.gross_minor,
        paid_minor=0,
        posted_on=new.posted_on,
        status="posted",
        case_id=new.case_id,
        step_key=new.step_key,
        cycle=new.cycle,
        reminder_id=new.reminder_id,
        external_id=new.external_id,
        reason=new.reason,
        tax_code=taxed.code,
        tax_minor=taxed.tax_minor,
        from_on=new.period[0],
        through_on=new.period[1],
        rate_table=new.rate_table,
        segments=new.segments,
        waived_on=None,
        waiver_reason=None,
        plan_id=new.plan_id,
        meta=dict(new.meta),
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(made)
    uow.track(invoice)
    post_charge(uow, made, invoice)
    uow.emit("charge.posted", made)
    uow.emit("invoice.updated", invoice)
    return made


def end_charge(uow: UnitOfWork, made: Charge, status: str) -> None:
    """Mark a charge that has left the ledger, and announce it."""
    if made.status == "paid":
        # What had paid it has been taken off it.
        CHARGE.require("paid", "posted")
        made.status = "posted"
    CHARGE.require(made.status, status)
    made.status = status
    made.paid_minor = 0
    uow.emit(f"charge.{status}", made)


async def load_payers(uow: UnitOfWork, invoice_id: UUID) -> set[UUID]:
    """Whose payments settle an invoice: they get back what nothing is left for once a charge has gone."""
    rows = await uow.session.scalars(
        select(Payment.customer_id)
        .join(Allocation, (Allocation.tenant_id == Payment.tenant_id) & (Allocation.payment_id == Payment.id))
        .where(
            Payment.tenant_id == uow.tenant_id,
            Allocation.invoice_id == invoice_id,
            Allocation.reversed_at.is_(None),
            Payment.customer_id.is_not(None),
        )
    )
    return {customer_id for customer_id in rows if customer_id is not None}


async def paid_with_money(uow: UnitOfWork, invoice: Invoice, component: Component) -> int:
    """How much of a component payments have settled, which can be given back to them."""
    paid = await uow.session.scalar(
        select(func.sum(LedgerEntry.amount_minor)).where(
            LedgerEntry.tenant_id == uow.tenant_id,
            LedgerEntry.invoice_id == invoice.id,
            LedgerEntry.account == component,
            LedgerEntry.payment_id.is_not(None),
            LedgerEntry.write_off_id.is_(None),
            LedgerEntry.kind.in_(("payment_allocated", "allocation_reversed")),
        )
    )
    return -int(paid or 0)


async def follow_charges(uow: UnitOfWork, invoices: Iterable[Invoice]) -> None:
    """Say of each charge how much of it is paid, the oldest first, where interest or fees of its invoice have moved."""
    moved = {invoice.id for invoice in invoices} & uow.charged
    if not moved:
        return
    uow.charged -= moved
    await uow.write_new()
    rows = await uow.driver.fetch(_CHARGES, uow.tenant_id, list(moved))
    left: dict[tuple[UUID, str], int] = {}
    for made, row in zip(uow.transaction.adopt(Charge, rows), rows, strict=True):
        if made.status not in {"posted", "paid"}:
            # Ended by this unit of work, which has not written it.
            continue
        key = made.invoice_id, CHARGE_ACCOUNTS[made.kind]
        paid = max(0, min(left.setdefault(key, int(row["component_paid"])), made.amount_minor))
        left[key] -= paid
        if paid != made.paid_minor:
            made.paid_minor = paid
        status = "paid" if paid == made.amount_minor else "posted"
        if status != made.status:
            CHARGE.require(made.status, status)
            made.status = status


# Paid is what has lowered the account and is neither the end of a charge nor given up.
_CHARGES: Final = """
SELECT c.*, coalesce(p.paid, 0) AS component_paid
FROM charges c LEFT JOIN (
    SELECT invoice_id, account, -sum(amount_minor) AS paid FROM ledger_entries
    WHERE tenant_id = $1 AND invoice_id = ANY($2::uuid[]) AND account IN ('interest', 'fees')
        AND charge_id IS NULL AND write_off_id IS NULL AND kind <> 'invoice_voided'
    GROUP BY invoice_id, account
) p ON p.invoice_id = c.invoice_id AND p.account = CASE c.kind WHEN 'interest' THEN 'interest' ELSE 'fees' END
WHERE c.tenant_id = $1 AND c.invoice_id = ANY($2::uuid[]) AND c.status IN ('posted', 'paid')
ORDER BY c.posted_on, c.id
"""
