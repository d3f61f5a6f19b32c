"""Queries for timelines: events and activities together, each part by an index and no longer than the page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import Customer, Invoice

_OF_CUSTOMER: Final = """
SELECT * FROM (
    (SELECT e.created_at AS at, e.id, e.type, e.object_type, e.object_id, e.data, NULL::activities AS activity
     FROM events e
     WHERE e.tenant_id = $1 AND e.customer_id = $2 AND ($3::timestamptz IS NULL OR (e.created_at, e.id) < ($3, $4))
     ORDER BY e.created_at DESC, e.id DESC LIMIT $5)
    UNION ALL
    (SELECT a.occurred_at, a.id, 'activity', 'activity', a.id, NULL, a
     FROM activities a
     WHERE a.tenant_id = $1 AND a.customer_id = $2 AND ($3::timestamptz IS NULL OR (a.occurred_at, a.id) < ($3, $4))
     ORDER BY a.occurred_at DESC, a.id DESC LIMIT $5)
) AS found
ORDER BY at DESC, id DESC LIMIT $5
"""
# What an invoice has to do with is found by the indexes of each, and its events by theirs.
_OF_INVOICE: Final = """
WITH related (id) AS (
    SELECT $2::uuid
    UNION SELECT c.id FROM dunning_cases c WHERE c.tenant_id = $1 AND c.invoice_id = $2
    UNION SELECT e.payment_id FROM ledger_entries e
        WHERE e.tenant_id = $1 AND e.invoice_id = $2 AND e.payment_id IS NOT NULL
    UNION SELECT e.credit_note_id FROM ledger_entries e
        WHERE e.tenant_id = $1 AND e.invoice_id = $2 AND e.credit_note_id IS NOT NULL
    UNION SELECT e.charge_id FROM ledger_entries e
        WHERE e.tenant_id = $1 AND e.invoice_id = $2 AND e.charge_id IS NOT NULL
    UNION SELECT i.reminder_id FROM reminder_items i WHERE i.tenant_id = $1 AND i.invoice_id = $2
    UNION SELECT h.id FROM holds h
        WHERE h.tenant_id = $1 AND h.customer_id = $3 AND (h.invoice_id = $2 OR h.invoice_id IS NULL)
    UNION SELECT d.id FROM disputes d WHERE d.tenant_id = $1 AND d.invoice_id = $2
    UNION SELECT p.id FROM promises p WHERE p.tenant_id = $1 AND p.customer_id = $3 AND $2 = ANY(p.invoice_ids)
    UNION SELECT t.id FROM tasks t WHERE t.tenant_id = $1 AND t.customer_id = $3 AND $2 = ANY(t.invoice_ids)
    UNION SELECT l.plan_id FROM plan_invoices l WHERE l.tenant_id = $1 AND l.invoice_id = $2
    UNION SELECT l.placement_id FROM placement_invoices l WHERE l.tenant_id = $1 AND l.invoice_id = $2
)
SELECT * FROM (
    (SELECT e.created_at AS at, e.id, e.type, e.object_type, e.object_id, e.data, NULL::activities AS activity
     FROM events e
     WHERE e.tenant_id = $1 AND e.object_id IN (SELECT id FROM related)
         AND ($4::timestamptz IS NULL OR (e.created_at, e.id) < ($4, $5))
     ORDER BY e.created_at DESC, e.id DESC LIMIT $6)
    UNION ALL
    (SELECT a.occurred_at, a.id, 'activity', 'activity', a.id, NULL, a
     FROM activities a
     WHERE a.tenant_id = $1 AND a.customer_id = $3 AND $2 = ANY(a.invoice_ids)
         AND ($4::timestamptz IS NULL OR (a.occurred_at, a.id) < ($4, $5))
     ORDER BY a.occurred_at DESC, a.id DESC LIMIT $6)
) AS found
ORDER BY at DESC, id DESC LIMIT $6
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: what comes next is older."""

    at: datetime
    id: UUID


async def of_customer(uow: UnitOfWork, customer_id: UUID, *, limit: int, before: Place | None) -> list[Any]:
    """What happened with a customer and all that is theirs, newest first, one more than `limit`."""
    place = (before.at, before.id) if before else (None, None)
    rows: list[Any] = await uow.driver.fetch(_OF_CUSTOMER, uow.tenant_id, customer_id, *place, limit + 1)
    return rows


async def of_invoice(
    uow: UnitOfWork, invoice_id: UUID, customer_id: UUID, *, limit: int, before: Place | None
) -> list[Any]:
    """What happened with an invoice and what it has to do with, newest first, one more than `limit`."""
    place = (before.at, before.id) if before else (None, None)
    rows: list[Any] = await uow.driver.fetch(_OF_INVOICE, uow.tenant_id, invoice_id, customer_id, *place, limit + 1)
    return rows


async def customer_exists(uow: UnitOfWork, customer_id: UUID) -> bool:
    """Whether there is such a customer."""
    found = await uow.session.scalar(
        select(Customer.id).where(Customer.tenant_id == uow.tenant_id, Customer.id == customer_id)
    )
    return found is not None


async def find_owner(uow: UnitOfWork, invoice_id: UUID) -> UUID | None:
    """Whose invoice it is."""
    return await uow.session.scalar(
        select(Invoice.customer_id).where(Invoice.tenant_id == uow.tenant_id, Invoice.id == invoice_id)
    )
