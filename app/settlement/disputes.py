"""Disputes follow their invoices and the date: what is disputed is derived, and a term that has passed says so (D9)."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.domain.dispute import disputed_minor, is_overdue
from app.dunning.standing import dispute_of
from app.models import Customer, Dispute, Invoice


async def follow_disputes(uow: UnitOfWork, customers: Mapping[UUID, Customer], invoices: Sequence[Invoice]) -> None:
    """Say of the invoices how much of them is disputed, and of open disputes that nobody has answered them in time."""
    ids = [customer.id for customer in customers.values() if customer.has_agreements]
    if not ids:
        return
    rows = await uow.session.scalars(
        select(Dispute)
        .where(Dispute.tenant_id == uow.tenant_id, Dispute.customer_id.in_(ids), Dispute.status == "open")
        .order_by(Dispute.id)
    )
    by_invoice: dict[UUID, list[Dispute]] = {}
    for row in rows:
        # One that this unit of work has resolved and not written is open in the database alone.
        if row.status != "open":
            continue
        by_invoice.setdefault(row.invoice_id, []).append(row)
        if not row.is_overdue and is_overdue(dispute_of(row), row.respond_by_on, uow.today):
            uow.track(row)
            row.is_overdue = True
            uow.emit("dispute.overdue", row)
    for invoice in invoices:
        live = [dispute_of(row) for row in by_invoice.get(invoice.id, ())]
        # What is disputed is what was sold: charges are deferred or dropped with it.
        disputed = disputed_minor(live, invoice.principal_open_minor)
        if disputed != invoice.disputed_minor:
            uow.track(invoice)
            invoice.disputed_minor = disputed
            uow.emit("invoice.updated", invoice)
