from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.windows import (
    ALWAYS,
    END_OF_DAY,
    DayHours,
    EndTime,
    NoSendableDayError,
    SendWindow,
    WeeklyHours,
    WindowError,
    first_open_instant,
    format_time_of_day,
    intersect,
    intersect_hours,
    next_sendable_day,
    opening_on,
    parse_time_of_day,
    previous_sendable_day,
    send_on,
)
from tests.domain.chasing import is_open

D = date.fromisoformat
WEEK = range(7)
OFFICE = SendWindow.of("09:00", "18:00", range(5))
MADRID = ZoneInfo("Europe/Madrid")
BOGOTA = ZoneInfo("America/Bogota")
MEXICO = ZoneInfo("America/Mexico_City")
ZONES = ["Europe/Madrid", "America/Mexico_City", "America/Santiago", "Asia/Kathmandu", "Australia/Lord_Howe"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(not_before: str, on_or_after: str, window: SendWindow, zone: ZoneInfo, *holidays: str) -> datetime | None:
    return first_open_instant(
        not_before=utc(not_before),
        on_or_after=D(on_or_after),
        window=window,
        zone=zone,
        holidays={D(holiday) for holiday in holidays},
    )


@pytest.mark.parametrize(
    ("text", "at"),
    [("00:00", time(0)), ("09:05", time(9, 5)), ("23:59", time(23, 59)), ("24:00", END_OF_DAY)],
)
def test_times_of_day_are_read_and_written(text: str, at: EndTime) -> None:
    assert parse_time_of_day(text) == at
    assert format_time_of_day(at) == text


@pytest.mark.parametrize(
    "text", ["", "9:00", "24:01", "25:00", "09:60", "09:00:00", "09:00Z", " 09:00", "09:00\n", "٠٩:٠٠"]
)
def test_other_times_of_day_are_refused(text: str) -> None:
    with pytest.raises(WindowError):
        parse_time_of_day(text)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("09:00", "09:00", [0]),
        ("18:00", "09:00", [0]),
        ("24:00", "24:00", [0]),
        ("09:00", "18:00", []),
        ("09:00", "18:00", [7]),
        ("09:00", "18:00", [-1]),
    ],
)
def test_windows_without_time_are_refused(start: str, end: str, days: list[int]) -> None:
    with pytest.raises(WindowError):
        SendWindow.of(start, end, days)


def test_windows_intersect() -> None:
    late = SendWindow.of("12:00", "24:00", [4, 5, 6])
    assert intersect([OFFICE, late]) == SendWindow.of("12:00", "18:00", [4])
    assert intersect([OFFICE, SendWindow.of("18:00", "24:00", WEEK)]) is None
    assert intersect([OFFICE, SendWindow.of("09:00", "18:00", [5, 6])]) is None
    assert intersect([OFFICE, SendWindow.of("17:59", "20:00", WEEK), ALWAYS]) == SendWindow.of(
        "17:59", "18:00", range(5)
    )
    assert intersect([late]) == late
    assert intersect([]) == ALWAYS


def test_hours_that_differ_by_weekday_intersect_day_by_day() -> None:
    colombia = WeeklyHours.of([SendWindow.of("07:00", "19:00", range(5)), SendWindow.of("08:00", "15:00", [5])])
    both = intersect_hours([colombia, SendWindow.of("09:00", "18:00", [4, 5, 6])])
    assert both is not None
    assert [both.on(weekday) for weekday in (3, 4, 5, 6)] == [
        None,
        DayHours(time(9), time(18)),
        DayHours(time(9), time(15)),
        None,
    ]
    assert intersect_hours([colombia, SendWindow.of("15:00", "18:00", [5, 6])]) is None
    with pytest.raises(WindowError):
        WeeklyHours.of([OFFICE, SendWindow.of("20:00", "21:00", [0])])
    with pytest.raises(WindowError):
        WeeklyHours.of([])


def test_saturday_in_colombia_closes_earlier() -> None:
    colombia = WeeklyHours.of([SendWindow.of("07:00", "19:00", range(5)), SendWindow.of("08:00", "15:00", [5])])
    after_hours = first_open_instant(
        not_before=utc("2026-06-06T20:00"), on_or_after=D("2026-06-06"), window=colombia, zone=BOGOTA, holidays=()
    )
    assert after_hours == utc("2026-06-08T12:00")
    assert is_open(utc("2026-06-06T19:59:59"), window=colombia, zone=BOGOTA, holidays=())
    assert not is_open(utc("2026-06-06T20:00"), window=colombia, zone=BOGOTA, holidays=())


@pytest.mark.parametrize(
    ("not_before", "on_or_after", "expected"),
    [
        # Monday 8 June 2026; Madrid is two hours ahead, so 09:00 is 07:00 UTC.
        ("2026-06-07T12:00", "2026-06-08", "2026-06-08T07:00"),
        ("2026-06-08T06:59:59", "2026-06-08", "2026-06-08T07:00"),
        ("2026-06-08T07:00", "2026-06-08", "2026-06-08T07:00"),
        ("2026-06-08T10:30", "2026-06-08", "2026-06-08T10:30"),
        ("2026-06-08T15:59:59", "2026-06-08", "2026-06-08T15:59:59"),
        ("2026-06-08T16:00", "2026-06-08", "2026-06-09T07:00"),
        # The date has its say: the day before, the day, the day after.
        ("2026-06-08T10:30", "2026-06-07", "2026-06-08T10:30"),
        ("2026-06-08T10:30", "2026-06-09", "2026-06-09T07:00"),
        # Friday evening waits for Monday; a date on the weekend too.
        ("2026-06-12T16:00", "2026-06-12", "2026-06-15T07:00"),
        ("2026-06-01T00:00", "2026-06-13", "2026-06-15T07:00"),
        # 22:30 UTC on Sunday is Monday in Madrid.
        ("2026-06-07T22:30", "2026-06-01", "2026-06-08T07:00"),
        # The week in which the clocks change.
        ("2026-03-27T08:00", "2026-03-27", "2026-03-27T08:00"),
        ("2026-03-28T08:00", "2026-03-28", "2026-03-30T07:00"),
        ("2026-10-24T08:00", "2026-10-24", "2026-10-26T08:00"),
    ],
)
def test_the_first_open_instant_in_madrid(not_before: str, on_or_after: str, expected: str) -> None:
    assert first(not_before, on_or_after, OFFICE, MADRID) == utc(expected)


def test_holidays_stay_closed() -> None:
    monday, tuesday = "2026-06-08", "2026-06-09"
    assert first("2026-06-07T12:00", monday, OFFICE, MADRID, monday) == utc("2026-06-09T07:00")
    assert first("2026-06-08T10:00", monday, OFFICE, MADRID, monday, tuesday) == utc("2026-06-10T07:00")
    assert not is_open(utc("2026-06-08T10:00"), window=OFFICE, zone=MADRID, holidays={D(monday)})


def test_a_leap_day_is_a_day_to_send() -> None:
    assert first("2028-02-28T20:00", "2028-02-29", OFFICE, MEXICO) == utc("2028-02-29T15:00")


def test_a_window_that_never_opens_gives_none_after_the_horizon() -> None:
    closed_for = {D("2026-01-01") + timedelta(days=ahead) for ahead in range(10)}
    ten_days = first_open_instant(
        not_before=utc("2026-01-01T12:00"),
        on_or_after=D("2026-01-01"),
        window=ALWAYS,
        zone=MADRID,
        holidays=closed_for,
        horizon_days=9,
    )
    eleven_days = first_open_instant(
        not_before=utc("2026-01-01T12:00"),
        on_or_after=D("2026-01-01"),
        window=ALWAYS,
        zone=MADRID,
        holidays=closed_for,
        horizon_days=10,
    )
    assert ten_days is None
    assert eleven_days == utc("2026-01-10T23:00")


def test_a_date_long_past_does_not_use_up_the_horizon() -> None:
    assert first("2026-06-08T10:30", "2020-01-01", OFFICE, MADRID) == utc("2026-06-08T10:30")


def test_naive_instants_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        first_open_instant(
            not_before=datetime(2026, 6, 8, 10),  # noqa: DTZ001 - refused on purpose
            on_or_after=D("2026-06-08"),
            window=OFFICE,
            zone=MADRID,
            holidays=(),
        )


@pytest.mark.parametrize(
    ("zone", "day", "start", "end", "opens", "closes"),
    [
        # Madrid skips 02:00 to 03:00 on 29 March.
        ("Europe/Madrid", "2026-03-28", "01:30", "02:30", "2026-03-28T00:30", "2026-03-28T01:30"),
        ("Europe/Madrid", "2026-03-29", "01:30", "02:30", "2026-03-29T00:30", "2026-03-29T01:00"),
        ("Europe/Madrid", "2026-03-29", "02:30", "04:00", "2026-03-29T01:00", "2026-03-29T02:00"),
        ("Europe/Madrid", "2026-03-29", "02:15", "02:45", "2026-03-29T01:00", "2026-03-29T01:30"),
        ("Europe/Madrid", "2026-03-30", "02:15", "02:45", "2026-03-30T00:15", "2026-03-30T00:45"),
        # Madrid repeats 02:00 to 03:00 on 25 October.
        ("Europe/Madrid", "2026-10-24", "01:30", "02:30", "2026-10-23T23:30", "2026-10-24T00:30"),
        ("Europe/Madrid", "2026-10-25", "01:30", "02:30", "2026-10-24T23:30", "2026-10-25T01:30"),
        ("Europe/Madrid", "2026-10-25", "02:15", "02:45", "2026-10-25T01:15", "2026-10-25T01:45"),
        ("Europe/Madrid", "2026-10-25", "02:30", "04:00", "2026-10-25T01:30", "2026-10-25T03:00"),
        ("Europe/Madrid", "2026-10-26", "01:30", "02:30", "2026-10-26T00:30", "2026-10-26T01:30"),
        # A whole day has 23 or 25 hours then.
        ("Europe/Madrid", "2026-03-29", "00:00", "24:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Madrid", "2026-10-25", "00:00", "24:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        # Midnight is skipped in Santiago, and 23:00 to 24:00 repeated.
        ("America/Santiago", "2026-09-06", "00:00", "08:00", "2026-09-06T04:00", "2026-09-06T11:00"),
        ("America/Santiago", "2026-04-04", "20:00", "24:00", "2026-04-04T23:00", "2026-04-05T04:00"),
        ("America/Santiago", "2026-04-04", "23:15", "23:45", "2026-04-05T03:15", "2026-04-05T03:45"),
        ("Australia/Lord_Howe", "2026-10-04", "02:00", "02:20", "2026-10-03T15:30", "2026-10-03T15:50"),
        ("Australia/Lord_Howe", "2026-04-05", "01:15", "01:45", "2026-04-04T14:15", "2026-04-04T15:15"),
        # Midnight comes twice in Havana on 1 November: the day before ends at the first, the day opens at the second.
        ("America/Havana", "2026-10-31", "20:00", "24:00", "2026-11-01T00:00", "2026-11-01T04:00"),
        ("America/Havana", "2026-11-01", "00:00", "08:00", "2026-11-01T05:00", "2026-11-01T13:00"),
        # Midnight comes twice in St. John's, a minute before the clocks go back to 23:01.
        ("America/St_Johns", "2010-11-06", "23:30", "24:00", "2010-11-07T03:00", "2010-11-07T03:30"),
        ("America/St_Johns", "2010-11-07", "00:00", "06:00", "2010-11-07T03:30", "2010-11-07T09:30"),
    ],
)
def test_a_window_opens_once_on_the_days_when_clocks_change(
    *, zone: str, day: str, start: str, end: str, opens: str, closes: str
) -> None:
    opening = opening_on(D(day), window=SendWindow.of(start, end, WEEK), zone=ZoneInfo(zone), holidays=())
    assert opening == (utc(opens), utc(closes))


def test_a_date_that_was_left_out_has_no_opening() -> None:
    apia = ZoneInfo("Pacific/Apia")
    window = SendWindow.of("09:00", "18:00", WEEK)
    assert opening_on(D("2011-12-29"), window=window, zone=apia, holidays=()) is not None
    assert opening_on(D("2011-12-30"), window=window, zone=apia, holidays=()) is None
    assert first("2011-12-30T09:59", "2011-12-30", window, apia) == utc("2011-12-30T19:00")


@pytest.mark.parametrize("zone_name", ZONES)
@pytest.mark.parametrize(
    ("start", "end"), [("01:30", "02:30"), ("02:10", "02:20"), ("00:00", "00:30"), ("23:30", "24:00")]
)
def test_every_day_of_a_year_has_exactly_one_opening(zone_name: str, start: str, end: str) -> None:
    window, zone = SendWindow.of(start, end, WEEK), ZoneInfo(zone_name)
    days = [D("2026-01-01") + timedelta(days=ahead) for ahead in range(365)]
    openings = [opening_on(day, window=window, zone=zone, holidays=()) for day in days]
    assert all(opening is not None and opening.opens < opening.closes for opening in openings)
    found = [opening for opening in openings if opening is not None]
    assert all(earlier.closes <= later.opens for earlier, later in pairwise(found))


def test_closing_time_is_exclusive() -> None:
    close = utc("2026-06-08T16:00")
    last = close - timedelta(microseconds=1)
    on, monday, tuesday = D("2026-06-08"), utc("2026-06-08T07:00"), utc("2026-06-09T07:00")
    for now, opens in ((monday - timedelta(seconds=1), monday), (monday, monday), (last, last), (close, tuesday)):
        assert first_open_instant(not_before=now, on_or_after=on, window=OFFICE, zone=MADRID, holidays=()) == opens


@settings(max_examples=60)
@given(
    zone_name=st.sampled_from(ZONES),
    day=st.sampled_from(["2026-03-27", "2026-10-24", "2026-09-04", "2026-04-03", "2026-10-02", "2028-02-28"]),
    quarter=st.integers(0, 95),
    days_ahead=st.integers(0, 3),
    edges=st.tuples(st.integers(0, 95), st.integers(1, 96)).filter(lambda edges: edges[0] < edges[1]),
    days=st.frozensets(st.integers(0, 6), min_size=1),
)
def test_nothing_before_the_first_open_instant_is_open(
    *, zone_name: str, day: str, quarter: int, days_ahead: int, edges: tuple[int, int], days: frozenset[int]
) -> None:
    zone = ZoneInfo(zone_name)
    texts = [f"{edge // 4:02}:{edge % 4 * 15:02}" for edge in edges]
    window = SendWindow.of(texts[0], texts[1], days)
    not_before = utc(day) + timedelta(minutes=15 * quarter)
    on_or_after = D(day) + timedelta(days=days_ahead)
    holidays = {D(day) + timedelta(days=2)}
    result = first_open_instant(
        not_before=not_before, on_or_after=on_or_after, window=window, zone=zone, holidays=holidays
    )
    assert result is not None
    assert result >= not_before
    assert result.astimezone(zone).date() >= on_or_after
    assert is_open(result, window=window, zone=zone, holidays=holidays)
    instant = not_before
    while instant < result:
        early = instant.astimezone(zone).date() < on_or_after
        assert early or not is_open(instant, window=window, zone=zone, holidays=holidays)
        instant += timedelta(minutes=15)


@settings(max_examples=80)
@given(st.sampled_from(["Asia/Kathmandu", "America/Bogota"]), st.integers(0, 96 * 14))
def test_without_clock_changes_open_means_what_the_wall_clock_says(zone_name: str, quarter: int) -> None:
    zone = ZoneInfo(zone_name)
    instant = utc("2026-06-01") + timedelta(minutes=15 * quarter)
    wall = instant.astimezone(zone)
    expected = wall.weekday() < 5 and 9 <= wall.hour < 18
    assert is_open(instant, window=OFFICE, zone=zone, holidays=()) is expected


@pytest.mark.parametrize(
    ("nominal", "offset", "expected"),
    [
        # Friday 12, Saturday 13, Sunday 14, Monday 15 (a holiday here), Tuesday 16 June 2026.
        ("2026-06-12", 3, "2026-06-12"),
        ("2026-06-13", 3, "2026-06-16"),
        ("2026-06-14", 3, "2026-06-16"),
        ("2026-06-15", 3, "2026-06-16"),
        ("2026-06-16", 3, "2026-06-16"),
        ("2026-06-13", 0, "2026-06-16"),
        ("2026-06-12", -3, "2026-06-12"),
        ("2026-06-13", -3, "2026-06-12"),
        ("2026-06-15", -1, "2026-06-12"),
        ("2026-06-16", -1, "2026-06-16"),
        ("2028-02-29", 0, "2028-02-29"),
    ],
)
def test_send_dates_roll_forward_after_the_due_date_and_back_before_it(
    nominal: str, offset: int, expected: str
) -> None:
    holidays = {D("2026-06-15")}
    assert send_on(D(nominal), offset_days=offset, window=OFFICE, holidays=holidays) == D(expected)


def test_sendable_days_are_sought_both_ways() -> None:
    assert next_sendable_day(D("2026-06-13"), OFFICE, ()) == D("2026-06-15")
    assert previous_sendable_day(D("2026-06-13"), OFFICE, ()) == D("2026-06-12")


class _EveryDay:
    def __contains__(self, day: object) -> bool:
        return True


def test_where_every_day_is_a_holiday_the_search_ends() -> None:
    for offset in (-1, 0, 1):
        with pytest.raises(NoSendableDayError):
            send_on(D("2026-06-13"), offset_days=offset, window=OFFICE, holidays=_EveryDay())
