"""Queries for holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.domain.invoice_state import RECEIVABLE
from app.models import Hold, Invoice


@dataclass(frozen=True, slots=True)
class HoldFilter:
    """What a list of holds is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    status: str | None = None
    external_id: str | None = None


async def find(uow: UnitOfWork, hold_id: UUID) -> Hold | None:
    """The hold with an id, as it is now."""
    return await uow.session.scalar(
        select(Hold)
        .where(Hold.tenant_id == uow.tenant_id, Hold.id == hold_id)
        .execution_options(populate_existing=True)
    )


async def find_customer_id(uow: UnitOfWork, hold_id: UUID) -> UUID | None:
    """Whose hold it is."""
    return await uow.session.scalar(select(Hold.customer_id).where(Hold.tenant_id == uow.tenant_id, Hold.id == hold_id))


async def external_id_exists(uow: UnitOfWork, external_id: str) -> bool:
    """Whether a hold has this external id."""
    found = await uow.session.scalar(
        select(Hold.id).where(Hold.tenant_id == uow.tenant_id, Hold.external_id == external_id)
    )
    return found is not None


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
    statement = select(Hold).where(Hold.tenant_id == uow.tenant_id)
    for column, value in (
        (Hold.customer_id, wanted.customer_id),
        (Hold.invoice_id, wanted.invoice_id),
        (Hold.status, wanted.status),
        (Hold.external_id, wanted.external_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if before is not None:
        statement = statement.where(Hold.id < before)
    return (await uow.session.scalars(statement.order_by(Hold.id.desc()).limit(limit + 1))).all()
