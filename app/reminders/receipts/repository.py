"""Queries for receipts."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import ReminderReceipt


async def find(uow: UnitOfWork, reminder_id: UUID, *, kind: str, provider_event_id: str) -> ReminderReceipt | None:
    """The receipt that the provider has told before."""
    return await uow.session.scalar(
        select(ReminderReceipt).where(
            ReminderReceipt.tenant_id == uow.tenant_id,
            ReminderReceipt.reminder_id == reminder_id,
            ReminderReceipt.kind == kind,
            ReminderReceipt.provider_event_id == provider_event_id,
        )
    )


async def list_of(uow: UnitOfWork, reminder_id: UUID) -> Sequence[ReminderReceipt]:
    """What was told about a reminder, the oldest first."""
    return (
        await uow.session.scalars(
            select(ReminderReceipt)
            .where(ReminderReceipt.tenant_id == uow.tenant_id, ReminderReceipt.reminder_id == reminder_id)
            .order_by(ReminderReceipt.id)
            .limit(1000)
        )
    ).all()
