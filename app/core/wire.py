"""How values look on the wire: instants in UTC with Z, money as decimal strings."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from app.domain.money import format_amount


# Most instants of a unit of work are its one "now".
@lru_cache(maxsize=1024)
def instant(value: datetime | None) -> str | None:
    """`2026-11-21T09:00:00Z`, with microseconds only where there are any."""
    if value is None:
        return None
    # Nearly all are in UTC already, where converting them costs more than writing them.
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat()[:-6] + "Z"


def day(value: date | None) -> str | None:
    """`2026-11-21`."""
    return None if value is None else value.isoformat()


def money(minor: int, currency: str) -> str:
    """`1234.56`, with all decimals of the currency."""
    return format_amount(minor, currency)


def amounts(by_currency: Mapping[str, int]) -> dict[str, str]:
    """`{"MXN": "100.00"}`."""
    return {currency: format_amount(minor, currency) for currency, minor in by_currency.items()}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `before` that are different in `after`, bookkeeping left out."""
    return {
        key: value
        for key, value in before.items()
        if key not in {"version", "updated_at"} and after.get(key, ...) != value
    }
