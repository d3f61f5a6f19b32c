"""Queries for placements."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import selectinload

from app.core.owned import Owned
from app.core.uow import UnitOfWork
from app.models import Invoice, Placement, PlacementInvoice

PLACEMENTS: Final = Owned(Placement, "placement", loads=(selectinload(Placement.invoices),))

# Money that came in while the invoices were with the agency; of its first day, what was allocated after the placing.
_COLLECTED: Final = """
SELECT p.id, coalesce(sum(a.amount_minor), 0)::bigint AS collected_minor,
       round(coalesce(sum(a.amount_minor), 0) * p.commission_percent::numeric / 100)::bigint AS commission_minor
FROM placements p
LEFT JOIN placement_invoices i ON i.tenant_id = p.tenant_id AND i.placement_id = p.id
LEFT JOIN (
    SELECT a.id, a.invoice_id, a.amount_minor, a.effective_on, m.received_on
    FROM allocations a JOIN payments m ON m.tenant_id = a.tenant_id AND m.id = a.payment_id
    WHERE a.tenant_id = $1 AND a.reversed_at IS NULL AND m.status = 'posted'
        AND a.invoice_id IN (
            SELECT invoice_id FROM placement_invoices WHERE tenant_id = $1 AND placement_id = ANY($2::uuid[])
        )
) AS a ON a.invoice_id = i.invoice_id AND a.received_on >= p.placed_on AND a.effective_on >= p.placed_on
    AND (a.effective_on > p.placed_on OR a.id > p.id) AND (p.ended_on IS NULL OR a.effective_on <= p.ended_on)
WHERE p.tenant_id = $1 AND p.id = ANY($2::uuid[])
GROUP BY p.tenant_id, p.id
"""
_OVERDUE: Final = """
SELECT * FROM invoices
WHERE tenant_id = $1 AND customer_id = $2 AND currency = $3 AND status IN ('open', 'partially_paid')
    AND due_on < $4 AND collection_state NOT IN ('legal', 'with_agency', 'in_plan')
ORDER BY due_on, issued_on, id LIMIT $5
"""
_FREE: Final = """
UPDATE placement_invoices i SET is_over = true
FROM placements p
WHERE i.tenant_id = $1 AND i.invoice_id = ANY($2::uuid[]) AND NOT i.is_over
    AND p.tenant_id = i.tenant_id AND p.id = i.placement_id AND p.status = 'closed'
"""
_PLACED: Final = (
    "SELECT invoice_id FROM placement_invoices WHERE tenant_id = $1 AND invoice_id = ANY($2) AND NOT is_over"
)


class Collected(NamedTuple):
    """What came in through an agency, and what of it is the agency's; in minor units."""

    collected_minor: int
    commission_minor: int


@dataclass(frozen=True, slots=True)
class PlacementFilter:
    """What a list of placements is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    status: str | None = None
    kind: str | None = None
    external_id: str | None = None


async def load_invoices(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Invoice]:
    """Invoices in the order of their ids."""
    rows = await uow.session.scalars(
        select(Invoice).where(Invoice.tenant_id == uow.tenant_id, Invoice.id.in_(invoice_ids)).order_by(Invoice.id)
    )
    return rows.all()


async def load_overdue(uow: UnitOfWork, customer_id: UUID, currency: str, *, limit: int) -> list[Invoice]:
    """What is overdue in a currency and neither placed nor in a payment plan, oldest first."""
    return await uow.fetch(Invoice, _OVERDUE, uow.tenant_id, customer_id, currency, uow.today, limit)


async def free_closed(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> None:
    """What a closed placement still stands in the way of stands so no more."""
    await uow.driver.execute(_FREE, uow.tenant_id, list(invoice_ids))


async def placed_among(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> set[UUID]:
    """Which of the invoices are with an agency."""
    rows = await uow.driver.fetch(_PLACED, uow.tenant_id, list(invoice_ids))
    return {row["invoice_id"] for row in rows}


async def load_collected(uow: UnitOfWork, placement_ids: Collection[UUID]) -> dict[UUID, Collected]:
    """What came in through each placement, in one statement."""
    rows = await uow.driver.fetch(_COLLECTED, uow.tenant_id, list(placement_ids))
    return {row["id"]: Collected(row["collected_minor"], row["commission_minor"]) for row in rows}


async def list_page(
    uow: UnitOfWork, wanted: PlacementFilter, *, limit: int, before: UUID | None
) -> Sequence[Placement]:
    """Placements newest first, one more than `limit`."""
    conditions = []
    if wanted.invoice_id is not None:
        has = exists().where(
            PlacementInvoice.tenant_id == Placement.tenant_id,
            PlacementInvoice.placement_id == Placement.id,
            PlacementInvoice.invoice_id == wanted.invoice_id,
        )
        conditions.append(has)
    return await PLACEMENTS.newest_first(
        uow,
        *conditions,
        equal=(
            (Placement.customer_id, wanted.customer_id),
            (Placement.status, wanted.status),
            (Placement.kind, wanted.kind),
            (Placement.external_id, wanted.external_id),
        ),
        limit=limit,
        before=before,
    )
