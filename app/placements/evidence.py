"""Queries for what proves a claim: every list in the order of its ids."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import selectinload
from sqlalchemy.orm.interfaces import ORMOption

from app.core.rows import any_of
from app.core.uow import UnitOfWork
from app.models import (
    Activity,
    Charge,
    Customer,
    Dispute,
    Hold,
    LedgerEntry,
    Payment,
    Promise,
    Reminder,
    ReminderReceipt,
    WriteOff,
)
from app.models.base import TenantRow

Row = TypeVar("Row", bound=TenantRow)

_CONTENTS: Final = """
SELECT id, content FROM reminders WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND content IS NOT NULL ORDER BY id
"""
_ABOUT: Final = """
SELECT DISTINCT reminder_id FROM reminder_items WHERE tenant_id = $1 AND invoice_id = ANY($2::uuid[])
"""
_PAYING: Final = """
SELECT DISTINCT payment_id FROM allocations
WHERE tenant_id = $1 AND invoice_id = ANY($2::uuid[]) AND payment_id IS NOT NULL
"""


async def load_customer(uow: UnitOfWork, customer_id: UUID) -> Customer:
    """Who owes."""
    return await uow.session.get_one(Customer, (uow.tenant_id, customer_id))


async def load_entries(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[LedgerEntry]:
    """Their ledger entries."""
    return await _load(uow, LedgerEntry, LedgerEntry.invoice_id.in_(invoice_ids))


async def load_charges(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Charge]:
    """Their charges."""
    return await _load(uow, Charge, Charge.invoice_id.in_(invoice_ids))


async def load_write_offs(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[WriteOff]:
    """Their write-offs."""
    return await _load(uow, WriteOff, WriteOff.invoice_id.in_(invoice_ids))


async def load_disputes(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Dispute]:
    """Their disputes."""
    return await _load(uow, Dispute, Dispute.invoice_id.in_(invoice_ids))


async def load_payments(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Payment]:
    """Payments that settle or settled something of them."""
    ids = [row["payment_id"] for row in await uow.driver.fetch(_PAYING, uow.tenant_id, list(invoice_ids))]
    return await _load(uow, Payment, Payment.id == any_of(ids), loads=(selectinload(Payment.allocations),))


async def load_reminders(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Reminder]:
    """Reminders about them."""
    ids = [row["reminder_id"] for row in await uow.driver.fetch(_ABOUT, uow.tenant_id, list(invoice_ids))]
    return await _load(uow, Reminder, Reminder.id == any_of(ids), loads=(selectinload(Reminder.items),))


async def load_receipts(uow: UnitOfWork, reminder_ids: Collection[UUID]) -> dict[UUID, list[ReminderReceipt]]:
    """What providers told about reminders."""
    found: dict[UUID, list[ReminderReceipt]] = defaultdict(list)
    for receipt in await _load(uow, ReminderReceipt, ReminderReceipt.reminder_id == any_of(reminder_ids)):
        found[receipt.reminder_id].append(receipt)
    return found


async def load_promises(uow: UnitOfWork, customer_id: UUID, invoice_ids: Collection[UUID]) -> Sequence[Promise]:
    """Promises to pay them."""
    about = Promise.invoice_ids.overlap(list(invoice_ids))
    return await _load(uow, Promise, Promise.customer_id == customer_id, about)


async def load_holds(uow: UnitOfWork, customer_id: UUID, invoice_ids: Collection[UUID]) -> Sequence[Hold]:
    """Holds of them, or of all that the customer owes."""
    about = or_(Hold.invoice_id.is_(None), Hold.invoice_id.in_(invoice_ids))
    return await _load(uow, Hold, Hold.customer_id == customer_id, about)


async def load_activities(uow: UnitOfWork, customer_id: UUID, invoice_ids: Collection[UUID]) -> Sequence[Activity]:
    """What people did or answered about them; what names no invoice may be about these."""
    about = or_(Activity.invoice_ids == [], Activity.invoice_ids.overlap(list(invoice_ids)))
    return await _load(uow, Activity, Activity.customer_id == customer_id, about)


async def load_contents(uow: UnitOfWork, reminder_ids: Sequence[UUID]) -> list[tuple[UUID, bytes]]:
    """The bytes of messages, as they were frozen when they were claimed."""
    rows = await uow.driver.fetch(_CONTENTS, uow.tenant_id, list(reminder_ids))
    return [(row["id"], row["content"]) for row in rows]


async def _load(
    uow: UnitOfWork, kind: type[Row], *conditions: ColumnElement[bool], loads: Sequence[ORMOption] = ()
) -> Sequence[Row]:
    statement = select(kind).where(kind.tenant_id == uow.tenant_id, *conditions).options(*loads)
    return (await uow.session.scalars(statement.order_by(kind.id))).all()
