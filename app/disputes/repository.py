"""Queries for disputes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import Dispute, Invoice


@dataclass(frozen=True, slots=True)
class DisputeFilter:
    """What a list of disputes is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    status: str | None = None
    reason: str | None = None
    external_id: str | None = None
    is_overdue: bool | None = None


async def find(uow: UnitOfWork, dispute_id: UUID) -> Dispute | None:
    """The dispute with an id, as it is now."""
    return await uow.session.scalar(
        select(Dispute)
        .where(Dispute.tenant_id == uow.tenant_id, Dispute.id == dispute_id)
        .execution_options(populate_existing=True)
    )


async def find_customer_id(uow: UnitOfWork, dispute_id: UUID) -> UUID | None:
    """Whose dispute it is."""
    return await uow.session.scalar(
        select(Dispute.customer_id).where(Dispute.tenant_id == uow.tenant_id, Dispute.id == dispute_id)
    )


async def external_id_exists(uow: UnitOfWork, external_id: str) -> bool:
    """Whether a dispute has this external id."""
    found = await uow.session.scalar(
        select(Dispute.id).where(Dispute.tenant_id == uow.tenant_id, Dispute.external_id == external_id)
    )
    return found is not None


async def load_invoice(uow: UnitOfWork, invoice_id: UUID) -> Invoice:
    """An invoice that exists, as it is now."""
    found = await uow.session.scalars(
        select(Invoice)
        .where(Invoice.tenant_id == uow.tenant_id, Invoice.id == invoice_id)
        .execution_options(populate_existing=True)
    )
    return found.one()


async def list_page(uow: UnitOfWork, wanted: DisputeFilter, *, limit: int, before: UUID | None) -> Sequence[Dispute]:
    """Disputes newest first, one more than `limit`."""
    statement = select(Dispute).where(Dispute.tenant_id == uow.tenant_id)
    for column, value in (
        (Dispute.customer_id, wanted.customer_id),
        (Dispute.invoice_id, wanted.invoice_id),
        (Dispute.status, wanted.status),
        (Dispute.reason, wanted.reason),
        (Dispute.external_id, wanted.external_id),
        (Dispute.is_overdue, wanted.is_overdue),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if before is not None:
        statement = statement.where(Dispute.id < before)
    return (await uow.session.scalars(statement.order_by(Dispute.id.desc()).limit(limit + 1))).all()
