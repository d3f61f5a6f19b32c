"""Days sales outstanding and collection effectiveness, by tables worked out by hand."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dso import SalesPeriod, collection_effectiveness, count_back, months_back, simple_dso


def months(*sales: int, as_of: date = date(2026, 6, 30)) -> list[SalesPeriod]:
    return [
        SalesPeriod(first, last, sold)
        for (first, last), sold in zip(months_back(as_of, len(sales)), sales, strict=True)
    ]


@pytest.mark.parametrize(
    ("receivables", "sales", "days", "dso"),
    [
        (500_000, 900_000, 90, Fraction(50)),
        (900_000, 900_000, 90, Fraction(90)),
        (100, 300, 10, Fraction(10, 3)),
        (0, 900_000, 90, Fraction(0)),
        (0, 0, 90, Fraction(0)),
        (-5, 900_000, 90, Fraction(0)),
        (1, 0, 90, None),
        (1, -10, 90, None),
    ],
)
def test_simple(receivables: int, sales: int, days: int, dso: Fraction | None) -> None:
    assert simple_dso(receivables, sales, days) == dso


@pytest.mark.parametrize(
    ("receivables", "sales", "days"),
    [
        # June has 30 days, May 31, April 30, March 31.
        (0, (400, 300), []),
        (100, (400, 300), [Fraction(30 * 100, 400)]),
        (400, (400, 300), [Fraction(30)]),
        (401, (400, 300), [Fraction(30), Fraction(31, 300)]),
        (900, (400, 300, 800), [Fraction(30), Fraction(31), Fraction(30 * 200, 800)]),
        # A month without sales in between counts whole.
        (500, (400, 0, 200), [Fraction(30), Fraction(31), Fraction(15)]),
        (50, (0, 100), [Fraction(30), Fraction(31, 2)]),
        # More credited than sold accounts for nothing.
        (500, (400, -50, 200), [Fraction(30), Fraction(31), Fraction(15)]),
        # Sales do not account for all of it: up to the oldest sale.
        (900, (400, 300, 0, 0), [Fraction(30), Fraction(31)]),
        (900, (0, 0), []),
    ],
)
def test_countback(receivables: int, sales: tuple[int, ...], days: list[Fraction]) -> None:
    assert [item.days for item in count_back(receivables, months(*sales))] == days


def test_the_current_month_counts_to_the_day() -> None:
    periods = months(210, 310, as_of=date(2026, 6, 21))
    assert [(period.first_on, period.last_on, period.days) for period in periods] == [
        (date(2026, 6, 1), date(2026, 6, 21), 21),
        (date(2026, 5, 1), date(2026, 5, 31), 31),
    ]
    assert [item.days for item in count_back(220, periods)] == [Fraction(21), Fraction(1)]


def test_months_end_where_they_end() -> None:
    assert list(months_back(date(2024, 3, 31), 4)) == [
        (date(2024, 3, 1), date(2024, 3, 31)),
        (date(2024, 2, 1), date(2024, 2, 29)),
        (date(2024, 1, 1), date(2024, 1, 31)),
        (date(2023, 12, 1), date(2023, 12, 31)),
    ]


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**5), min_size=1, max_size=12))
def test_countback_matches_no_more_than_there_is(receivables: int, sales: list[int]) -> None:
    counted = count_back(receivables, months(*sales))
    assert sum(item.matched_minor for item in counted) == min(receivables, sum(sales))
    assert all(0 <= item.days <= item.period.days for item in counted)


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.lists(st.integers(1, 10**5), min_size=1, max_size=12))
def test_owing_more_never_shortens_it(receivables: int, more: int, sales: list[int]) -> None:
    fewer = sum((item.days for item in count_back(receivables, months(*sales))), Fraction(0))
    assert fewer <= sum((item.days for item in count_back(receivables + more, months(*sales))), Fraction(0))


@pytest.mark.parametrize(
    ("beginning", "sales", "ending", "current", "index"),
    [
        (1000, 500, 500, 500, Fraction(100)),
        (1000, 500, 1500, 500, Fraction(0)),
        (1000, 500, 750, 500, Fraction(75)),
        (870_000, 1_160_000, 930_000, 780_000, Fraction(1_100_000 * 100, 1_250_000)),
        (0, 500, 500, 500, None),
        (0, 0, 0, 0, None),
        # Charges raised what is open by more than was collected.
        (1000, 0, 1010, 0, Fraction(-1)),
    ],
)
def test_effectiveness(beginning: int, sales: int, ending: int, current: int, index: Fraction | None) -> None:
    found = collection_effectiveness(
        beginning_minor=beginning, sales_minor=sales, ending_minor=ending, ending_current_minor=current
    )
    assert found == index
