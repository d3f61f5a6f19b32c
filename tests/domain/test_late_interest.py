"""Late interest of one invoice over time: what periods earn, and which charges are not right any more (M6, M8)."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.interest import DayCount, Rate, RateBasis, RateTable, Rounding, accrue, shares
from app.domain.late_interest import (
    NOTHING_TO_DO,
    Correction,
    Debt,
    LateInterest,
    Part,
    Posted,
    correct,
    month_end_before,
    next_month,
    resolve,
    running,
    split_parts,
)

D = date.fromisoformat
DAY = timedelta(days=1)
DUE = D("2026-01-31")
# A tenth of a percent a day.
DAILY = RateTable("daily", DayCount.act_365, (Rate(D("2020-01-01"), Fraction("36.5")),))
POSTED = {"rate_table": "a", "mode": "posted", "posting": "monthly"}


def debt(*changes: tuple[str, int], due: date = DUE) -> Debt:
    """A thousand from New Year on, and what happened to it."""
    return Debt((Part(due, running([(D("2026-01-01"), 1000_00), *((D(on), amount) for on, amount in changes)])),))


def posted(from_on: str, through_on: str, net: int, *, is_waived: bool = False, table: RateTable = DAILY) -> Posted:
    return Posted(uuid4(), table, D(from_on), D(through_on), net, is_waived)


def told(correction: Correction) -> list[tuple[str, str, int]]:
    return [(str(one.from_on), str(one.through_on), one.net_minor) for one in correction.postings]


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        ([None, None, None], None),
        ([None, POSTED, {**POSTED, "rate_table": "b"}], LateInterest("a", "posted", "monthly")),
        ([{"rate_table": None, "mode": "none", "posting": "at_settlement"}, POSTED], None),
    ],
)
def test_the_most_particular_setting_counts(chain: list[dict[str, str] | None], found: LateInterest | None) -> None:
    assert resolve(*chain) == found


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        ("2026-03-01", "2026-02-28", "2026-04-01"),
        ("2026-03-31", "2026-02-28", "2026-04-01"),
        ("2028-03-15", "2028-02-29", "2028-04-01"),
        ("2026-12-31", "2026-11-30", "2027-01-01"),
        ("2026-01-01", "2025-12-31", "2026-02-01"),
    ],
)
def test_months(day: str, before: str, after: str) -> None:
    assert (month_end_before(D(day)), next_month(D(day))) == (D(before), D(after))


def test_what_was_paid_twice_is_nothing_open() -> None:
    changes = [(D("2026-01-01"), 100), (D("2026-01-05"), -100), (D("2026-01-03"), -60), (D("2026-01-09"), 100)]
    assert running(changes) == (
        (D("2026-01-01"), 100),
        (D("2026-01-03"), 40),
        (D("2026-01-05"), 0),
        (D("2026-01-09"), 40),
    )


@pytest.mark.parametrize(
    ("changes", "settled_on"),
    [
        ([], None),
        ([("2026-02-10", -400_00)], None),
        ([("2026-02-10", -1000_00)], "2026-02-10"),
        ([("2026-02-10", -1000_00), ("2026-02-12", 1000_00)], None),
        ([("2026-02-10", -1000_00), ("2026-02-12", 1000_00), ("2026-02-20", -1000_00)], "2026-02-20"),
        # Paid twice for two days: settled on the first of them.
        ([("2026-02-10", -1000_00), ("2026-02-12", -5_00), ("2026-02-14", 5_00)], "2026-02-10"),
    ],
)
def test_the_day_since_which_nothing_is_open(changes: list[tuple[str, int]], settled_on: str | None) -> None:
    assert debt(*changes).settled_on == (D(settled_on) if settled_on else None)


def test_payments_fill_instalments_in_order() -> None:
    balances = running([(D("2026-01-01"), 100), (D("2026-01-05"), -30), (D("2026-01-09"), -50)])
    first, second = split_parts(balances, [(D("2026-01-04"), 60), (D("2026-01-08"), 40)])
    assert [left for _, left in first.balances] == [60, 30, 0]
    assert [left for _, left in second.balances] == [40, 40, 20]


def test_nothing_is_done_where_nothing_is_wrong() -> None:
    chain = [posted("2026-02-01", "2026-02-28", 28_00), posted("2026-03-01", "2026-03-31", 31_00)]
    assert correct(debt(), chain, table=DAILY, through_on=D("2026-03-31")) == NOTHING_TO_DO
    assert correct(debt(), chain, table=None, through_on=None) == NOTHING_TO_DO
    assert correct(debt(), [], table=None, through_on=None) == NOTHING_TO_DO


def test_each_charge_is_judged_by_itself() -> None:
    chain = [
        posted("2026-02-01", "2026-02-28", 28_00),
        posted("2026-03-01", "2026-03-31", 31_00),
        posted("2026-04-01", "2026-04-30", 30_00),
    ]
    # Paid in March, and back before April.
    correction = correct(debt(("2026-03-11", -1000_00), ("2026-03-31", 1000_00)), chain, table=None, through_on=None)
    assert correction.reversed_ids == (chain[1].id,)
    assert told(correction) == [("2026-03-01", "2026-03-31", 11_00)]


def test_a_charge_ends_where_the_debt_was_settled() -> None:
    chain = [posted("2026-02-01", "2026-02-28", 28_00), posted("2026-03-01", "2026-03-31", 31_00)]
    paid = debt(("2026-02-10", -1000_00))
    correction = correct(paid, chain, table=DAILY, through_on=paid.settled_on)
    assert correction.reversed_ids == (chain[0].id, chain[1].id)
    assert told(correction) == [("2026-02-01", "2026-02-10", 10_00)]


def test_what_was_taken_back_whole_is_posted_when_it_earns_again() -> None:
    chain = [posted("2026-03-01", "2026-03-31", 31_00)]
    assert told(correct(debt(), chain, table=None, through_on=None)) == [("2026-02-01", "2026-02-28", 28_00)]


def test_a_waived_period_stays_waived() -> None:
    chain = [posted("2026-02-01", "2026-02-28", 28_00, is_waived=True), posted("2026-03-01", "2026-03-31", 31_00)]
    correction = correct(debt(("2026-02-10", -500_00)), chain, table=DAILY, through_on=D("2026-04-30"))
    assert correction.reversed_ids == (chain[1].id,)
    assert told(correction) == [("2026-03-01", "2026-03-31", 15_50), ("2026-04-01", "2026-04-30", 15_00)]


def test_a_charge_is_judged_by_the_table_that_made_it() -> None:
    other = RateTable("other", DayCount.act_365, (Rate(D("2020-01-01"), Fraction("73")),))
    chain = [posted("2026-02-01", "2026-02-28", 56_00, table=other)]
    correction = correct(debt(), chain, table=DAILY, through_on=D("2026-03-31"))
    assert correction.reversed_ids == ()
    assert told(correction) == [("2026-03-01", "2026-03-31", 31_00)]


@pytest.mark.parametrize(("first", "interest"), [("2026-01-15", 28_00), ("2026-02-11", 18_00), ("2026-03-01", 0)])
def test_days_before_the_first_rate_earn_nothing(first: str, interest: int) -> None:
    young = RateTable("young", DayCount.act_365, (Rate(D(first), Fraction("36.5")),))
    assert debt().interest_minor(young, D("2026-02-28")) == interest
    at_start = RateTable("start", DayCount.act_365, young.rates, RateBasis.at_start)
    assert debt().interest_minor(at_start, D("2026-02-28")) == (28_00 if first == "2026-01-15" else 0)


HISTORIES = st.lists(
    st.tuples(st.integers(0, 120).map(lambda days: D("2026-01-01") + DAY * days), st.integers(-60_000, 60_000)),
    max_size=6,
)
TABLES = st.builds(
    lambda basis, rounding, cap, rate: RateTable(
        "own",
        DayCount.act_360,
        (Rate(D("2020-01-01"), Fraction(rate, 7)), Rate(D("2026-03-10"), Fraction(rate, 3))),
        basis,
        rounding,
        cap_percent=cap,
    ),
    st.sampled_from(RateBasis),
    st.sampled_from(Rounding),
    st.none() | st.just(Fraction(4)),
    st.integers(0, 900),
)


@settings(max_examples=150, deadline=None)
@given(
    table=TABLES,
    histories=st.lists(HISTORIES, min_size=1, max_size=4),
    ends=st.lists(st.integers(0, 150).map(lambda days: DUE + DAY * days), min_size=1, max_size=4),
)
def test_after_any_changes_the_charges_are_the_interest_of_the_last_history(
    table: RateTable, histories: list[list[tuple[date, int]]], ends: list[date]
) -> None:
    standing: dict[UUID, Posted] = {}
    for history in histories:
        final = Debt((Part(DUE, running([(D("2026-01-01"), 1000_00), *history])),))
        for through_on in sorted(ends):
            correction = correct(final, list(standing.values()), table=table, through_on=through_on)
            for gone in correction.reversed_ids:
                del standing[gone]
            for posting in correction.postings:
                assert sum(posting.interest) == posting.net_minor > 0
                made = Posted(uuid4(), table, posting.from_on, posting.through_on, posting.net_minor)
                standing[made.id] = made
            assert correct(final, list(standing.values()), table=table, through_on=through_on) == NOTHING_TO_DO
        covered = max([max(ends), *(one.through_on for one in standing.values())])
        total = accrue(table, final.parts[0].balances, DUE, covered).amount_minor
        assert sum(one.net_minor for one in standing.values()) == total
        days = sorted((one.from_on, one.through_on) for one in standing.values())
        assert all(before[1] < after[0] for before, after in pairwise(days))


@pytest.mark.parametrize(("rounding", "parts"), [(Rounding.total, (4, 3, 3)), (Rounding.daily, (0, 0, 10))])
def test_segments_share_the_total(rounding: Rounding, parts: tuple[int, ...]) -> None:
    table = RateTable("own", DayCount.act_365, DAILY.rates, rounding=rounding)
    balances = running([(D("2026-01-01"), 350), (D("2026-02-10"), -1), (D("2026-02-20"), -1)])
    segments = accrue(table, balances, DUE, D("2026-03-02")).segments
    assert shares(table, segments, 10) == parts
    assert shares(table, (), 0) == ()
