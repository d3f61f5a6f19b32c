"""Queries for credit notes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import selectinload

from app.core.owned import Owned
from app.core.uow import UnitOfWork
from app.models import Allocation, CreditNote, Invoice

CREDIT_NOTES: Final = Owned(CreditNote, "credit note", loads=(selectinload(CreditNote.allocations),))

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


async def list_page(
    uow: UnitOfWork, wanted: CreditNoteFilter, *, limit: int, before: UUID | None
) -> Sequence[CreditNote]:
    """Credit notes newest first, one more than `limit`."""
    conditions = []
    if wanted.invoice_id is not None:
        settles = exists().where(
            Allocation.tenant_id == CreditNote.tenant_id,
            Allocation.credit_note_id == CreditNote.id,
            Allocation.invoice_id == wanted.invoice_id,
            Allocation.reversed_at.is_(None),
        )
        conditions.append((CreditNote.invoice_id == wanted.invoice_id) | settles)
    return await CREDIT_NOTES.newest_first(
        uow,
        *conditions,
        equal=(
            (CreditNote.customer_id, wanted.customer_id),
            (CreditNote.status, wanted.status),
            (CreditNote.external_id, wanted.external_id),
        ),
        between=((CreditNote.issued_on, wanted.issued_on_from, wanted.issued_on_to),),
        limit=limit,
        before=before,
    )


async def load_oldest_invoices(uow: UnitOfWork, note: CreditNote, *, amount_minor: int) -> Sequence[Invoice]:
    """The customer's oldest invoices with open principal, as many as an amount can settle."""
    return await uow.fetch(Invoice, _OLDEST_INVOICES, uow.tenant_id, note.customer_id, note.currency, amount_minor)


async def load_invoices(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> dict[UUID, Invoice]:
    """Invoices by id."""
    invoices = await uow.session.scalars(
        select(Invoice).where(Invoice.tenant_id == uow.tenant_id, Invoice.id.in_(invoice_ids))
    )
    return {invoice.id: invoice for invoice in invoices}
