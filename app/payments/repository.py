"""Queries for payments."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.core.owned import Resources
from app.core.uow import UnitOfWork
from app.models import Allocation, Customer, Invoice, Payment
from app.settlement.references import Reference

PAYMENTS: Final = Resources(Payment, "payment", loads=(selectinload(Payment.allocations),))

_EXTERNAL_ID_EXISTS = "SELECT EXISTS (SELECT FROM payments WHERE tenant_id = $1 AND external_id = $2)"
_OLDEST_INVOICES = """
WITH waiting AS (
    SELECT id, is_divided, sum(open) OVER (ORDER BY due_on, issued_on, id) - open AS before
    FROM (
        SELECT id, due_on, issued_on, instalments <> '[]' AS is_divided,
            principal_open_minor + interest_open_minor + fees_open_minor - disputed_minor AS open
        FROM invoices
        WHERE tenant_id = $1 AND customer_id = $2 AND currency = $3 AND status IN ('open', 'partially_paid')
            AND id <> ALL($4::uuid[])
    ) AS receivable
)
SELECT * FROM invoices WHERE tenant_id = $1 AND id = ANY(ARRAY(
    SELECT id FROM waiting WHERE before < $5 OR is_divided))
"""


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """What a list of payments is narrowed to."""

    customer_id: UUID | None = None
    external_id: str | None = None
    status: str | None = None
    received_on_from: date | None = None
    received_on_to: date | None = None


async def find_owners(uow: UnitOfWork, payment_id: UUID) -> set[UUID] | None:
    """Whose payment it is, if anybody's, and whose invoices it settles; None where there is no such payment."""
    rows = await uow.session.execute(
        select(Payment.customer_id, Invoice.customer_id)
        .outerjoin(
            Allocation,
            (Allocation.tenant_id == Payment.tenant_id)
            & (Allocation.payment_id == Payment.id)
            & Allocation.reversed_at.is_(None),
        )
        .outerjoin(Invoice, (Invoice.tenant_id == Allocation.tenant_id) & (Invoice.id == Allocation.invoice_id))
        .where(Payment.tenant_id == uow.tenant_id, Payment.id == payment_id)
    )
    found = rows.all()
    return {owner for row in found for owner in row if owner is not None} if found else None


async def find_payer(uow: UnitOfWork, reference: Reference) -> UUID | None:
    """The id of a customer."""
    return await uow.session.scalar(
        select(Customer.id).where(
            Customer.tenant_id == uow.tenant_id,
            (Customer.id == reference.id) if reference.id else (Customer.external_id == reference.external_id),
        )
    )


async def find_invoice_customers(uow: UnitOfWork, references: Iterable[Reference]) -> set[UUID]:
    """Whose the invoices are."""
    wanted = list(references)
    rows = await uow.session.scalars(
        select(Invoice.customer_id).where(
            Invoice.tenant_id == uow.tenant_id,
            Invoice.id.in_({item.id for item in wanted if item.id})
            | Invoice.external_id.in_({item.external_id for item in wanted if item.external_id}),
        )
    )
    return set(rows)


async def external_id_exists(uow: UnitOfWork, external_id: str) -> bool:
    """Whether a payment has this external id."""
    found: bool = await uow.driver.fetchval(_EXTERNAL_ID_EXISTS, uow.tenant_id, external_id)
    return found


async def load_by_external_ids(uow: UnitOfWork, external_ids: Collection[str]) -> dict[str, Payment]:
    """The payments with these external ids, without their allocations."""
    if not external_ids:
        return {}
    payments = await uow.session.scalars(
        select(Payment).where(Payment.tenant_id == uow.tenant_id, Payment.external_id.in_(external_ids))
    )
    return {payment.external_id: payment for payment in payments if payment.external_id is not None}


async def list_page(uow: UnitOfWork, wanted: PaymentFilter, *, limit: int, before: UUID | None) -> Sequence[Payment]:
    """Payments newest first, one more than `limit`."""
    return await PAYMENTS.newest_first(
        uow,
        equal=(
            (Payment.customer_id, wanted.customer_id),
            (Payment.external_id, wanted.external_id),
            (Payment.status, wanted.status),
        ),
        between=((Payment.received_on, wanted.received_on_from, wanted.received_on_to),),
        limit=limit,
        before=before,
    )


async def load_oldest_invoices(
    uow: UnitOfWork, customer_id: UUID, currency: str, amount_minor: int, seen: Collection[UUID] = ()
) -> Sequence[Invoice]:
    """The oldest invoices that a customer owes in a currency, as many as an amount can settle.

    The order is the one of `portions`; the invoices that the amount does not reach stay unread, so a payment costs
    what it settles and not what is open. Those in instalments are read all: one of theirs may be due before the rest.
    """
    return await uow.fetch(Invoice, _OLDEST_INVOICES, uow.tenant_id, customer_id, currency, list(seen), amount_minor)


async def load_invoices(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Invoice]:
    """Invoices by id."""
    invoices = await uow.session.scalars(
        select(Invoice).where(Invoice.tenant_id == uow.tenant_id, Invoice.id.in_(invoice_ids))
    )
    return invoices.all()
