"""Queries for activities."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select

from app.core.owned import Owned
from app.core.uow import UnitOfWork
from app.models import Activity, Invoice

ACTIVITIES: Final = Owned(Activity, "activity")


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """What a list of activities is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    kind: str | None = None
    direction: str | None = None
    external_id: str | None = None


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
    return await ACTIVITIES.newest_first(
        uow,
        *([] if wanted.invoice_id is None else [Activity.invoice_ids.contains([wanted.invoice_id])]),
        equal=(
            (Activity.customer_id, wanted.customer_id),
            (Activity.kind, wanted.kind),
            (Activity.direction, wanted.direction),
            (Activity.external_id, wanted.external_id),
        ),
        limit=limit,
        before=before,
    )
