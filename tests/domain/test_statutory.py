"""The rates and sums that laws grant, against what their authorities published."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from app.domain.errors import Code
from app.domain.interest import InterestError, RateBasis, RateTable, Rounding, accrue
from app.domain.statutory import PRESETS

D = date.fromisoformat

EURO_AREA = """
    2013H2 8.50  2014H1 8.25  2014H2 8.15  2015H1 8.05  2015H2 8.05  2016H1 8.05  2016H2 8.00  2017H1 8.00
    2017H2 8.00  2018H1 8.00  2018H2 8.00  2019H1 8.00  2019H2 8.00  2020H1 8.00  2020H2 8.00  2021H1 8.00
    2021H2 8.00  2022H1 8.00  2022H2 8.00  2023H1 10.50 2023H2 12.00 2024H1 12.50 2024H2 12.25 2025H1 11.15
    2025H2 10.15 2026H1 10.15
"""
SPAIN = """
    2006H1 9.25  2006H2 9.83  2007H1 10.58 2007H2 11.07 2008H1 11.20 2008H2 11.07 2009H1 9.50  2009H2 8.00
    2010H1 8.00  2010H2 8.00  2011H1 8.00  2011H2 8.25  2012H1 8.00  2012H2 8.00
"""
UNITED_KINGDOM = """
    2013H1 8.50  2013H2 8.50  2014H1 8.50  2014H2 8.50  2015H1 8.50  2015H2 8.50  2016H1 8.50  2016H2 8.50
    2017H1 8.25  2017H2 8.25  2018H1 8.50  2018H2 8.50  2019H1 8.75  2019H2 8.75  2020H1 8.75  2020H2 8.10
    2021H1 8.10  2021H2 8.10  2022H1 8.25  2022H2 9.25  2023H1 11.50 2023H2 13.00 2024H1 13.25 2024H2 13.25
    2025H1 12.75 2025H2 12.25 2026H1 11.75
"""


def halves(code: str, published: str) -> list[tuple[str, str, str]]:
    words = published.split()
    return [(code, half, rate) for half, rate in zip(words[::2], words[1::2], strict=True)]


def table(code: str) -> RateTable:
    return PRESETS[code].table


@pytest.mark.parametrize(
    ("code", "half", "rate"),
    [
        *halves("eu_late_payment", EURO_AREA),
        *halves("es_ley_3_2004", SPAIN + EURO_AREA),
        *halves("uk_late_payment", UNITED_KINGDOM),
    ],
)
def test_the_rate_of_every_half_year_on_its_first_and_last_day(code: str, half: str, rate: str) -> None:
    ends = ("01-01", "06-30") if half.endswith("H1") else ("07-01", "12-31")
    assert {table(code).rate_on(D(f"{half[:4]}-{end}")) for end in ends} == {Fraction(rate)}


@pytest.mark.parametrize(
    ("code", "day", "rate"),
    [
        ("eu_late_payment", "2013-03-16", "8.75"),
        ("eu_late_payment", "2013-06-30", "8.75"),
        ("es_ley_3_2004", "2013-01-01", "7.75"),
        ("es_ley_3_2004", "2013-02-23", "7.75"),
        ("es_ley_3_2004", "2013-02-24", "8.75"),
        ("es_ley_3_2004", "2013-06-30", "8.75"),
        ("mx_comercial", "2026-11-21", "6"),
        ("mx_civil", "2026-11-21", "9"),
    ],
)
def test_rates_outside_the_half_years(code: str, day: str, rate: str) -> None:
    assert table(code).rate_on(D(day)) == Fraction(rate)


@pytest.mark.parametrize(
    ("code", "first"),
    [("eu_late_payment", "2013-03-16"), ("es_ley_3_2004", "2006-01-01"), ("uk_late_payment", "2013-01-01")],
)
def test_nothing_is_made_up_before_the_first_rate(code: str, first: str) -> None:
    with pytest.raises(InterestError) as caught:
        table(code).rate_on(D(first) - timedelta(days=1))
    assert caught.value.code is Code.out_of_range


@pytest.mark.parametrize(
    ("code", "currency", "debt", "fixed_sum"),
    [
        ("uk_late_payment", "GBP", 999_99, 40_00),
        ("uk_late_payment", "GBP", 1_000_00, 70_00),
        ("uk_late_payment", "GBP", 9_999_99, 70_00),
        ("uk_late_payment", "GBP", 10_000_00, 100_00),
        ("uk_late_payment", "EUR", 10_000_00, 0),
        ("uk_late_payment", "GBP", 1, 40_00),
        ("uk_late_payment", "GBP", 0, 0),
        ("eu_late_payment", "EUR", 1, 40_00),
        ("eu_late_payment", "EUR", 1_000_000_00, 40_00),
        ("eu_late_payment", "SEK", 1_000_00, 0),
        ("es_ley_3_2004", "EUR", 1_000_00, 40_00),
        ("mx_comercial", "MXN", 1_000_00, 0),
        ("mx_civil", "MXN", 1_000_00, 0),
    ],
)
def test_the_fixed_sum_for_recovery(code: str, currency: str, debt: int, fixed_sum: int) -> None:
    assert table(code).fixed_sum_minor(debt, currency) == fixed_sum


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("eu_late_payment", {"business", "sole_trader"}),
        ("es_ley_3_2004", {"business", "sole_trader"}),
        ("uk_late_payment", {"business", "sole_trader"}),
        ("mx_comercial", {"business", "sole_trader"}),
        ("mx_civil", {"business", "sole_trader", "consumer"}),
    ],
)
def test_whom_a_preset_may_be_used_for(code: str, kinds: set[str]) -> None:
    assert {kind for kind in ("business", "sole_trader", "consumer", "other") if PRESETS[code].allows(kind)} == kinds


def test_every_preset_names_its_law_and_its_own_code() -> None:
    assert set(PRESETS) == {"eu_late_payment", "es_ley_3_2004", "uk_late_payment", "mx_comercial", "mx_civil"}
    for code, preset in PRESETS.items():
        assert preset.table.code == code
        assert preset.table.source == preset.sources[0].name
        assert all(source.url.startswith("https://") for source in preset.sources)


def test_britain_fixes_the_rate_by_the_first_late_day_and_rounds_the_day() -> None:
    uk = table("uk_late_payment")
    assert (uk.rate_basis, uk.rounding) == (RateBasis.at_start, Rounding.daily)
    # Due on the last day of 2022: late from the first of 2023, 11.5 % to the end although 13 % comes in July.
    accrual = accrue(uk, [(D("2022-12-01"), 1_000_00)], D("2022-12-31"), D("2023-09-01"))
    assert [(segment.days, segment.annual_rate) for segment in accrual.segments] == [(244, Fraction("11.5"))]
    assert accrual.amount_minor == 32 * 244  # 0.315 a day
    # One day earlier it is the rate of 2022.
    before = accrue(uk, [(D("2022-12-01"), 1_000_00)], D("2022-12-30"), D("2023-09-01"))
    assert {segment.annual_rate for segment in before.segments} == {Fraction("9.25")}


def test_europe_splits_at_the_half_year() -> None:
    accrual = accrue(table("eu_late_payment"), [(D("2024-12-01"), 10_000_00)], D("2024-12-21"), D("2025-01-10"))
    assert [(segment.days, segment.annual_rate) for segment in accrual.segments] == [
        (10, Fraction("12.25")),
        (10, Fraction("11.15")),
    ]
    assert accrual.amount_minor == 64_11  # 33.5616 + 30.5479


def test_the_last_published_rate_goes_on_and_is_marked() -> None:
    for code in ("eu_late_payment", "es_ley_3_2004"):
        last = table(code).published_through
        assert last == D("2026-06-30")
        balances = [(D("2026-06-01"), 1_000_00)]
        known = accrue(table(code), balances, D("2026-06-20"), last)
        beyond = accrue(table(code), balances, D("2026-06-20"), last + timedelta(days=1))
        assert (known.uses_unpublished_rate, beyond.uses_unpublished_rate) == (False, True)
        assert beyond.exact == known.exact * 11 / 10
    # A rate that is fixed when the debt becomes late stays a published one.
    uk = table("uk_late_payment")
    assert not accrue(uk, [(D("2026-06-01"), 1)], D("2026-06-29"), D("2027-01-31")).uses_unpublished_rate
    assert accrue(uk, [(D("2026-06-01"), 1)], D("2026-06-30"), D("2026-07-01")).uses_unpublished_rate
    # One that the law itself names waits for nobody.
    assert not accrue(
        table("mx_comercial"), [(D("2026-06-01"), 1)], D("2026-06-30"), D("2036-07-01")
    ).uses_unpublished_rate


def test_a_year_of_legal_interest_in_mexico() -> None:
    for code, year in (("mx_comercial", 600_00), ("mx_civil", 900_00)):
        accrual = accrue(table(code), [(D("2025-01-01"), 10_000_00)], D("2025-06-15"), D("2026-06-15"))
        assert accrual.amount_minor == year
