"""Queries for what ends an invoice."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import Allocation, Charge, Invoice, WriteOff


async def load_applied(uow: UnitOfWork, invoice: Invoice) -> tuple[Sequence[UUID], Sequence[UUID]]:
    """The payments and the credit notes that settle something of an invoice."""
    rows = await uow.session.execute(
        select(Allocation.payment_id, Allocation.credit_note_id)
        .where(
            Allocation.tenant_id == uow.tenant_id,
            Allocation.invoice_id == invoice.id,
            Allocation.reversed_at.is_(None),
            Allocation.amount_minor + Allocation.discount_minor + Allocation.difference_minor > 0,
        )
        .order_by(Allocation.id)
    )
    found = rows.all()
    payments = [payment_id for payment_id, _ in found if payment_id is not None]
    return payments, [note_id for _, note_id in found if note_id is not None]


async def load_posted_charges(uow: UnitOfWork, invoice: Invoice) -> Sequence[Charge]:
    """The charges that are open on an invoice."""
    charges = await uow.session.scalars(
        select(Charge)
        .where(Charge.tenant_id == uow.tenant_id, Charge.invoice_id == invoice.id, Charge.status == "posted")
        .order_by(Charge.id)
    )
    return charges.all()


async def list_write_offs(uow: UnitOfWork, invoice_id: UUID, *, limit: int, before: UUID | None) -> Sequence[WriteOff]:
    """Write-offs of an invoice newest first, one more than `limit`."""
    statement = select(WriteOff).where(WriteOff.tenant_id == uow.tenant_id, WriteOff.invoice_id == invoice_id)
    if before is not None:
        statement = statement.where(WriteOff.id < before)
    return (await uow.session.scalars(statement.order_by(WriteOff.id.desc()).limit(limit + 1))).all()
