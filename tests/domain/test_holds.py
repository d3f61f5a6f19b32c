"""Holds by date, and the ladder clock (rule D8)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Code
from app.domain.holds import (
    DateRange,
    Effect,
    Hold,
    HoldError,
    ladder_date,
    ladder_days,
    lasting,
    ranges,
    stopped_days,
    union,
)

D = date.fromisoformat
DAY = timedelta(days=1)
DATES = st.integers(0, 90).map(lambda number: D("2026-09-15") + DAY * number)
ESCALATION: frozenset[Effect] = frozenset({"escalation"})


def span(start: str, end: str | None) -> DateRange:
    return DateRange(D(start), None if end is None else D(end))


def hold(start: str, end: str | None, released: str | None = None, effects: frozenset[Effect] = ESCALATION) -> Hold:
    return Hold(D(start), None if end is None else D(end), effects, None if released is None else D(released))


@st.composite
def stops(draw: st.DrawFn) -> DateRange:
    start = draw(DATES)
    return DateRange(start, draw(st.none() | st.integers(0, 40).map(lambda number: start + DAY * number)))


@pytest.mark.parametrize(
    ("released", "today", "status", "stops_now", "wake_on"),
    [
        (None, "2026-10-05", "scheduled", False, "2026-10-06"),
        (None, "2026-10-06", "active", True, "2026-10-31"),
        (None, "2026-10-30", "active", True, "2026-10-31"),
        (None, "2026-10-31", "expired", False, None),
        # A release acts on its day.
        ("2026-10-20", "2026-10-19", "active", True, "2026-10-31"),
        ("2026-10-20", "2026-10-20", "released", False, None),
        ("2026-10-20", "2026-10-31", "released", False, None),
        ("2026-10-01", "2026-10-01", "released", False, None),
        ("2026-10-01", "2026-10-10", "released", False, None),
        ("2026-10-06", "2026-10-06", "released", False, None),
        ("2026-10-30", "2026-10-30", "released", False, None),
        ("2026-10-31", "2026-10-31", "expired", False, None),
    ],
)
def test_a_hold_by_date(released: str | None, today: str, status: str, stops_now: bool, wake_on: str | None) -> None:
    found = hold("2026-10-06", "2026-10-30", released)
    assert found.status(D(today)) == status
    assert found.stops("escalation", D(today)) is stops_now
    assert found.stops("contact", D(today)) is False
    assert found.wake_on(D(today)) == (None if wake_on is None else D(wake_on))


def test_a_hold_without_an_end_lasts_until_it_is_released() -> None:
    assert hold("2026-10-06", None).status(D("2099-01-01")) == "active"
    assert hold("2026-10-06", None).wake_on(D("2099-01-01")) is None
    assert hold("2026-10-06", None).in_force == span("2026-10-06", None)
    assert hold("2026-10-06", None, "2026-10-20").in_force == span("2026-10-06", "2026-10-19")
    assert hold("2026-10-06", None, "2026-10-06").in_force is None
    assert hold("2026-10-06", "2026-10-10", "2026-10-20").in_force == span("2026-10-06", "2026-10-10")


def test_what_cannot_be_held() -> None:
    assert hold("2026-10-06", "2026-10-06").stops("escalation", D("2026-10-06"))
    with pytest.raises(HoldError) as caught:
        hold("2026-10-06", "2026-10-05")
    assert (caught.value.code, caught.value.pointer) == (Code.date_order, "/ends_on")
    with pytest.raises(HoldError) as caught:
        hold("2026-10-06", None, effects=frozenset())
    assert (caught.value.code, caught.value.pointer) == (Code.missing, "/effects")


def test_only_holds_with_the_effect_count_and_days_merge() -> None:
    holds = [
        hold("2026-10-20", "2026-10-25"),
        hold("2026-10-06", "2026-10-10"),
        hold("2026-10-11", "2026-10-12"),
        hold("2026-10-22", "2026-10-23"),
        hold("2026-10-01", None, effects=frozenset({"contact", "charges"})),
        hold("2026-10-14", None, "2026-10-14"),
    ]
    assert ranges(holds, "escalation") == (span("2026-10-06", "2026-10-12"), span("2026-10-20", "2026-10-25"))
    assert ranges(holds, "charges") == (span("2026-10-01", None),)


@pytest.mark.parametrize(
    ("start", "until", "expected"),
    [
        ("2026-10-06", None, span("2026-10-06", None)),
        ("2026-10-06", "2026-10-07", span("2026-10-06", "2026-10-06")),
        ("2026-10-06", "2026-10-06", None),
    ],
)
def test_the_day_on_which_something_ends_is_free(start: str, until: str | None, expected: DateRange | None) -> None:
    assert lasting(D(start), None if until is None else D(until)) == expected


@pytest.mark.parametrize(
    ("today", "overdue", "expected"),
    [
        ("2026-09-30", 0, 0),
        ("2026-10-01", 0, 0),
        ("2026-10-02", 1, 1),
        ("2026-10-05", 4, 4),
        ("2026-10-06", 5, 4),
        ("2026-10-30", 29, 4),
        ("2026-10-31", 30, 5),
        ("2026-11-01", 31, 6),
    ],
)
def test_a_hold_stops_the_ladder_and_not_the_lateness(today: str, overdue: int, expected: int) -> None:
    days = [span("2026-10-06", "2026-10-30")]
    assert max(0, (D(today) - D("2026-10-01")).days) == overdue
    assert ladder_days(days, D("2026-10-01"), D(today)) == expected
    assert stopped_days(days, D("2026-10-01"), D(today)) == overdue - expected


def test_days_under_several_stops_count_once_and_days_before_the_due_date_never() -> None:
    days = [span("2026-10-06", "2026-10-10"), span("2026-10-08", "2026-10-12"), span("2026-09-01", "2026-10-02")]
    assert stopped_days(days, D("2026-10-01"), D("2026-10-31")) == 8
    assert stopped_days([span("2026-09-01", "2026-10-01")], D("2026-10-01"), D("2026-10-31")) == 0
    assert stopped_days([span("2026-10-30", None)], D("2026-10-01"), D("2026-10-31")) == 2


@pytest.mark.parametrize(
    ("offset", "stopped", "expected"),
    [
        (-3, ("2026-09-01", None), "2026-09-28"),
        (0, ("2026-09-01", None), "2026-10-01"),
        (1, ("2026-10-06", "2026-10-30"), "2026-10-02"),
        (4, ("2026-10-06", "2026-10-30"), "2026-10-05"),
        (5, ("2026-10-06", "2026-10-30"), "2026-10-31"),
        (6, ("2026-10-06", "2026-10-30"), "2026-11-01"),
        (4, ("2026-10-06", None), "2026-10-05"),
        (5, ("2026-10-06", None), None),
        (1, ("2026-10-01", "2026-10-01"), "2026-10-02"),
        (1, ("2026-10-02", "2026-10-02"), "2026-10-03"),
        (1, ("2026-09-01", "2026-10-02"), "2026-10-03"),
        (1, ("2026-10-02", "9999-12-31"), None),
    ],
)
def test_the_date_of_a_step(offset: int, stopped: tuple[str, str | None], expected: str | None) -> None:
    found = ladder_date(D("2026-10-01"), offset, [span(*stopped)])
    assert found == (None if expected is None else D(expected))
    assert ladder_date(D("2026-10-01"), offset) == D("2026-10-01") + DAY * offset


@given(days=st.lists(stops(), max_size=5), due=DATES, offset=st.integers(1, 60))
def test_a_step_is_due_on_the_first_day_on_which_the_clock_shows_its_offset(
    days: list[DateRange], due: date, offset: int
) -> None:
    on = ladder_date(due, offset, days)
    if on is None:
        assert ladder_days(days, due, due + DAY * 4000) < offset
        return
    assert ladder_days(days, due, on) == offset
    assert ladder_days(days, due, on - DAY) == offset - 1
    assert not any(each.covers(on) for each in days)


@given(days=st.lists(stops(), max_size=5), due=DATES, ahead=st.integers(0, 90))
def test_the_clock_counts_the_free_days_one_by_one(days: list[DateRange], due: date, ahead: int) -> None:
    free = [
        due + DAY * number
        for number in range(1, ahead + 1)
        if not any(
            each.start_on <= due + DAY * number and (each.end_on is None or due + DAY * number <= each.end_on)
            for each in days
        )
    ]
    assert ladder_days(days, due, due + DAY * ahead) == len(free)
    assert ladder_days(days[::-1], due, due + DAY * ahead) == len(free)
    merged = union(days)
    assert union(merged) == merged
    assert ladder_days(merged, due, due + DAY * ahead) == len(free)
