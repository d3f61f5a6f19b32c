"""Queries for invoices."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import or_, select

from app.core.uow import UnitOfWork
from app.models import DunningCase, Invoice, LedgerEntry


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """What a list of invoices is narrowed to."""

    customer_id: UUID | None = None
    external_id: str | None = None
    status: str | None = None
    collection_state: str | None = None
    due_on_from: date | None = None
    due_on_to: date | None = None
    q: str | None = None


async def find(uow: UnitOfWork, invoice_id: UUID) -> Invoice | None:
    """The invoice with an id, as it is now."""
    return await uow.session.get(Invoice, (uow.tenant_id, invoice_id), populate_existing=True)


async def find_customer_id(uow: UnitOfWork, invoice_id: UUID) -> UUID | None:
    """Whose invoice it is."""
    return await uow.session.scalar(
        select(Invoice.customer_id).where(Invoice.tenant_id == uow.tenant_id, Invoice.id == invoice_id)
    )


async def find_by_external_id(uow: UnitOfWork, external_id: str) -> Invoice | None:
    """The invoice with an external id."""
    return (await load_by_external_ids(uow, [external_id])).get(external_id)


async def load_by_external_ids(uow: UnitOfWork, external_ids: Collection[str]) -> dict[str, Invoice]:
    """The invoices with these external ids."""
    if not external_ids:
        return {}
    invoices = await uow.session.scalars(
        select(Invoice)
        .where(Invoice.tenant_id == uow.tenant_id, Invoice.external_id.in_(external_ids))
        .execution_options(populate_existing=True)
    )
    return {invoice.external_id: invoice for invoice in invoices if invoice.external_id is not None}


async def list_page(uow: UnitOfWork, wanted: InvoiceFilter, *, limit: int, before: UUID | None) -> Sequence[Invoice]:
    """Invoices newest first, one more than `limit`."""
    statement = select(Invoice).where(Invoice.tenant_id == uow.tenant_id)
    for column, value in (
        (Invoice.customer_id, wanted.customer_id),
        (Invoice.external_id, wanted.external_id),
        (Invoice.status, wanted.status),
        (Invoice.collection_state, wanted.collection_state),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.due_on_from is not None:
        statement = statement.where(Invoice.due_on >= wanted.due_on_from)
    if wanted.due_on_to is not None:
        statement = statement.where(Invoice.due_on <= wanted.due_on_to)
    if wanted.q is not None:
        number = Invoice.number.icontains(wanted.q, autoescape=True)
        statement = statement.where(or_(number, Invoice.reference.icontains(wanted.q, autoescape=True)))
    if before is not None:
        statement = statement.where(Invoice.id < before)
    return (await uow.session.scalars(statement.order_by(Invoice.id.desc()).limit(limit + 1))).all()


async def list_entries(uow: UnitOfWork, invoice_id: UUID, *, limit: int, after: UUID | None) -> Sequence[LedgerEntry]:
    """Ledger entries oldest first, one more than `limit`; they are written under one lock, so ids are in order."""
    statement = select(LedgerEntry).where(LedgerEntry.tenant_id == uow.tenant_id, LedgerEntry.invoice_id == invoice_id)
    if after is not None:
        statement = statement.where(LedgerEntry.id > after)
    return (await uow.session.scalars(statement.order_by(LedgerEntry.id).limit(limit + 1))).all()


async def find_case(uow: UnitOfWork, invoice_id: UUID) -> DunningCase | None:
    """The case that follows an invoice."""
    return await uow.session.scalar(
        select(DunningCase).where(DunningCase.tenant_id == uow.tenant_id, DunningCase.invoice_id == invoice_id)
    )
