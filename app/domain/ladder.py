"""When a step is due, and which of several due steps goes out (rules D3, D4).

The ladder is dated, never chained by adding hours: every step's date follows from the due date alone, so a late run
finds the same dates as a punctual one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from app.domain.errors import Code
from app.domain.holds import DateRange, ladder_date, ladder_days
from app.domain.policy import CatchUp, LateEntry, Policy, Step
from app.domain.schedule import Schedule
from app.domain.windows import send_on


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with its dates: `nominal_on` by the ladder clock alone, `send_on` after the roll of rule T4."""

    step: Step
    nominal_on: date
    send_on: date


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where one case stands.

    Attributes:
        due_on: the invoice's due date.
        shift_days: days by which the ladder starts later than the due date (late entry by `restart`).
        entered_overdue: the case was already overdue when it was first seen.
        reached_offset_days: offset of the highest step taken or skipped; None before the first.
        last_sent_on: date of the last step that went out, on the customer's calendar.
        stops: days on which the ladder clock stood or stands (rule D8).
        late_entry: how this case enters late, where it is not as its policy says; `hold` waits for a person.
        taken_keys: steps that were taken under another version of the policy, at other offsets.
    """

    due_on: date
    shift_days: int
    entered_overdue: bool
    reached_offset_days: int | None
    last_sent_on: date | None
    stops: tuple[DateRange, ...] = ()
    late_entry: LateEntry | None = None
    taken_keys: frozenset[str] = frozenset()

    def nominal_on(self, step: Step) -> date | None:
        """The day of a step by the ladder clock, before any roll; None where a stop without an end comes first."""
        return ladder_date(self.due_on, self._clock_days(step), self.stops)

    def passed(self, step: Step) -> PlannedStep:
        """A step that is not sent, with its day; where a stop without an end comes first, that by the calendar."""
        nominal_on = self.nominal_on(step) or self.due_on + timedelta(days=self._clock_days(step))
        return PlannedStep(step, nominal_on, nominal_on)

    def _clock_days(self, step: Step) -> int:
        return step.offset_days + (self.shift_days if step.offset_days > 0 else 0)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the ladder asks for on one day.

    Attributes:
        due: the step that goes out, if any.
        superseded: lower due steps that are recorded as skipped when `due` goes out.
        missed: steps whose time has passed for good.
        upcoming: the first step that is not due yet.
        unmet: steps whose day has come for a case that they are not for.
        ahead: the first step whose day has not come, whether it is for the case or not.
    """

    due: PlannedStep | None
    superseded: tuple[PlannedStep, ...]
    missed: tuple[PlannedStep, ...]
    upcoming: PlannedStep | None
    unmet: tuple[PlannedStep, ...] = ()
    ahead: PlannedStep | None = None

    @property
    def passed(self) -> tuple[tuple[PlannedStep, Code], ...]:
        """Every step that is recorded as skipped whether anything goes out or not, and why."""
        return tuple((step, Code.missed) for step in self.missed) + tuple(
            (step, Code.condition_not_met) for step in self.unmet
        )


def _always(_step: Step) -> bool:
    return True


def late_entry_shift_days(
    policy: Policy,
    *,
    due_on: date,
    entered_on: date,
    late_entry: LateEntry | None = None,
    stops: Sequence[DateRange] = (),
) -> int:
    """Days of the ladder clock by which `restart` moves the ladder (rules D3, D8).

    Its lowest post-due step is due on `entered_on`, or on the first day after it on which the clock goes on. A case
    that is seen before that step's own date is not late, and its ladder does not move.

    Args:
        policy: the version that the case pins.
        due_on: the due date.
        entered_on: when the case enters.
        late_entry: how it enters, where it is not as its policy says.
        stops: days on which the ladder clock stood or stands, which move the ladder by themselves.
    """
    first = next((step for step in policy.steps if step.offset_days > 0), None)
    if first is None or entered_on <= due_on or (late_entry or policy.late_entry) is not LateEntry.restart:
        return 0
    clock = ladder_days(stops, due_on, entered_on)
    if any(days.covers(entered_on) for days in stops):
        # What the clock shows on the day on which it goes on, whichever that will be.
        clock += 1
    return max(0, clock - first.offset_days)


def plan_steps(policy: Policy, ladder: Ladder, *, schedule_of: Callable[[Step], Schedule]) -> tuple[PlannedStep, ...]:
    """The steps above the one reached, with their dates.

    Steps after the due date roll forward to a day on which sending is allowed, steps before it roll back.

    Args:
        policy: the version that the case pins.
        ladder: where the case stands.
        schedule_of: when a step's channel may be used.
    """
    planned = []
    for step in policy.steps:
        if ladder.reached_offset_days is not None and step.offset_days <= ladder.reached_offset_days:
            continue
        if step.key in ladder.taken_keys:
            continue
        nominal_on = ladder.nominal_on(step)
        if nominal_on is None:
            # The clock stands without an end: neither this step nor one above it has a date.
            break
        schedule = schedule_of(step)
        planned.append(
            PlannedStep(
                step,
                nominal_on,
                send_on(
                    nominal_on,
                    offset_days=step.offset_days,
                    window=schedule.window,
                    holidays=schedule.holidays,
                ),
            )
        )
    return tuple(planned)


def choose(
    policy: Policy,
    ladder: Ladder,
    planned: Sequence[PlannedStep],
    *,
    today: date,
    customer_today: date,
    is_for: Callable[[Step], bool] = _always,
    reaches: Callable[[Step], bool] = _always,
) -> Choice:
    """Which step goes out on `today`, by the policy's `catch_up` (rule D3).

    A step before the due date is never sent after it (rule D4), and none on or before it to a case that was first
    seen overdue. At most one step for each case and day. For a case first seen overdue, `late_entry: highest` takes
    the highest due step whatever `catch_up` says.

    A step that is not for the case never stands in the way of the others. Where what is left is below the minimum of
    the step that would go out, the nearest due one goes whose minimum it reaches (rule D16).

    Args:
        policy: the version that the case pins.
        ladder: where the case stands.
        planned: its steps above the one reached.
        today: the date that has come for the tenant and for the customer, by which steps are due.
        customer_today: the customer's date, by which there is one step a day: those sent are dated by it.
        is_for: whether the case meets a step's conditions.
        reaches: whether what is left reaches a step's minimum.
    """
    sorted_out = _sort_out(ladder, planned, today, is_for)
    missed, due, unmet = sorted_out.missed, sorted_out.due, sorted_out.unmet
    upcoming, ahead = sorted_out.upcoming, sorted_out.ahead
    if ladder.late_entry is LateEntry.hold:
        # Which step it enters at is still to be said, so none is passed over before.
        return Choice(due[-1] if due else None, (), tuple(missed), upcoming, (), ahead)
    catch_up = CatchUp.highest if _enters_high(policy, ladder) else policy.catch_up
    if catch_up is CatchUp.skip:
        missed.extend(item for item in due if item.send_on < today)
        due = [item for item in due if item.send_on == today]
    if not due:
        return Choice(None, (), tuple(missed), upcoming, tuple(unmet), ahead)
    taken = _taken(due, catch_up, reaches)
    # What lies above the step that goes out is passed over after it, since a ladder never goes back.
    lower = tuple(item for item in unmet if item.step.offset_days < due[taken].step.offset_days)
    if ladder.last_sent_on is not None and ladder.last_sent_on >= customer_today:
        return Choice(None, (), tuple(missed), due[taken], lower, ahead)
    following = (*due[taken + 1 :], upcoming)
    return Choice(due[taken], tuple(due[:taken]), tuple(missed), following[0], lower, ahead)


@dataclass(slots=True)
class _Sorted:
    missed: list[PlannedStep] = field(default_factory=list)
    due: list[PlannedStep] = field(default_factory=list)
    unmet: list[PlannedStep] = field(default_factory=list)
    upcoming: PlannedStep | None = None
    ahead: PlannedStep | None = None


def _sort_out(ladder: Ladder, planned: Sequence[PlannedStep], today: date, is_for: Callable[[Step], bool]) -> _Sorted:
    """The steps by what their day and their conditions make of them."""
    found = _Sorted()
    for item in planned:
        if _has_passed(item, ladder, today):
            found.missed.append(item)
            continue
        has_come = item.send_on <= today
        if not has_come and found.ahead is None:
            found.ahead = item
        if not is_for(item.step):
            found.unmet += [item] if has_come else []
        elif has_come:
            found.due.append(item)
        elif found.upcoming is None:
            found.upcoming = item
    return found


def _taken(due: Sequence[PlannedStep], catch_up: CatchUp, reaches: Callable[[Step], bool]) -> int:
    """Which of the due steps goes out; where no minimum is reached, the one that would, which then waits."""
    places = range(len(due)) if catch_up is CatchUp.one_at_a_time else range(len(due) - 1, -1, -1)
    return next((place for place in places if reaches(due[place].step)), places[0])


def _enters_high(policy: Policy, ladder: Ladder) -> bool:
    """Whether the next step is the first one of a case that `late_entry` sends to the highest due one.

    Steps up to the due date may have been passed over; none after it was taken.
    """
    is_first = ladder.reached_offset_days is None or ladder.reached_offset_days <= 0
    late_entry = ladder.late_entry or policy.late_entry
    return ladder.entered_overdue and is_first and late_entry is LateEntry.highest


def _has_passed(item: PlannedStep, ladder: Ladder, today: date) -> bool:
    if item.step.offset_days < 0:
        return today > ladder.due_on or ladder.entered_overdue
    return item.step.offset_days == 0 and ladder.entered_overdue
