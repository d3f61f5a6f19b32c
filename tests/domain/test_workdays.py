from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.workdays import Calendar, Convention, add_working_days, is_working_day, roll

D = date.fromisoformat
# Friday 1 May 2026 is a holiday; so is Monday 2 March 2026.
CALENDAR = Calendar(frozenset({date(2026, 5, 1), date(2026, 3, 2)}))


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        ("2026-04-30", True),
        ("2026-05-01", False),
        ("2026-05-02", False),
        ("2026-05-03", False),
        ("2026-05-04", True),
        ("2028-02-29", True),
    ],
)
def test_weekends_and_holidays_are_not_worked(day: str, worked: bool) -> None:
    assert is_working_day(D(day), CALENDAR) is worked


def test_other_countries_rest_on_other_days() -> None:
    friday_saturday = Calendar(non_working_weekdays=frozenset({4, 5}))
    assert [is_working_day(D(f"2026-06-0{number}"), friday_saturday) for number in (4, 5, 6, 7)] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("day", "convention", "rolled"),
    [
        # A plain weekend inside a month, and the days around it.
        ("2026-06-12", "following", "2026-06-12"),
        ("2026-06-13", "none", "2026-06-13"),
        ("2026-06-13", "following", "2026-06-15"),
        ("2026-06-13", "preceding", "2026-06-12"),
        ("2026-06-13", "modified_following", "2026-06-15"),
        ("2026-06-14", "following", "2026-06-15"),
        ("2026-06-15", "preceding", "2026-06-15"),
        # The last of February is a Saturday and the Monday after it a holiday.
        ("2026-02-27", "modified_following", "2026-02-27"),
        ("2026-02-28", "following", "2026-03-03"),
        ("2026-02-28", "modified_following", "2026-02-27"),
        ("2026-03-01", "modified_following", "2026-03-03"),
        ("2026-03-01", "preceding", "2026-02-27"),
        # A holiday before a weekend.
        ("2026-05-01", "following", "2026-05-04"),
        ("2026-05-01", "preceding", "2026-04-30"),
        ("2026-05-01", "none", "2026-05-01"),
        # The year ends on a Sunday in 2028, on a Friday in 2027.
        ("2028-12-31", "modified_following", "2028-12-29"),
        ("2028-12-31", "following", "2029-01-01"),
        ("2027-12-31", "modified_following", "2027-12-31"),
        # A leap day on a Saturday.
        ("2020-02-29", "modified_following", "2020-02-28"),
        ("2020-02-29", "following", "2020-03-02"),
    ],
)
def test_dates_roll_by_convention(day: str, convention: Convention, rolled: str) -> None:
    assert roll(D(day), convention, CALENDAR) == D(rolled)


@pytest.mark.parametrize(
    ("day", "count", "result"),
    [
        ("2026-04-30", 1, "2026-05-04"),
        ("2026-04-30", 2, "2026-05-05"),
        ("2026-05-01", 1, "2026-05-04"),
        ("2026-05-02", 0, "2026-05-02"),
        ("2026-05-04", -1, "2026-04-30"),
        ("2026-05-03", -1, "2026-04-30"),
        ("2026-06-08", 5, "2026-06-15"),
        ("2028-02-28", 1, "2028-02-29"),
    ],
)
def test_working_days_are_counted(day: str, count: int, result: str) -> None:
    assert add_working_days(D(day), count, CALENDAR) == D(result)


@settings(max_examples=100)
@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 60))
def test_counting_matches_walking_through_the_days(day: date, count: int) -> None:
    result = add_working_days(day, count, CALENDAR)
    passed = [day + timedelta(days=ahead) for ahead in range(1, (result - day).days + 1)]
    assert sum(is_working_day(each, CALENDAR) for each in passed) == count
    assert is_working_day(result, CALENDAR)


@pytest.mark.parametrize("weekdays", [{0, 1, 2, 3, 4, 5, 6}, {7}, {-1}])
def test_a_calendar_works_on_some_weekday(weekdays: set[int]) -> None:
    with pytest.raises(ValueError, match="Weekdays"):
        Calendar(non_working_weekdays=frozenset(weekdays))
