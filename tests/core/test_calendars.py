from datetime import date

import pytest

from app.core.calendars import calendar_of, holidays_of, is_calendar
from app.domain.workdays import Calendar, is_working_day, roll


@pytest.mark.parametrize(
    ("code", "day", "ordinary"),
    [
        ("MX", "2026-03-16", "2026-03-23"),
        ("ES", "2026-10-12", "2026-09-11"),
        ("ES-CT", "2026-09-11", "2026-09-10"),
        ("ES-MD", "2028-05-02", "2028-05-03"),
        ("CO", "2026-07-20", "2026-07-21"),
        ("CL", "2026-09-18", "2026-09-17"),
        ("PE", "2026-07-28", "2026-07-27"),
        ("AR", "2026-07-09", "2026-07-08"),
        ("BR", "2026-09-07", "2026-09-08"),
        ("BR-SP", "2026-07-09", "2026-07-10"),
        ("US", "2026-11-26", "2026-11-25"),
        ("GB", "2026-05-04", "2026-04-06"),
        ("GB-ENG", "2026-04-06", "2026-04-07"),
        ("GB-SCT", "2026-11-30", "2026-04-06"),
        ("EU", "2026-04-06", "2026-05-14"),
        ("EU", "2026-05-01", "2026-01-06"),
    ],
)
def test_public_holidays(code: str, day: str, ordinary: str) -> None:
    assert is_calendar(code)
    for holidays in (holidays_of(code), calendar_of(code).holidays):
        assert date.fromisoformat(day) in holidays
        assert date.fromisoformat(ordinary) not in holidays


def test_the_euro_area_settles_on_all_but_six_days_of_a_year() -> None:
    assert sorted(day for day in calendar_of("EU").holidays if day.year == 2026) == [
        date(2026, 1, 1),
        date(2026, 4, 3),
        date(2026, 4, 6),
        date(2026, 5, 1),
        date(2026, 12, 25),
        date(2026, 12, 26),
    ]


@pytest.mark.parametrize("code", ["", "EU-", "EU-MD", "ES-", "ES-XX", "XECB", "ECB", "XX", "eu", "es", "ES_MD"])
def test_what_is_no_calendar(code: str) -> None:
    assert not is_calendar(code)


@pytest.mark.parametrize("code", [None, ""])
def test_without_a_calendar_only_weekends_are_off(code: str | None) -> None:
    assert date(2026, 12, 25) not in holidays_of(code)
    assert calendar_of(code) == Calendar()


def test_a_country_rests_on_its_own_weekend() -> None:
    # A Friday and a Sunday.
    assert not is_working_day(date(2026, 6, 5), calendar_of("EG"))
    assert is_working_day(date(2026, 6, 7), calendar_of("EG"))


@pytest.mark.parametrize(
    ("code", "rolled"), [("ES", "2026-04-06"), ("GB-ENG", "2026-04-07"), ("EU", "2026-04-07"), ("MX", "2026-04-03")]
)
def test_good_friday_rolls_as_each_calendar_has_it(code: str, rolled: str) -> None:
    assert roll(date(2026, 4, 3), "following", calendar_of(code)) == date.fromisoformat(rolled)
