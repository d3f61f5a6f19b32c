"""Working days and the conventions by which a date rolls off a non-working one (rule T4)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

Convention = Literal["none", "following", "preceding", "modified_following"]
"""How a due date on a non-working day moves; the terms name it, and `none` is the default."""

WEEKEND: Final = frozenset({5, 6})
"""Saturday and Sunday, counting from Monday as 0."""

_FORWARD: Final = timedelta(days=1)
_BACK: Final = timedelta(days=-1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days people work.

    Attributes:
        holidays: Dates off, whatever their weekday.
        non_working_weekdays: Weekdays off, Monday being 0.
    """

    holidays: frozenset[date] = frozenset()
    non_working_weekdays: frozenset[int] = WEEKEND

    def __post_init__(self) -> None:
        if not self.non_working_weekdays < frozenset(range(7)):
            raise ValueError("Weekdays off are numbers from 0 (Monday) to 6, and at least one day is worked.")


def is_working_day(day: date, calendar: Calendar) -> bool:
    """Tell whether `day` is worked."""
    return day.weekday() not in calendar.non_working_weekdays and day not in calendar.holidays


def roll(day: date, convention: Convention, calendar: Calendar) -> date:
    """Move a date off a non-working day, or leave it where it is (rule T4).

    `modified_following` goes forward unless that would leave the month, and back otherwise, so that a due date at
    month end stays in its month.
    """
    return _ROLLS[convention](day, calendar)


def add_working_days(day: date, count: int, calendar: Calendar) -> date:
    """Return the working day `count` working days after `day`, or before it where `count` is negative.

    `day` itself is never counted, worked or not; with a count of 0 it is returned as it is.
    """
    step = _FORWARD if count > 0 else _BACK
    for _ in range(abs(count)):
        day = _seek(day + step, step, calendar)
    return day


def _seek(day: date, step: timedelta, calendar: Calendar) -> date:
    while not is_working_day(day, calendar):
        day += step
    return day


def _stay(day: date, _calendar: Calendar) -> date:
    return day


def _following(day: date, calendar: Calendar) -> date:
    return _seek(day, _FORWARD, calendar)


def _preceding(day: date, calendar: Calendar) -> date:
    return _seek(day, _BACK, calendar)


def _modified_following(day: date, calendar: Calendar) -> date:
    ahead = _following(day, calendar)
    return ahead if (ahead.year, ahead.month) == (day.year, day.month) else _preceding(day, calendar)


_ROLLS: Final[dict[Convention, Callable[[date, Calendar], date]]] = {
    "none": _stay,
    "following": _following,
    "preceding": _preceding,
    "modified_following": _modified_following,
}
