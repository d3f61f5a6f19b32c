"""Where a plan stands: every date with the day before and the day after it (rules P2 to P4)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from app.domain.errors import Code
from app.domain.plan import Agreement, Instalment, PlanError
from app.domain.plan_state import PlanStanding, judge, missed_on, path
from app.domain.states import INSTALMENT, IllegalTransition

D = date.fromisoformat
ROWS = tuple(
    Instalment(number, D(on), D(on), 100) for number, on in enumerate(("2026-02-01", "2026-03-01", "2026-04-01"), 1)
)
PLAN = Agreement(ROWS, D("2026-01-01"), grace_days=5, allowed_misses=1)


def at(today: str, *payments: tuple[str, int], plan: Agreement = PLAN) -> PlanStanding:
    return judge(plan, [(D(on), amount) for on, amount in payments], D(today))


def words(standing: PlanStanding) -> str:
    return " ".join(each.status for each in standing.instalments)


@pytest.mark.parametrize(
    ("today", "payments", "expected", "wake_on"),
    [
        ("2026-01-31", [], "pending pending pending", "2026-02-01"),
        ("2026-02-01", [], "due pending pending", "2026-02-07"),
        ("2026-02-02", [], "due pending pending", "2026-02-07"),
        # Five days of grace end with the 6th.
        ("2026-02-06", [], "due pending pending", "2026-02-07"),
        ("2026-02-07", [], "missed pending pending", "2026-03-01"),
        ("2026-02-06", [("2026-02-06", 99)], "partially_paid pending pending", "2026-02-07"),
        ("2026-02-07", [("2026-02-06", 99)], "missed pending pending", "2026-03-01"),
        ("2026-02-07", [("2026-02-06", 100)], "paid pending pending", "2026-03-01"),
        ("2026-02-07", [("2026-02-07", 100)], "paid pending pending", "2026-03-01"),
        ("2026-01-20", [("2026-01-20", 50)], "partially_paid pending pending", "2026-02-01"),
        ("2026-01-20", [("2026-01-20", 150)], "paid pending partially_paid", "2026-03-01"),
        ("2026-01-20", [("2026-01-20", 200)], "paid pending paid", "2026-03-01"),
        ("2026-01-19", [("2026-01-20", 200)], "pending pending pending", "2026-02-01"),
        ("2026-03-06", [], "missed due pending", "2026-03-07"),
        ("2026-03-10", [("2026-02-01", 100), ("2026-03-09", 20)], "paid missed pending", "2026-04-01"),
        ("2026-04-07", [("2026-02-01", 200)], "paid missed paid", None),
    ],
)
def test_instalments(today: str, payments: list[tuple[str, int]], expected: str, wake_on: str | None) -> None:
    standing = at(today, *payments)
    assert (standing.status, words(standing)) == ("active", expected)
    assert standing.wake_on == (None if wake_on is None else D(wake_on))
    assert standing.changed_on is None


def test_a_missed_instalment_tells_since_when() -> None:
    standing = at("2026-03-02")
    assert [each.missed_on for each in standing.instalments] == [D("2026-02-07"), None, None]
    assert [each.number for each in standing.instalments] == [1, 2, 3]
    assert missed_on(replace(PLAN, grace_days=0), D("2026-02-01")) == D("2026-02-02")
    assert missed_on(PLAN, date.max) == date.max


@pytest.mark.parametrize(
    ("today", "payments", "defaulted_on"),
    [
        ("2026-03-06", [], None),
        ("2026-03-07", [], "2026-03-07"),
        ("2026-06-01", [], "2026-03-07"),
        # One that is paid late is in default no more: only what is missed at once counts.
        ("2026-06-01", [("2026-03-06", 100)], "2026-04-07"),
        ("2026-04-06", [("2026-03-06", 100)], None),
        # The default of a day stands, whatever is paid on it or later.
        ("2026-06-01", [("2026-03-07", 300)], "2026-03-07"),
        ("2026-06-01", [("2026-03-06", 300)], None),
        ("2026-06-01", [("2026-03-06", 199)], "2026-04-07"),
        ("2026-04-06", [("2026-03-06", 199)], None),
    ],
)
def test_default_comes_after_the_allowed_misses(
    today: str, payments: list[tuple[str, int]], defaulted_on: str | None
) -> None:
    standing = at(today, *payments)
    assert (standing.status == "defaulted") == (defaulted_on is not None)
    if defaulted_on is not None:
        assert standing.changed_on == D(defaulted_on)
        assert standing.wake_on is None


def test_no_miss_allowed_is_default_on_the_first() -> None:
    strict = replace(PLAN, grace_days=0, allowed_misses=0)
    assert at("2026-02-01", plan=strict).status == "active"
    assert at("2026-02-02", plan=strict).status == "defaulted"
    assert at("2026-02-02", ("2026-02-01", 100), plan=strict).status == "active"


def test_a_plan_is_completed_when_nothing_is_owed() -> None:
    payments = [("2026-02-01", 100), ("2026-03-01", 100), ("2026-04-03", 100)]
    assert at("2026-04-02", *payments).status == "active"
    standing = at("2026-04-03", *payments)
    assert (standing.status, standing.changed_on, standing.wake_on) == ("completed", D("2026-04-03"), None)
    # A reversal gives the former state back.
    again = at("2026-04-03", *payments[:2])
    assert (again.status, words(again)) == ("active", "paid paid due")
    assert words(at("2026-04-03", *payments[1:])) == "paid paid due"


def test_a_waived_instalment_is_neither_missed_nor_owed() -> None:
    plan = replace(PLAN, waived={1: D("2026-02-07"), 2: D("2026-03-01"), 3: D("2026-04-01")}, allowed_misses=0)
    assert words(at("2026-02-06", plan=plan)) == "due pending pending"
    assert at("2026-02-06", plan=plan).wake_on == D("2026-02-07")
    assert words(at("2026-02-07", plan=plan)) == "waived pending pending"
    standing = at("2026-04-01", plan=plan)
    assert (standing.status, standing.changed_on) == ("completed", D("2026-04-01"))


@pytest.mark.parametrize("old", sorted(INSTALMENT.states))
@pytest.mark.parametrize("new", sorted(INSTALMENT.states))
def test_every_way_is_one_of_allowed_steps(old: str, new: str) -> None:
    try:
        steps = path(old, new)
    except IllegalTransition:
        assert not INSTALMENT.allows(old, new)
        return
    for before, after in zip((old, *steps), steps, strict=False):
        assert INSTALMENT.allows(before, after)
    assert (steps or (old,))[-1] == new


def test_a_late_run_finds_one_missed_that_was_pending() -> None:
    assert path("pending", "missed") == ("due", "missed")
    assert path("pending", "paid") == ("paid",)
    assert path("due", "due") == ()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"instalments": ()}, Code.out_of_range),
        ({"grace_days": -1}, Code.out_of_range),
        ({"grace_days": 366}, Code.out_of_range),
        ({"allowed_misses": -1}, Code.out_of_range),
        ({"instalments": ROWS[::-1]}, Code.date_order),
    ],
)
def test_what_cannot_be_agreed(changed: dict[str, Any], code: Code) -> None:
    with pytest.raises(PlanError) as caught:
        replace(PLAN, **changed)
    assert caught.value.code is code


def test_it_wakes_on_every_date_that_changes_something() -> None:
    today = D("2026-01-01")
    seen = [words(judge(PLAN, [], today + timedelta(days=number))) for number in range(120)]
    changes = {today + timedelta(days=number) for number in range(1, 120) if seen[number] != seen[number - 1]}
    woken = set()
    on: date | None = today
    while on is not None:
        on = judge(PLAN, [], on).wake_on
        woken |= {on} if on is not None else set()
    defaulted = D("2026-03-07")
    assert woken == {day for day in changes if day <= defaulted}
