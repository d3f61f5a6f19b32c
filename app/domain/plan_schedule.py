"""Dates and amounts of instalments (rules P1, M8, M9).

Rounding, in one place: an equal instalment is the exact one rounded half up; each instalment's interest is rounded half
up once; the last instalment takes what is left, so that every part adds up to the minor unit. 1,587.35 over four is
therefore 396.84 three times (396.8375 rounded) and 396.83. Where that would leave the last one nothing, the split is
refused (rule M9).

Included charges bear no interest and are paid in proportion, so a rate on a balance is that rate times the share of it
that bears interest.
"""

from calendar import isleap
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from itertools import count, islice
from math import lcm
from typing import Final, NamedTuple

from app.domain.errors import Code
from app.domain.interest import DayCount, days_between
from app.domain.money import round_half_up
from app.domain.months import shift_months, whole_months
from app.domain.plan import MAX_INSTALMENTS, Frequency, PlanAsk, PlanError

STEP_DAYS: Final[dict[Frequency, int]] = {"weekly": 7, "biweekly": 14}
"""Days between instalments whose distance is counted in days."""

_MONTH_DAYS: Final = 30


class Period(NamedTuple):
    """The time that ends with one instalment.

    Attributes:
        nominal_on: Its last day, on which the instalment is nominally due.
        years: How long it is, by the day count.
    """

    nominal_on: date
    years: Fraction


class Part(NamedTuple):
    """What one instalment pays, in minor units."""

    nominal_on: date
    principal_minor: int
    interest_minor: int


def parts(ask: PlanAsk) -> tuple[Part, ...]:
    """The instalments of a plan, without its down payment and its set-up fee.

    Raises:
        PlanError: `invalid_value` where an instalment would be zero or negative or does not cover its interest,
            `out_of_range` where there would be too many.
        OverflowError: A date lies after the year 9999.
    """
    return _flat(ask) if ask.interest.kind == "flat" else _declining(ask)


def nominal_dates(ask: PlanAsk) -> Iterator[date]:
    """The nominal due dates, without an end.

    A month that lacks the preferred day has the instalment on its last day, and the next one is back on the preferred
    day. The first instalment stays where it was asked for; the second is in the month after it.

    Raises:
        OverflowError: A date lies after the year 9999.
    """
    if ask.frequency != "monthly":
        step = timedelta(days=STEP_DAYS[ask.frequency])
        yield from (ask.first_due_on + number * step for number in count())
        return
    yield ask.first_due_on
    day = ask.preferred_day or ask.first_due_on.day
    yield from (shift_months(ask.first_due_on, number, day) for number in count(1))


def periods(ask: PlanAsk) -> Iterator[Period]:
    """The time of each instalment, without an end: the first from the start of the plan, the others each to each.

    Under 30/360 a whole month is 30 days, whatever its length: a plan that is due at month ends has equal periods.
    """
    day_count = ask.interest.day_count
    before_on = ask.starts_on
    for number, nominal_on in enumerate(nominal_dates(ask)):
        if day_count is not DayCount.thirty_360:
            years = years_between(day_count, before_on, nominal_on)
        elif ask.frequency == "monthly":
            years = Fraction(_thirty_360_days(ask, number, before_on, nominal_on), 360)
        else:
            through = days_between(day_count, ask.starts_on, nominal_on)
            years = Fraction(through - days_between(day_count, ask.starts_on, before_on), 360)
        yield Period(nominal_on, years)
        before_on = nominal_on


def years_between(day_count: DayCount, after_on: date, through_on: date) -> Fraction:
    """How many years lie between two dates, the first of which is not counted.

    `act_act` counts the days of a leap year over 366 and those of any other over 365.
    """
    if day_count is not DayCount.act_act:
        year_days = 365 if day_count is DayCount.act_365 else 360
        return Fraction(days_between(day_count, after_on, through_on), year_days)
    years = Fraction(0)
    for year in range(after_on.year, through_on.year + 1):
        first = after_on if year == after_on.year else date(year - 1, 12, 31)
        last = min(through_on, date(year, 12, 31))
        years += Fraction((last - first).days, 366 if isleap(year) else 365)
    return years


def even_parts(total_minor: int, number: int) -> tuple[int, ...]:
    """Split an amount that may be small: each part is rounded half up, and the last one takes what is left.

    Parts may be zero, but not negative: where rounding up would leave less than nothing, it is rounded down.
    """
    each = round_half_up(Fraction(total_minor, number))
    if each * (number - 1) > total_minor:
        each = total_minor // number
    return (*(each,) * (number - 1), total_minor - each * (number - 1))


def _declining(ask: PlanAsk) -> tuple[Part, ...]:
    """Interest on what is left, or none: equal instalments, of which the last one pays what is left."""
    share = ask.interest.annual_rate / 100 * ask.bearing_share
    if ask.instalment_count is None:
        each, most = ask.instalment_minor or 0, MAX_INSTALMENTS
    else:
        times = list(islice(periods(ask), ask.instalment_count))
        each, most = _annuity(ask.financed_minor, [share * period.years for period in times]), len(times)
    found: list[Part] = []
    balance = ask.financed_minor
    for number, period in enumerate(islice(periods(ask), most), start=1):
        interest = round_half_up(balance * share * period.years)
        is_last = number == ask.instalment_count or (ask.instalment_count is None and balance + interest <= each)
        principal = balance if is_last else each - interest
        if principal <= 0:
            raise _too_small(ask)
        found.append(Part(period.nominal_on, principal, interest))
        balance -= principal
        if is_last:
            return tuple(found)
        if balance <= 0:
            raise _too_small(ask)
    raise _too_many()


def _annuity(balance: int, rates: list[Fraction]) -> int:
    """The equal instalment that pays a balance back with interest, exact until it is rounded half up.

    What is left after each period is linear in the instalment, so both factors are carried as whole numbers over one
    denominator: fractions that were reduced at every step would take seconds for a long plan.
    """
    denominator = lcm(*(rate.denominator for rate in rates))
    grown, paid, scale = 1, 0, 1
    for rate in rates:
        factor = denominator + rate.numerator * (denominator // rate.denominator)
        scale *= denominator
        grown *= factor
        paid = paid * factor + scale
    return round_half_up(Fraction(balance * grown, paid))


def _flat(ask: PlanAsk) -> tuple[Part, ...]:
    """Interest on the whole for the whole term: equal instalments, over which it is spread in proportion."""
    nominal = []
    years = Fraction(0)
    for number, period in enumerate(islice(periods(ask), ask.instalment_count or MAX_INSTALMENTS), start=1):
        nominal.append(period.nominal_on)
        years += period.years
        if ask.instalment_count is not None and number < ask.instalment_count:
            continue
        interest = round_half_up(ask.financed_minor * ask.bearing_share * ask.interest.annual_rate / 100 * years)
        total = ask.financed_minor + interest
        each = ask.instalment_minor or round_half_up(Fraction(total, number))
        if ask.instalment_count is not None or each * number >= total:
            return _spread(ask, nominal, each, total, interest)
    raise _too_many()


def _spread(ask: PlanAsk, nominal: list[date], each: int, total: int, interest: int) -> tuple[Part, ...]:
    found: list[Part] = []
    left = interest
    for number, nominal_on in enumerate(nominal, start=1):
        amount = each if number < len(nominal) else total - each * (len(nominal) - 1)
        part = min(left, round_half_up(Fraction(interest * amount, total))) if number < len(nominal) else left
        if amount - part <= 0:
            raise _too_small(ask)
        found.append(Part(nominal_on, amount - part, part))
        left -= part
    return tuple(found)


def _thirty_360_days(ask: PlanAsk, number: int, before_on: date, nominal_on: date) -> int:
    keeps_day = ask.first_due_on == shift_months(ask.first_due_on, 0, ask.preferred_day or ask.first_due_on.day)
    months = 1 if number > 1 or (number == 1 and keeps_day) else whole_months(before_on, nominal_on)
    return days_between(DayCount.thirty_360, before_on, nominal_on) if months is None else _MONTH_DAYS * months


def _too_small(ask: PlanAsk) -> PlanError:
    if ask.instalment_count is None:
        message = "The instalment is too small for its interest, or leaves nothing for the last one."
        return PlanError(Code.invalid_value, message, "/instalment_amount")
    message = "A split may not make an instalment zero or negative."
    return PlanError(Code.invalid_value, message, "/instalment_count")


def _too_many() -> PlanError:
    message = f"The plan would have more than {MAX_INSTALMENTS} instalments."
    return PlanError(Code.out_of_range, message, "/instalment_amount")
