"""Queries for activities."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import Activity, Invoice


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """What a list of activities is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    kind: str | None = None
    direction: str | None = None
    external_id: str | None = None


async def find(uow: UnitOfWork, activity_id: UUID) -> Activity | None:
    """The activity with an id."""
    return await uow.session.scalar(
        select(Activity).where(Activity.tenant_id == uow.tenant_id, Activity.id == activity_id)
    )


async def external_id_exists(uow: UnitOfWork, external_id: str) -> bool:
    """Whether an activity has this external id."""
    found = await uow.session.scalar(
        select(Activity.id).where(Activity.tenant_id == uow.tenant_id, Activity.external_id == external_id).limit(1)
    )
    return found is not None


async def find_invoice_ids(uow: UnitOfWork, customer_id: UUID, invoice_ids: Collection[UUID]) -> set[UUID]:
    """Which of the invoices exist and are the customer's."""
    if not invoice_ids:
        return set()
    rows = await uow.session.scalars(
        select(Invoice.id).where(
            Invoice.tenant_id == uow.tenant_id, Invoice.customer_id == customer_id, Invoice.id.in_(invoice_ids)
        )
    )
    return set(rows)


async def list_page(uow: UnitOfWork, wanted: ActivityFilter, *, limit: int, before: UUID | None) -> Sequence[Activity]:
    """Activities newest first, one more than `limit`."""
    statement = select(Activity).where(Activity.tenant_id == uow.tenant_id)
    for column, value in (
        (Activity.customer_id, wanted.customer_id),
        (Activity.kind, wanted.kind),
        (Activity.direction, wanted.direction),
        (Activity.external_id, wanted.external_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.invoice_id is not None:
        statement = statement.where(Activity.invoice_ids.contains([wanted.invoice_id]))
    if before is not None:
        statement = statement.where(Activity.id < before)
    return (await uow.session.scalars(statement.order_by(Activity.id.desc()).limit(limit + 1))).all()
