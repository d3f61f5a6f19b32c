"""When a message may leave: windows of local time, and their openings as instants (rules T4, T5 and D3)."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from app.domain.clocktime import business_date, end_of_day, to_instant

HORIZON_DAYS: Final = 400
"""How far an opening is looked for: a year and its holidays; a window closed for longer never opens."""

_TIME_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_ONE_DAY: Final = timedelta(days=1)


class EndOfDay(Enum):
    """The end of a local day, which `datetime.time` cannot express."""

    END_OF_DAY = "24:00"


END_OF_DAY: Final = EndOfDay.END_OF_DAY

EndTime = time | EndOfDay
"""Where a window ends: a time of that day, or the end of the day."""


class WindowError(ValueError):
    """A time of day or a window that does not make sense."""


class NoSendableDayError(LookupError):
    """No day within the horizon is open: the window and the holidays leave none."""


def parse_time_of_day(text: str) -> EndTime:
    """Read `HH:MM`, from `00:00` to `24:00`, the latter being the end of the day.

    Raises:
        WindowError: The text is no such time.
    """
    if text == END_OF_DAY.value:
        return END_OF_DAY
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None:
        raise WindowError("A time of day is written HH:MM, from 00:00 to 24:00.")
    return time(int(match.group(1)), int(match.group(2)))


def format_time_of_day(at: EndTime) -> str:
    """Write a time of day as `HH:MM`, the inverse of `parse_time_of_day`."""
    return at.value if isinstance(at, EndOfDay) else at.strftime("%H:%M")


def _since_midnight(at: EndTime) -> timedelta:
    if isinstance(at, EndOfDay):
        return _ONE_DAY
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)


@dataclass(frozen=True, slots=True)
class DayHours:
    """Open hours of one day, half-open `[start, end)` in local time (rule T4)."""

    start: time
    end: EndTime

    def __post_init__(self) -> None:
        if _since_midnight(self.start) >= _since_midnight(self.end):
            raise WindowError("A window starts before it ends, on the same day.")

    def length(self) -> timedelta:
        """Return how long the hours last on a day without a change of the clocks."""
        return _since_midnight(self.end) - _since_midnight(self.start)

    def overlap(self, other: "DayHours") -> "DayHours | None":
        """Return the hours that both have, or None where they share none."""
        start = max(self.start, other.start)
        end = min(self.end, other.end, key=_since_midnight)
        return DayHours(start, end) if _since_midnight(start) < _since_midnight(end) else None


class Hours(Protocol):
    """Anything that knows its open hours by weekday."""

    def on(self, weekday: int) -> DayHours | None:
        """Return the open hours on a weekday, Monday being 0, or None where it stays closed."""


@dataclass(frozen=True, slots=True)
class SendWindow:
    """The same open hours on some weekdays (rule T4).

    Attributes:
        start: Local time at which it opens, inclusive.
        end: Local time at which it closes, exclusive, or `END_OF_DAY`.
        days: Weekdays on which it opens, Monday being 0; at least one.
    """

    start: time
    end: EndTime
    days: frozenset[int]

    def __post_init__(self) -> None:
        DayHours(self.start, self.end)
        if not self.days or not self.days <= frozenset(range(7)):
            raise WindowError("A window opens on at least one weekday, from 0 (Monday) to 6.")

    @classmethod
    def of(cls, start: str, end: str, days: Iterable[int]) -> "SendWindow":
        """Build a window from the texts of the wire.

        Raises:
            WindowError: The texts are no window.
        """
        opens = parse_time_of_day(start)
        if isinstance(opens, EndOfDay):
            raise WindowError("A window cannot start at the end of the day.")
        return cls(opens, parse_time_of_day(end), frozenset(days))

    def on(self, weekday: int) -> DayHours | None:
        """Return the open hours on a weekday, Monday being 0."""
        return DayHours(self.start, self.end) if weekday in self.days else None


ALWAYS: Final = SendWindow(time(0), END_OF_DAY, frozenset(range(7)))
"""Every day around the clock: what no rule at all allows."""


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Open hours that differ by weekday, as contact rules set them (Mon-Fri 7-19, Sat 8-15).

    Attributes:
        by_weekday: Seven entries from Monday to Sunday, None where it stays closed; at least one is open.
    """

    by_weekday: tuple[DayHours | None, ...]

    def __post_init__(self) -> None:
        if len(self.by_weekday) != 7 or not any(self.by_weekday):
            raise WindowError("Weekly hours have seven days, at least one of them open.")

    @classmethod
    def of(cls, windows: Iterable[SendWindow]) -> "WeeklyHours":
        """Put windows of different weekdays together.

        Raises:
            WindowError: Two windows share a weekday, or there is no window.
        """
        week: list[DayHours | None] = [None] * 7
        for window in windows:
            for weekday in window.days:
                if week[weekday] is not None:
                    raise WindowError("A weekday has one window only.")
                week[weekday] = window.on(weekday)
        return cls(tuple(week))

    def on(self, weekday: int) -> DayHours | None:
        """Return the open hours on a weekday, Monday being 0."""
        return self.by_weekday[weekday]


def intersect(windows: Iterable[SendWindow]) -> SendWindow | None:
    """Return the window inside all of `windows`, or None where they share no time (rule T4).

    Without any window nothing is forbidden, so the answer is `ALWAYS`.
    """
    hours: DayHours | None = DayHours(ALWAYS.start, ALWAYS.end)
    days = ALWAYS.days
    for window in windows:
        hours = hours and hours.overlap(DayHours(window.start, window.end))
        days &= window.days
    return SendWindow(hours.start, hours.end, days) if hours and days else None


def intersect_hours(schedules: Iterable[Hours]) -> WeeklyHours | None:
    """Return the hours inside all of `schedules`, weekday by weekday, or None where no day is left (rule T4)."""
    week = [ALWAYS.on(weekday) for weekday in range(7)]
    for schedule in schedules:
        for weekday, hours in enumerate(week):
            other = schedule.on(weekday)
            week[weekday] = hours.overlap(other) if hours and other else None
    return WeeklyHours(tuple(week)) if any(week) else None


class Opening(NamedTuple):
    """One opening of a window, half-open, in UTC."""

    opens: datetime
    closes: datetime


def opening_on(day: date, *, window: Hours, zone: ZoneInfo, holidays: Container[date]) -> Opening | None:
    """Return the one opening of `window` on a local date, or None where it stays closed (rules T4 and T5).

    Hours that the clocks skip as a whole open at the first instant after the gap for as long as they would have
    lasted, because a send planned for them still goes out once. A date that the zone left out has no opening.
    """
    hours = window.on(day.weekday())
    if hours is None or day in holidays:
        return None
    opens = to_instant(day, hours.start, zone)
    if business_date(opens, zone) != day:
        return None
    closes = end_of_day(day, zone) if isinstance(hours.end, EndOfDay) else to_instant(day, hours.end, zone)
    return Opening(opens, closes if closes > opens else opens + hours.length())


def first_open_instant(
    *,
    not_before: datetime,
    on_or_after: date,
    window: Hours,
    zone: ZoneInfo,
    holidays: Container[date],
    horizon_days: int = HORIZON_DAYS,
) -> datetime | None:
    """Return the first instant at which a message may leave (rules T4 and T5).

    Args:
        not_before: Instant before which nothing leaves, usually now.
        on_or_after: First local date on which it may leave, usually the step's `send_on`.
        window: Open hours of customer and policy.
        zone: Zone of the customer (rule T1).
        holidays: Dates without contact.
        horizon_days: How many days to look ahead, the first one not counted.

    Returns:
        An instant in UTC, or None where the window does not open within the horizon.
    """
    first = max(on_or_after, business_date(not_before, zone))
    for ahead in range(horizon_days + 1):
        opening = opening_on(first + timedelta(days=ahead), window=window, zone=zone, holidays=holidays)
        if opening is not None and opening.closes > not_before:
            return max(opening.opens, not_before.astimezone(UTC))
    return None


def next_sendable_day(day: date, window: Hours, holidays: Container[date]) -> date:
    """Return `day`, or the next date on which the window opens (rule T4).

    Raises:
        NoSendableDayError: None of the next days is one.
    """
    return _seek(day, _ONE_DAY, window, holidays)


def previous_sendable_day(day: date, window: Hours, holidays: Container[date]) -> date:
    """Return `day`, or the last date before it on which the window opens (rule T4).

    Raises:
        NoSendableDayError: None of the days before is one.
    """
    return _seek(day, -_ONE_DAY, window, holidays)


def send_on(nominal: date, *, offset_days: int, window: Hours, holidays: Container[date]) -> date:
    """Return the date on which a step goes out (rules T4 and D3).

    Args:
        nominal: Due date plus offset, which reports keep.
        offset_days: Offset of the step from the due date. A reminder ahead of it rolls back, so that it still comes
            ahead (rule D4); any other rolls forward.
        window: Open hours of customer and policy.
        holidays: Dates without contact.

    Raises:
        NoSendableDayError: The window has no open day in reach.
    """
    seek = previous_sendable_day if offset_days < 0 else next_sendable_day
    return seek(nominal, window, holidays)


def _seek(day: date, step: timedelta, window: Hours, holidays: Container[date]) -> date:
    for away in range(HORIZON_DAYS + 1):
        candidate = day + away * step
        if window.on(candidate.weekday()) is not None and candidate not in holidays:
            return candidate
    raise NoSendableDayError("The window opens on no day within reach.")
