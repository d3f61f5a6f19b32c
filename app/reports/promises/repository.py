"""Queries for the report on promises."""

from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import text

from app.core.uow import UnitOfWork

# More than was promised counts as what was promised.
_OUTCOMES: Final = text("""
SELECT currency, status, count(*) AS number, sum(amount_minor) AS amount, sum(least(paid_minor, amount_minor)) AS paid
FROM promises
WHERE tenant_id = :tenant_id AND promised_on BETWEEN :from_on AND :to_on
    AND (CAST(:currency AS text) IS NULL OR currency = :currency)
GROUP BY currency, status
""")


class OutcomeRow(NamedTuple):
    """Promises of one currency in one status; amounts in minor units."""

    currency: str
    status: str
    number: int
    amount_minor: int
    paid_minor: int


async def outcomes(uow: UnitOfWork, *, from_on: date, to_on: date, currency: str | None) -> list[OutcomeRow]:
    """What has become of the promises for some days."""
    values = {"tenant_id": uow.tenant_id, "from_on": from_on, "to_on": to_on, "currency": currency}
    rows = await uow.session.execute(_OUTCOMES, values)
    return [OutcomeRow(row.currency, row.status, row.number, int(row.amount), int(row.paid)) for row in rows]
