"""Queries for credit notes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import selectinload

from app.core.uow import UnitOfWork
from app.models import Allocation, CreditNote, Invoice

_OLDEST_INVOICES = """
WITH waiting AS (
    SELECT id, sum(open) OVER (ORDER BY due_on, issued_on, id) - open AS before
    FROM (
        SELECT id, due_on, issued_on, principal_open_minor - disputed_minor AS open
        FROM invoices
        WHERE tenant_id = $1 AND customer_id = $2 AND currency = $3 AND status IN ('open', 'partially_paid')
            AND principal_open_minor > disputed_minor
    ) AS receivable
)
SELECT * FROM invoices WHERE tenant_id = $1 AND id = ANY(ARRAY(SELECT id FROM waiting WHERE before < $4))
"""


@dataclass(frozen=True, slots=True)
class CreditNoteFilter:
    """What a list of credit notes is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    status: str | None = None
    external_id: str | None = None
    issued_on_from: date | None = None
    issued_on_to: date | None = None


async def find(uow: UnitOfWork, note_id: UUID) -> CreditNote | None:
    """The credit note with an id and its allocations, as they are now."""
    return await uow.session.scalar(
        select(CreditNote)
        .where(CreditNote.tenant_id == uow.tenant_id, CreditNote.id == note_id)
        .options(selectinload(CreditNote.allocations))
        .execution_options(populate_existing=True)
    )


async def find_customer_id(uow: UnitOfWork, note_id: UUID) -> UUID | None:
    """Whose credit note it is."""
    return await uow.session.scalar(
        select(CreditNote.customer_id).where(CreditNote.tenant_id == uow.tenant_id, CreditNote.id == note_id)
    )


async def external_id_exists(uow: UnitOfWork, external_id: str) -> bool:
    """Whether a credit note has this external id."""
    found = await uow.session.scalar(
        select(CreditNote.id).where(CreditNote.tenant_id == uow.tenant_id, CreditNote.external_id == external_id)
    )
    return found is not None


async def list_page(
    uow: UnitOfWork, wanted: CreditNoteFilter, *, limit: int, before: UUID | None
) -> Sequence[CreditNote]:
    """Credit notes newest first, one more than `limit`."""
    statement = (
        select(CreditNote).where(CreditNote.tenant_id == uow.tenant_id).options(selectinload(CreditNote.allocations))
    )
    for column, value in (
        (CreditNote.customer_id, wanted.customer_id),
        (CreditNote.status, wanted.status),
        (CreditNote.external_id, wanted.external_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.invoice_id is not None:
        settles = exists().where(
            Allocation.tenant_id == CreditNote.tenant_id,
            Allocation.credit_note_id == CreditNote.id,
            Allocation.invoice_id == wanted.invoice_id,
            Allocation.reversed_at.is_(None),
        )
        statement = statement.where((CreditNote.invoice_id == wanted.invoice_id) | settles)
    if wanted.issued_on_from is not None:
        statement = statement.where(CreditNote.issued_on >= wanted.issued_on_from)
    if wanted.issued_on_to is not None:
        statement = statement.where(CreditNote.issued_on <= wanted.issued_on_to)
    if before is not None:
        statement = statement.where(CreditNote.id < before)
    return (await uow.session.scalars(statement.order_by(CreditNote.id.desc()).limit(limit + 1))).all()


async def load_oldest_invoices(uow: UnitOfWork, note: CreditNote, *, amount_minor: int) -> Sequence[Invoice]:
    """The customer's oldest invoices with open principal, as many as an amount can settle."""
    return await uow.fetch(Invoice, _OLDEST_INVOICES, uow.tenant_id, note.customer_id, note.currency, amount_minor)


async def load_invoices(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> dict[UUID, Invoice]:
    """Invoices by id."""
    invoices = await uow.session.scalars(
        select(Invoice).where(Invoice.tenant_id == uow.tenant_id, Invoice.id.in_(invoice_ids))
    )
    return {invoice.id: invoice for invoice in invoices}
