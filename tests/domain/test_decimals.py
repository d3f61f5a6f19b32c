"""Figures that are no money."""

from fractions import Fraction

import pytest

from app.domain.decimals import format_decimal, format_ratio


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (Fraction(0), 1, "0.0"),
        (Fraction(1, 20), 1, "0.1"),
        (Fraction(49, 1000), 1, "0.0"),
        (Fraction(-49, 1000), 1, "0.0"),
        (Fraction(-1, 20), 1, "-0.1"),
        (Fraction(49, 4), 1, "12.3"),
        (Fraction(-49, 4), 1, "-12.3"),
        (Fraction(1, 3), 3, "0.333"),
        (Fraction(2, 3), 0, "1"),
        (Fraction(10**20), 1, "100000000000000000000.0"),
    ],
)
def test_they_are_rounded_once_and_halves_away_from_zero(value: Fraction, decimals: int, text: str) -> None:
    assert format_decimal(value, decimals) == text


def test_nothing_is_divided_by_nothing() -> None:
    assert format_ratio(5, 0) is None
    assert format_ratio(0, 5) == "0.0"
    assert format_ratio(2, 3) == "0.7"
