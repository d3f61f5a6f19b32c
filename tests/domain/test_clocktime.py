from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.clocktime import business_date, end_of_day, start_of_day, to_instant

ZONES = [
    "Europe/Madrid",
    "America/Mexico_City",
    "America/Bogota",
    "America/Santiago",
    "America/Havana",
    "America/Nuuk",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "local", "instant"),
    [
        # Madrid, spring: 02:00 becomes 03:00 at 01:00 UTC.
        ("Europe/Madrid", "2026-03-28T02:30", "2026-03-28T01:30"),
        ("Europe/Madrid", "2026-03-29T01:59", "2026-03-29T00:59"),
        ("Europe/Madrid", "2026-03-29T02:00", "2026-03-29T01:00"),
        ("Europe/Madrid", "2026-03-29T02:30", "2026-03-29T01:00"),
        ("Europe/Madrid", "2026-03-29T02:30:00.123456", "2026-03-29T01:00"),
        ("Europe/Madrid", "2026-03-29T02:59:59.999999", "2026-03-29T01:00"),
        ("Europe/Madrid", "2026-03-29T03:00", "2026-03-29T01:00"),
        ("Europe/Madrid", "2026-03-29T03:01", "2026-03-29T01:01"),
        ("Europe/Madrid", "2026-03-30T02:30", "2026-03-30T00:30"),
        # Madrid, autumn: 03:00 becomes 02:00 at 01:00 UTC; the second 02:30 counts.
        ("Europe/Madrid", "2026-10-24T02:30", "2026-10-24T00:30"),
        ("Europe/Madrid", "2026-10-25T01:59", "2026-10-24T23:59"),
        ("Europe/Madrid", "2026-10-25T02:00", "2026-10-25T01:00"),
        ("Europe/Madrid", "2026-10-25T02:30", "2026-10-25T01:30"),
        ("Europe/Madrid", "2026-10-25T03:00", "2026-10-25T02:00"),
        ("Europe/Madrid", "2026-10-26T02:30", "2026-10-26T01:30"),
        # Mexico City changed its clocks until 2022.
        ("America/Mexico_City", "2022-04-03T02:30", "2022-04-03T08:00"),
        ("America/Mexico_City", "2022-10-30T01:30", "2022-10-30T07:30"),
        ("America/Mexico_City", "2023-04-02T02:30", "2023-04-02T08:30"),
        ("America/Mexico_City", "2026-04-05T02:30", "2026-04-05T08:30"),
        ("America/Mexico_City", "2026-07-01T09:00", "2026-07-01T15:00"),
        ("America/Bogota", "2026-03-29T02:30", "2026-03-29T07:30"),
        # Santiago skips midnight in September and repeats 23:00 to 24:00 in April.
        ("America/Santiago", "2026-09-05T00:30", "2026-09-05T04:30"),
        ("America/Santiago", "2026-09-06T00:30", "2026-09-06T04:00"),
        ("America/Santiago", "2026-09-07T00:30", "2026-09-07T03:30"),
        ("America/Santiago", "2026-04-03T23:30", "2026-04-04T02:30"),
        ("America/Santiago", "2026-04-04T23:30", "2026-04-05T03:30"),
        ("America/Santiago", "2026-04-05T23:30", "2026-04-06T03:30"),
        ("America/Santiago", "2026-04-05T00:00", "2026-04-05T04:00"),
        ("Asia/Kathmandu", "2026-06-01T09:00", "2026-06-01T03:15"),
        # Lord Howe moves by half an hour.
        ("Australia/Lord_Howe", "2026-10-04T01:59", "2026-10-03T15:29"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),
        ("Australia/Lord_Howe", "2026-10-04T02:30", "2026-10-03T15:30"),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T15:15"),
        ("Australia/Lord_Howe", "2026-04-05T02:00", "2026-04-04T15:30"),
        # A leap day is a day.
        ("Europe/Madrid", "2028-02-29T09:00", "2028-02-29T08:00"),
        # Apia left out a whole date.
        ("Pacific/Apia", "2011-12-29T12:00", "2011-12-29T22:00"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-31T12:00", "2011-12-30T22:00"),
    ],
)
def test_local_times_become_one_instant(zone: str, local: str, instant: str) -> None:
    day, _, at = local.partition("T")
    result = to_instant(date.fromisoformat(day), time.fromisoformat(at), ZoneInfo(zone))
    assert result == utc(instant)
    assert result.tzinfo is UTC


def test_the_fold_of_the_argument_does_not_matter() -> None:
    madrid, day = ZoneInfo("Europe/Madrid"), date(2026, 10, 25)
    assert to_instant(day, time(2, 30, fold=0), madrid) == to_instant(day, time(2, 30, fold=1), madrid)


@settings(max_examples=80)
@given(
    st.sampled_from(ZONES),
    st.one_of(
        st.dates(date(2005, 1, 1), date(2036, 12, 31)),
        st.sampled_from(
            [
                date(2026, *month_day)
                for month_day in ((3, 8), (3, 28), (3, 29), (4, 4), (4, 5), (9, 6), (10, 4), (10, 25), (11, 1))
            ]
        ),
    ),
    st.integers(0, 95),
)
def test_it_is_the_last_instant_with_that_wall_time_or_the_first_after_the_gap(
    zone_name: str, day: date, quarter: int
) -> None:
    zone, at = ZoneInfo(zone_name), time(quarter // 4, quarter % 4 * 15)
    wanted = (day, at)
    around = datetime.combine(day, at, UTC)
    grid = [around + timedelta(minutes=15 * steps) for steps in range(-4 * 40, 4 * 40)]
    walls = [(instant, instant.astimezone(zone)) for instant in grid]
    same = [instant for instant, wall in walls if (wall.date(), wall.time()) == wanted]
    later = [instant for instant, wall in walls if (wall.date(), wall.time()) > wanted]
    assert to_instant(day, at, zone) == (same[-1] if same else later[0])


@pytest.mark.parametrize(
    ("zone", "now", "day"),
    [
        ("Europe/Madrid", "2026-06-30T21:59:59.999999", "2026-06-30"),
        ("Europe/Madrid", "2026-06-30T22:00", "2026-07-01"),
        ("America/Mexico_City", "2026-07-01T05:59:59", "2026-06-30"),
        ("America/Mexico_City", "2026-07-01T06:00", "2026-07-01"),
        ("Asia/Kathmandu", "2026-02-28T18:14", "2026-02-28"),
        ("Asia/Kathmandu", "2026-02-28T18:15", "2026-03-01"),
        ("Europe/Madrid", "2028-02-28T23:00", "2028-02-29"),
        ("Europe/Madrid", "2028-02-29T22:59", "2028-02-29"),
        ("Europe/Madrid", "2028-02-29T23:00", "2028-03-01"),
    ],
)
def test_business_dates_are_those_of_the_zone(zone: str, now: str, day: str) -> None:
    assert business_date(utc(now), ZoneInfo(zone)) == date.fromisoformat(day)


def test_business_date_takes_any_zone_but_none() -> None:
    madrid = ZoneInfo("Europe/Madrid")
    assert business_date(datetime(2026, 6, 30, 20, tzinfo=timezone(timedelta(hours=-4))), madrid) == date(2026, 7, 1)
    with pytest.raises(ValueError, match="time zone"):
        business_date(datetime(2026, 6, 30), madrid)  # noqa: DTZ001 - the refusal of naive datetimes is what is shown


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("Europe/Madrid", "2026-03-28", "2026-03-27T23:00", "2026-03-28T23:00"),
        ("Europe/Madrid", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Madrid", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("America/Sao_Paulo", "2018-11-03", "2018-11-03T03:00", "2018-11-04T03:00"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", "2018-11-05T02:00"),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00", "2026-03-29T21:00"),
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00", "2026-09-07T03:00"),
        ("America/Santiago", "2026-04-04", "2026-04-04T03:00", "2026-04-05T04:00"),
        ("America/Havana", "2026-03-08", "2026-03-08T05:00", "2026-03-09T04:00"),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00", "2026-11-02T05:00"),
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", "2011-12-31T10:00"),
    ],
)
def test_days_start_at_their_first_instant_and_end_at_the_next_start(zone: str, day: str, start: str, end: str) -> None:
    assert start_of_day(date.fromisoformat(day), ZoneInfo(zone)) == utc(start)
    assert end_of_day(date.fromisoformat(day), ZoneInfo(zone)) == utc(end)


@settings(max_examples=150)
@given(st.sampled_from(ZONES), st.dates(date(2012, 1, 1), date(2036, 12, 31)))
def test_the_instant_before_a_day_belongs_to_the_day_before(zone_name: str, day: date) -> None:
    zone = ZoneInfo(zone_name)
    start = start_of_day(day, zone)
    assert business_date(start, zone) == day
    assert business_date(start - timedelta(microseconds=1), zone) == day - timedelta(days=1)
    assert timedelta(hours=22) < end_of_day(day, zone) - start < timedelta(hours=26)
