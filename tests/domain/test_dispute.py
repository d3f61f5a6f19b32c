"""Disputes: amounts, outcomes, the ladder clock and deferred interest (rule D9)."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from app.domain.dispute import (
    Dispute,
    DisputeError,
    Outcome,
    bearing_balances,
    disputed_minor,
    is_overdue,
    ladder_stops,
    resolve,
    respond_by_on,
    whole_or_part,
)
from app.domain.errors import Code
from app.domain.holds import DateRange
from app.domain.interest import DayCount, Rate, RateTable, accrue
from app.domain.workdays import Calendar

D = date.fromisoformat
OPENED = D("2026-10-10")


def dispute(amount: int | None = None, **fields: Any) -> Dispute:
    return Dispute(OPENED, amount, **fields)


@pytest.mark.parametrize(
    ("amount", "open_minor", "expected"), [(None, 100, None), (100, 100, None), (101, 100, None), (99, 100, 99)]
)
def test_a_part_that_reaches_all_is_the_whole(amount: int | None, open_minor: int, expected: int | None) -> None:
    assert whole_or_part(amount, open_minor) == expected


@pytest.mark.parametrize(
    ("amount", "open_minor", "pointer"), [(0, 100, "/amount"), (-1, 100, "/amount"), (None, 0, "/invoice_id")]
)
def test_what_cannot_be_disputed(amount: int | None, open_minor: int, pointer: str) -> None:
    with pytest.raises(DisputeError) as caught:
        whole_or_part(amount, open_minor)
    assert (caught.value.code, caught.value.pointer) == (Code.out_of_range, pointer)


@pytest.mark.parametrize(
    ("disputes", "open_minor", "expected"),
    [
        ([], 100, 0),
        ([dispute(30)], 100, 30),
        ([dispute(30), dispute(40)], 100, 70),
        ([dispute(30), dispute(80)], 100, 100),
        ([dispute(30)], 20, 20),
        ([dispute(30)], 0, 0),
        ([dispute()], 100, 100),
        ([dispute(), dispute(30)], 100, 100),
        ([dispute(status="rejected"), dispute(30)], 100, 30),
    ],
)
def test_what_is_disputed_is_capped_by_what_is_open(disputes: list[Dispute], open_minor: int, expected: int) -> None:
    assert disputed_minor(disputes, open_minor) == expected


@pytest.mark.parametrize(
    ("amount", "outcome", "accepted", "expected"),
    [
        (None, "accepted", None, 100),
        (30, "accepted", None, 30),
        (130, "accepted", None, 100),
        (30, "partially_accepted", 29, 29),
        (None, "partially_accepted", 1, 1),
        (30, "rejected", None, 0),
        (None, "withdrawn", None, 0),
    ],
)
def test_outcomes(amount: int | None, outcome: Outcome, accepted: int | None, expected: int) -> None:
    assert resolve(dispute(amount), outcome, open_minor=100, accepted_minor=accepted) == expected


@pytest.mark.parametrize(
    ("outcome", "accepted", "code"),
    [
        ("partially_accepted", None, Code.missing),
        ("partially_accepted", 0, Code.out_of_range),
        ("partially_accepted", 30, Code.out_of_range),
        ("accepted", 30, Code.invalid_value),
        ("rejected", 1, Code.invalid_value),
    ],
)
def test_outcomes_that_cannot_be(outcome: Outcome, accepted: int | None, code: Code) -> None:
    with pytest.raises(DisputeError) as caught:
        resolve(dispute(30), outcome, open_minor=100, accepted_minor=accepted, pointer="/credited_amount")
    assert (caught.value.code, caught.value.pointer) == (code, "/credited_amount")


def test_only_disputes_of_the_whole_stop_the_ladder() -> None:
    resolved = D("2026-10-20")
    assert ladder_stops([dispute(30), dispute()]) == (DateRange(OPENED, None),)
    assert ladder_stops([dispute(status="rejected", resolved_on=resolved)]) == (DateRange(OPENED, D("2026-10-19")),)
    assert ladder_stops([dispute(status="rejected", resolved_on=OPENED)]) == ()


def interest(balances: list[tuple[date, int]], disputes: list[Dispute], through: str) -> int:
    table = RateTable("own", DayCount.act_365, (Rate(date.min, Fraction("36.5")),))
    return accrue(table, bearing_balances(balances, disputes), D("2026-10-01"), D(through)).amount_minor


@pytest.mark.parametrize(
    ("disputes", "through", "expected"),
    [
        # 100 a day on 100,000 from 2 October on.
        ([], "2026-10-30", 2900),
        # The day of the opening is free already; the one before is not.
        ([dispute()], "2026-10-09", 800),
        ([dispute()], "2026-10-10", 800),
        ([dispute()], "2026-10-30", 800),
        ([dispute(40_000)], "2026-10-30", 800 + 21 * 60),
        ([dispute(40_000), dispute(40_000)], "2026-10-30", 800 + 21 * 20),
        ([dispute(status="rejected", resolved_on=D("2026-10-20"))], "2026-10-30", 2900),
        ([dispute(status="withdrawn", resolved_on=D("2026-10-20"))], "2026-10-30", 2900),
        # Accepted in part: 40 of 100 free through the day of the resolution, when the credit takes over.
        (
            [dispute(status="partially_accepted", resolved_on=D("2026-10-20"), credited_minor=40_000)],
            "2026-10-30",
            800 + 11 * 60 + 10 * 100,
        ),
    ],
)
def test_interest_is_deferred_and_posted_or_dropped(disputes: list[Dispute], through: str, expected: int) -> None:
    assert interest([(D("2026-09-01"), 100_000)], disputes, through) == expected


def test_the_credit_takes_over_without_a_gap() -> None:
    balances = [(D("2026-09-01"), 100_000), (D("2026-10-20"), 60_000)]
    accepted = [dispute(40_000, status="accepted", resolved_on=D("2026-10-20"), credited_minor=40_000)]
    assert interest(balances, accepted, "2026-10-30") == 800 + 21 * 60
    # Opened and resolved on one day, and opened before the first balance.
    assert bearing_balances(balances, []) == tuple(balances)
    assert bearing_balances([], [dispute()]) == ()
    assert bearing_balances([(D("2026-12-01"), 5)], [dispute()]) == ((D("2026-12-01"), 0),)
    assert bearing_balances(balances, [dispute(status="accepted", resolved_on=OPENED)]) == tuple(balances)


def test_a_term_to_respond_counts_working_days() -> None:
    friday = D("2026-10-09")
    calendar = Calendar(frozenset({D("2026-10-12")}))
    assert respond_by_on(friday, 1, Calendar()) == D("2026-10-12")
    assert respond_by_on(friday, 1, calendar) == D("2026-10-13")
    assert respond_by_on(friday, 5, calendar) == D("2026-10-19")
    for days in (0, 366):
        with pytest.raises(DisputeError):
            respond_by_on(friday, days, calendar)


def test_a_dispute_is_overdue_from_the_day_after_its_term() -> None:
    assert not is_overdue(dispute(), D("2026-10-19"), D("2026-10-18"))
    assert not is_overdue(dispute(), D("2026-10-19"), D("2026-10-19"))
    assert is_overdue(dispute(), D("2026-10-19"), D("2026-10-20"))
    assert not is_overdue(dispute(status="rejected"), D("2026-10-19"), D("2026-10-20"))
    assert not is_overdue(dispute(), None, D("2026-10-20"))
