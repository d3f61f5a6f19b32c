"""Rate tables from their wire form and back."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from app.domain.interest import DayCount, FixedSum, Rate, RateBasis, RateTable, Rounding
from app.domain.rates_wire import RateTableFaultError, percent_text, read_table, single_rate, with_conventions

WIRE: dict[str, Any] = {
    "day_count": "30_360",
    "rates": [{"from_on": "2026-01-01", "annual_rate": "8.50"}, {"from_on": date(2026, 7, 1), "annual_rate": "9"}],
    "rate_basis": "at_payment",
    "rounding": "daily",
    "fixed_sums": [{"from_amount": "0", "amount": "40"}],
    "currency": "EUR",
    "cap_percent": "30",
    "source": None,
}


def test_a_table_is_read_whole() -> None:
    assert read_table("own", WIRE) == RateTable(
        code="own",
        day_count=DayCount.thirty_360,
        rates=(Rate(date(2026, 1, 1), Fraction(17, 2)), Rate(date(2026, 7, 1), Fraction(9))),
        rate_basis=RateBasis.at_payment,
        rounding=Rounding.daily,
        fixed_sums=(FixedSum(0, 40_00),),
        currency="EUR",
        cap_percent=Fraction(30),
    )


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"rates": WIRE["rates"][::-1]}, "/rates/1/from_on"),
        ({"currency": None}, "/currency"),
        ({"currency": "JPY", "fixed_sums": [{"from_amount": "0", "amount": "0.5"}]}, "/fixed_sums/0/amount"),
        ({"fixed_sums": WIRE["fixed_sums"] * 2}, "/fixed_sums/1/from_amount"),
    ],
)
def test_a_fault_names_its_place(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(RateTableFaultError) as fault:
        read_table("own", {**WIRE, **change})
    assert fault.value.pointer == pointer


def test_sums_that_are_not_reached_are_not_owed() -> None:
    table = read_table("own", {**WIRE, "fixed_sums": [{"from_amount": "100", "amount": "40"}]})
    assert [table.fixed_sum_minor(debt, "EUR") for debt in (99_99, 100_00)] == [0, 40_00]
    assert read_table("own", {**WIRE, "fixed_sums": []}).fixed_sum_minor(1, "EUR") == 0


@pytest.mark.parametrize(("value", "text"), [("8.50", "8.5"), ("10", "10"), ("0", "0"), ("0.000001", "0.000001")])
def test_rates_are_written_without_idle_zeros(value: str, text: str) -> None:
    assert percent_text(Fraction(value)) == text


def test_conventions_are_replaced_one_by_one() -> None:
    plain = single_rate("10")
    assert with_conventions(plain, day_count=None, rate_basis=None, rounding=None) == plain
    changed = with_conventions(plain, day_count="act_360", rate_basis="at_start", rounding="daily")
    assert (changed.day_count, changed.rate_basis, changed.rounding) == (
        DayCount.act_360,
        RateBasis.at_start,
        Rounding.daily,
    )
