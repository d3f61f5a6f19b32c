"""Queries for what proves a claim: every list in the order of its ids."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from app.core.uow import UnitOfWork
from app.models import (
    Activity,
    Charge,
    Customer,
    Dispute,
    Hold,
    Invoice,
    LedgerEntry,
    Payment,
    Promise,
    Reminder,
    ReminderReceipt,
    WriteOff,
)

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


async def load_of_invoices(uow: UnitOfWork, kind: Any, invoice_ids: Collection[UUID]) -> Sequence[Any]:
    """Rows of a table that name one of the invoices."""
    found = await uow.session.scalars(
        select(kind).where(kind.tenant_id == uow.tenant_id, kind.invoice_id.in_(invoice_ids)).order_by(kind.id)
    )
    return found.all()


async def load_invoices(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Invoice]:
    """The invoices."""
    found = await uow.session.scalars(
        select(Invoice).where(Invoice.tenant_id == uow.tenant_id, Invoice.id.in_(invoice_ids)).order_by(Invoice.id)
    )
    return found.all()


async def load_entries(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[LedgerEntry]:
    """Their ledger entries."""
    return await load_of_invoices(uow, LedgerEntry, invoice_ids)


async def load_charges(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Charge]:
    """Their charges."""
    return await load_of_invoices(uow, Charge, invoice_ids)


async def load_write_offs(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[WriteOff]:
    """Their write-offs."""
    return await load_of_invoices(uow, WriteOff, invoice_ids)


async def load_disputes(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Dispute]:
    """Their disputes."""
    return await load_of_invoices(uow, Dispute, invoice_ids)


async def load_payments(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Payment]:
    """Payments that settle or settled something of them."""
    ids = [row["payment_id"] for row in await uow.driver.fetch(_PAYING, uow.tenant_id, list(invoice_ids))]
    found = await uow.session.scalars(
        select(Payment)
        .where(Payment.tenant_id == uow.tenant_id, Payment.id.in_(ids))
        .options(selectinload(Payment.allocations))
        .order_by(Payment.id)
    )
    return found.all()


async def load_reminders(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Reminder]:
    """Reminders about them."""
    ids = [row["reminder_id"] for row in await uow.driver.fetch(_ABOUT, uow.tenant_id, list(invoice_ids))]
    found = await uow.session.scalars(
        select(Reminder)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.id.in_(ids))
        .options(selectinload(Reminder.items))
        .order_by(Reminder.id)
    )
    return found.all()


async def load_receipts(uow: UnitOfWork, reminder_ids: Collection[UUID]) -> dict[UUID, list[ReminderReceipt]]:
    """What providers told about reminders."""
    found: dict[UUID, list[ReminderReceipt]] = defaultdict(list)
    for receipt in await uow.session.scalars(
        select(ReminderReceipt)
        .where(ReminderReceipt.tenant_id == uow.tenant_id, ReminderReceipt.reminder_id.in_(reminder_ids))
        .order_by(ReminderReceipt.id)
    ):
        found[receipt.reminder_id].append(receipt)
    return found


async def load_promises(uow: UnitOfWork, customer_id: UUID, invoice_ids: Collection[UUID]) -> Sequence[Promise]:
    """Promises to pay them."""
    found = await uow.session.scalars(
        select(Promise)
        .where(
            Promise.tenant_id == uow.tenant_id,
            Promise.customer_id == customer_id,
            Promise.invoice_ids.overlap(list(invoice_ids)),
        )
        .order_by(Promise.id)
    )
    return found.all()


async def load_holds(uow: UnitOfWork, customer_id: UUID, invoice_ids: Collection[UUID]) -> Sequence[Hold]:
    """Holds of them, or of all that the customer owes."""
    found = await uow.session.scalars(
        select(Hold)
        .where(
            Hold.tenant_id == uow.tenant_id,
            Hold.customer_id == customer_id,
            or_(Hold.invoice_id.is_(None), Hold.invoice_id.in_(invoice_ids)),
        )
        .order_by(Hold.id)
    )
    return found.all()


async def load_activities(uow: UnitOfWork, customer_id: UUID, invoice_ids: Collection[UUID]) -> Sequence[Activity]:
    """What people did or answered about them; what names no invoice may be about these."""
    found = await uow.session.scalars(
        select(Activity)
        .where(
            Activity.tenant_id == uow.tenant_id,
            Activity.customer_id == customer_id,
            or_(Activity.invoice_ids == [], Activity.invoice_ids.overlap(list(invoice_ids))),
        )
        .order_by(Activity.id)
    )
    return found.all()


async def load_contents(uow: UnitOfWork, reminder_ids: Sequence[UUID]) -> list[tuple[UUID, bytes]]:
    """The bytes of messages, as they were frozen when they were claimed."""
    rows = await uow.driver.fetch(_CONTENTS, uow.tenant_id, list(reminder_ids))
    return [(row["id"], row["content"]) for row in rows]
