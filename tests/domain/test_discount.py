from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.discount import DiscountTerm, Settlement, best_percent, cash_needed, credited
from app.domain.errors import Code
from app.domain.money import MoneyError, round_half_up

TWO_PERCENT = (DiscountTerm(date(2026, 3, 11), Fraction(2)),)
# 3 % within 5 days, 2 % within 10, 1 % within 20, of an invoice of 1 March 2026; written in no order.
TIERS = (
    DiscountTerm(date(2026, 3, 11), Fraction(2)),
    DiscountTerm(date(2026, 3, 21), Fraction(1)),
    DiscountTerm(date(2026, 3, 6), Fraction(3)),
)
OPEN_WINDOW = date(2026, 3, 11)

PERCENTS = st.fractions(min_value=Fraction(1, 10_000), max_value=Fraction(999_999, 10_000), max_denominator=10_000)
OPEN = st.integers(0, 10**12) | st.integers(0, 300)


@pytest.mark.parametrize(
    ("effective_on", "percent"),
    [
        ("2026-03-01", Fraction(3)),
        ("2026-03-05", Fraction(3)),
        ("2026-03-06", Fraction(3)),
        ("2026-03-07", Fraction(2)),
        ("2026-03-10", Fraction(2)),
        ("2026-03-11", Fraction(2)),
        ("2026-03-12", Fraction(1)),
        ("2026-03-20", Fraction(1)),
        ("2026-03-21", Fraction(1)),
        ("2026-03-22", Fraction(0)),
    ],
)
def test_windows_are_inclusive_and_the_best_open_one_counts(effective_on: str, percent: Fraction) -> None:
    assert best_percent(TIERS, date.fromisoformat(effective_on)) == percent


def test_a_longer_window_with_a_higher_percent_beats_a_shorter_one() -> None:
    terms = (DiscountTerm(date(2026, 3, 6), Fraction(1)), DiscountTerm(date(2026, 3, 11), Fraction(2)))
    assert best_percent(terms, date(2026, 3, 6)) == 2


@pytest.mark.parametrize(
    ("cash", "open_minor", "cash_taken", "discount"),
    [
        # 2 % of 3,720.00 is 74.40; less than 3,645.60 earns its share.
        (98_000, 372_000, 98_000, 2_000),
        (364_559, 372_000, 364_559, 7_440),
        (364_560, 372_000, 364_560, 7_440),
        (364_561, 372_000, 364_560, 7_440),
        # The undiscounted amount inside the window: the discount is given, and the rest of the cash is left over.
        (372_000, 372_000, 364_560, 7_440),
        (500_000, 372_000, 364_560, 7_440),
        (0, 372_000, 0, 0),
        # 2 % of 0.25 is half a cent, which rounds up; of 0.24 it is less.
        (24, 25, 24, 1),
        (24, 24, 24, 0),
        # The share of 0.24 is 0.4898 of a cent, of 0.25 it is 0.5102.
        (24, 10_000, 24, 0),
        (25, 10_000, 25, 1),
        (0, 0, 0, 0),
        (10, 0, 0, 0),
    ],
)
def test_cash_within_a_window_of_two_percent(cash: int, open_minor: int, cash_taken: int, discount: int) -> None:
    assert credited(cash, open_minor, TWO_PERCENT, OPEN_WINDOW) == Settlement(cash_taken, discount)


def test_what_is_credited_is_cash_and_discount() -> None:
    assert credited(98_000, 372_000, TWO_PERCENT, OPEN_WINDOW).credited_minor == 100_000


@pytest.mark.parametrize(
    ("effective_on", "settlement"),
    [
        ("2026-03-10", Settlement(98_000, 2_000)),
        ("2026-03-11", Settlement(98_000, 2_000)),
        ("2026-03-12", Settlement(98_000, 0)),
    ],
)
def test_the_day_before_the_last_day_and_the_day_after(effective_on: str, settlement: Settlement) -> None:
    assert credited(98_000, 372_000, TWO_PERCENT, date.fromisoformat(effective_on)) == settlement


@pytest.mark.parametrize(("cash", "taken"), [(372_001, 372_000), (372_000, 372_000), (371_999, 371_999)])
def test_outside_every_window_cash_credits_itself(cash: int, taken: int) -> None:
    assert credited(cash, 372_000, TWO_PERCENT, date(2026, 3, 12)) == Settlement(taken, 0)
    assert credited(cash, 372_000, (), date(2026, 3, 1)) == Settlement(taken, 0)


def test_two_part_payments_in_the_window_settle_like_one() -> None:
    first = credited(98_000, 372_000, TWO_PERCENT, OPEN_WINDOW)
    left = 372_000 - first.credited_minor
    assert cash_needed(left, Fraction(2)) == 364_560 - 98_000
    assert credited(364_560 - 98_000, left, TWO_PERCENT, OPEN_WINDOW).credited_minor == left


@pytest.mark.parametrize(
    ("open_minor", "percent", "needed"),
    [
        (372_000, Fraction(2), 364_560),
        (372_000, Fraction(0), 372_000),
        (1_000, Fraction(17, 2), 915),
        (101, Fraction(1, 2), 100),
        (99, Fraction(1, 2), 99),
        (0, Fraction(2), 0),
        # Nothing is settled without cash.
        (1, Fraction(50), 1),
        (50, Fraction(99), 1),
    ],
)
def test_the_cash_that_settles_in_full(open_minor: int, percent: Fraction, needed: int) -> None:
    assert cash_needed(open_minor, percent) == needed


@pytest.mark.parametrize("percent", [Fraction(0), Fraction(-1), Fraction(100), Fraction(101)])
def test_what_is_no_discount(percent: Fraction) -> None:
    with pytest.raises(MoneyError) as caught:
        DiscountTerm(date(2026, 3, 11), percent)
    assert caught.value.code is Code.out_of_range


@pytest.mark.parametrize(("cash", "open_minor"), [(-1, 100), (100, -1)])
def test_negative_amounts_are_refused(cash: int, open_minor: int) -> None:
    with pytest.raises(MoneyError) as caught:
        credited(cash, open_minor, TWO_PERCENT, OPEN_WINDOW)
    assert caught.value.code is Code.out_of_range


@pytest.mark.parametrize("percent", [Fraction(-1), Fraction(100)])
def test_cash_needed_refuses_an_impossible_percent(percent: Fraction) -> None:
    with pytest.raises(MoneyError) as caught:
        cash_needed(100, percent)
    assert caught.value.code is Code.out_of_range


@given(st.data(), OPEN, PERCENTS)
def test_nothing_is_ever_credited_beyond_what_is_open(data: st.DataObject, open_minor: int, percent: Fraction) -> None:
    cash = data.draw(st.integers(0, open_minor + 10))
    terms = (DiscountTerm(OPEN_WINDOW, percent),)
    settled = credited(cash, open_minor, terms, OPEN_WINDOW)
    assert 0 <= settled.cash_minor <= cash
    assert 0 <= settled.discount_minor <= round_half_up(open_minor * percent / 100)
    assert settled.credited_minor <= open_minor
    assert (settled.credited_minor == open_minor) == (cash >= cash_needed(open_minor, percent))


@given(st.data(), OPEN, PERCENTS)
def test_more_cash_never_settles_less(data: st.DataObject, open_minor: int, percent: Fraction) -> None:
    cash = data.draw(st.integers(0, open_minor + 10))
    terms = (DiscountTerm(OPEN_WINDOW, percent),)
    less, more = (credited(amount, open_minor, terms, OPEN_WINDOW) for amount in (cash, cash + 1))
    assert less.cash_minor <= more.cash_minor
    assert less.discount_minor <= more.discount_minor
