from fractions import Fraction

import pytest
from babel.numbers import list_currencies
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import Code
from app.domain.money import (
    EXPONENTS,
    MAX_MINOR,
    MoneyError,
    exponent,
    format_amount,
    is_currency,
    parse_amount,
    round_half_up,
)

MINOR = st.integers(-MAX_MINOR, MAX_MINOR)


@pytest.mark.parametrize(
    ("codes", "decimals"),
    [
        ("JPY KRW CLP PYG VND ISK UGX XAF XOF XPF RWF KMF DJF GNF BIF VUV UYI", 0),
        ("BHD IQD JOD KWD LYD OMR TND", 3),
        ("CLF UYW", 4),
        ("USD EUR MXN COP PEN ARS BRL GTQ CRC HNL NIO DOP BOB UYU PAB VES GBP CHF HUF IDR TWD MGA MRU XCG ZWG SLE", 2),
    ],
)
def test_exponents_are_those_of_iso_4217(codes: str, decimals: int) -> None:
    assert {code: exponent(code) for code in codes.split()} == dict.fromkeys(codes.split(), decimals)


def test_the_table_is_complete_and_its_odd_exponents_are_all_listed() -> None:
    # The maintenance agency lists 178 codes; 13 of them (metals, testing, units of account) have no minor units.
    assert len(EXPONENTS) == 165
    assert sorted(EXPONENTS.values()).count(2) == 165 - 17 - 7 - 2
    assert set(EXPONENTS) - set(list_currencies()) <= {"XAD"}


@pytest.mark.parametrize("code", ["XAU", "XTS", "XXX", "XDR", "HRK", "BGN", "ANG", "usd", "US", "USDT", "", "МХN"])
def test_what_is_no_active_currency(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(MoneyError) as caught:
        parse_amount("1", code)
    assert caught.value.code is Code.unknown_currency


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1234.56", "MXN", 123456),
        ("1234.5", "MXN", 123450),
        ("1234", "MXN", 123400),
        ("0.05", "EUR", 5),
        ("-0.05", "EUR", -5),
        ("-0.00", "EUR", 0),
        ("0", "JPY", 0),
        ("1500", "CLP", 1500),
        ("1.234", "KWD", 1234),
        ("1.2", "KWD", 1200),
        ("1.2345", "CLF", 12345),
        ("99999999999999.99", "USD", 9999999999999999),
        ("-99999999999999.99", "USD", -9999999999999999),
        ("999999999999999", "JPY", 999999999999999),
    ],
)
def test_amounts_are_read_exactly(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("1.000", "USD", Code.amount_decimals),
        ("1.005", "USD", Code.amount_decimals),
        ("1.0", "JPY", Code.amount_decimals),
        ("1.0000", "KWD", Code.amount_decimals),
        ("1.00000", "CLF", Code.amount_format),
        ("100000000000000.00", "USD", Code.amount_range),
        ("-100000000000000", "USD", Code.amount_range),
        ("999999999999999.9999", "CLF", Code.amount_range),
        ("1000000000000000", "JPY", Code.amount_format),
        *[
            (text, "USD", Code.amount_format)
            for text in (
                "", "-", "+1", "01", "1.", ".5", "1,5", "1e3", "1E-2", " 1", "1 ", "1\n", "1.5\n", "--1", "NaN",
                "Infinity", "0x1", "1_000", "١", "1.٢",
            )
        ],
    ],
)  # fmt: skip
def test_amounts_that_are_refused(text: str, currency: str, code: Code) -> None:
    with pytest.raises(MoneyError) as caught:
        parse_amount(text, currency)
    assert caught.value.code is code
    assert caught.value.message


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (0, "USD", "0.00"),
        (5, "USD", "0.05"),
        (-5, "USD", "-0.05"),
        (100, "USD", "1.00"),
        (0, "JPY", "0"),
        (-7, "JPY", "-7"),
        (7, "KWD", "0.007"),
        (12345, "CLF", "1.2345"),
        (10**18, "USD", "10000000000000000.00"),
    ],
)
def test_amounts_are_written_with_every_decimal(minor: int, currency: str, text: str) -> None:
    assert format_amount(minor, currency) == text


@settings(max_examples=150)
@given(MINOR, st.sampled_from(["JPY", "USD", "KWD"]))
def test_writing_and_reading_are_inverse(minor: int, currency: str) -> None:
    if currency == "JPY":
        minor = minor % 10**15  # the wire has 15 digits before the point
    assert parse_amount(format_amount(minor, currency), currency) == minor


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (Fraction(1, 2), 1),
        (Fraction(-1, 2), -1),
        (Fraction(3, 2), 2),
        (Fraction(5, 2), 3),
        (Fraction(-5, 2), -3),
        (Fraction(49, 100), 0),
        (Fraction(-49, 100), 0),
        (Fraction(51, 100), 1),
        (Fraction(1, 3), 0),
        (Fraction(2, 3), 1),
        (Fraction(7), 7),
        (Fraction(10**40 + 1, 2), (10**40 + 2) // 2),
    ],
)
def test_halves_round_away_from_zero(value: Fraction, rounded: int) -> None:
    assert round_half_up(value) == rounded


@settings(max_examples=150)
@given(st.fractions())
def test_rounding_is_nearest_and_a_reversal_is_the_exact_opposite(value: Fraction) -> None:
    assert abs(round_half_up(value) - value) <= Fraction(1, 2)
    assert round_half_up(-value) == -round_half_up(value)
