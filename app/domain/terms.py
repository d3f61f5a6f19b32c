"""Payment terms: from an issue date to due dates, amounts and discount windows (rules T4, M7 and M9).

A due date is worked out in this order, from the date of issue:

1. `months` forward, keeping the day of the month or taking the month's last (31 January + 1 month = 28 February);
2. `days` forward;
3. for `end_of_month`: to the last day of that month, then `days_after` forward;
4. where there are `pay_days`: to the first of them on or after that date, in that month or the next;
5. by `roll`, off a day that the calendar does not work; the date before this is kept as the nominal one.

| in words | terms |
|---|---|
| 60 days, end of month; 45 days, end of month | `end_of_month`, days 60; 45 |
| end of month, then 45 days | `end_of_month`, days_after 45 |
| end of the next month | `end_of_month`, months 1 |
| the 15th of the next month | `end_of_month`, days_after 15; or `end_of_month`, pay_days [15] |
| 60 days, paid on the 5th and the 10th | `pay_days`, days 60, pay_days [5, 10] |
| end of month, then the next 5th | `end_of_month`, pay_days [5] |

A roll never takes a due date before the date of issue: where it would, the date goes forward.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from app.domain.discount import DiscountTerm
from app.domain.errors import Code, RuleError
from app.domain.money import round_half_up
from app.domain.months import days_in_month, shift_months
from app.domain.workdays import Calendar, Convention, roll

Kind = Literal["net", "end_of_month", "pay_days"]
"""How a date is found: by counting, at the end of a month, or on one of the days on which the customer pays."""

Base = Literal["total", "net"]
"""What an instalment's percent is of: the invoice's total, or its amount before tax."""

LAST_DAY: Final = -1
"""As a pay day, the last of the month, like 31 or any other day that a month does not have."""

MAX_DAYS: Final = 3_650
MAX_MONTHS: Final = 120
MAX_INSTALMENTS: Final = 120
MAX_DISCOUNTS: Final = 10


class TermsError(RuleError):
    """Terms that contradict themselves, or that an invoice cannot have."""


@dataclass(frozen=True, slots=True)
class Offset:
    """How far from the date of issue something is due; the module's text has the order of the steps.

    Attributes:
        kind: `net`, `end_of_month` or `pay_days`.
        days: Days after the months, before any month end.
        months: Months, counted first.
        days_after: Days after the month end; `end_of_month` only.
        pay_days: Days of the month from 1 to 31, or `LAST_DAY`; needed by `pay_days`, open to `end_of_month`.
    """

    kind: Kind = "net"
    days: int = 0
    months: int = 0
    days_after: int = 0
    pay_days: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, value, most in (
            ("days", self.days, MAX_DAYS),
            ("months", self.months, MAX_MONTHS),
            ("days_after", self.days_after, MAX_DAYS),
        ):
            if not 0 <= value <= most:
                raise TermsError(Code.out_of_range, f"{name} goes from 0 to {most}.", f"/{name}")
        if self.days_after and self.kind != "end_of_month":
            raise TermsError(Code.invalid_value, "days_after needs the kind end_of_month.", "/days_after")
        if self.pay_days and self.kind == "net":
            raise TermsError(Code.invalid_value, "The kind net has no pay days; use pay_days.", "/pay_days")
        if self.kind == "pay_days" and not self.pay_days:
            raise TermsError(Code.missing, "The kind pay_days needs at least one day.", "/pay_days")
        for index, day in enumerate(self.pay_days):
            if day != LAST_DAY and not 1 <= day <= 31:
                raise TermsError(Code.out_of_range, "A pay day is from 1 to 31, or -1.", f"/pay_days/{index}")

    def date_from(self, issued_on: date) -> date:
        """The nominal date, before any roll.

        Raises:
            OverflowError: The date lies after the year 9999.
        """
        day = shift_months(issued_on, self.months, issued_on.day) + timedelta(days=self.days)
        if self.kind == "end_of_month":
            day = day.replace(day=days_in_month(day)) + timedelta(days=self.days_after)
        return _pay_day(day, self.pay_days) if self.pay_days else day


@dataclass(frozen=True, slots=True)
class Part:
    """One instalment of the terms: when, and how much by exactly one of percent, amount and remainder.

    Attributes:
        offset: When it is due.
        percent: Exact percent of `of`, above 0 and up to 100.
        amount_minor: Fixed amount in minor units.
        remainder: What the others leave; for the last one only.
        of: What the percent is of.
    """

    offset: Offset
    percent: Fraction | None = None
    amount_minor: int | None = None
    remainder: bool = False
    of: Base = "total"

    def __post_init__(self) -> None:
        if (self.percent is not None) + (self.amount_minor is not None) + self.remainder != 1:
            raise TermsError(Code.invalid_value, "An instalment has one of percent, amount and remainder.")
        if self.percent is not None and not 0 < self.percent <= 100:
            raise TermsError(Code.out_of_range, "A percent is above 0 and at most 100.", "/percent")
        if self.amount_minor is not None and self.amount_minor <= 0:
            raise TermsError(Code.out_of_range, "An amount is above zero.", "/amount")
        if self.of == "net" and self.percent is None:
            raise TermsError(Code.invalid_value, "Only a percent can be of the net amount.", "/of")


@dataclass(frozen=True, slots=True)
class Tier:
    """One early-payment discount: percent above 0 and below 100, up to `days` after the date of issue, inclusive."""

    percent: Fraction
    days: int

    def __post_init__(self) -> None:
        if not 0 < self.percent < 100:
            raise TermsError(Code.out_of_range, "A discount is above 0 % and below 100 %.", "/percent")
        if not 0 <= self.days <= MAX_DAYS:
            raise TermsError(Code.out_of_range, f"days goes from 0 to {MAX_DAYS}.", "/days")


@dataclass(frozen=True, slots=True)
class Terms:
    """Payment terms as a value.

    Attributes:
        offset: When the whole is due; with instalments, its kind, `days_after` and `pay_days` are only their default.
        roll: How a due date leaves a day that is not worked (rule T4).
        calendar: Code of the calendar whose days are worked; empty for weekends alone.
        discounts: Early-payment discounts, each window once.
        parts: Instalments; none when everything is due at once.
    """

    offset: Offset
    roll: Convention = "none"
    calendar: str | None = None
    discounts: tuple[Tier, ...] = ()
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if len(self.discounts) > MAX_DISCOUNTS:
            raise TermsError(Code.too_long, f"There are at most {MAX_DISCOUNTS} discounts.", "/discounts")
        windows = [tier.days for tier in self.discounts]
        for index, days in enumerate(windows):
            if days in windows[:index]:
                raise TermsError(Code.duplicate_value, "Two discounts end on the same day.", f"/discounts/{index}/days")
        if self.parts:
            self._check_parts()

    def with_pay_days(self, pay_days: tuple[int, ...]) -> "Terms":
        """The same terms for a customer who pays on certain days of the month only; none change nothing."""
        if not pay_days:
            return self
        parts = tuple(replace(part, offset=_paying_on(pay_days, part.offset)) for part in self.parts)
        return replace(self, offset=_paying_on(pay_days, self.offset), parts=parts)

    def _check_parts(self) -> None:
        for name, value in (("days", self.offset.days), ("months", self.offset.months)):
            if value:
                raise TermsError(Code.invalid_value, f"With instalments, each has its own {name}.", f"/{name}")
        if len(self.parts) > MAX_INSTALMENTS:
            raise TermsError(Code.too_long, f"There are at most {MAX_INSTALMENTS} instalments.", "/instalments")
        *first, last = self.parts
        for index, part in enumerate(first):
            if part.remainder:
                pointer = f"/instalments/{index}/remainder"
                raise TermsError(Code.invalid_value, "Only the last instalment takes the remainder.", pointer)
        percents = [part.percent for part in self.parts if part.percent is not None and part.of == "total"]
        if last.remainder:
            if sum(percents) >= 100:
                raise TermsError(Code.invalid_value, "The percents leave nothing for the last one.", "/instalments")
        elif len(percents) < len(self.parts) or sum(percents) != 100:
            message = "Either percents of the total add up to 100, or the last instalment takes the remainder."
            raise TermsError(Code.invalid_value, message, "/instalments")


class DueDate(NamedTuple):
    """A due date as it counts, and as it was before it rolled off a day that is not worked (rule T4)."""

    due_on: date
    nominal_on: date


class Instalment(NamedTuple):
    """What is due on a date: `number` from 1 in order of dates, the nominal date for reports, minor units."""

    number: int
    due_on: date
    nominal_on: date
    amount_minor: int


def due_dates(terms: Terms, issued_on: date, calendar: Calendar) -> tuple[DueDate, ...]:
    """The due dates of an invoice, ascending: one, or one for each instalment.

    Args:
        terms: Its terms.
        issued_on: Its date of issue; no due date lies before it.
        calendar: The days that `terms.calendar` works.

    Raises:
        TermsError: `out_of_range` where a date lies after the year 9999.
    """
    return tuple(sorted(_dates(terms, issued_on, calendar)))


def schedule(
    terms: Terms, issued_on: date, total_minor: int, calendar: Calendar, net_minor: int | None = None
) -> tuple[Instalment, ...]:
    """What is due when: amounts that add up to the total exactly, in order of dates (rule M9).

    Percents are rounded once each, half up. The last instalment of the terms takes what the others leave, which for
    percents that add up to 100 is the rounding.

    Args:
        terms: The invoice's terms.
        issued_on: Its date of issue.
        total_minor: Its total, in minor units.
        calendar: The days that `terms.calendar` works.
        net_minor: Its amount before tax, for instalments that are a percent of it.

    Raises:
        TermsError: `invalid_value` where an instalment would be zero or negative, `missing` where a percent is of a
            net amount that is not given, `out_of_range` where a date lies after the year 9999.
    """
    amounts = _amounts(terms, total_minor, net_minor)
    dated = sorted(zip(_dates(terms, issued_on, calendar), amounts, strict=True), key=lambda pair: pair[0])
    return tuple(
        Instalment(number, due.due_on, due.nominal_on, amount) for number, (due, amount) in enumerate(dated, start=1)
    )


def discounts(terms: Terms, issued_on: date) -> tuple[DiscountTerm, ...]:
    """The early-payment discounts of an invoice with their last dates, inclusive, the earliest first (rule M7).

    Discount dates never roll: a window says until when, and a payer may use it on any day.

    Raises:
        TermsError: `out_of_range` where a date lies after the year 9999.
    """
    with _within_the_years():
        dated = [DiscountTerm(issued_on + timedelta(days=tier.days), tier.percent) for tier in terms.discounts]
    return tuple(sorted(dated))


@contextmanager
def _within_the_years() -> Iterator[None]:
    try:
        yield
    except OverflowError:
        raise TermsError(Code.out_of_range, "A date of these terms lies after the year 9999.") from None


def _dates(terms: Terms, issued_on: date, calendar: Calendar) -> list[DueDate]:
    offsets = [part.offset for part in terms.parts] or [terms.offset]
    with _within_the_years():
        nominal = [offset.date_from(issued_on) for offset in offsets]
        return [DueDate(_rolled(day, issued_on, terms.roll, calendar), day) for day in nominal]


def _rolled(nominal_on: date, issued_on: date, convention: Convention, calendar: Calendar) -> date:
    rolled = roll(nominal_on, convention, calendar)
    return rolled if rolled >= issued_on else roll(nominal_on, "following", calendar)


def _amounts(terms: Terms, total_minor: int, net_minor: int | None) -> list[int]:
    first = [_amount(part, index, total_minor, net_minor) for index, part in enumerate(terms.parts[:-1])]
    amounts = [*first, total_minor - sum(first)]
    for index, amount in enumerate(amounts):
        if amount <= 0:
            pointer = f"/instalments/{index}" if terms.parts else ""
            raise TermsError(Code.invalid_value, "A split may not make an instalment zero or negative.", pointer)
    return amounts


def _amount(part: Part, index: int, total_minor: int, net_minor: int | None) -> int:
    if part.percent is None:
        return part.amount_minor or 0
    base = total_minor if part.of == "total" else net_minor
    if base is None:
        raise TermsError(
            Code.missing, "A percent of the net amount needs the invoice's net amount.", f"/instalments/{index}/of"
        )
    return round_half_up(base * part.percent / 100)


def _paying_on(pay_days: tuple[int, ...], offset: Offset) -> Offset:
    return replace(offset, kind="pay_days" if offset.kind == "net" else offset.kind, pay_days=pay_days)


def _pay_day(day: date, pay_days: tuple[int, ...]) -> date:
    month = day.replace(day=1)
    while True:
        last = days_in_month(month)
        candidates = {month.replace(day=last if number == LAST_DAY else min(number, last)) for number in pay_days}
        ahead = [candidate for candidate in candidates if candidate >= day]
        if ahead:
            return min(ahead)
        month = shift_months(month, 1, 1)
