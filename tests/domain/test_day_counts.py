"""How many days lie between two dates, by each convention (rule M8)."""

from datetime import date, timedelta

import pytest

from app.domain.interest import DayCount, days_between

D = date.fromisoformat
DAY = timedelta(days=1)


@pytest.mark.parametrize("count", [DayCount.act_365, DayCount.act_360, DayCount.act_act])
def test_actual_days_leave_out_the_first_and_count_the_last(count: DayCount) -> None:
    assert [days_between(count, D("2028-02-28"), D(day)) for day in ("2028-02-28", "2028-02-29", "2028-03-01")] == [
        0,
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("after", "through", "days"),
    [
        ("2007-01-15", "2007-01-30", 15),
        ("2007-01-15", "2007-01-31", 16),
        ("2007-01-15", "2007-02-15", 30),
        ("2007-01-30", "2007-01-31", 0),
        ("2007-01-31", "2007-02-28", 28),
        ("2007-09-30", "2007-10-31", 30),
        ("2007-09-30", "2008-03-31", 180),
        ("2007-09-30", "2008-09-30", 360),
        ("2007-02-28", "2007-03-31", 33),
        ("2007-02-28", "2007-08-31", 183),
        ("2006-08-31", "2007-02-28", 178),
        ("2007-02-14", "2007-02-28", 14),
        ("2007-02-26", "2008-02-29", 363),
        ("2008-02-29", "2009-02-28", 359),
        ("2008-02-29", "2008-03-31", 32),
    ],
)
def test_the_days_of_the_bond_basis(after: str, through: str, days: int) -> None:
    assert days_between(DayCount.thirty_360, D(after), D(through)) == days


@pytest.mark.parametrize("after", [D("2023-12-25") + DAY * number for number in range(72)])
def test_the_bond_basis_never_counts_backwards(after: date) -> None:
    counts = [days_between(DayCount.thirty_360, after, after + DAY * number) for number in range(800)]
    assert counts[0] == 0
    assert counts == sorted(counts)
