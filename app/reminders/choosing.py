"""Which ready reminders are claimed next: due ones of customers that nobody holds, as many as their channels take."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from app.core.uow import UnitOfWork
from app.dunning.reminders import with_items
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


_READY = """
tenant_id = $1 AND status = 'ready' AND next_attempt_at <= $2 AND channel <> ALL($3::text[])
    AND ($4::uuid IS NULL OR id = $4)
"""
# Room for other workers' customers, which are skipped.
_LOCK_CUSTOMERS = f"""
SELECT * FROM customers WHERE tenant_id = $1 AND id = ANY(ARRAY(
    SELECT customer_id FROM reminders WHERE {_READY} ORDER BY next_attempt_at LIMIT $5 * 8))
ORDER BY id LIMIT $5 FOR NO KEY UPDATE
"""  # noqa: S608  a constant of this module
_LOAD = f"""
SELECT * FROM reminders WHERE customer_id = ANY($5::uuid[]) AND {_READY} ORDER BY next_attempt_at, id LIMIT $6
"""  # noqa: S608  as above


async def lock_customers(
    uow: UnitOfWork, *, limit: int, full: Sequence[str], wait: bool, only: UUID | None
) -> dict[UUID, Customer]:
    """Lock the customers of due reminders, as many as may be claimed."""
    statement = _LOCK_CUSTOMERS if wait else f"{_LOCK_CUSTOMERS} SKIP LOCKED"
    customers = await uow.fetch(Customer, statement, uow.tenant_id, uow.now, full, only, limit)
    return {customer.id: customer for customer in customers}


async def load_ready(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], limit: int, full: Sequence[str], only: UUID | None
) -> list[Reminder]:
    """Due reminders of locked customers, the longest due first, with their items."""
    reminders = await uow.fetch(Reminder, _LOAD, uow.tenant_id, uow.now, full, only, list(customers), limit)
    return await with_items(uow, reminders)
