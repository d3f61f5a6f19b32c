"""Rate tables from their wire form, where rates and amounts are decimal strings, and their rates back to it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from app.domain.decimals import format_decimal
from app.domain.errors import Code, RuleError
from app.domain.interest import DayCount, FixedSum, Rate, RateBasis, RateTable, Rounding
from app.domain.money import MoneyError, parse_amount

RATE_DECIMALS: Final = 6


class RateTableFaultError(RuleError):
    """A rate table that contradicts itself."""


def read_table(code: str, wire: Mapping[str, Any]) -> RateTable:
    """Read a table from its wire form, whose fields have the right types already.

    Args:
        code: Its name.
        wire: The JSON object, every field given.

    Raises:
        RateTableFaultError: with the pointer of the first fault.
    """
    return RateTable(
        code=code,
        day_count=DayCount(wire["day_count"]),
        rates=_read_rates(wire["rates"]),
        rate_basis=RateBasis(wire["rate_basis"]),
        rounding=Rounding(wire["rounding"]),
        fixed_sums=_read_sums(wire["fixed_sums"], wire["currency"]),
        currency=wire["currency"],
        cap_percent=None if wire["cap_percent"] is None else Fraction(wire["cap_percent"]),
        source=wire["source"] or "",
    )


def single_rate(annual_rate: str, day_count: str = "act_365") -> RateTable:
    """A table of one rate that was always in force."""
    return RateTable(code="", day_count=DayCount(day_count), rates=(Rate(date.min, Fraction(annual_rate)),))


def with_conventions(
    table: RateTable, *, day_count: str | None, rate_basis: str | None, rounding: str | None
) -> RateTable:
    """A table that counts or rounds in another way; what is None stays as it is."""
    if day_count is not None:
        table = replace(table, day_count=DayCount(day_count))
    if rate_basis is not None:
        table = replace(table, rate_basis=RateBasis(rate_basis))
    return table if rounding is None else replace(table, rounding=Rounding(rounding))


def percent_text(value: Fraction) -> str:
    """`8.5`, without zeros that say nothing."""
    return format_decimal(value, RATE_DECIMALS).rstrip("0").rstrip(".")


def _read_rates(rows: list[Mapping[str, Any]]) -> tuple[Rate, ...]:
    rates = tuple(Rate(_day(row["from_on"]), Fraction(row["annual_rate"])) for row in rows)
    for index, (before, after) in enumerate(pairwise(rates), start=1):
        if after.from_on <= before.from_on:
            raise RateTableFaultError(
                Code.date_order, "List rates by ascending date, each date once.", f"/rates/{index}/from_on"
            )
    return rates


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _read_sums(rows: list[Mapping[str, Any]], currency: str | None) -> tuple[FixedSum, ...]:
    if not rows:
        return ()
    if currency is None:
        raise RateTableFaultError(Code.missing, "Say in which currency the fixed sums are.", "/currency")
    sums = tuple(
        FixedSum(
            _amount(row["from_amount"], currency, f"/fixed_sums/{index}/from_amount"),
            _amount(row["amount"], currency, f"/fixed_sums/{index}/amount"),
        )
        for index, row in enumerate(rows)
    )
    for index, (before, after) in enumerate(pairwise(sums), start=1):
        if after.from_amount_minor <= before.from_amount_minor:
            raise RateTableFaultError(
                Code.invalid_value,
                "List fixed sums by ascending `from_amount`, each amount once.",
                f"/fixed_sums/{index}/from_amount",
            )
    return sums


def _amount(text: str, currency: str, pointer: str) -> int:
    try:
        minor = parse_amount(text, currency)
    except MoneyError as error:
        raise RateTableFaultError(error.code, error.message, pointer) from None
    if minor < 0:
        raise RateTableFaultError(Code.out_of_range, "This amount must not be negative.", pointer)
    return minor
