"""Queries for holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select

from app.core.owned import Owned
from app.core.uow import UnitOfWork
from app.domain.invoice_state import RECEIVABLE
from app.models import Hold, Invoice

HOLDS: Final = Owned(Hold, "hold")


@dataclass(frozen=True, slots=True)
class HoldFilter:
    """What a list of holds is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    status: str | None = None
    external_id: str | None = None


async def load_open_invoices(uow: UnitOfWork, customer_id: UUID, invoice_id: UUID | None) -> Sequence[Invoice]:
    """What a hold concerns: the invoice, or all that the customer owes."""
    statement = select(Invoice).where(
        Invoice.tenant_id == uow.tenant_id, Invoice.customer_id == customer_id, Invoice.status.in_(RECEIVABLE)
    )
    if invoice_id is not None:
        statement = statement.where(Invoice.id == invoice_id)
    return (await uow.session.scalars(statement)).all()


async def list_page(uow: UnitOfWork, wanted: HoldFilter, *, limit: int, before: UUID | None) -> Sequence[Hold]:
    """Holds newest first, one more than `limit`."""
    return await HOLDS.newest_first(
        uow,
        equal=(
            (Hold.customer_id, wanted.customer_id),
            (Hold.invoice_id, wanted.invoice_id),
            (Hold.status, wanted.status),
            (Hold.external_id, wanted.external_id),
        ),
        limit=limit,
        before=before,
    )
