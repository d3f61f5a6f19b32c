"""The aging report by the ledger alone: sums of the entries that count, straight from the definition."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.uow import UnitOfWork
from app.reports.repository import UNIDENTIFIED

_SUMS = text("""
SELECT customer_id, invoice_id, currency,
       coalesce(sum(amount_minor) FILTER (WHERE account NOT IN ('interest', 'fees')), 0) AS principal,
       coalesce(sum(amount_minor) FILTER (WHERE account IN ('interest', 'fees')), 0) AS charges
FROM ledger_entries
WHERE tenant_id = :tenant_id AND effective_on <= :as_of
  AND (CAST(:known_at AS timestamptz) IS NULL OR booked_at <= :known_at)
  AND (CAST(:currency AS text) IS NULL OR currency = :currency)
GROUP BY 1, 2, 3 HAVING sum(amount_minor) <> 0
""")
_DUES = text("SELECT id, due_on FROM invoices WHERE tenant_id = :tenant_id")
_PARTS = text("""
SELECT invoice_id, due_on, amount_minor FROM invoice_instalments
WHERE tenant_id = :tenant_id ORDER BY invoice_id, number
""")

Cells = dict[tuple[str, int | None], tuple[int, int]]
"""Count and amount by currency and bucket; unapplied cash has no bucket, and its count says nothing."""


async def by_ledger(
    uow: UnitOfWork, *, as_of: date, known_at: datetime | None, currency: str | None, starts: list[int]
) -> dict[UUID | None, Cells]:
    """The cells of every customer that has any, and of nobody."""
    tenant: dict[str, Any] = {"tenant_id": uow.tenant_id}
    dues: dict[UUID, date] = {row.id: row.due_on for row in await uow.session.execute(_DUES, tenant)}
    parts: dict[UUID, list[tuple[date, int]]] = defaultdict(list)
    for row in await uow.session.execute(_PARTS, tenant):
        parts[row.invoice_id].append((row.due_on, row.amount_minor))
    asked = {**tenant, "as_of": as_of, "known_at": known_at, "currency": currency}
    found: dict[UUID | None, Cells] = {}
    for row in await uow.session.execute(_SUMS, asked):
        cells = found.setdefault(row.customer_id, {})

        def add(bucket: int | None, count: int, amount: int, cells: Cells = cells, row: Any = row) -> None:
            before = cells.get((row.currency, bucket), (0, 0))
            cells[row.currency, bucket] = (before[0] + count, before[1] + amount)

        principal, charges = int(row.principal), int(row.charges)
        if row.invoice_id is None:
            add(None if row.customer_id else UNIDENTIFIED, 0, principal)
            continue
        due_on = dues[row.invoice_id]
        if row.invoice_id in parts:
            # From the last to the oldest, with which the charges come.
            opened = list(spread(principal, parts[row.invoice_id])) or [(parts[row.invoice_id][-1][0], 0)]
            opened[-1] = (opened[-1][0], opened[-1][1] + charges)
            for part_due_on, amount in opened:
                add(bisect_right(starts, (as_of - part_due_on).days), 1, amount)
        else:
            add(bisect_right(starts, (as_of - due_on).days), 1, principal + charges)
    return found


def spread(principal: int, parts: Sequence[tuple[date, int]]) -> Iterator[tuple[date, int]]:
    """What is open of each instalment: the last ones hold as much as they can, the first the rest."""
    for due_on, amount in reversed(parts[1:]):
        held = min(amount, max(0, principal))
        principal -= held
        if held:
            yield due_on, held
    if principal:
        yield parts[0][0], principal


def over_all(customers: dict[UUID | None, Cells]) -> Cells:
    """The cells of all customers together."""
    total: Cells = {}
    for cells in customers.values():
        for key, (count, amount) in cells.items():
            before = total.get(key, (0, 0))
            total[key] = (before[0] + count, before[1] + amount)
    return total
