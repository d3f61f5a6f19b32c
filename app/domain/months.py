"""Whole months between dates, and the month ends at which days go missing."""

from calendar import monthrange
from datetime import date


def days_in_month(day: date) -> int:
    """How many days the month of a date has."""
    return monthrange(day.year, day.month)[1]


def shift_months(start: date, months: int, day: int) -> date:
    """A day of the month so many months after that of `start`, or the month's last where it has no such day.

    Raises:
        OverflowError: The date lies outside the years 1 to 9999.
    """
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    if not date.min.year <= year <= date.max.year:
        raise OverflowError
    first = date(year, month + 1, 1)
    return first.replace(day=min(day, days_in_month(first)))


def whole_months(start: date, end: date) -> int | None:
    """How many whole months lie between two dates, month end to month end being whole; None where it is no number."""
    months = 12 * (end.year - start.year) + end.month - start.month
    if start.day == end.day or (_is_last(end) and (start.day > end.day or _is_last(start))):
        return months
    return None


def _is_last(day: date) -> bool:
    return day.day == days_in_month(day)
