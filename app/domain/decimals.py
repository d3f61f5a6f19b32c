"""Figures that are no money: exact until they are written, as decimal strings of a fixed length."""

from fractions import Fraction

from app.domain.money import round_half_up, with_point


def format_decimal(value: Fraction, decimals: int = 1) -> str:
    """Write an exact figure with so many decimals, halves away from zero: 12.25 is `12.3`, and -12.25 is `-12.3`."""
    return with_point(round_half_up(value * 10**decimals), decimals)


def format_ratio(numerator: int, denominator: int, decimals: int = 1) -> str | None:
    """Write a quotient, or nothing where there is nothing to divide by."""
    return format_decimal(Fraction(numerator, denominator), decimals) if denominator else None
