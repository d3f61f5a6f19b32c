"""When steps are due, and which of them goes out (rules D3, D4, T4): one table a rule.

March 2026 begins on a Sunday: the 2nd, 9th, 16th, 23rd and 30th are Mondays.
"""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Code
from app.domain.ladder import Choice, Ladder, choose, late_entry_shift_days
from app.domain.policy import CatchUp, LateEntry, Policy
from app.domain.windows import SendWindow
from tests.domain import chasing
from tests.domain.chasing import EVERY_DAY, OFFICE, D, chosen, entered, key_of, keys, ladder, planned, policy

LEVELS = policy(5, 20, 40)
MONDAY = "2026-03-02"


# T4, D3 -------------------------------------------------------------------------------------------------------------

ROLLS = [
    # due on, offset, nominal, sent on office days
    ("2026-03-02", 0, "2026-03-02", "2026-03-02"),  # a Monday stays
    ("2026-03-02", 4, "2026-03-06", "2026-03-06"),  # a Friday stays
    ("2026-03-02", 5, "2026-03-07", "2026-03-09"),  # Saturday, after the due date: forward
    ("2026-03-02", 6, "2026-03-08", "2026-03-09"),  # Sunday: forward
    ("2026-03-02", 7, "2026-03-09", "2026-03-09"),
    ("2026-03-07", 0, "2026-03-07", "2026-03-09"),  # due on a Saturday, step on the due date: forward
    ("2026-03-09", -1, "2026-03-08", "2026-03-06"),  # Sunday, before the due date: back
    ("2026-03-09", -2, "2026-03-07", "2026-03-06"),  # Saturday: back
    ("2026-03-09", -3, "2026-03-06", "2026-03-06"),
]


@pytest.mark.parametrize(("due_on", "offset", "nominal_on", "send_on"), ROLLS)
def test_a_step_rolls_to_an_office_day_and_keeps_its_nominal_date(
    due_on: str, offset: int, nominal_on: str, send_on: str
) -> None:
    (item,) = planned(policy(offset), ladder(due_on), window=OFFICE)
    assert (item.nominal_on, item.send_on) == (D(nominal_on), D(send_on))


@pytest.mark.parametrize(
    ("offset", "holidays", "send_on"),
    [
        (3, ["2026-03-05"], "2026-03-06"),
        (3, ["2026-03-05", "2026-03-06"], "2026-03-09"),
        (-3, ["2026-02-27"], "2026-02-26"),
        (-3, ["2026-02-28"], "2026-02-27"),
    ],
)
def test_a_step_rolls_off_holidays_too(offset: int, holidays: list[str], send_on: str) -> None:
    (item,) = planned(policy(offset), ladder(MONDAY), window=OFFICE, holidays=holidays)
    assert item.send_on == D(send_on)


@pytest.mark.parametrize("offset", [-3, 0, 1, 5])
def test_a_step_is_due_from_its_date_on(offset: int) -> None:
    due_on = D(MONDAY)
    of = policy(offset)
    on = due_on + timedelta(days=offset)
    found = {away: key_of(chosen(of, ladder(MONDAY), str(on + timedelta(days=away))).due) for away in (-1, 0, 1)}
    assert found == {-1: None, 0: f"d{offset:+d}", 1: f"d{offset:+d}"}


LEVEL_DAYS = [
    # days after the due date, what goes out on time, what comes next
    (0, None, "d+5"),
    (4, None, "d+5"),
    (5, "d+5", "d+20"),
    (6, None, "d+20"),
    (19, None, "d+20"),
    (20, "d+20", "d+40"),
    (21, None, "d+40"),
    (39, None, "d+40"),
    (40, "d+40", None),
    (41, None, None),
]


@pytest.mark.parametrize(("day", "due", "following"), LEVEL_DAYS)
def test_levels_at_5_20_and_40_days(day: int, due: str | None, following: str | None) -> None:
    """Every step that was due before has been sent on its day."""
    sent = [offset for offset in (5, 20, 40) if offset < day]
    where = ladder(MONDAY, reached=max(sent, default=None))
    choice = chosen(LEVELS, where, str(D(MONDAY) + timedelta(days=day)))
    assert (key_of(choice.due), key_of(choice.upcoming)) == (due, following)
    assert (choice.passed, choice.superseded) == ((), ())


# D3: catch_up --------------------------------------------------------------------------------------------------------

HIGHEST, ONE, SKIP = CatchUp.highest, CatchUp.one_at_a_time, CatchUp.skip
CATCH_UP = [
    # mode, days after the due date, reached, due, superseded, missed, following
    (HIGHEST, 4, None, None, [], [], "d+5"),
    (HIGHEST, 5, None, "d+5", [], [], "d+20"),
    (HIGHEST, 6, None, "d+5", [], [], "d+20"),
    (HIGHEST, 19, None, "d+5", [], [], "d+20"),
    (HIGHEST, 20, None, "d+20", ["d+5"], [], "d+40"),
    (HIGHEST, 21, None, "d+20", ["d+5"], [], "d+40"),
    (HIGHEST, 400, None, "d+40", ["d+5", "d+20"], [], None),
    (HIGHEST, 400, 5, "d+40", ["d+20"], [], None),
    (HIGHEST, 400, 40, None, [], [], None),
    (ONE, 4, None, None, [], [], "d+5"),
    (ONE, 5, None, "d+5", [], [], "d+20"),
    (ONE, 20, None, "d+5", [], [], "d+20"),
    (ONE, 400, None, "d+5", [], [], "d+20"),
    (ONE, 400, 5, "d+20", [], [], "d+40"),
    (ONE, 400, 20, "d+40", [], [], None),
    (SKIP, 4, None, None, [], [], "d+5"),
    (SKIP, 5, None, "d+5", [], [], "d+20"),
    (SKIP, 6, None, None, [], ["d+5"], "d+20"),
    (SKIP, 20, None, "d+20", [], ["d+5"], "d+40"),
    (SKIP, 21, None, None, [], ["d+5", "d+20"], "d+40"),
    (SKIP, 41, None, None, [], ["d+5", "d+20", "d+40"], None),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "day", "reached", "due", "superseded", "missed", "following"), CATCH_UP)
def test_catch_up_decides_what_a_late_run_sends(
    mode: CatchUp,
    day: int,
    reached: int | None,
    due: str | None,
    superseded: list[str],
    missed: list[str],
    following: str | None,
) -> None:
    of = policy(5, 20, 40, catch_up=mode)
    choice = chosen(of, ladder(MONDAY, reached=reached), str(D(MONDAY) + timedelta(days=day)))
    assert (key_of(choice.due), keys(choice.superseded), keys(choice.missed), key_of(choice.upcoming)) == (
        due,
        superseded,
        missed,
        following,
    )
    assert [(item.step.key, code) for item, code in choice.passed] == [(key, Code.missed) for key in missed]


def test_skip_drops_no_step_whose_day_was_closed() -> None:
    """Due on Saturday, it is sent on Monday: no sendable day was missed; on Tuesday one was."""
    of = policy(5, catch_up=SKIP)
    assert [key_of(chosen(of, ladder(MONDAY), day, window=OFFICE).due) for day in ("2026-03-09", "2026-03-10")] == [
        "d+5",
        None,
    ]


@pytest.mark.parametrize("mode", CatchUp)
@pytest.mark.parametrize(("sent_on", "due"), [("2026-04-20", "d+40"), ("2026-04-21", None), ("2026-04-22", None)])
def test_a_case_takes_one_step_a_day(mode: CatchUp, sent_on: str, due: str | None) -> None:
    """The 40th day after 2026-03-12 is 2026-04-21."""
    of = policy(20, 40, catch_up=mode)
    choice = chosen(of, ladder("2026-03-12", reached=20, sent_on=sent_on), "2026-04-21")
    assert key_of(choice.due) == due
    assert key_of(choice.upcoming if due is None else choice.due) == "d+40"
    assert choice.superseded == ()


@pytest.mark.parametrize(("mode", "following"), [(HIGHEST, "d+40"), (ONE, "d+5")], ids=["highest", "one at a time"])
def test_after_today_s_step_the_next_one_is_named_by_catch_up(mode: CatchUp, following: str) -> None:
    """A reversal has given the case back with its steps, on a day on which it had got a message."""
    of = policy(5, 20, 40, catch_up=mode)
    choice = chosen(of, ladder(MONDAY, sent_on="2026-05-01"), "2026-05-01")
    assert (choice.due, key_of(choice.upcoming)) == (None, following)


# D4 ------------------------------------------------------------------------------------------------------------------

BEFORE = [
    # days after the due date, what goes out of steps on -7, -3 and 5, what is missed
    (-8, None, []),
    (-7, "d-7", []),
    (-4, "d-7", []),
    (-3, "d-3", []),
    (-1, "d-3", []),
    (0, "d-3", []),
    (1, None, ["d-7", "d-3"]),
    (5, "d+5", ["d-7", "d-3"]),
]


@pytest.mark.parametrize("mode", [HIGHEST, ONE])
@pytest.mark.parametrize(("day", "due", "missed"), BEFORE)
def test_a_step_before_the_due_date_is_never_sent_after_it(
    mode: CatchUp, day: int, due: str | None, missed: list[str]
) -> None:
    of = policy(-7, -3, 5, catch_up=mode)
    choice = chosen(of, ladder(MONDAY), str(D(MONDAY) + timedelta(days=day)))
    lowest_first = "d-7" if mode is ONE and due == "d-3" else due
    assert (key_of(choice.due), keys(choice.missed)) == (lowest_first, missed)


# D3: late entry ------------------------------------------------------------------------------------------------------

SHIFTS = [
    # steps, days after the due date at entry, days that `restart` moves the ladder
    ([5, 20, 40], -1, 0),
    ([5, 20, 40], 0, 0),
    ([5, 20, 40], 1, 0),
    ([5, 20, 40], 4, 0),
    ([5, 20, 40], 5, 0),
    ([5, 20, 40], 6, 1),
    ([5, 20, 40], 100, 95),
    ([-3, 0, 5], 100, 95),
    ([-3, 0], 100, 0),
    ([1], 1, 0),
    ([1], 2, 1),
]


@pytest.mark.parametrize(("offsets", "day", "days"), SHIFTS)
def test_restart_moves_the_ladder_to_the_day_of_entry(offsets: list[int], day: int, days: int) -> None:
    entered_on = D(MONDAY) + timedelta(days=day)
    assert late_entry_shift_days(policy(*offsets), due_on=D(MONDAY), entered_on=entered_on) == days
    highest = policy(*offsets, late_entry=LateEntry.highest)
    assert late_entry_shift_days(highest, due_on=D(MONDAY), entered_on=entered_on) == 0


def test_restart_keeps_the_spacing_and_leaves_what_is_before_the_due_date() -> None:
    of = policy(-3, 0, 5, 20, 40)
    where = entered(of, MONDAY, "2026-06-10")
    assert where.shift_days == 95
    assert [(item.step.key, str(item.nominal_on)) for item in planned(of, where)] == [
        ("d-3", "2026-02-27"),
        ("d+0", "2026-03-02"),
        ("d+5", "2026-06-10"),
        ("d+20", "2026-06-25"),
        ("d+40", "2026-07-15"),
    ]


RESTART, TOP = LateEntry.restart, LateEntry.highest
ENTRIES = [
    # late entry, catch-up, days after the due date at entry, days since, due, superseded
    (RESTART, HIGHEST, 100, 0, "d+5", []),
    (RESTART, HIGHEST, 100, 14, "d+5", []),
    (RESTART, HIGHEST, 100, 15, "d+20", ["d+5"]),
    (RESTART, ONE, 100, 0, "d+5", []),
    (RESTART, SKIP, 100, 0, "d+5", []),
    (RESTART, HIGHEST, 3, 0, None, []),
    (RESTART, HIGHEST, 3, 2, "d+5", []),
    (TOP, HIGHEST, 100, 0, "d+40", ["d+5", "d+20"]),
    (TOP, HIGHEST, 39, 0, "d+20", ["d+5"]),
    (TOP, HIGHEST, 40, 0, "d+40", ["d+5", "d+20"]),
    (TOP, ONE, 39, 0, "d+20", ["d+5"]),
    (TOP, SKIP, 39, 0, "d+20", ["d+5"]),
    (TOP, SKIP, 40, 0, "d+40", ["d+5", "d+20"]),
    (TOP, HIGHEST, 3, 0, None, []),
    (TOP, HIGHEST, 3, 2, "d+5", []),
]  # fmt: skip


@pytest.mark.parametrize(("late_entry", "mode", "day", "since", "due", "superseded"), ENTRIES)
def test_a_case_first_seen_overdue_enters_by_late_entry(
    late_entry: LateEntry, mode: CatchUp, day: int, since: int, due: str | None, superseded: list[str]
) -> None:
    of = policy(-3, 0, 5, 20, 40, late_entry=late_entry, catch_up=mode)
    entered_on = D(MONDAY) + timedelta(days=day)
    choice = chosen(of, entered(of, MONDAY, str(entered_on)), str(entered_on + timedelta(days=since)))
    assert (key_of(choice.due), keys(choice.superseded)) == (due, superseded)
    # What was for before or on the due date is not said to somebody first met after it.
    assert keys(choice.missed) == ["d-3", "d+0"]


@pytest.mark.parametrize("late_entry", LateEntry)
@pytest.mark.parametrize(("on", "due"), [("2026-03-01", "d-3"), ("2026-03-02", "d+0"), ("2026-03-03", None)])
def test_late_begins_on_the_day_after_the_due_date(late_entry: LateEntry, on: str, due: str | None) -> None:
    of = policy(-3, 0, 5, late_entry=late_entry)
    assert key_of(chosen(of, entered(of, MONDAY, on), on).due) == due


def test_late_entry_is_about_the_first_step_alone() -> None:
    """Later a block makes it late again, and then `catch_up` decides."""
    of = policy(5, 20, 40, late_entry=TOP, catch_up=ONE)
    where = ladder(MONDAY, reached=5, entered_overdue=True)
    assert key_of(chosen(of, where, "2026-06-01").due) == "d+20"


# Properties ----------------------------------------------------------------------------------------------------------

OFFSETS = st.lists(st.integers(-30, 60), min_size=1, max_size=6, unique=True).map(sorted)
POLICIES = st.builds(
    lambda offsets, catch_up, late_entry: policy(*offsets, catch_up=catch_up, late_entry=late_entry),
    OFFSETS,
    st.sampled_from(CatchUp),
    st.sampled_from(LateEntry),
)
DAYS = st.integers(-40, 90).map(lambda day: D(MONDAY) + timedelta(days=day))
WINDOWS = st.sets(st.integers(0, 6), min_size=1).map(lambda days: SendWindow.of("09:00", "18:00", days))
HOLIDAYS = st.sets(DAYS, max_size=10)


def ladder_at(of: Policy, entered_on: date, reached: int | None = None) -> Ladder:
    return Ladder(
        due_on=D(MONDAY),
        shift_days=late_entry_shift_days(of, due_on=D(MONDAY), entered_on=entered_on),
        entered_overdue=entered_on > D(MONDAY),
        reached_offset_days=reached,
        last_sent_on=None,
    )


@given(of=POLICIES, entered_on=DAYS, today=DAYS, window=WINDOWS, holidays=HOLIDAYS, reached=st.integers(-40, 60))
def test_every_step_has_one_place_in_a_choice(
    of: Policy, entered_on: date, today: date, window: SendWindow, holidays: set[date], reached: int
) -> None:
    where = ladder_at(of, entered_on, reached if reached >= -30 else None)
    items = chasing.plan_steps(of, where, window=window, holidays=holidays)
    choice = choose(of, where, items, today=today, customer_today=today)

    assert all(item.step.offset_days > reached for item in items if reached >= -30)
    assert [item.send_on for item in items] == sorted(item.send_on for item in items)
    assert all(item.send_on not in holidays and item.send_on.weekday() in window.days for item in items)

    placed = keys([*choice.missed, *choice.superseded, *([choice.due] if choice.due else [])])
    assert len(placed) == len(set(placed))
    assert choice.upcoming is None or choice.upcoming.step.key not in placed
    if choice.due is not None:
        assert choice.due.send_on <= today
        assert choice.due.step.offset_days >= 0 or (today <= where.due_on and not where.entered_overdue)
        assert all(lower.step.offset_days < choice.due.step.offset_days for lower in choice.superseded)
    _check_nothing_is_lost(of, where, choice, keys(items), today)


def _check_nothing_is_lost(of: Policy, where: Ladder, choice: Choice, known: list[str], today: date) -> None:
    """A step disappears by being sent, superseded or missed, and is missed by D4 or `skip` alone."""
    gone = {*keys(choice.missed), *keys(choice.superseded), key_of(choice.due)}
    left = [key for key in known if key not in gone]
    assert (key_of(choice.upcoming) == left[0]) if left else choice.upcoming is None
    if of.catch_up is not SKIP:
        for item in choice.missed:
            too_late = today > where.due_on and item.step.offset_days < 0
            assert too_late or (where.entered_overdue and item.step.offset_days <= 0)


@given(of=POLICIES, entered_on=DAYS, window=WINDOWS, runs=st.sets(DAYS))
def test_over_any_days_of_running_each_step_is_taken_once_in_order(
    of: Policy, entered_on: date, window: SendWindow, runs: set[date]
) -> None:
    where = ladder_at(of, entered_on)
    taken: list[tuple[date, int]] = []
    for today in sorted(day for day in runs if day >= entered_on):
        items = chasing.plan_steps(of, where, window=window, holidays=())
        choice = choose(of, where, items, today=today, customer_today=today)
        reached = [item.step.offset_days for item in (*choice.missed, *([choice.due] if choice.due else []))]
        if choice.due is not None:
            taken.append((today, choice.due.step.offset_days))
        if reached:
            where = Ladder(
                due_on=where.due_on,
                shift_days=where.shift_days,
                entered_overdue=where.entered_overdue,
                reached_offset_days=max(reached),
                last_sent_on=today if choice.due is not None else where.last_sent_on,
            )
    days, offsets = [day for day, _ in taken], [offset for _, offset in taken]
    assert days == sorted(set(days))
    assert offsets == sorted(set(offsets))


@given(offsets=OFFSETS, window=WINDOWS)
def test_a_punctual_run_sends_the_same_whatever_catch_up_says(offsets: list[int], window: SendWindow) -> None:
    """As long as no two steps roll onto one day."""
    dates = [item.send_on for item in chasing.plan_steps(policy(*offsets), ladder(MONDAY), window=window, holidays=())]
    if len(set(dates)) < len(dates):
        return
    for mode in CatchUp:
        of = policy(*offsets, catch_up=mode)
        for index, day in enumerate(dates):
            where = ladder(MONDAY, reached=offsets[index - 1] if index else None)
            choice = choose(
                of, where, chasing.plan_steps(of, where, window=window, holidays=()), today=day, customer_today=day
            )
            assert key_of(choice.due) == of.steps[index].key


def test_the_calendar_of_a_step_follows_from_the_due_date_alone() -> None:
    """A late run finds the same dates as a punctual one: no step is chained to the one before it."""
    dates = [item.send_on for item in planned(LEVELS, ladder(MONDAY), window=OFFICE)]
    for reached in (None, 5, 20):
        rest = planned(LEVELS, ladder(MONDAY, reached=reached, sent_on="2026-04-30"), window=OFFICE)
        assert [item.send_on for item in rest] == dates[len(dates) - len(rest) :]
    assert planned(LEVELS, ladder(MONDAY), window=EVERY_DAY)[0].send_on == D("2026-03-07")
