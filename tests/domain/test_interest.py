"""Late interest: its days, its segments, its rates and its rounding (rule M8)."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from app.domain.errors import Code
from app.domain.interest import (
    Accrual,
    DayCount,
    FixedSum,
    InterestError,
    Rate,
    RateBasis,
    RateTable,
    Rounding,
    accrue,
)

D = date.fromisoformat
DAY = timedelta(days=1)


def table(
    *rates: tuple[str, str],
    count: DayCount = DayCount.act_365,
    basis: RateBasis = RateBasis.each_day,
    rounding: Rounding = Rounding.total,
    cap: str | None = None,
    published: str | None = None,
) -> RateTable:
    return RateTable(
        code="own",
        day_count=count,
        rates=tuple(Rate(D(on), Fraction(rate)) for on, rate in rates),
        rate_basis=basis,
        rounding=rounding,
        cap_percent=Fraction(cap) if cap else None,
        published_through=D(published) if published else None,
    )


def flat(rate: str, count: DayCount = DayCount.act_365, rounding: Rounding = Rounding.total) -> RateTable:
    return table(("2000-01-01", rate), count=count, rounding=rounding)


def run(
    rates: RateTable,
    principal: int,
    due: str,
    through: str,
    *changes: tuple[str, int],
    stopped: tuple[tuple[str, str | None], ...] = (),
) -> Accrual:
    """Interest on a debt of `principal` that became what `changes` say."""
    balances = [(date(2001, 1, 1), principal), *((D(on), open_then) for on, open_then in changes)]
    stops = [(D(start), D(end) if end else None) for start, end in stopped]
    return accrue(rates, balances, D(due), D(through), stops)


def shape(accrual: Accrual) -> list[tuple[str, str, int, int, str]]:
    return [
        (str(one.from_on), str(one.through_on), one.days, one.principal_minor, str(one.annual_rate))
        for one in accrual.segments
    ]


# Worked cases of authorities and of other systems.


def test_fifty_days_as_the_british_government_works_them_out() -> None:
    daily = run(flat("8.5", rounding=Rounding.daily), 1_000_00, "2016-01-01", "2016-02-20")
    total = run(flat("8.5"), 1_000_00, "2016-01-01", "2016-02-20")
    assert (daily.segments[0].days, daily.amount_minor) == (50, 11_50)
    assert total.amount_minor == 11_64
    assert daily.exact == total.exact == Fraction(100_000 * 85 * 50, 365_000)


def test_ten_days_as_the_united_states_treasury_works_them_out() -> None:
    accrual = run(flat("6.5", DayCount.act_360), 1_500_00, "2026-04-01", "2026-04-11")
    assert shape(accrual) == [("2026-04-02", "2026-04-11", 10, 1_500_00, "13/2")]
    assert accrual.amount_minor == 2_71


def test_fifteen_days_and_a_fee_as_an_erp_works_them_out() -> None:
    accrual = run(flat("10"), 100_00, "2026-01-01", "2026-01-16")
    assert accrual.amount_minor == 41
    assert 100_00 + accrual.amount_minor + 10_00 == 110_41


@pytest.mark.parametrize(
    ("principal", "rate", "through", "amount"),
    [
        # Yen have no decimals and dinars three: amounts are minor units, whatever they are worth.
        (100_000, "3", "2026-02-01", 255),  # 254.79 yen
        (99, "3", "2026-02-01", 0),  # 0.25 yen
        (1_000_000, "7", "2026-02-01", 5_945),  # 5.945 dinars of 5.94520
        (73_000, "7.5", "2026-01-02", 15),
        (7_300, "2.5", "2026-01-02", 1),  # a half goes up: 0.5
        (7_299, "2.5", "2026-01-02", 0),
    ],
)
def test_currencies_with_other_decimals_and_halves(principal: int, rate: str, through: str, amount: int) -> None:
    assert run(flat(rate), principal, "2026-01-01", through).amount_minor == amount


# Dates: the day before, the day, the day after.


@pytest.mark.parametrize(
    ("through", "days"), [("2026-03-30", 0), ("2026-03-31", 0), ("2026-04-01", 1), ("2026-04-02", 2)]
)
def test_interest_runs_from_the_day_after_the_due_date(through: str, days: int) -> None:
    accrual = run(flat("10"), 365_00, "2026-03-31", through)
    assert accrual.exact == 10 * days
    assert sum(segment.days for segment in accrual.segments) == days
    assert [str(segment.from_on) for segment in accrual.segments[:1]] == ["2026-04-01"][:days]


@pytest.mark.parametrize(("paid", "days"), [("2026-03-30", 0), ("2026-03-31", 0), ("2026-04-01", 1), ("2026-04-02", 2)])
def test_a_full_payment_ends_interest_with_its_own_day(paid: str, days: int) -> None:
    assert run(flat("10"), 365_00, "2026-03-31", "2026-05-31", (paid, 0)).exact == 10 * days


def test_a_part_payment_leaves_its_own_day_to_the_balance_before_it() -> None:
    accrual = run(flat("10"), 730_00, "2026-03-31", "2026-04-10", ("2026-04-05", 365_00))
    assert shape(accrual) == [
        ("2026-04-01", "2026-04-05", 5, 730_00, "10"),
        ("2026-04-06", "2026-04-10", 5, 365_00, "10"),
    ]
    assert accrual.amount_minor == 1_50


def test_a_balance_that_is_reopened_and_one_that_only_seems_to_change() -> None:
    accrual = run(
        flat("10"), 365_00, "2026-03-31", "2026-04-30",
        ("2026-04-10", 0), ("2026-04-12", 365_00), ("2026-04-20", 0), ("2026-04-20", 365_00),
    )  # fmt: skip
    assert shape(accrual) == [
        ("2026-04-01", "2026-04-10", 10, 365_00, "10"),
        ("2026-04-13", "2026-04-30", 18, 365_00, "10"),
    ]


def test_balances_may_come_in_any_order() -> None:
    balances = [(D("2026-01-10"), 100_00), (D("2026-01-01"), 300_00), (D("2026-01-05"), 200_00)]
    there = accrue(flat("10"), balances, D("2026-01-01"), D("2026-02-01"))
    assert there == accrue(flat("10"), sorted(balances), D("2026-01-01"), D("2026-02-01"))
    assert [segment.principal_minor for segment in there.segments] == [300_00, 200_00, 100_00]


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (("2026-03-01", "2026-03-31"), [("2026-04-01", "2026-04-30", 30)]),
        (("2026-03-01", "2026-04-01"), [("2026-04-02", "2026-04-30", 29)]),
        (("2026-04-10", "2026-04-10"), [("2026-04-01", "2026-04-09", 9), ("2026-04-11", "2026-04-30", 20)]),
        (("2026-04-10", "2026-04-29"), [("2026-04-01", "2026-04-09", 9), ("2026-04-30", "2026-04-30", 1)]),
        (("2026-04-10", "2026-04-30"), [("2026-04-01", "2026-04-09", 9)]),
        (("2026-04-10", "2026-05-01"), [("2026-04-01", "2026-04-09", 9)]),
        (("2026-04-10", None), [("2026-04-01", "2026-04-09", 9)]),
        (("2026-04-30", None), [("2026-04-01", "2026-04-29", 29)]),
        (("2026-05-01", None), [("2026-04-01", "2026-04-30", 30)]),
        (("2026-04-01", None), []),
    ],
)
def test_a_stop_takes_both_its_ends(stop: tuple[str, str | None], expected: list[tuple[str, str, int]]) -> None:
    accrual = run(flat("10"), 100_00, "2026-03-31", "2026-04-30", stopped=(stop,))
    assert [segment[:3] for segment in shape(accrual)] == expected


def test_stops_may_overlap_and_touch() -> None:
    stops = (("2026-04-05", "2026-04-10"), ("2026-04-08", "2026-04-12"), ("2026-04-13", "2026-04-14"))
    accrual = run(flat("10"), 100_00, "2026-03-31", "2026-04-30", stopped=stops)
    assert [segment[:2] for segment in shape(accrual)] == [("2026-04-01", "2026-04-04"), ("2026-04-15", "2026-04-30")]


# Rates.

CHANGING = (("2025-01-01", "8"), ("2026-01-01", "10"), ("2026-07-01", "12"))


def test_each_day_earns_the_rate_of_its_own_date() -> None:
    assert shape(run(table(*CHANGING), 100_00, "2025-12-29", "2026-07-01")) == [
        ("2025-12-30", "2025-12-31", 2, 100_00, "8"),
        ("2026-01-01", "2026-06-30", 181, 100_00, "10"),
        ("2026-07-01", "2026-07-01", 1, 100_00, "12"),
    ]


@pytest.mark.parametrize(
    ("due", "rate"), [("2025-12-30", "8"), ("2025-12-31", "10"), ("2026-01-01", "10"), ("2026-06-30", "12")]
)
def test_the_first_late_day_can_fix_the_rate(due: str, rate: str) -> None:
    accrual = run(table(*CHANGING, basis=RateBasis.at_start), 100_00, due, "2027-01-31")
    assert [segment[4] for segment in shape(accrual)] == [rate]


def test_the_first_late_day_fixes_the_rate_even_when_it_is_stopped() -> None:
    rates = table(*CHANGING, basis=RateBasis.at_start)
    accrual = run(rates, 100_00, "2025-12-30", "2026-02-28", stopped=(("2025-12-01", "2026-01-31"),))
    assert shape(accrual) == [("2026-02-01", "2026-02-28", 28, 100_00, "8")]


@pytest.mark.parametrize(
    ("paid", "rate"), [("2026-06-29", "10"), ("2026-06-30", "10"), ("2026-07-01", "12"), ("2026-07-02", "12")]
)
def test_the_payment_can_fix_the_rate(paid: str, rate: str) -> None:
    rates = table(*CHANGING, basis=RateBasis.at_payment)
    to_the_payment = run(rates, 100_00, "2025-12-01", paid)
    assert [segment[4] for segment in shape(to_the_payment)] == [rate]
    assert run(rates, 100_00, "2025-12-01", "2026-12-31", (paid, 0)) == to_the_payment


def test_each_part_payment_fixes_the_rate_of_the_time_that_it_ends() -> None:
    rates = table(*CHANGING, basis=RateBasis.at_payment)
    accrual = run(
        rates, 100_00, "2025-12-01", "2026-08-01",
        ("2025-12-31", 90_00), ("2026-06-30", 50_00), stopped=(("2026-03-01", "2026-03-31"),),
    )  # fmt: skip
    assert shape(accrual) == [
        ("2025-12-02", "2025-12-31", 30, 100_00, "8"),
        ("2026-01-01", "2026-02-28", 59, 90_00, "10"),
        ("2026-04-01", "2026-06-30", 91, 90_00, "10"),
        ("2026-07-01", "2026-08-01", 32, 50_00, "12"),
    ]


def test_a_balance_that_is_reopened_fixes_no_rate() -> None:
    rates = table(*CHANGING, basis=RateBasis.at_payment)
    accrual = run(rates, 50_00, "2025-12-01", "2026-01-31", ("2025-12-31", 100_00), ("2026-01-31", 0))
    assert [segment[3:] for segment in shape(accrual)] == [(50_00, "10"), (100_00, "10")]


@pytest.mark.parametrize(
    ("basis", "through", "unpublished"),
    [
        (RateBasis.each_day, "2026-06-30", False),
        (RateBasis.each_day, "2026-07-01", True),
        (RateBasis.at_start, "2027-12-31", False),
        (RateBasis.at_payment, "2026-06-30", False),
        (RateBasis.at_payment, "2026-07-01", True),
    ],
)
def test_a_rate_that_was_carried_on_is_marked(basis: RateBasis, through: str, unpublished: bool) -> None:
    rates = table(("2025-01-01", "8"), ("2026-01-01", "10"), basis=basis, published="2026-06-30")
    assert run(rates, 100_00, "2025-12-01", through).uses_unpublished_rate is unpublished


def test_days_without_interest_need_no_published_rate_and_no_rate_at_all() -> None:
    rates = table(("2026-01-01", "10"), published="2026-06-30")
    accrual = run(rates, 100_00, "2025-11-30", "2026-12-31", ("2026-06-30", 0), stopped=(("2025-12-01", "2025-12-31"),))
    assert shape(accrual) == [("2026-01-01", "2026-06-30", 181, 100_00, "10")]
    assert not accrual.uses_unpublished_rate


def test_there_is_no_rate_before_the_first() -> None:
    with pytest.raises(InterestError) as caught:
        run(table(("2026-01-01", "10")), 100_00, "2025-12-30", "2026-01-31")
    assert caught.value.code is Code.out_of_range
    assert run(table(("2026-01-01", "10")), 100_00, "2025-12-31", "2026-01-31").segments


# Day counts.


@pytest.mark.parametrize(
    ("count", "exact"),
    [
        # 28 February through 1 March of a leap year, 366.00 of principal at 10 %: two days.
        (DayCount.act_365, Fraction(36_600 * 10 * 2, 36_500)),
        (DayCount.act_360, Fraction(36_600 * 10 * 2, 36_000)),
        (DayCount.act_act, Fraction(20)),
        (DayCount.thirty_360, Fraction(36_600 * 10 * 3, 36_000)),
    ],
)
def test_the_leap_day_counts(count: DayCount, exact: Fraction) -> None:
    assert run(flat("10", count), 366_00, "2028-02-28", "2028-03-01").exact == exact


@pytest.mark.parametrize(
    ("through", "days"),
    [
        ("2028-12-31", [("2028-12-30", 2)]),
        ("2029-01-01", [("2028-12-30", 2), ("2029-01-01", 1)]),
        ("2030-01-02", [("2028-12-30", 2), ("2029-01-01", 367)]),
    ],
)
def test_act_act_changes_its_year_where_a_leap_year_ends(through: str, days: list[tuple[str, int]]) -> None:
    accrual = run(flat("10", DayCount.act_act), 100_00, "2028-12-29", through)
    assert [(str(segment.from_on), segment.days) for segment in accrual.segments] == days
    divisors = (366, 365)
    assert accrual.exact == sum(Fraction(1000 * days, year) for (_, days), year in zip(days, divisors, strict=False))


def test_the_days_of_the_bond_basis_add_up_over_segments() -> None:
    accrual = run(flat("10", DayCount.thirty_360), 300_00, "2026-01-15", "2026-03-15", ("2026-01-31", 200_00))
    assert [segment.days for segment in accrual.segments] == [16, 44]


# Rounding and the cap.


def test_the_total_is_rounded_once_over_all_segments() -> None:
    # Three times 0.4 makes 1.2; each rounded by itself would make nothing.
    changes = (("2026-01-02", 1_461), ("2026-01-03", 1_460))
    accrual = run(flat("10"), 1_460, "2026-01-01", "2026-01-04", *changes)
    assert (len(accrual.segments), accrual.amount_minor) == (3, 1)


def test_daily_rounding_rounds_each_segment_by_its_own_principal_and_rate() -> None:
    rates = table(("2025-01-01", "8"), ("2026-01-04", "16"), rounding=Rounding.daily)
    # A day earns 21.9 pence, then, on half the principal, 11.0, then, at twice the rate, 21.9 again.
    accrual = run(rates, 1_000_00, "2026-01-01", "2026-01-05", ("2026-01-02", 500_00))
    assert accrual.amount_minor == 22 + 11 + 22 + 22
    assert accrual.exact == Fraction(100_000 * 8 * 7, 36_500) / 2


@pytest.mark.parametrize(
    ("principal", "cap", "amount", "capped"),
    [
        (365_00, "1", 3_65, True),
        (365_00, "10", 36_50, False),  # exactly the interest of a year
        (365_00, "9.985", 36_44, True),  # 36.44525, cut off
        (365_00, "0", 0, True),
        (365_00, "10.01", 36_50, False),
    ],
)
def test_the_cap_is_a_share_of_the_principal(principal: int, cap: str, amount: int, capped: bool) -> None:
    accrual = run(table(("2000-01-01", "10"), cap=cap), principal, "2025-12-31", "2026-12-31")
    assert (accrual.amount_minor, accrual.is_capped) == (amount, capped)
    assert accrual.exact == 36_50


def test_the_cap_looks_at_the_largest_principal_that_was_late() -> None:
    accrual = run(table(("2000-01-01", "100"), cap="5"), 900_00, "2026-01-31", "2027-01-31", ("2026-01-20", 200_00),
                  ("2026-06-30", 100_00))  # fmt: skip
    assert accrual.amount_minor == 10_00


# What cannot be.


@pytest.mark.parametrize(
    "changes",
    [
        {"rates": ()},
        {"rates": (Rate(D("2026-01-01"), Fraction(1)), Rate(D("2026-01-01"), Fraction(2)))},
        {"rates": (Rate(D("2026-01-02"), Fraction(1)), Rate(D("2026-01-01"), Fraction(2)))},
        {"rates": (Rate(D("2026-01-02"), Fraction(-1)),)},
        {"fixed_sums": (FixedSum(0, 1),)},
        {"fixed_sums": (FixedSum(0, 1), FixedSum(0, 2)), "currency": "EUR"},
        {"fixed_sums": (FixedSum(0, -1),), "currency": "EUR"},
        {"fixed_sums": (FixedSum(-1, 1),), "currency": "EUR"},
        {"cap_percent": Fraction(-1)},
    ],
)
def test_tables_that_cannot_be(changes: dict[str, object]) -> None:
    facts: dict[str, object] = {
        "code": "own", "day_count": DayCount.act_365, "rates": (Rate(D("2026-01-01"), Fraction(8)),),
    }  # fmt: skip
    assert RateTable(**facts).cap_percent is None  # type: ignore[arg-type]
    with pytest.raises(InterestError) as caught:
        RateTable(**{**facts, **changes})  # type: ignore[arg-type]
    assert caught.value.code is Code.invalid_value


def test_questions_that_cannot_be() -> None:
    with pytest.raises(InterestError) as caught:
        run(flat("10"), -1, "2026-01-01", "2026-02-01")
    assert caught.value.code is Code.invalid_value
    with pytest.raises(InterestError) as caught:
        run(flat("10"), 1, "2026-01-01", "2026-02-01", stopped=(("2026-01-10", "2026-01-09"),))
    assert caught.value.code is Code.date_order


def test_the_ends_of_the_calendar_are_dates_like_others() -> None:
    rates = RateTable("own", DayCount.act_365, (Rate(date.min, Fraction(10)),))
    stops = [(date.min, date(2, 1, 1)), (date(9999, 12, 30), date.max)]
    assert accrue(rates, [(date.min, 365_00), (date.max, 0)], date(9999, 12, 1), date.max, stops).exact == 10 * 28
