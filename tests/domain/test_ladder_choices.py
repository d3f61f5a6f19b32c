"""Steps that are not for a case, minimums with demotion, and cases that wait for a person (rules D2, D3, D16)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.chase import evaluate
from app.domain.conditions import Conditions, Debtor
from app.domain.holds import DateRange
from app.domain.ladder import Choice, Ladder, choose, late_entry_shift_days
from app.domain.policy import CatchUp, LateEntry, Policy, Step
from app.domain.verdicts import Verdict
from tests.domain.chasing import (
    EVERY_DAY,
    D,
    at,
    case,
    codes,
    entered,
    facts,
    judged,
    key_of,
    keys,
    ladder,
    planned,
    policy,
    step,
)

DUE = "2026-03-02"  # a Monday
CONSUMERS = Conditions(kinds=frozenset({"consumer"}))
MODES = list(CatchUp)


def on(day: int) -> str:
    return (D(DUE) + timedelta(days=day)).isoformat()


def pick(
    of: Policy, where: Ladder, day: int, *, left_out: str = "", reaches: str | None = None, all_reach: bool = True
) -> Choice:
    """The choice on a day after the due date, where the case is not for some steps or reaches only some minimums."""

    def reached(one: Step) -> bool:
        return all_reach if reaches is None else one.key in reaches.split()

    today = D(on(day))
    return choose(
        of, where, planned(of, where), today=today, customer_today=today,
        is_for=lambda one: one.key not in left_out.split(), reaches=reached,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("day", "left_out", "due", "unmet", "upcoming", "ahead"),
    [
        pytest.param(4, "d+5", None, [], "d+20", "d+5", id="the day before, it is looked at on its day"),
        pytest.param(5, "d+5", None, ["d+5"], "d+20", "d+20", id="on its day it is passed over"),
        pytest.param(6, "d+5", None, ["d+5"], "d+20", "d+20", id="and on any later day"),
        pytest.param(20, "d+5", "d+20", ["d+5"], "d+40", "d+40", id="the step above goes out"),
        pytest.param(20, "d+20", "d+5", [], "d+40", "d+40", id="one above the step that goes out waits for it"),
        pytest.param(40, "d+20 d+40", "d+5", [], None, None, id="so does the last"),
        pytest.param(40, "d+5 d+20 d+40", None, ["d+5", "d+20", "d+40"], None, None, id="none is for the case"),
    ],
)
def test_a_step_that_is_not_for_the_case_never_blocks_the_ladder(
    day: int, left_out: str, due: str | None, unmet: list[str], upcoming: str | None, ahead: str | None
) -> None:
    choice = pick(policy(5, 20, 40), ladder(DUE), day, left_out=left_out)
    assert (key_of(choice.due), keys(choice.unmet)) == (due, unmet)
    assert (key_of(choice.upcoming), key_of(choice.ahead)) == (upcoming, ahead)
    assert [str(code) for _, code in choice.passed] == ["condition_not_met"] * len(unmet)


@pytest.mark.parametrize(
    ("mode", "reaches", "due", "superseded"),
    [
        pytest.param("highest", "d+5 d+20 d+40", "d+40", ["d+5", "d+20"], id="the highest"),
        pytest.param("highest", "d+5 d+20", "d+20", ["d+5"], id="one lower"),
        pytest.param("highest", "d+5", "d+5", [], id="two lower"),
        pytest.param("highest", "", "d+40", ["d+5", "d+20"], id="none: the highest waits"),
        pytest.param("one_at_a_time", "d+5 d+20 d+40", "d+5", [], id="the lowest"),
        pytest.param("one_at_a_time", "d+20 d+40", "d+20", ["d+5"], id="the lowest that is reached"),
        pytest.param("one_at_a_time", "", "d+5", [], id="none: the lowest waits"),
    ],
)
def test_a_minimum_that_is_not_reached_lets_the_nearest_step_go(
    mode: str, reaches: str, due: str, superseded: list[str]
) -> None:
    choice = pick(policy(5, 20, 40, catch_up=CatchUp(mode)), ladder(DUE), 40, reaches=reaches)
    assert (key_of(choice.due), keys(choice.superseded)) == (due, superseded)


def test_a_step_that_was_passed_over_for_its_minimum_stays_due() -> None:
    of = policy(5, step(20, min_amount={"MXN": 500_00}), 40)
    early = case(1, of, ladder(DUE), 100_00)
    verdict = judged(at(f"{on(21)}T10:00"), early)
    assert (key_of(verdict.next_step), codes(verdict)) == ("d+5", [])
    sent = case(1, of, ladder(DUE, reached=5, sent_on=on(21)), 100_00)
    waiting = judged(at(f"{on(22)}T10:00"), sent)
    assert (key_of(waiting.next_step), codes(waiting)) == ("d+20", ["min_amount"])
    # 11 April, when d+40 comes, is a Saturday.
    assert waiting.wake_at == at("2026-04-13T09:00")
    more = judged(at(f"{on(22)}T10:00"), case(1, of, ladder(DUE, reached=5, sent_on=on(21)), 500_00))
    assert (key_of(more.next_step), codes(more)) == ("d+20", [])


def test_the_debtor_and_what_is_open_decide_about_conditions() -> None:
    of = policy(step(5, conditions=CONSUMERS), step(6, conditions=Conditions(max_amount={"MXN": 100_00})), 30)

    def next_of(open_minor: int, kind: str) -> str | None:
        plan = evaluate(facts(at(f"{on(4)}T10:00"), case(1, of, ladder(DUE), open_minor), debtor=Debtor(kind)))
        return key_of(plan.verdicts[0].next_step)

    assert next_of(100_00, "consumer") == "d+5"
    assert next_of(100_00, "business") == "d+6"
    assert next_of(100_01, "business") == "d+30"


def test_a_case_for_which_no_step_is_left_is_looked_at_on_the_day_of_the_next() -> None:
    of = policy(step(5, conditions=CONSUMERS))
    verdict = judged(at(f"{on(3)}T10:00"), case(1, of, ladder(DUE)))
    assert (verdict.next_step, codes(verdict)) == (None, ["condition_not_met"])
    # 7 March is a Saturday.
    assert verdict.wake_at == at("2026-03-09T09:00")
    come = judged(at("2026-03-09T10:00"), case(1, of, ladder(DUE)))
    assert come.choice is not None
    assert (keys(come.choice.unmet), codes(come)) == (["d+5"], ["exhausted"])


def test_a_step_that_is_passed_over_wakes_on_its_own_day() -> None:
    of = policy(step(5, conditions=CONSUMERS), 20)
    verdict = judged(at(f"{on(3)}T10:00"), case(1, of, ladder(DUE)))
    assert (key_of(verdict.next_step), codes(verdict)) == ("d+20", ["not_due"])
    assert verdict.wake_at == at("2026-03-09T09:00")


# The customer owes 50.00 and 1.00; the policy asks for a total, both inclusive (rule D16).
@pytest.mark.parametrize(("minimum", "blocked"), [(50_99, False), (51_00, False), (51_01, True)])
def test_the_policys_minimum_is_over_all_that_is_overdue(minimum: int, blocked: bool) -> None:
    of = policy(5, min_amount={"MXN": minimum})
    plan = evaluate(facts(at(f"{on(7)}T10:00"), case(1, of, DUE, 50_00), case(2, of, DUE, 1_00)))
    assert [codes(verdict) for verdict in plan.verdicts] == [["min_amount"] if blocked else []] * 2


@pytest.mark.parametrize("mode", MODES)
def test_a_case_that_waits_for_a_person_passes_over_nothing(mode: CatchUp) -> None:
    of = policy(-3, step(5, conditions=CONSUMERS), 20, 40, catch_up=mode, late_entry=LateEntry.hold)
    where = ladder(DUE, entered_overdue=True, late_entry=LateEntry.hold)
    choice = pick(of, where, 30, left_out="d+5")
    assert (keys(choice.missed), keys(choice.unmet), keys(choice.superseded)) == (["d-3"], [], [])
    verdict = _at_noon(of, where, 30)
    assert ("hold" in codes(verdict), verdict.wake_at) == (True, None)


def test_how_a_person_starts_a_case() -> None:
    of = policy(-3, 5, 20, 40, late_entry=LateEntry.hold, catch_up=CatchUp.one_at_a_time)
    assert late_entry_shift_days(of, due_on=D(DUE), entered_on=D(on(30))) == 0
    shift = late_entry_shift_days(of, due_on=D(DUE), entered_on=D(on(30)), late_entry=LateEntry.restart)
    # What was missed before the due date has been recorded meanwhile.
    restarted = ladder(DUE, reached=-3, entered_overdue=True, late_entry=LateEntry.restart, shift_days=shift)
    begun = pick(of, restarted, 30)
    assert (key_of(begun.due), begun.superseded, key_of(begun.upcoming)) == ("d+5", (), "d+20")
    assert begun.upcoming is not None
    assert begun.upcoming.send_on == D(on(45))
    highest = ladder(DUE, reached=-3, entered_overdue=True, late_entry=LateEntry.highest)
    taken = pick(of, highest, 30)
    assert (key_of(taken.due), keys(taken.superseded)) == ("d+20", ["d+5"])


def test_days_under_a_hold_do_not_move_a_ladder_twice() -> None:
    of = policy(5, 20)
    stops = (_days(on(10), on(19)),)
    shift = late_entry_shift_days(of, due_on=D(DUE), entered_on=D(on(30)), stops=stops)
    where = ladder(DUE, entered_overdue=True, shift_days=shift, stops=stops)
    first, second = planned(of, where, window=EVERY_DAY)
    assert (first.nominal_on, second.nominal_on) == (D(on(30)), D(on(45)))


@pytest.mark.parametrize(
    ("entered", "dates"),
    [
        # The clock stood from day 10 through day 19: the first day after it is its 10th one.
        (9, (9, 34)),
        # First seen while it stands, the ladder begins on the day on which it goes on.
        (10, (20, 35)),
        (18, (20, 35)),
        (19, (20, 35)),
        (20, (20, 35)),
        (21, (21, 36)),
        (30, (30, 45)),
        # Before the lowest step's own day it is not late.
        (4, (5, 30)),
        (5, (5, 30)),
        (6, (6, 31)),
    ],
)
def test_a_late_ladder_begins_when_its_clock_goes_on(entered: int, dates: tuple[int, int]) -> None:
    of, held = policy(5, 20), _days(on(10), on(19))
    shift = late_entry_shift_days(of, due_on=D(DUE), entered_on=D(on(entered)), stops=(held,))
    where = ladder(DUE, entered_overdue=True, shift_days=shift, stops=(held,))
    assert [item.nominal_on for item in planned(of, where)] == [D(on(day)) for day in dates]


@pytest.mark.parametrize(("released", "dates"), [(16, (16, 31)), (17, (17, 32)), (18, (18, 33))])
def test_a_late_ladder_that_stands_without_an_end_begins_with_its_release(
    released: int, dates: tuple[int, int]
) -> None:
    of = policy(5, 20)
    held = DateRange(D(on(10)), None)
    shift = late_entry_shift_days(of, due_on=D(DUE), entered_on=D(on(16)), stops=(held,))
    where = ladder(DUE, entered_overdue=True, shift_days=shift, stops=(held,))
    assert planned(of, where) == ()
    freed = replace(where, stops=(_days(on(10), on(released - 1)),))
    assert [item.nominal_on for item in planned(of, freed)] == [D(on(day)) for day in dates]


def test_a_step_taken_under_another_version_is_not_planned_again() -> None:
    of = policy(5, step(30, key="final"), 60)
    where = ladder(DUE, reached=20, taken_keys=frozenset({"final"}))
    assert keys(planned(of, where)) == ["d+60"]


def test_the_highest_step_is_the_first_one_after_what_was_missed_before_the_due_date() -> None:
    of = policy(-3, 5, 20, late_entry=LateEntry.highest, catch_up=CatchUp.one_at_a_time)
    where = entered(of, DUE, on(30))
    for reached in (None, -3, 0):
        again = ladder(DUE, reached=reached, entered_overdue=True, shift_days=where.shift_days)
        assert key_of(pick(of, again, 30).due) == "d+20"


def _days(start: str, end: str) -> DateRange:
    return DateRange(D(start), D(end))


def _at_noon(of: Policy, where: Ladder, day: int) -> Verdict:
    return judged(at(f"{on(day)}T12:00"), case(1, of, where))


@pytest.mark.parametrize(
    ("offset", "end_on", "recorded_on"),
    [
        (-1, "2026-03-06", "2026-03-01"),
        (1, "2026-03-06", "2026-03-03"),
        (2, "2026-03-06", "2026-03-07"),
        # While the clock stands without an end, a step behind the stop has the day that it would have without one.
        (1, None, "2026-03-03"),
        (2, None, "2026-03-04"),
    ],
)
def test_a_step_that_is_passed_over_has_its_day(offset: int, end_on: str | None, recorded_on: str) -> None:
    stop = DateRange(D("2026-03-04"), D(end_on) if end_on else None)
    stopped = replace(ladder("2026-03-02"), stops=(stop,))
    assert stopped.passed(policy(offset).steps[0]).nominal_on == D(recorded_on)
