"""When a step is due, and which of several due steps goes out (rules D3, D4).

The ladder is dated, never chained by adding hours: every step's date follows from the due date alone, so a late run
finds the same dates as a punctual one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.errors import Code
from app.domain.holds import DateRange, ladder_date
from app.domain.policy import CatchUp, LateEntry, Policy, Step
from app.domain.schedule import Schedule
from app.domain.windows import send_on


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
    """

    due_on: date
    shift_days: int
    entered_overdue: bool
    reached_offset_days: int | None
    last_sent_on: date | None
    stops: tuple[DateRange, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with its dates: `nominal_on` by the calendar alone, `send_on` after the roll of rule T4."""

    step: Step
    nominal_on: date
    send_on: date


@dataclass(frozen=True, slots=True)
class Choice:
    """What the ladder asks for on one day.

    Attributes:
        due: the step that goes out, if any.
        superseded: lower due steps that are recorded as skipped when `due` goes out.
        missed: steps whose time has passed for good.
        upcoming: the first step that is not due yet.
    """

    due: PlannedStep | None
    superseded: tuple[PlannedStep, ...]
    missed: tuple[PlannedStep, ...]
    upcoming: PlannedStep | None

    @property
    def skipped(self) -> tuple[tuple[PlannedStep, Code], ...]:
        """Every step that is recorded as skipped together with `due`, and why."""
        return tuple((step, Code.missed) for step in self.missed) + tuple(
            (step, Code.superseded) for step in self.superseded
        )


def late_entry_shift_days(policy: Policy, *, due_on: date, entered_on: date) -> int:
    """Days by which `restart` moves the ladder, so that its lowest post-due step is due on `entered_on` (rule D3).

    A case that is seen before that step's own date is not late, and its ladder does not move.
    """
    first = next((step for step in policy.steps if step.offset_days > 0), None)
    if first is None or entered_on <= due_on or policy.late_entry is not LateEntry.restart:
        return 0
    return max(0, (entered_on - due_on).days - first.offset_days)


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
        shift = ladder.shift_days if step.offset_days > 0 else 0
        nominal_on = ladder_date(ladder.due_on, step.offset_days + shift, ladder.stops)
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
    policy: Policy, ladder: Ladder, planned: Sequence[PlannedStep], *, today: date, customer_today: date
) -> Choice:
    """Which step goes out on `today`, by the policy's `catch_up` (rule D3).

    A step before the due date is never sent after it (rule D4), and none on or before it to a case that was first
    seen overdue. At most one step for each case and day. For a case first seen overdue, `late_entry: highest` takes
    the highest due step whatever `catch_up` says.

    Args:
        policy: the version that the case pins.
        ladder: where the case stands.
        planned: its steps above the one reached.
        today: the date that has come for the tenant and for the customer, by which steps are due.
        customer_today: the customer's date, by which there is one step a day: those sent are dated by it.
    """
    missed = []
    due = []
    upcoming = None
    for item in planned:
        if _has_passed(item, ladder, today):
            missed.append(item)
        elif item.send_on <= today:
            due.append(item)
        elif upcoming is None:
            upcoming = item
    catch_up = CatchUp.highest if _enters_high(policy, ladder) else policy.catch_up
    if catch_up is CatchUp.skip:
        missed.extend(item for item in due if item.send_on < today)
        due = [item for item in due if item.send_on == today]
    if not due:
        return Choice(None, (), tuple(missed), upcoming)
    taken = 0 if catch_up is CatchUp.one_at_a_time else len(due) - 1
    if ladder.last_sent_on is not None and ladder.last_sent_on >= customer_today:
        return Choice(None, (), tuple(missed), due[taken])
    following = (*due[taken + 1 :], upcoming)
    return Choice(due[taken], tuple(due[:taken]), tuple(missed), following[0])


def _enters_high(policy: Policy, ladder: Ladder) -> bool:
    """Whether the next step is the first one of a case that `late_entry` sends to the highest due one."""
    return ladder.entered_overdue and ladder.reached_offset_days is None and policy.late_entry is LateEntry.highest


def _has_passed(item: PlannedStep, ladder: Ladder, today: date) -> bool:
    if item.step.offset_days < 0:
        return today > ladder.due_on or ladder.entered_overdue
    return item.step.offset_days == 0 and ladder.entered_overdue
