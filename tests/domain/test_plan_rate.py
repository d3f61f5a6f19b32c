"""The annual percentage rate of charge, against the examples of Directive 98/7/EC and others worked out by hand."""

from datetime import date
from fractions import Fraction

import pytest

from app.domain.plan import Frequency, PlanAsk, PlanInterest
from app.domain.plan_quote import quote
from app.domain.plan_rate import effective_annual_rate, years_until
from app.domain.workdays import Calendar

D = date.fromisoformat


@pytest.mark.parametrize(
    ("granted", "payments", "expected"),
    [
        # Directive 98/7/EC, annex III, A: a year of 365 days.
        (100_000, [(Fraction(546, 365), 120_000)], "12.96"),
        (95_000, [(Fraction(546, 365), 120_000)], "16.9"),
        (100_000, [(Fraction(1), 60_000), (Fraction(2), 60_000)], "13.07"),
        # B: equal months.
        (100_000, [(Fraction(3, 2), 120_000)], "12.92"),
        (95_000, [(Fraction(3, 2), 120_000)], "16.85"),
        (100_000, [(Fraction(1, 4), 27_200), (Fraction(1, 2), 27_200), (Fraction(1), 54_400)], "13.19"),
        # One per cent a month is 12.68 % a year; nothing costs nothing.
        (100_000, [(Fraction(1, 12), 101_000)], "12.68"),
        (100_000, [(Fraction(1, 12), 100_000)], "0"),
        (100_000, [(Fraction(0), 100_000)], "0"),
        # Half a hundredth is rounded up, and less than that down.
        (1_000_000_000, [(Fraction(1), 1_000_050_000)], "0.01"),
        (1_000_000_000, [(Fraction(1), 1_000_049_999)], "0"),
        (10_000, [(Fraction(1), 30_000)], "200"),
    ],
)
def test_known_rates(granted: int, payments: list[tuple[Fraction, int]], expected: str) -> None:
    found = effective_annual_rate(granted, payments)
    assert found is not None
    # The second example is published with one decimal.
    assert found == Fraction(expected) or (expected == "16.9" and Fraction("16.85") <= found < Fraction("16.95"))


def test_what_is_paid_back_at_once_at_a_cost_has_no_rate() -> None:
    assert effective_annual_rate(100, [(Fraction(0), 101)]) is None
    assert effective_annual_rate(100, [(Fraction(1, 365), 100_000)]) is None


@pytest.mark.parametrize(
    ("start", "on", "frequency", "expected"),
    [
        ("2026-01-15", "2026-01-15", "monthly", Fraction(0)),
        ("2026-01-15", "2026-02-15", "monthly", Fraction(1, 12)),
        ("2026-01-15", "2026-02-14", "monthly", Fraction(30, 365)),
        ("2026-01-15", "2026-02-16", "monthly", Fraction(1, 12) + Fraction(1, 365)),
        ("2026-01-31", "2026-02-28", "monthly", Fraction(1, 12)),
        ("2026-02-28", "2026-03-31", "monthly", Fraction(1, 12)),
        ("2026-01-15", "2028-01-15", "monthly", Fraction(2)),
        # The year that ends with the last of the days: it holds 29 February from the day itself on.
        ("2028-02-27", "2028-02-28", "monthly", Fraction(1, 365)),
        ("2028-02-28", "2028-02-29", "monthly", Fraction(1, 366)),
        ("2028-12-15", "2028-12-16", "monthly", Fraction(1, 366)),
        ("2026-01-15", "2026-01-22", "weekly", Fraction(1, 52)),
        ("2026-01-15", "2026-01-30", "biweekly", Fraction(2, 52) + Fraction(1, 365)),
    ],
)
def test_times(start: str, on: str, frequency: Frequency, expected: Fraction) -> None:
    assert years_until(D(start), D(on), frequency) == expected


def test_a_quote_shows_what_interest_and_fees_cost() -> None:
    ask = PlanAsk(
        "EUR",
        100_000,
        D("2026-01-15"),
        D("2026-02-15"),
        instalment_count=12,
        interest=PlanInterest("declining", Fraction(12)),
    )
    # (1 + 12 % / 12)^12 - 1
    assert quote(ask, Calendar()).effective_annual_rate == Fraction("12.68")
    fee = PlanAsk("EUR", 100_000, D("2026-01-15"), D("2026-02-15"), instalment_count=1, setup_fee_minor=1_000)
    assert quote(fee, Calendar()).effective_annual_rate == Fraction("12.68")
    down = PlanAsk(
        "EUR",
        110_000,
        D("2026-01-15"),
        D("2026-02-15"),
        instalment_count=1,
        setup_fee_minor=1_000,
        down_payment_minor=10_000,
    )
    assert quote(down, Calendar()).effective_annual_rate == Fraction("12.68")
