"""Dates of a command, refused by field where they make no sense."""

from datetime import date

from app.core.errors import invalid
from app.domain.errors import Code


def not_ahead(pointer: str, on: date | None, today: date) -> date:
    """A date no later than the business date (rule T0), which it is where none is named.

    Raises:
        ProblemError: 422.
    """
    if on is not None and on > today:
        raise invalid(pointer, Code.date_in_future, f"This date lies after the business date, {today.isoformat()}.")
    return on or today
