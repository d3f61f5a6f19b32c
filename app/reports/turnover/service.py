"""How fast receivables turn into money, put together from the aging report and from sales."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, Literal

from app.core.uow import UnitOfWork
from app.core.wire import day, instant, money
from app.domain.decimals import format_decimal
from app.domain.dso import (
    CountedBack,
    SalesPeriod,
    collection_effectiveness,
    count_back,
    months_back,
    simple_dso,
)
from app.reports.ranges import check_range
from app.reports.repository import aging
from app.reports.turnover import repository

Method = Literal["countback", "simple"]
MAX_MONTHS = 60
"""How far count-back looks for sales."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, whatever the report."""

    known_at: datetime | None
    currency: str | None


@dataclass(slots=True)
class Receivables:
    """What is open on invoices, charges included, and how much of it is not overdue."""

    total: int = 0
    current: int = 0


async def days_sales_outstanding(
    uow: UnitOfWork, asked: Asked, *, as_of: date, method: Method, days: int
) -> dict[str, Any]:
    """Days sales outstanding by currency.

    Args:
        uow: the unit of work.
        asked: currency, and what was known.
        as_of: the last day.
        method: `countback` or `simple`.
        days: length of the period of the simple method.
    """
    months = list(months_back(as_of, MAX_MONTHS))
    from_on = as_of - timedelta(days=days - 1) if method == "simple" else months[-1][0]
    receivables = await _receivables(uow, asked, as_of)
    sales = await repository.monthly_sales(
        uow, from_on=from_on, to_on=as_of, known_at=asked.known_at, currency=asked.currency
    )
    data = []
    for currency in _currencies(asked, receivables, sales):
        total = receivables.get(currency, Receivables()).total
        by_month = sales.get(currency, {})
        if method == "simple":
            sold = sum(by_month.values())
            data.append(_dso(currency, total, sold, simple_dso(total, sold, days), []))
        else:
            periods = [SalesPeriod(first, last, by_month.get(first, 0)) for first, last in months]
            counted = count_back(total, periods)
            sold = sum(item.period.sales_minor for item in counted)
            data.append(_dso(currency, total, sold, sum((item.days for item in counted), Fraction(0)), counted))
    return {
        "as_of": day(as_of),
        "known_at": instant(asked.known_at),
        "method": method,
        "days": days if method == "simple" else None,
        "data": data,
    }


async def effectiveness(uow: UnitOfWork, asked: Asked, *, from_on: date, to_on: date) -> dict[str, Any]:
    """The collection effectiveness index by currency.

    Raises:
        ProblemError: 422 when the range is empty.
    """
    check_range(from_on, to_on)
    before = await _receivables(uow, asked, from_on - timedelta(days=1))
    after = await _receivables(uow, asked, to_on)
    sales = await repository.monthly_sales(
        uow, from_on=from_on, to_on=to_on, known_at=asked.known_at, currency=asked.currency
    )
    data = []
    for currency in _currencies(asked, before, after, sales):
        beginning, ending = before.get(currency, Receivables()), after.get(currency, Receivables())
        sold = sum(sales.get(currency, {}).values())
        index = collection_effectiveness(
            beginning_minor=beginning.total,
            sales_minor=sold,
            ending_minor=ending.total,
            ending_current_minor=ending.current,
        )
        data.append({
            "currency": currency,
            "beginning_receivables": money(beginning.total, currency),
            "sales": money(sold, currency),
            "ending_receivables": money(ending.total, currency),
            "ending_current_receivables": money(ending.current, currency),
            "index": None if index is None else format_decimal(index),
        })  # fmt: skip
    return {"from": day(from_on), "to": day(to_on), "known_at": instant(asked.known_at), "data": data}


async def _receivables(uow: UnitOfWork, asked: Asked, as_of: date) -> dict[str, Receivables]:
    """The totals of the aging report, in two buckets: not overdue, and overdue."""
    rows = await aging(
        uow,
        as_of=as_of,
        known_at=asked.known_at,
        currency=asked.currency,
        later_bucket_starts=[1],
        customers=None,
    )
    found: dict[str, Receivables] = {}
    for row in rows:
        if row.bucket is not None and row.bucket >= 0:
            receivables = found.setdefault(row.currency, Receivables())
            receivables.total += row.amount_minor
            receivables.current += row.amount_minor if row.bucket == 0 else 0
    return found


def _currencies(asked: Asked, *found: Iterable[str]) -> list[str]:
    """Every currency that has anything, and the one that was asked for."""
    named = {currency for currencies in found for currency in currencies}
    return sorted(named | ({asked.currency} if asked.currency else set()))


def _dso(
    currency: str, receivables: int, sales: int, days: Fraction | None, counted: list[CountedBack]
) -> dict[str, Any]:
    return {
        "currency": currency,
        "receivables": money(receivables, currency),
        "sales": money(sales, currency),
        "dso": None if days is None else format_decimal(days),
        "months": [
            {
                "from": day(item.period.first_on),
                "to": day(item.period.last_on),
                "sales": money(item.period.sales_minor, currency),
                "matched": money(item.matched_minor, currency),
                "days": format_decimal(item.days),
            }
            for item in counted
        ],
    }
