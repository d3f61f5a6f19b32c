"""How payments fill instalments, what a surplus does, and what pays a plan off early (rule P3)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from app.domain.plan import Agreement, Instalment, PlanAsk, PlanInterest, Surplus
from app.domain.plan_payments import Distribution, Payoff, cut_off, fill, payoff
from app.domain.plan_quote import quote
from app.domain.workdays import Calendar

D = date.fromisoformat
LATER = D("2027-12-31")


def agreed(
    surplus: Surplus = "shorten", rate: str = "0", principal: int = 100_000, number: int = 4, down: int = 0
) -> Agreement:
    """Monthly instalments from 15 February 2026; interest on what is left, from 15 January."""
    interest = PlanInterest() if rate == "0" else PlanInterest("declining", Fraction(rate))
    ask = PlanAsk(
        "EUR",
        principal,
        D("2026-01-15"),
        D("2026-02-15"),
        instalment_count=number,
        interest=interest,
        down_payment_minor=down,
    )
    return Agreement(quote(ask, Calendar()).instalments, ask.starts_on, surplus=surplus)


def paid(found: Distribution) -> list[int]:
    return [share.paid_minor for share in found.shares]


def opened(found: Distribution) -> list[int]:
    return [share.open_minor for share in found.shares]


def after(plan: Agreement, payments: Sequence[tuple[str, int]], today: date = LATER) -> Distribution:
    return fill(plan, [(D(on), amount) for on, amount in payments], today).read(today)


@pytest.mark.parametrize(
    ("payments", "expected"),
    [
        ([], [0, 0, 0, 0]),
        ([("2026-01-15", 10_000)], [10_000, 0, 0, 0]),
        ([("2026-02-15", 25_000)], [25_000, 0, 0, 0]),
        ([("2026-01-20", 10_000), ("2026-02-01", 15_000)], [25_000, 0, 0, 0]),
        # Through the due date the first is the current one, and from the next day on the second.
        ([("2026-02-15", 50_000)], [25_000, 0, 0, 25_000]),
        ([("2026-02-16", 50_000)], [25_000, 25_000, 0, 0]),
        ([("2026-02-15", 60_000)], [25_000, 0, 10_000, 25_000]),
        # Arrears come first, then the current one.
        ([("2026-04-01", 80_000)], [25_000, 25_000, 25_000, 5_000]),
        ([("2026-04-16", 80_000)], [25_000, 25_000, 25_000, 5_000]),
        ([("2026-02-01", 35_000), ("2026-06-01", 60_000)], [25_000, 25_000, 25_000, 20_000]),
        ([("2026-02-01", 35_000), ("2026-06-01", 65_000)], [25_000] * 4),
    ],
)
def test_a_surplus_shortens_the_plan_from_its_end(payments: list[tuple[str, int]], expected: list[int]) -> None:
    found = after(agreed(), payments)
    assert paid(found) == expected
    assert found.paid_minor == sum(amount for _, amount in payments)
    assert found.paid_minor + found.open_minor == 100_000


@pytest.mark.parametrize(
    ("surplus", "expected"),
    [
        ("shorten", [25_000, 0, 10_000, 25_000]),
        ("next", [25_000, 25_000, 10_000, 0]),
        ("reamortise", [25_000, 11_667, 11_667, 11_666]),
    ],
)
def test_what_a_surplus_does_is_agreed(surplus: Surplus, expected: list[int]) -> None:
    assert paid(after(agreed(surplus), [("2026-02-15", 60_000)])) == expected


def test_a_down_payment_is_filled_first() -> None:
    plan = agreed(down=20_000)
    assert paid(after(plan, [("2026-01-15", 20_000)])) == [20_000, 0, 0, 0, 0]
    assert paid(after(plan, [("2026-01-16", 30_000)])) == [20_000, 10_000, 0, 0, 0]


def test_what_is_paid_beyond_the_plan_is_not_used() -> None:
    for surplus in ("shorten", "next", "reamortise"):
        found = after(agreed(surplus), [("2026-02-01", 100_001), ("2026-03-01", 10)])
        assert paid(found) == [25_000] * 4


def test_nothing_counts_after_the_date_in_question() -> None:
    payments = [("2026-02-15", 25_000), ("2026-02-16", 25_000)]
    assert paid(after(agreed(), payments, D("2026-02-15"))) == [25_000, 0, 0, 0]
    assert paid(after(agreed(), payments, D("2026-02-16"))) == [25_000, 25_000, 0, 0]


def test_each_instalment_tells_when_it_was_paid() -> None:
    found = after(agreed(), [("2026-02-01", 20_000), ("2026-02-20", 5_000), ("2026-03-15", 50_000)])
    assert [share.paid_on for share in found.shares] == [D("2026-02-20"), D("2026-03-15"), None, D("2026-03-15")]
    assert paid(found) == [25_000, 25_000, 0, 25_000]


def test_a_surplus_lets_the_interest_on_it_go() -> None:
    plan = agreed(rate="12")
    assert [each.interest_minor for each in plan.instalments] == [1000, 754, 505, 254]
    # On 15 February the first is paid, and 30,000 of the principal that is left: the fourth is gone and the third is
    # smaller, and a month costs 1 % of what was left at its start.
    found = after(plan, [("2026-02-15", plan.instalments[0].total_minor + 30_000)])
    last = plan.instalments[3].principal_minor
    left = [plan.instalments[1].principal_minor, plan.instalments[2].principal_minor - (30_000 - last)]
    assert opened(found)[3] == 0
    assert found.shares[3].interest_minor == 0
    assert [share.interest_minor for share in found.shares[:3]] == [
        1000,
        round(Fraction(sum(left), 100)),
        round(Fraction(left[1], 100)),
    ]
    assert found.dropped_minor == plan_interest(plan) - sum(share.interest_minor for share in found.shares)


def plan_interest(plan: Agreement) -> int:
    return sum(each.interest_minor for each in plan.instalments)


def test_reamortised_instalments_stay_equal() -> None:
    plan = agreed("reamortise", rate="12")
    first = plan.instalments[0].total_minor
    found = after(plan, [("2026-02-15", first + 30_000)])
    left = opened(found)[1:]
    assert max(left) - min(left) <= 2
    # What 45,372 come to in three months at 1 % a month, to the rounding of each part.
    assert abs(left[0] - Fraction(45_372, 100) / (1 - Fraction(100, 101) ** 3)) <= 1


def test_the_next_one_keeps_its_interest() -> None:
    plan = agreed("next", rate="12")
    found = after(plan, [("2026-02-15", plan.instalments[0].total_minor + 30_000)])
    assert paid(found)[1] == plan.instalments[1].total_minor
    assert found.dropped_minor == 0


@pytest.mark.parametrize("surplus", ["shorten", "next", "reamortise"])
@pytest.mark.parametrize(
    ("on", "interest"),
    [
        ("2026-01-14", 0),
        ("2026-01-15", 0),
        # 10.00 of interest in 30 days of a month, which has but one day more.
        ("2026-01-16", 33),
        ("2026-01-30", 500),
        ("2026-02-14", 967),
        ("2026-02-15", 1000),
        ("2026-02-16", 1025),
        ("2026-03-15", 1754),
        ("2027-01-01", 2513),
    ],
)
def test_early_payoff_drops_what_is_not_earned(surplus: Surplus, on: str, interest: int) -> None:
    plan = agreed(surplus, rate="12")
    found = payoff(plan, [], D(on))
    assert found == Payoff(100_000 + interest, 100_000, interest, 2513 - interest)
    settled = after(plan, [(on, found.amount_minor)])
    assert (settled.open_minor, settled.paid_minor, settled.dropped_minor) == (0, found.amount_minor, 2513 - interest)
    assert all(share.paid_on == D(on) for share in settled.shares)
    assert after(plan, [(on, found.amount_minor - 1)]).open_minor > 0
    assert after(plan, [(on, found.amount_minor + 7)]).paid_minor == found.amount_minor or on >= "2026-04-15"


def test_early_payoff_follows_what_has_been_paid() -> None:
    plan = agreed(rate="12")
    first = plan.instalments[0].total_minor
    payments = [(D("2026-02-15"), first)]
    left = 101_000 - first
    assert payoff(plan, payments, D("2026-02-15")) == Payoff(left, left, 0, 1513)
    assert payoff(plan, payments, D("2026-02-14")).amount_minor == 100_967
    assert payoff(plan, [*payments, (D("2026-02-15"), left)], D("2026-02-15")) == Payoff(0, 0, 0, 0)
    # Interest that was paid ahead with the next instalment comes back in the payoff.
    ahead = agreed("next", rate="12")
    payments = [(D("2026-02-15"), first + ahead.instalments[1].total_minor)]
    assert payoff(ahead, payments, D("2026-02-15")).amount_minor == left - ahead.instalments[1].total_minor


def test_a_last_instalment_paid_a_few_days_early_is_no_early_payoff() -> None:
    plan = agreed(rate="12")
    payments = [(each.due_on, each.total_minor) for each in plan.instalments[:3]]
    last = plan.instalments[3].total_minor
    found = fill(plan, [*payments, (D("2026-05-10"), last)], LATER).read(LATER)
    assert (found.open_minor, found.dropped_minor) == (0, 0)
    owed = payoff(plan, payments, D("2026-05-10"))
    assert (owed.amount_minor, owed.dropped_minor) == (last - 42, 42)
    found = fill(plan, [*payments, (D("2026-05-10"), last - 42)], LATER).read(LATER)
    assert (found.open_minor, found.dropped_minor) == (0, 42)


def test_nothing_is_owed_on_a_waived_instalment() -> None:
    plan = replace(agreed(), waived={2: D("2026-03-01")})
    assert opened(after(plan, [], D("2026-02-28"))) == [25_000] * 4
    found = after(plan, [("2026-03-20", 40_000)], D("2026-03-20"))
    assert paid(found) == [25_000, 0, 15_000, 0]
    assert opened(found) == [0, 0, 10_000, 25_000]
    assert [share.is_waived for share in found.shares] == [False, True, False, False]
    # What had been paid of it before stays; one that had been paid in full is not waived.
    part = after(plan, [("2026-02-20", 30_000)])
    assert (paid(part), opened(part)) == ([25_000, 5_000, 0, 0], [0, 0, 25_000, 25_000])
    full = after(plan, [("2026-02-20", 50_000)])
    assert not any(share.is_waived for share in full.shares)
    assert payoff(plan, [], D("2026-03-01")).amount_minor == 75_000


def test_fees_are_paid_with_their_instalment() -> None:
    plan = Agreement(
        (
            Instalment(1, D("2026-02-15"), D("2026-02-15"), 100, 10, 5),
            Instalment(2, D("2026-03-15"), D("2026-03-15"), 100, 4, 5),
        ),
        D("2026-01-15"),
    )
    assert payoff(plan, [], D("2026-01-15")) == Payoff(210, 210, 0, 14)
    found = after(plan, [("2026-02-15", 115 + 60)])
    assert [share.interest_minor for share in found.shares] == [10, 2]
    assert opened(found) == [0, 47]


def test_what_is_due_on_the_same_day_is_current_together() -> None:
    first = D("2026-01-15")
    plan = Agreement(
        (
            Instalment(0, first, first, 10),
            Instalment(1, first, first, 10, 2),
            Instalment(2, D("2026-02-15"), D("2026-02-15"), 10, 2),
        ),
        first,
    )
    assert paid(after(plan, [("2026-01-15", 25)])) == [10, 12, 3]
    assert payoff(plan, [], first).amount_minor == 32


def test_interest_runs_from_the_nominal_date_and_is_not_dropped_by_a_surplus_afterwards() -> None:
    # Due on a Monday, nominally on the Saturday before; the surplus of Sunday finds a day of the next period earned.
    plan = Agreement(
        (
            Instalment(1, D("2026-02-16"), D("2026-02-14"), 1000, 28),
            Instalment(2, D("2026-03-14"), D("2026-03-14"), 1000, 30),
        ),
        D("2026-01-14"),
    )
    assert payoff(plan, [], D("2026-02-15")) == Payoff(2029, 2000, 29, 29)
    assert opened(after(plan, [("2026-02-15", 2028)])) == [0, 1]
    assert opened(after(plan, [("2026-02-15", 2029)])) == [0, 0]
    assert opened(after(plan, [("2026-02-14", 2028)])) == [0, 0]


def test_a_payment_is_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        after(agreed(), [("2026-02-15", 10), ("2026-02-15", -10)])


@pytest.mark.parametrize(
    ("on", "interest"),
    [
        # 1 % a month on 1000.00, 753.72, 504.98 and 253.75: day by day over each month, and never given back.
        ("2026-01-15", [0, 0, 0, 0]),
        ("2026-01-30", [500, 0, 0, 0]),
        ("2026-02-15", [1000, 0, 0, 0]),
        ("2026-03-02", [1000, 427, 0, 0]),
        ("2026-05-15", [1000, 754, 505, 254]),
    ],
)
def test_a_plan_that_ends_keeps_the_interest_that_is_earned(on: str, interest: list[int]) -> None:
    plan = agreed(rate="12")
    found = cut_off(plan, [], D(on))
    assert [share.interest_minor for share in found.shares] == interest
    assert found.dropped_minor == 2513 - sum(interest)
    assert sum(share.principal_minor for share in found.shares) == 100_000


def test_interest_that_was_paid_ahead_is_not_given_back() -> None:
    plan = agreed("next", rate="12")
    found = cut_off(plan, [(D("2026-01-15"), 60_000)], D("2026-01-20"))
    # Two instalments are paid whole, interest and all; of the others none is earned.
    assert [share.interest_minor for share in found.shares] == [1000, 754, 0, 0]
    assert paid(found)[:2] == [25_628, 25_628]
    later = cut_off(plan, [(D("2026-02-15"), 60_000)], D("2026-01-20"))
    assert paid(later) == [0, 0, 0, 0]
