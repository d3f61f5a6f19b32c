"""Queries for messages that came in."""

from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import Activity


async def find_by_external_id(uow: UnitOfWork, customer_id: UUID, external_id: str) -> Activity | None:
    """The message of a customer that came in under an id of the provider's."""
    return await uow.session.scalar(
        select(Activity)
        .where(
            Activity.tenant_id == uow.tenant_id,
            Activity.customer_id == customer_id,
            Activity.external_id == external_id,
            Activity.direction == "inbound",
        )
        .order_by(Activity.id)
        .limit(1)
    )
