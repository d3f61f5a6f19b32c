"""Queries for promises to pay."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select

from app.core.owned import Owned
from app.core.uow import UnitOfWork
from app.models import Invoice, Promise

PROMISES: Final = Owned(Promise, "promise")

# What is due first, as far as an amount reaches; what is promised already is left out, and so is what is disputed.
_OLDEST_INVOICES: Final = """
WITH promised AS (
    SELECT unnest(invoice_ids) AS id FROM promises WHERE tenant_id = $1 AND customer_id = $2 AND status = 'open'
), waiting AS (
    SELECT id, sum(open) OVER (ORDER BY due_on, issued_on, id) - open AS before
    FROM (
        SELECT id, due_on, issued_on,
            principal_open_minor + interest_open_minor + fees_open_minor - disputed_minor AS open
        FROM invoices
        WHERE tenant_id = $1 AND customer_id = $2 AND currency = $3 AND status IN ('open', 'partially_paid')
            AND NOT EXISTS (SELECT FROM promised WHERE promised.id = invoices.id)
    ) AS receivable
    WHERE open > 0
)
SELECT * FROM invoices
WHERE tenant_id = $1 AND id = ANY(ARRAY(SELECT id FROM waiting WHERE $4::bigint IS NULL OR before < $4))
ORDER BY due_on, issued_on, id
"""


@dataclass(frozen=True, slots=True)
class PromiseFilter:
    """What a list of promises is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    status: str | None = None
    external_id: str | None = None
    promised_on_from: date | None = None
    promised_on_to: date | None = None


async def load_history(uow: UnitOfWork, customer_id: UUID) -> Sequence[Promise]:
    """Every promise of a customer."""
    rows = await uow.session.scalars(
        select(Promise).where(Promise.tenant_id == uow.tenant_id, Promise.customer_id == customer_id)
    )
    return rows.all()


async def load_invoices(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Invoice]:
    """Invoices by id."""
    rows = await uow.session.scalars(
        select(Invoice).where(Invoice.tenant_id == uow.tenant_id, Invoice.id.in_(invoice_ids))
    )
    return rows.all()


async def load_oldest_invoices(
    uow: UnitOfWork, customer_id: UUID, currency: str, amount_minor: int | None
) -> Sequence[Invoice]:
    """What is due first and not promised yet, as many as an amount covers; all of it where none is named."""
    return await uow.fetch(Invoice, _OLDEST_INVOICES, uow.tenant_id, customer_id, currency, amount_minor)


async def list_page(uow: UnitOfWork, wanted: PromiseFilter, *, limit: int, before: UUID | None) -> Sequence[Promise]:
    """Promises newest first, one more than `limit`."""
    return await PROMISES.newest_first(
        uow,
        *([] if wanted.invoice_id is None else [Promise.invoice_ids.contains([wanted.invoice_id])]),
        equal=(
            (Promise.customer_id, wanted.customer_id),
            (Promise.status, wanted.status),
            (Promise.external_id, wanted.external_id),
        ),
        between=((Promise.promised_on, wanted.promised_on_from, wanted.promised_on_to),),
        limit=limit,
        before=before,
    )
