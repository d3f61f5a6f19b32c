"""What a plan costs a year: the annual percentage rate of charge of Directive 2008/48/EC, Annex I, part I.

The rate is the X at which all that is paid, each amount divided by (1 + X) to the power of its time in years, equals
what was granted. By its remarks (c) and (d) a year has 12 equal months, 52 weeks, or 365 days (366 in a leap year), and
the result is rounded half up. Remark (c) of the same equation in Directive 2014/17/EU says what to do where a time is
no whole number of months or weeks: these are counted backwards from the payment, and the days that are left over are
divided by those of the year that ends with the last of them. Times go by nominal due dates: that a date rolls off a
holiday does not change the rate.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from math import lcm
from typing import Final

from app.domain.months import shift_months, whole_months
from app.domain.plan import Frequency

MAX_HUNDREDTHS: Final = 10**9
"""Ten million per cent, in hundredths of one; a rate beyond says nothing."""

_PRECISION: Final = 50
_WEEK_DAYS: Final = 7
_WEEKS: Final = 52


def years_until(start: date, on: date, frequency: Frequency) -> Fraction:
    """The time from a grant to a payment, in years as the annex measures them.

    Args:
        start: The day of the grant.
        on: The day of the payment, the same or a later one.
        frequency: Whether whole periods are months or weeks.
    """
    if frequency != "monthly":
        weeks, days = divmod((on - start).days, _WEEK_DAYS)
        return Fraction(weeks, _WEEKS) + _days_in_years(start + timedelta(days=days), days)
    months = whole_months(start, on)
    if months is not None:
        return Fraction(months, 12)
    months = 12 * (on.year - start.year) + on.month - start.month
    rest_on = shift_months(on, -months, on.day)
    if rest_on < start:
        months -= 1
        rest_on = shift_months(on, -months, on.day)
    return Fraction(months, 12) + _days_in_years(rest_on, (rest_on - start).days)


def effective_annual_rate(granted_minor: int, payments: Sequence[tuple[Fraction, int]]) -> Fraction | None:
    """The annual percentage rate, in percent with two decimals, rounded half up.

    What the payments are worth falls as the rate rises, so whole hundredths are halved until one is left: it is the
    largest whose lower rounding bound the true rate reaches. Powers are taken in decimal arithmetic with fifty digits.

    Args:
        granted_minor: What was granted, above zero.
        payments: Time in years and amount of each payment; together no less than was granted.

    Returns:
        The rate, or None where none of up to ten million per cent fits, as when all is paid back at once at a cost.
    """
    if sum(amount for _, amount in payments) <= granted_minor:
        return Fraction(0)
    unit = lcm(*(years.denominator for years, _ in payments))
    units = sorted((int(years * unit), amount) for years, amount in payments)

    def reaches(hundredths: int) -> bool:
        return _worth(hundredths, unit, units) >= granted_minor

    if reaches(MAX_HUNDREDTHS):
        return None
    low, high = 0, 1
    while reaches(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if reaches(middle) else (low, middle)
    return Fraction(low, 100)


def _worth(hundredths: int, unit: int, units: Sequence[tuple[int, int]]) -> Decimal:
    """What payments are worth at the start, at so many hundredths of a per cent less half a one.

    Times are whole units, so one root is taken for all, and a power for each distance between two payments.
    """
    with localcontext(Context(prec=_PRECISION)):
        growth = 1 + Decimal(2 * hundredths - 1) / 20_000
        root = growth ** (Decimal(-1) / unit)
        powers: dict[int, Decimal] = {}
        worth, discount, before = Decimal(0), Decimal(1), 0
        for at, amount in units:
            if at - before not in powers:
                powers[at - before] = root ** (at - before)
            discount *= powers[at - before]
            worth += amount * discount
            before = at
        return worth


def _days_in_years(through_on: date, days: int) -> Fraction:
    """Days over those of the year that ends with the last of them."""
    if days == 0:
        return Fraction(0)
    year_days = (through_on - shift_months(through_on, -12, through_on.day)).days
    return Fraction(days, year_days)
