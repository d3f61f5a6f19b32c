"""Late interest (rule M8): simple, on principal, exact until it is rounded once."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Final

from app.domain.errors import Code, RuleError
from app.domain.money import round_half_up

_ONE_DAY: Final = timedelta(days=1)


class InterestError(RuleError):
    """A rate table that cannot be, or a question that a table cannot answer."""


class DayCount(StrEnum):
    """How days are counted, and how many make a year.

    `act_act` is ISDA's: the days of a leap year over 366, those of any other over 365. `30_360` is ISDA's bond basis
    (2006 definitions, section 4.16(f)): a start on the 31st counts as the 30th, and so does an end on the 31st when
    the start is the 30th or the 31st. February is left as it is.
    """

    act_365 = "act_365"
    act_360 = "act_360"
    act_act = "act_act"
    thirty_360 = "30_360"


class RateBasis(StrEnum):
    """Which rate a day earns: its own, that of the first late day, or that of the day of the payment."""

    each_day = "split"
    at_start = "at_start"
    at_payment = "at_payment"


class Rounding(StrEnum):
    """What is rounded to the minor unit: the total, or the interest of one day before it is multiplied by days."""

    total = "total"
    daily = "daily"


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate from a date on, in percent a year: `Fraction("8.5")` is 8.5 %."""

    from_on: date
    annual_rate: Fraction


@dataclass(frozen=True, slots=True)
class FixedSum:
    """A sum for the costs of recovery, owed once on a debt of `from_amount_minor` or more."""

    from_amount_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class RateTable:
    """Rates with the conventions that make them interest (rule M8).

    Attributes:
        code: Name of the table.
        day_count: How days are counted.
        rates: At least one, ascending strictly by date; the last one goes on until there is another.
        rate_basis: Which of the rates a day earns.
        rounding: What is rounded.
        fixed_sums: Ascending strictly by amount; the highest that the debt reaches is owed.
        currency: Currency of the fixed sums. The rates are good for every currency.
        cap_percent: Interest never exceeds this share of the largest principal that was late, in percent.
        published_through: Last date for which the source had published a rate; None where there is none to wait for.
        source: Where the rates come from.

    Raises:
        InterestError: `invalid_value`.
    """

    code: str
    day_count: DayCount
    rates: tuple[Rate, ...]
    rate_basis: RateBasis = RateBasis.each_day
    rounding: Rounding = Rounding.total
    fixed_sums: tuple[FixedSum, ...] = ()
    currency: str | None = None
    cap_percent: Fraction | None = None
    published_through: date | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if not self.rates:
            raise _impossible("A rate table has at least one rate.")
        if any(after.from_on <= before.from_on for before, after in pairwise(self.rates)):
            raise _impossible("The rates of a table ascend strictly by date.")
        if any(rate.annual_rate < 0 for rate in self.rates):
            raise _impossible("A rate of late interest is not negative.")
        if any(after.from_amount_minor <= before.from_amount_minor for before, after in pairwise(self.fixed_sums)):
            raise _impossible("The fixed sums of a table ascend strictly by the amount they start from.")
        if any(fixed.from_amount_minor < 0 or fixed.amount_minor < 0 for fixed in self.fixed_sums):
            raise _impossible("The amounts of a fixed sum are not negative.")
        if self.fixed_sums and self.currency is None:
            raise _impossible("Fixed sums need a currency.")
        if self.cap_percent is not None and self.cap_percent < 0:
            raise _impossible("A cap is not negative.")

    def rate_on(self, day: date) -> Fraction:
        """The rate in force on `day`, in percent a year.

        Raises:
            InterestError: `out_of_range` before the first rate of the table.
        """
        index = bisect_right(self.rates, day, key=lambda rate: rate.from_on)
        if index == 0:
            raise InterestError(Code.out_of_range, "The rate table begins after the first day that earns interest.")
        return self.rates[index - 1].annual_rate

    def fixed_sum_minor(self, debt_minor: int, currency: str) -> int:
        """The fixed sum owed on a late debt, in minor units; 0 on no debt and in other currencies."""
        if currency != self.currency or debt_minor <= 0:
            return 0
        reached = [fixed for fixed in self.fixed_sums if fixed.from_amount_minor <= debt_minor]
        return max(reached, key=_start).amount_minor if reached else 0


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive days, both ends inclusive, that earn one rate on one principal.

    `days` are those of the day count, and `exact` their interest in minor units.
    """

    from_on: date
    through_on: date
    days: int
    principal_minor: int
    annual_rate: Fraction
    exact: Fraction


@dataclass(frozen=True, slots=True)
class Accrual:
    """Interest for a time, and how it came about.

    Attributes:
        segments: In order of time; days without principal or under a stop are in none.
        exact: What the segments add up to, in minor units, before cap and rounding.
        amount_minor: What is charged.
        uses_unpublished_rate: A segment earns a rate that was carried on beyond the last one published.
        is_capped: The cap of the table lowered the amount.
    """

    segments: tuple[Segment, ...]
    exact: Fraction
    amount_minor: int
    uses_unpublished_rate: bool = False
    is_capped: bool = False


@dataclass(frozen=True, slots=True)
class _Claim:
    """One debt over the time it is late; `steps` are its principal by date, in order."""

    table: RateTable
    steps: tuple[tuple[date, int], ...]
    stopped: Sequence[tuple[date, date | None]]
    due_on: date
    through_on: date

    def spans(self) -> Iterator[tuple[date, date]]:
        """First and last day of each stretch in which nothing changes."""
        starts = {
            *(from_on + _ONE_DAY for from_on, _ in self.steps if from_on < self.through_on),
            *(from_on for from_on, _ in self.stopped),
            *(end + _ONE_DAY for _, end in self.stopped if end is not None and end < self.through_on),
        }
        if self.table.rate_basis is RateBasis.each_day:
            starts.update(rate.from_on for rate in self.table.rates)
        if self.table.day_count is DayCount.act_act:
            starts.update(date(year, 1, 1) for year in range(self.due_on.year + 1, self.through_on.year + 1))
        first = self.due_on + _ONE_DAY
        for start in sorted(start for start in starts if first < start <= self.through_on):
            yield first, start - _ONE_DAY
            first = start
        yield first, self.through_on

    def principal_on(self, day: date) -> int:
        """Principal that earns interest on `day`: a payment counts from the day after it."""
        return next((principal for from_on, principal in reversed(self.steps) if from_on < day), 0)

    def is_stopped(self, day: date) -> bool:
        """Tell whether a stop covers `day`."""
        return any(from_on <= day and (end is None or day <= end) for from_on, end in self.stopped)

    def rate_day(self, last: date) -> date:
        """The day whose rate the stretch up to `last` earns."""
        if self.table.rate_basis is RateBasis.each_day:
            return last
        if self.table.rate_basis is RateBasis.at_start:
            return self.due_on + _ONE_DAY
        paid = (at for (_, before), (at, after) in pairwise(self.steps) if after < before)
        return next((at for at in paid if last <= at <= self.through_on), self.through_on)

    def segment(self, first: date, last: date, principal: int, rate: Fraction) -> Segment:
        """A segment whose days are measured from the due date, so that those of consecutive ones add up."""
        count = self.table.day_count
        days = days_between(count, self.due_on, last) - days_between(count, self.due_on, first - _ONE_DAY)
        return Segment(first, last, days, principal, rate, _of_one_day(principal, rate, self.year_days(first)) * days)

    def year_days(self, day: date) -> int:
        """Days that make the year of `day`."""
        if self.table.day_count is DayCount.act_act:
            return (date(day.year, 12, 31) - date(day.year, 1, 1)).days + 1
        return 365 if self.table.day_count is DayCount.act_365 else 360


def accrue(
    table: RateTable,
    balances: Sequence[tuple[date, int]],
    due_on: date,
    through_on: date,
    stopped: Sequence[tuple[date, date | None]] = (),
) -> Accrual:
    """Work out the interest on a debt, from the day after its due date through a date, inclusive (rule M8).

    Interest that was posted before is not deducted: what is still to be posted is the amount for the whole time less
    what stands posted, which is right after backdated payments, too, and rounds the whole once.

    A table with `at_payment` gives each stretch that ends with a payment the rate of that day, and the last one the
    rate of `through_on`.

    Args:
        table: Rates and conventions.
        balances: Principal open, in minor units, from each effective date on. It earns interest from the day after
            that date, since the day of a payment is still earned by what was open before it; so the first entry is
            dated on the due date or earlier. Of several on one date the last one counts.
        due_on: Last day on which payment is in time.
        through_on: Last day that earns interest, as a rule the day of the payment.
        stopped: Days without interest, both ends inclusive; no end means from then on. They may overlap.

    Raises:
        InterestError: `out_of_range` when interest is earned before the first rate, `invalid_value` for a negative
            principal, `date_order` for a stop that ends before it starts.
    """
    if any(principal < 0 for _, principal in balances):
        raise _impossible("Principal is not negative.")
    if any(end is not None and end < from_on for from_on, end in stopped):
        raise InterestError(Code.date_order, "A stop of interest does not end before it starts.")
    if through_on <= due_on:
        return Accrual((), Fraction(0), 0)
    claim = _Claim(table, tuple(sorted(dict(balances).items())), stopped, due_on, through_on)
    segments: list[Segment] = []
    uses_unpublished_rate = False
    for first, last in claim.spans():
        principal = claim.principal_on(first)
        if principal == 0 or claim.is_stopped(first):
            continue
        rate_day = claim.rate_day(last)
        uses_unpublished_rate |= table.published_through is not None and rate_day > table.published_through
        segment = claim.segment(first, last, principal, table.rate_on(rate_day))
        if segments and _continues(claim, segments[-1], segment):
            segment = claim.segment(segments.pop().from_on, last, principal, segment.annual_rate)
        segments.append(segment)
    exact = sum((segment.exact for segment in segments), Fraction(0))
    amount = round_half_up(exact) if table.rounding is Rounding.total else _rounded_daily(claim, segments)
    most = _cap_minor(table, segments)
    is_capped = most is not None and amount > most
    charged = amount if most is None else min(amount, most)
    return Accrual(tuple(segments), exact, charged, uses_unpublished_rate, is_capped)


def shares(table: RateTable, segments: Sequence[Segment], total_minor: int) -> tuple[int, ...]:
    """What each segment has in a total, in minor units; they add up to it, so the last one takes the remainder.

    Args:
        table: Conventions by which the segments were worked out.
        segments: In order of time.
        total_minor: What is charged for all of them.
    """
    parts: list[int] = []
    exact, left = Fraction(0), total_minor
    for segment in segments:
        part = round_half_up(exact + segment.exact) - round_half_up(exact)
        if table.rounding is Rounding.daily and segment.days:
            part = round_half_up(segment.exact / segment.days) * segment.days
        exact += segment.exact
        parts.append(min(part, left))
        left -= parts[-1]
    return (*parts[:-1], parts[-1] + left) if parts else ()


def days_between(day_count: DayCount, after_on: date, through_on: date) -> int:
    """Days from `after_on`, which is not counted, through `through_on`, which is."""
    if day_count is not DayCount.thirty_360:
        return (through_on - after_on).days
    first = min(after_on.day, 30)
    last = 30 if first == 30 and through_on.day == 31 else through_on.day
    return 360 * (through_on.year - after_on.year) + 30 * (through_on.month - after_on.month) + last - first


def _of_one_day(principal: int, rate: Fraction, year_days: int) -> Fraction:
    return principal * rate / (100 * year_days)


def _rounded_daily(claim: _Claim, segments: Sequence[Segment]) -> int:
    return sum(
        round_half_up(_of_one_day(segment.principal_minor, segment.annual_rate, claim.year_days(segment.from_on)))
        * segment.days
        for segment in segments
    )


def _continues(claim: _Claim, before: Segment, after: Segment) -> bool:
    """Tell whether two segments are one: a change from a value to the same value is none."""
    return (
        before.through_on + _ONE_DAY == after.from_on
        and before.principal_minor == after.principal_minor
        and before.annual_rate == after.annual_rate
        and claim.year_days(before.from_on) == claim.year_days(after.from_on)
    )


def _cap_minor(table: RateTable, segments: Sequence[Segment]) -> int | None:
    """The most that may be charged; cut off and not rounded, since a cap that is rounded up is passed."""
    if table.cap_percent is None:
        return None
    largest = max((segment.principal_minor for segment in segments), default=0)
    return int(largest * table.cap_percent / 100)


def _start(fixed: FixedSum) -> int:
    return fixed.from_amount_minor


def _impossible(message: str) -> InterestError:
    return InterestError(Code.invalid_value, message)
