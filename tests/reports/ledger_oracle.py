"""The aging report by the ledger alone: sums of the entries that count, straight from the definition."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.uow import UnitOfWork

_CELLS = text("""
SELECT balances.customer_id, customers.external_id, customers.name, balances.currency,
       width_bucket(CAST(:as_of AS date) - invoices.due_on, CAST(:starts AS integer[])) AS bucket,
       count(*) AS count, sum(balances.amount) AS amount
FROM (SELECT customer_id, invoice_id, currency, sum(amount_minor) AS amount FROM ledger_entries
      WHERE tenant_id = :tenant_id AND effective_on <= :as_of
        AND (CAST(:known_at AS timestamptz) IS NULL OR booked_at <= :known_at)
        AND (CAST(:currency AS text) IS NULL OR currency = :currency)
      GROUP BY 1, 2, 3 HAVING sum(amount_minor) <> 0) AS balances
JOIN customers ON customers.tenant_id = :tenant_id AND customers.id = balances.customer_id
LEFT JOIN invoices ON invoices.tenant_id = :tenant_id AND invoices.id = balances.invoice_id
GROUP BY 1, 2, 3, 4, 5
""")

Cells = dict[tuple[str, int | None], tuple[int, int]]
"""Count and amount by currency and bucket; unapplied cash has no bucket, and its count says nothing."""


async def by_ledger(
    uow: UnitOfWork, *, as_of: date, known_at: datetime | None, currency: str | None, starts: list[int]
) -> dict[UUID, Cells]:
    """The cells of every customer that has any."""
    values: dict[str, Any] = {"tenant_id": uow.tenant_id, "as_of": as_of, "known_at": known_at}
    rows = await uow.session.execute(_CELLS, {**values, "currency": currency, "starts": starts})
    found: dict[UUID, Cells] = {}
    for customer_id, _, _, currency_, bucket, count, amount in rows:
        cell = (0 if bucket is None else count, int(amount))
        found.setdefault(customer_id, {})[currency_, bucket] = cell
    return found


def over_all(customers: dict[UUID, Cells]) -> Cells:
    """The cells of all customers together."""
    total: Cells = {}
    for cells in customers.values():
        for key, (count, amount) in cells.items():
            before = total.get(key, (0, 0))
            total[key] = (before[0] + count, before[1] + amount)
    return total
