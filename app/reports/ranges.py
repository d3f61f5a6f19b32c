"""Ranges of days that reports are asked for."""

from datetime import date

from app.core.errors import invalid
from app.domain.errors import Code


def check_range(from_on: date, to_on: date) -> None:
    """Refuse a range that ends before it begins.

    Raises:
        ProblemError: 422.
    """
    if from_on > to_on:
        raise invalid("?from", Code.date_order, f"The range ends on {to_on.isoformat()}, before this date.")
