"""Holds, and the ladder clock that they stop (rule D8).

Ladder days are the days overdue less those that lie under an escalation hold, a dispute of the whole invoice or a
plan. Days under several of them count once. Legal lateness never stops: interest and reports go by days overdue.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, NamedTuple

from app.domain.aging import days_overdue
from app.domain.errors import Code, RuleError

Effect = Literal["contact", "escalation", "charges"]
"""What a hold stops: messages, the ladder clock, or interest and fees."""

HoldStatus = Literal["scheduled", "active", "released", "expired"]
"""The states of `states.HOLD`."""

_ONE_DAY = timedelta(days=1)


class HoldError(RuleError):
    """A hold that cannot be."""


class DateRange(NamedTuple):
    """Days from `start_on` through `end_on`, both inclusive (rule T0); without an end, from then on.

    It is what `interest.accrue` takes as a stop.
    """

    start_on: date
    end_on: date | None

    def covers(self, day: date) -> bool:
        """Whether a day is one of them."""
        return self.start_on <= day and (self.end_on is None or day <= self.end_on)


@dataclass(frozen=True, slots=True)
class Hold:
    """A stop of contact, of escalation or of charges.

    Attributes:
        starts_on: Its first day.
        ends_on: Its last day; None where it lasts until it is released.
        effects: What it stops, one thing at least.
        released_on: The day on which somebody took it back. That day is free again, since a release acts at once.

    Raises:
        HoldError: `date_order` or `missing`.
    """

    starts_on: date
    ends_on: date | None
    effects: frozenset[Effect]
    released_on: date | None = None

    def __post_init__(self) -> None:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise HoldError(Code.date_order, "A hold does not end before it starts.", "/ends_on")
        if not self.effects:
            raise HoldError(Code.missing, "A hold stops one thing at least.", "/effects")

    @property
    def in_force(self) -> DateRange | None:
        """The days on which it stops something; none where it was released on its first day or before."""
        end_on = self.ends_on
        if self.released_on is not None:
            last_on = before(self.released_on)
            end_on = last_on if end_on is None else min(end_on, last_on)
        return DateRange(self.starts_on, end_on) if end_on is None or end_on >= self.starts_on else None

    def stops(self, effect: Effect, today: date) -> bool:
        """Whether it stops `effect` on `today`."""
        days = self.in_force
        return effect in self.effects and days is not None and days.covers(today)

    def status(self, today: date) -> HoldStatus:
        """Its state on a date: expired from the day after its last one.

        One that ran out before it was released stays expired.
        """
        ran_out = self.ends_on is not None and today > self.ends_on
        if self.released_on is not None and self.released_on <= today:
            return "expired" if self.ends_on is not None and self.released_on > self.ends_on else "released"
        if ran_out:
            return "expired"
        return "scheduled" if today < self.starts_on else "active"

    def wake_on(self, today: date) -> date | None:
        """The next date that changes its state; None where time alone changes nothing any more."""
        status = self.status(today)
        if status == "scheduled":
            return self.starts_on
        if status == "active" and self.ends_on is not None:
            return after(self.ends_on)
        return None


def lasting(start_on: date, until_on: date | None) -> DateRange | None:
    """The days of something that began on a date and is over on another, which is free again; None where no day is.

    A plan from its activation to its end, or a dispute from its opening to its resolution.
    """
    if until_on is None:
        return DateRange(start_on, None)
    return DateRange(start_on, before(until_on)) if until_on > start_on else None


def ranges(holds: Iterable[Hold], effect: Effect) -> tuple[DateRange, ...]:
    """The days on which holds stop one thing, merged; for `charges`, the stops of `interest.accrue`."""
    return union([days for hold in holds if effect in hold.effects and (days := hold.in_force) is not None])


def union(days: Iterable[DateRange]) -> tuple[DateRange, ...]:
    """Merge ranges that overlap or follow each other, in order of time."""
    merged: list[DateRange] = []
    for each in sorted(days, key=_start):
        last = merged[-1] if merged else None
        if last is None or (last.end_on is not None and (each.start_on - last.end_on).days > 1):
            merged.append(each)
        elif last.end_on is not None:
            end_on = None if each.end_on is None else max(last.end_on, each.end_on)
            merged[-1] = DateRange(last.start_on, end_on)
    return tuple(merged)


def stopped_days(days: Iterable[DateRange], due_on: date, today: date) -> int:
    """How many of the days overdue through `today` lie under a stop; each counts once."""
    stopped = 0
    for each in union(days):
        first = max(each.start_on, due_on + _ONE_DAY)
        last = today if each.end_on is None else min(each.end_on, today)
        stopped += max(0, (last - first).days + 1)
    return stopped


def ladder_days(days: Iterable[DateRange], due_on: date, today: date) -> int:
    """Days overdue less those under a stop (rule D8); 0 until the day after the due date."""
    return days_overdue(due_on, today) - stopped_days(days, due_on, today)


def ladder_date(due_on: date, offset_days: int, days: Sequence[DateRange] = ()) -> date | None:
    """The nominal date of a step: the first on which the ladder clock shows its offset (rules D3, D8).

    A ladder that starts late is asked for its offset and its shift together; offsets on and before the due date have
    no shift, and nothing moves them.

    Args:
        due_on: The due date.
        offset_days: Days from the due date, with the shift of a late entry where the offset is positive.
        days: When the clock stands, in any order; they may overlap.

    Returns:
        The date, which is never a stopped one for a positive offset; None where a stop without an end comes first.
    """
    if offset_days <= 0:
        return due_on + timedelta(days=offset_days)
    left = offset_days
    reached_on = due_on
    for each in union(days):
        if each.end_on is not None and each.end_on <= reached_on:
            continue
        free = max(0, (each.start_on - reached_on).days - 1)
        if left <= free:
            break
        if each.end_on is None:
            return None
        left -= free
        reached_on = each.end_on
    try:
        return reached_on + timedelta(days=left)
    except OverflowError:
        return None


def before(day: date) -> date:
    """The day before; the first day of the calendar has none and stays."""
    return max(day, date.min + _ONE_DAY) - _ONE_DAY


def after(day: date) -> date:
    """The day after; the last day of the calendar has none and stays."""
    return min(day, date.max - _ONE_DAY) + _ONE_DAY


def _start(days: DateRange) -> date:
    return days.start_on
