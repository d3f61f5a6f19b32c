"""How promises to pay are kept, by currency."""

from datetime import date
from typing import Any, Final

from app.core.uow import UnitOfWork
from app.core.wire import day, money
from app.domain.decimals import format_ratio
from app.reports.promises import repository
from app.reports.promises.repository import OutcomeRow
from app.reports.ranges import check_range

JUDGED: Final = ("kept", "partially_kept", "broken")
STATES: Final = (*JUDGED, "open", "cancelled")


async def promises(uow: UnitOfWork, *, from_on: date, to_on: date, currency: str | None) -> dict[str, Any]:
    """The report on the promises for a range of days.

    Raises:
        ProblemError: 422 when the range is empty.
    """
    check_range(from_on, to_on)
    by_currency: dict[str, dict[str, OutcomeRow]] = {currency: {}} if currency else {}
    for row in await repository.outcomes(uow, from_on=from_on, to_on=to_on, currency=currency):
        by_currency.setdefault(row.currency, {})[row.status] = row
    data = [_figures(name, rows) for name, rows in sorted(by_currency.items())]
    return {"from": day(from_on), "to": day(to_on), "data": data}


def _figures(currency: str, rows: dict[str, OutcomeRow]) -> dict[str, Any]:
    known = {status: rows.get(status, OutcomeRow(currency, status, 0, 0, 0)) for status in STATES}
    judged = sum(known[status].number for status in JUDGED)
    promised = sum(known[status].amount_minor for status in JUDGED)
    paid = sum(known[status].paid_minor for status in JUDGED)
    return {
        "currency": currency,
        **{
            status: {
                "count": row.number,
                "amount": money(row.amount_minor, currency),
                "paid_amount": money(row.paid_minor, currency),
            }
            for status, row in known.items()
        },
        **{f"{status}_rate": format_ratio(100 * known[status].number, judged) for status in JUDGED},
        "paid_rate": format_ratio(100 * paid, promised),
    }
