"""Queries for net credit sales."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from sqlalchemy import text

from app.core.uow import UnitOfWork

# A credit note lowers sales when it lowers an invoice, so that sales and receivables speak of the same principal.
_SALES: Final = text("""
SELECT currency, CAST(date_trunc('month', CAST(effective_on AS timestamp)) AS date) AS month_on,
    sum(amount_minor) AS sales
FROM ledger_entries
WHERE tenant_id = :tenant_id AND effective_on BETWEEN :from_on AND :to_on AND account = 'principal'
    AND (kind IN ('invoice_issued', 'invoice_voided', 'credit_applied')
        OR kind = 'allocation_reversed' AND credit_note_id IS NOT NULL)
    AND (CAST(:known_at AS timestamptz) IS NULL OR booked_at <= :known_at)
    AND (CAST(:currency AS text) IS NULL OR currency = :currency)
GROUP BY 1, 2
""")

MonthlySales = Mapping[str, Mapping[date, int]]
"""Minor units by currency and first day of the month."""


async def monthly_sales(
    uow: UnitOfWork, *, from_on: date, to_on: date, known_at: datetime | None, currency: str | None
) -> MonthlySales:
    """Invoices issued, less voided ones and credit notes applied, by the month in which they are effective."""
    values = {"tenant_id": uow.tenant_id, "from_on": from_on, "to_on": to_on, "known_at": known_at}
    rows = await uow.session.execute(_SALES, {**values, "currency": currency})
    found: dict[str, dict[date, int]] = {}
    for currency_, month_on, sales in rows:
        found.setdefault(currency_, {})[month_on] = int(sales)
    return found
