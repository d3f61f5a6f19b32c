"""What a step's fee comes to, and finding steps (rules M8, M10, D2)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.policy import Fee
from tests.domain.chasing import policy


def flat(minor: int, currency: str = "MXN") -> Fee:
    return Fee(currency=currency, flat_minor=minor, percent=None, min_minor=None, max_minor=None)


def percent(text: str, least: int | None = None, most: int | None = None, currency: str | None = None) -> Fee:
    return Fee(currency=currency, flat_minor=None, percent=Fraction(text), min_minor=least, max_minor=most)


FEES = [
    # fee, open principal, currency of the invoice, what is charged
    (flat(150_00), 1_00, "MXN", 150_00),
    (flat(150_00), 1_00, "EUR", 0),
    (percent("2.5"), 1_000_00, "MXN", 25_00),
    (percent("2.5"), 1_000_00, "EUR", 25_00),
    (percent("2.5", currency="EUR"), 1_000_00, "MXN", 0),
    (percent("100"), 99, "MXN", 99),
    (percent("0.0001"), 10_000_00, "MXN", 1),
    # Rounded once, half up.
    (percent("1"), 49, "MXN", 0),
    (percent("1"), 50, "MXN", 1),
    (percent("1"), 149, "MXN", 1),
    (percent("1"), 150, "MXN", 2),
    # Bounds are inclusive, and hold after the rounding.
    (percent("1", 10_00, 50_00), 999_99, "MXN", 10_00),
    (percent("1", 10_00, 50_00), 1_000_00, "MXN", 10_00),
    (percent("1", 10_00, 50_00), 1_001_00, "MXN", 10_01),
    (percent("1", 10_00, 50_00), 5_000_00, "MXN", 50_00),
    (percent("1", 10_00, 50_00), 5_001_00, "MXN", 50_00),
    (percent("1", least=10_00), 1_00, "MXN", 10_00),
    (percent("1", most=50_00), 9_999_00, "MXN", 50_00),
    (percent("1", 10_00, currency="EUR"), 1_00, "MXN", 0),
]


@pytest.mark.parametrize(("fee", "principal", "currency", "charged"), FEES)
def test_what_a_fee_comes_to(fee: Fee, principal: int, currency: str, charged: int) -> None:
    assert fee.amount_minor(principal_open_minor=principal, currency=currency) == charged


@given(
    parts=st.integers(1, 1_000_000),
    least=st.integers(0, 500),
    span=st.integers(0, 500),
    principal=st.integers(0, 10**12),
)
def test_a_percent_fee_stays_within_its_bounds_and_grows_with_the_principal(
    parts: int, least: int, span: int, principal: int
) -> None:
    fee = Fee(None, None, Fraction(parts, 10_000), least, least + span)
    charged = fee.amount_minor(principal_open_minor=principal, currency="MXN")
    assert least <= charged <= least + span
    assert charged <= fee.amount_minor(principal_open_minor=principal + 1, currency="MXN")


def test_steps_are_found_by_their_key() -> None:
    found = policy(-3, 5).step("d+5")
    assert found is not None
    assert found.offset_days == 5
    assert policy(-3, 5).step("d+6") is None
