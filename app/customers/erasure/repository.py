"""Queries for erasure."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.domain.invoice_state import RECEIVABLE
from app.models import Invoice, Task

# Each kind of thing that is not finished with the customer, and how many there are.
_UNFINISHED: Final = """
SELECT 'open invoices' AS what, count(*) AS number FROM invoices
WHERE tenant_id = $1 AND customer_id = $2 AND status IN ('draft', 'open', 'partially_paid')
UNION ALL SELECT 'payments that are pending or unapplied', count(*) FROM payments
WHERE tenant_id = $1 AND customer_id = $2 AND (status = 'pending' OR unapplied_minor > 0)
UNION ALL SELECT 'credit notes that are not applied', count(*) FROM credit_notes
WHERE tenant_id = $1 AND customer_id = $2 AND status = 'open'
UNION ALL SELECT 'open disputes', count(*) FROM disputes
WHERE tenant_id = $1 AND customer_id = $2 AND status = 'open'
UNION ALL SELECT 'running payment plans', count(*) FROM payment_plans
WHERE tenant_id = $1 AND customer_id = $2 AND status IN ('proposed', 'accepted', 'active')
UNION ALL SELECT 'running placements', count(*) FROM placements
WHERE tenant_id = $1 AND customer_id = $2 AND status IN ('placed', 'acknowledged', 'in_progress')
"""
# Their rows, which nobody has read yet, are in their files alone.
_IMPORT_UNDER_WAY: Final = """
SELECT id FROM imports WHERE tenant_id = $1 AND status IN ('receiving', 'queued', 'running') ORDER BY id LIMIT 1
"""


async def find_import_under_way(uow: UnitOfWork) -> UUID | None:
    """The oldest import of the tenant's whose file has not been worked off; it is not locked, since workers lock
    imports before customers.
    """
    found: UUID | None = await uow.driver.fetchval(_IMPORT_UNDER_WAY, uow.tenant_id)
    return found


async def count_unfinished(uow: UnitOfWork, customer_id: UUID) -> dict[str, int]:
    """What is not finished with a customer, by its name; only what there is."""
    rows = await uow.driver.fetch(_UNFINISHED, uow.tenant_id, customer_id)
    return {row["what"]: row["number"] for row in rows if row["number"]}


async def load_open_invoices(uow: UnitOfWork, customer_id: UUID) -> Sequence[Invoice]:
    """What a customer still owes."""
    found = await uow.session.scalars(
        select(Invoice)
        .where(Invoice.tenant_id == uow.tenant_id, Invoice.customer_id == customer_id, Invoice.status.in_(RECEIVABLE))
        .execution_options(populate_existing=True)
    )
    return found.all()


async def load_open_tasks(uow: UnitOfWork, customer_id: UUID) -> Sequence[Task]:
    """What people were to do about a customer."""
    found = await uow.session.scalars(
        select(Task)
        .where(Task.tenant_id == uow.tenant_id, Task.customer_id == customer_id, Task.status == "open")
        .execution_options(populate_existing=True)
    )
    return found.all()
