"""Queries for invoices."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from app.core.owned import Owned
from app.core.uow import UnitOfWork
from app.models import DunningCase, Invoice, LedgerEntry

INVOICES: Final = Owned(Invoice, "invoice")

# One look into the index for each, whatever the planner knows of the table: `= ANY` reads all of a tenant's invoices
# while an import has made most of them and nothing has counted them yet.
_BY_EXTERNAL_IDS = """
SELECT i.* FROM unnest($2::text[]) AS wanted(external_id) CROSS JOIN LATERAL (
    SELECT * FROM invoices WHERE tenant_id = $1 AND external_id = wanted.external_id OFFSET 0) AS i
"""


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


@dataclass(frozen=True, slots=True)
class LedgerPoint:
    """Up to when the ledger counts: by effect, and by booking; all of it where nothing is said."""

    as_of: date | None = None
    known_at: datetime | None = None


async def load_by_external_ids(uow: UnitOfWork, external_ids: Collection[str]) -> dict[str, Invoice]:
    """The invoices with these external ids."""
    if not external_ids:
        return {}
    invoices = await uow.fetch(Invoice, _BY_EXTERNAL_IDS, uow.tenant_id, list(external_ids))
    return {invoice.external_id: invoice for invoice in invoices if invoice.external_id is not None}


async def list_page(uow: UnitOfWork, wanted: InvoiceFilter, *, limit: int, before: UUID | None) -> Sequence[Invoice]:
    """Invoices newest first, one more than `limit`."""
    conditions = []
    if wanted.q is not None:
        number = Invoice.number.icontains(wanted.q, autoescape=True)
        conditions.append(or_(number, Invoice.reference.icontains(wanted.q, autoescape=True)))
    return await INVOICES.newest_first(
        uow,
        *conditions,
        equal=(
            (Invoice.customer_id, wanted.customer_id),
            (Invoice.external_id, wanted.external_id),
            (Invoice.status, wanted.status),
            (Invoice.collection_state, wanted.collection_state),
        ),
        between=((Invoice.due_on, wanted.due_on_from, wanted.due_on_to),),
        limit=limit,
        before=before,
    )


async def list_entries(
    uow: UnitOfWork, invoice_id: UUID, point: LedgerPoint, *, limit: int, after: UUID | None
) -> Sequence[tuple[LedgerEntry, int]]:
    """Ledger entries oldest first with what is open after each, one more than `limit`.

    They are written under one lock, so ids are in order.
    """
    counted = (
        select(LedgerEntry.id, func.sum(LedgerEntry.amount_minor).over(order_by=LedgerEntry.id).label("balance_after"))
        .where(*_counts(uow, invoice_id, point))
        .subquery("counted")
    )
    statement = (
        select(LedgerEntry, counted.c.balance_after)
        .join(counted, LedgerEntry.id == counted.c.id)
        .where(LedgerEntry.tenant_id == uow.tenant_id)
    )
    if after is not None:
        statement = statement.where(LedgerEntry.id > after)
    rows = await uow.session.execute(statement.order_by(LedgerEntry.id).limit(limit + 1))
    return [(entry, int(balance)) for entry, balance in rows]


async def balances_at(uow: UnitOfWork, invoice_id: UUID, point: LedgerPoint) -> dict[str, int]:
    """What each account of an invoice adds up to."""
    rows = await uow.session.execute(
        select(LedgerEntry.account, func.sum(LedgerEntry.amount_minor))
        .where(*_counts(uow, invoice_id, point))
        .group_by(LedgerEntry.account)
    )
    return {account: int(amount) for account, amount in rows}


def _counts(uow: UnitOfWork, invoice_id: UUID, point: LedgerPoint) -> list[ColumnElement[bool]]:
    """Which entries count: effective by the day, and booked by the instant."""
    conditions = [LedgerEntry.tenant_id == uow.tenant_id, LedgerEntry.invoice_id == invoice_id]
    if point.as_of is not None:
        conditions.append(LedgerEntry.effective_on <= point.as_of)
    if point.known_at is not None:
        conditions.append(LedgerEntry.booked_at <= point.known_at)
    return conditions


async def load_cases(uow: UnitOfWork, invoice_id: UUID) -> Sequence[DunningCase]:
    """The cases that follow an invoice: one, or one of each instalment."""
    cases = await uow.session.scalars(
        select(DunningCase).where(
            DunningCase.tenant_id == uow.tenant_id,
            DunningCase.invoice_id == invoice_id,
            DunningCase.plan_id.is_(None),
        )
    )
    return cases.all()
