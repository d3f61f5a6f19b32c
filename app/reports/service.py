"""Reports, put together from rows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.core.errors import invalid
from app.core.pages import encode_cursor
from app.core.uow import UnitOfWork
from app.core.wire import day, instant, money
from app.domain.aging import DEFAULT_BUCKETS, AgingError, Bucket, parse_buckets
from app.domain.errors import Code
from app.reports import repository
from app.reports.repository import UNIDENTIFIED, AgingRow, CustomerPage


async def aging(
    uow: UnitOfWork,
    *,
    as_of: date | None,
    known_at: datetime | None,
    currency: str | None,
    buckets: str | None,
    customers: CustomerPage | None,
) -> dict[str, Any]:
    """Open amounts by days overdue, on any date and as it was known at any instant.

    Args:
        uow: the unit of work.
        as_of: the tenant's business date if None.
        known_at: everything that is booked if None.
        currency: only this one.
        buckets: edges such as `30,60,90`, which is the default.
        customers: the page of customers, if they are asked for.

    Raises:
        ProblemError: 422 for edges that make no buckets.
    """
    columns = _parse(buckets)
    date_ = as_of or uow.today
    rows = await repository.aging(
        uow,
        as_of=date_,
        known_at=known_at,
        currency=currency,
        later_bucket_starts=[bucket.from_days for bucket in columns if bucket.from_days is not None],
        customers=customers,
    )
    data, next_cursor = _customers(rows, columns, customers.limit if customers else 0)
    return {
        "as_of": day(date_),
        "known_at": instant(known_at),
        "buckets": [{"label": item.label, "from_days": item.from_days, "to_days": item.to_days} for item in columns],
        "totals": _totals((row for row in rows if row.customer_id is None), columns, asked=currency),
        "data": data,
        "next_cursor": next_cursor,
    }


def _parse(buckets: str | None) -> tuple[Bucket, ...]:
    if buckets is None:
        return DEFAULT_BUCKETS
    try:
        return parse_buckets(buckets)
    except AgingError as error:
        raise invalid("?buckets", Code.invalid_value, str(error)) from error


def _customers(
    rows: Sequence[AgingRow], columns: Sequence[Bucket], limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    by_customer: dict[UUID, list[AgingRow]] = defaultdict(list)
    for row in rows:
        if row.customer_id is not None:
            by_customer[row.customer_id].append(row)
    listed = sorted(by_customer, reverse=True)
    shown = listed[:limit]
    data = [
        {
            "customer_id": str(customer_id),
            "customer_external_id": by_customer[customer_id][0].external_id,
            "customer_name": by_customer[customer_id][0].name,
            "totals": _totals(by_customer[customer_id], columns),
        }
        for customer_id in shown
    ]
    return data, encode_cursor(shown[-1]) if len(listed) > len(shown) else None


def _totals(rows: Iterable[AgingRow], columns: Sequence[Bucket], *, asked: str | None = None) -> list[dict[str, Any]]:
    """One total for each currency that has anything, and for the one that was asked for."""
    by_currency: dict[str, dict[int | None, AgingRow]] = {asked: {}} if asked else {}
    for row in rows:
        by_currency.setdefault(row.currency, {})[row.bucket] = row
    return [_total(currency, by_currency[currency], columns) for currency in sorted(by_currency)]


def _total(currency: str, cells: dict[int | None, AgingRow], columns: Sequence[Bucket]) -> dict[str, Any]:
    unapplied, unidentified = cells.pop(None, None), cells.pop(UNIDENTIFIED, None)
    return {
        "currency": currency,
        "open_count": sum(cell.count for cell in cells.values()),
        "open_amount": money(sum(cell.amount_minor for cell in cells.values()), currency),
        "buckets": [
            {
                "label": bucket.label,
                "count": cells[index].count if index in cells else 0,
                "amount": money(cells[index].amount_minor if index in cells else 0, currency),
            }
            for index, bucket in enumerate(columns)
        ],
        "unapplied_amount": money(-unapplied.amount_minor if unapplied else 0, currency),
        "unidentified_amount": money(-unidentified.amount_minor if unidentified else 0, currency),
    }
