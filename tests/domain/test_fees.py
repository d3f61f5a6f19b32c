"""What a late fee comes to: flat, a percentage within bounds, tiers (rules M8, M10)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Code
from app.domain.fees import Fee, FeeTier
from app.domain.money import MoneyError


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


def tiered(*tiers: FeeTier, least: int | None = None, most: int | None = None, currency: str | None = "GBP") -> Fee:
    return Fee(currency, None, None, least, most, tiers)


RECOVERY = tiered(FeeTier(0, 40_00), FeeTier(1_000_00, 70_00), FeeTier(10_000_00, 100_00))
ASCENDING = tiered(FeeTier(100_00, 5_00), FeeTier(1_000_00, percent=Fraction(2)), least=25_00, most=90_00)
TIERED = [
    # fee, open principal, currency of the invoice, what is charged
    (RECOVERY, 999_99, "GBP", 40_00),
    (RECOVERY, 1_000_00, "GBP", 70_00),
    (RECOVERY, 9_999_99, "GBP", 70_00),
    (RECOVERY, 10_000_00, "GBP", 100_00),
    (RECOVERY, 10_000_00, "EUR", 0),
    # Nothing below the lowest tier, and bounds that hold for percentages alone.
    (ASCENDING, 99_99, "GBP", 0),
    (ASCENDING, 100_00, "GBP", 5_00),
    (ASCENDING, 999_99, "GBP", 5_00),
    (ASCENDING, 1_000_00, "GBP", 25_00),
    (ASCENDING, 1_300_25, "GBP", 26_01),
    (ASCENDING, 9_000_00, "GBP", 90_00),
    # In whatever order the tiers were written.
    (tiered(*reversed(RECOVERY.tiers)), 1_000_00, "GBP", 70_00),
    # Minor units are those of the currency, however many decimals it has.
    (tiered(FeeTier(0, 500), FeeTier(100_000, percent=Fraction("1.5")), currency="JPY"), 100_033, "JPY", 1_500),
    (tiered(FeeTier(0, 2_500), FeeTier(100_000, percent=Fraction("1.5")), currency="KWD"), 100_034, "KWD", 1_501),
]


@pytest.mark.parametrize(("fee", "principal", "currency", "charged"), TIERED)
def test_what_a_tiered_fee_comes_to(fee: Fee, principal: int, currency: str, charged: int) -> None:
    assert fee.amount_minor(principal_open_minor=principal, currency=currency) == charged


@pytest.mark.parametrize(("amount", "share"), [(None, None), (1_00, Fraction(1))])
def test_a_tier_has_an_amount_or_a_percent(amount: int | None, share: Fraction | None) -> None:
    with pytest.raises(MoneyError) as caught:
        FeeTier(0, amount, share)
    assert caught.value.code is Code.invalid_value
