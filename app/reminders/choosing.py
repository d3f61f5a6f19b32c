"""Which ready reminders are claimed next: due ones of customers that nobody holds, as many as their channels take."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.core.uow import UnitOfWork
from app.models import Customer, Reminder
from app.reminders.pauses import paused_until


def within(rooms: Mapping[str, int], reminders: Sequence[Reminder]) -> list[Reminder]:
    """As many of each channel as it takes."""
    left = dict(rooms)
    kept = []
    for reminder in reminders:
        if reminder.channel in left:
            left[reminder.channel] -= 1
            if left[reminder.channel] < 0:
                continue
        kept.append(reminder)
    return kept


def put_off(uow: UnitOfWork, reminders: Iterable[Reminder]) -> list[Reminder]:
    """Leave reminders whose channel rests until it is tried again; the others."""
    paused = paused_until(uow)
    kept = []
    for reminder in reminders:
        if reminder.channel in paused:
            reminder.next_attempt_at = paused[reminder.channel]
        else:
            kept.append(reminder)
    return kept


async def lock_customers(
    uow: UnitOfWork, *, limit: int, full: Sequence[str], wait: bool, only: UUID | None
) -> dict[UUID, Customer]:
    """Lock the customers of due reminders, as many as may be claimed."""
    due = (
        select(Reminder.customer_id)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.status == "ready", Reminder.next_attempt_at <= uow.now)
        .order_by(Reminder.next_attempt_at)
        # Room for other workers' customers, which are skipped.
        .limit(limit * 8)
    )
    if full:
        due = due.where(Reminder.channel.not_in(full))
    if only is not None:
        due = due.where(Reminder.id == only)
    statement = (
        select(Customer)
        .where(Customer.tenant_id == uow.tenant_id, Customer.id.in_(due))
        .order_by(Customer.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=not wait)
    )
    return {customer.id: customer for customer in await uow.session.scalars(statement)}


async def load_ready(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], limit: int, full: Sequence[str], only: UUID | None
) -> Sequence[Reminder]:
    """Due reminders of locked customers, the longest due first."""
    statement = (
        select(Reminder)
        .where(
            Reminder.tenant_id == uow.tenant_id,
            Reminder.customer_id.in_(customers),
            Reminder.status == "ready",
            Reminder.next_attempt_at <= uow.now,
        )
        .options(selectinload(Reminder.items))
        .order_by(Reminder.next_attempt_at, Reminder.id)
        .limit(limit)
    )
    if full:
        statement = statement.where(Reminder.channel.not_in(full))
    if only is not None:
        statement = statement.where(Reminder.id == only)
    return (await uow.session.scalars(statement)).all()
