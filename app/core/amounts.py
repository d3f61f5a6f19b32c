"""Amounts of a command in minor units, refused by field where they make no sense."""

from app.core.errors import FieldError, invalid
from app.core.schemas import to_minor
from app.domain.errors import Code
from app.domain.money import format_amount


def not_negative(pointer: str, amount: str, currency: str) -> int:
    """An amount of zero or more, in minor units.

    Raises:
        ProblemError: 422.
    """
    minor = to_minor(pointer, amount, currency)
    if isinstance(minor, FieldError):
        raise invalid(minor.pointer, minor.code, minor.message)
    if minor < 0:
        raise invalid(pointer, Code.out_of_range, "This amount must not be negative.")
    return minor


def positive(pointer: str, amount: str, currency: str) -> int:
    """An amount above zero, in minor units.

    Raises:
        ProblemError: 422.
    """
    minor = not_negative(pointer, amount, currency)
    if minor == 0:
        raise invalid(pointer, Code.out_of_range, "This amount must be more than zero.")
    return minor


def up_to(pointer: str, amount: str | None, currency: str, most_minor: int) -> int:
    """An amount above zero and no more than there is; all there is where none is named.

    Raises:
        ProblemError: 422.
    """
    minor = most_minor if amount is None else positive(pointer, amount, currency)
    if minor > most_minor or minor == 0:
        raise invalid(
            pointer, Code.out_of_range, f"No more than {format_amount(most_minor, currency)} {currency} is there."
        )
    return minor
