"""Promises to pay: what counts, until when, and what becomes of them (rule D10)."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Code
from app.domain.promise import Promise, PromiseError, PromiseStatus, consecutive_broken, judge
from app.domain.states import PROMISE

D = date.fromisoformat
MADE = Promise(10_000, D("2026-10-01"), D("2026-10-10"), tolerance_days=2)


@pytest.mark.parametrize(
    ("payments", "today", "status", "paid", "decided_on"),
    [
        ([], "2026-10-01", "open", 0, None),
        ([], "2026-10-12", "open", 0, None),
        # Judged at the start of the day after the last one that counts.
        ([], "2026-10-13", "broken", 0, "2026-10-13"),
        ([], "2026-12-01", "broken", 0, "2026-10-13"),
        ([("2026-10-12", 1)], "2026-10-12", "open", 1, None),
        ([("2026-10-12", 1)], "2026-10-13", "partially_kept", 1, "2026-10-13"),
        ([("2026-10-12", 9_999)], "2026-10-13", "partially_kept", 9_999, "2026-10-13"),
        ([("2026-10-12", 10_000)], "2026-10-13", "kept", 10_000, "2026-10-12"),
        ([("2026-10-13", 10_000)], "2026-10-13", "broken", 0, "2026-10-13"),
        # Payments count from the day it was made.
        ([("2026-09-30", 10_000)], "2026-10-13", "broken", 0, "2026-10-13"),
        ([("2026-10-01", 10_000)], "2026-10-13", "kept", 10_000, "2026-10-01"),
        # Kept at once, whatever is paid on top.
        ([("2026-10-03", 10_000)], "2026-10-03", "kept", 10_000, "2026-10-03"),
        ([("2026-10-05", 6_000), ("2026-10-03", 4_000)], "2026-10-04", "open", 4_000, None),
        ([("2026-10-05", 6_000), ("2026-10-03", 4_000)], "2026-10-05", "kept", 10_000, "2026-10-05"),
        ([("2026-10-03", 10_000), ("2026-10-04", 50)], "2026-10-20", "kept", 10_050, "2026-10-03"),
    ],
)
def test_judgements(
    payments: list[tuple[str, int]], today: str, status: str, paid: int, decided_on: str | None
) -> None:
    found = judge(MADE, [(D(on), amount) for on, amount in payments], D(today))
    assert (found.status, found.paid_minor) == (status, paid)
    assert found.decided_on == (None if decided_on is None else D(decided_on))
    assert found.wake_on == (D("2026-10-13") if status == "open" else None)


@pytest.mark.parametrize(
    ("amount", "percent", "enough"),
    [(10_000, "0", 10_000), (10_000, "5", 9_500), (10_000, "2.5", 9_750), (9_999, "5", 9_500), (1, "99", 1)],
)
def test_the_tolerance_leaves_what_is_enough(amount: int, percent: str, enough: int) -> None:
    promise = Promise(amount, D("2026-10-01"), D("2026-10-10"), tolerance_percent=Fraction(percent))
    assert promise.enough_minor == enough
    assert judge(promise, [(D("2026-10-10"), enough)], D("2026-10-11")).status == "kept"
    assert judge(promise, [(D("2026-10-10"), enough - 1)], D("2026-10-11")).status != "kept"


def test_a_reversal_gives_the_former_state_back() -> None:
    payments = [(D("2026-10-03"), 10_000)]
    assert judge(MADE, payments, D("2026-10-05")).status == "kept"
    assert judge(MADE, [], D("2026-10-05")).status == "open"
    assert judge(MADE, [], D("2026-10-13")).status == "broken"
    assert PROMISE.allows("kept", "open")
    assert PROMISE.allows("kept", "broken")


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"amount_minor": 0}, Code.out_of_range, "/amount"),
        ({"promised_on": D("2026-09-30")}, Code.date_order, "/promised_on"),
        ({"tolerance_days": -1}, Code.out_of_range, "/tolerance_days"),
        ({"tolerance_days": 366}, Code.out_of_range, "/tolerance_days"),
        ({"tolerance_percent": Fraction(-1)}, Code.out_of_range, "/tolerance_percent"),
        ({"tolerance_percent": Fraction(100)}, Code.out_of_range, "/tolerance_percent"),
        ({"promised_on": date.max}, Code.out_of_range, "/promised_on"),
    ],
)
def test_what_cannot_be_promised(fields: dict[str, Any], code: Code, pointer: str) -> None:
    base: dict[str, Any] = {"amount_minor": 1, "made_on": D("2026-10-01"), "promised_on": D("2026-10-01")}
    Promise(**base)
    with pytest.raises(PromiseError) as caught:
        Promise(**{**base, **fields})
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


@pytest.mark.parametrize(
    ("statuses", "row"),
    [
        ([], 0),
        (["broken"], 1),
        (["broken", "broken"], 2),
        (["broken", "kept"], 0),
        (["broken", "partially_kept"], 0),
        (["kept", "broken", "cancelled", "broken", "open"], 2),
    ],
)
def test_promises_broken_in_a_row(statuses: list[PromiseStatus], row: int) -> None:
    start = D("2026-01-01")
    history = [(Promise(1, start, start + timedelta(days=number)), status) for number, status in enumerate(statuses)]
    assert consecutive_broken(history) == row
    assert consecutive_broken(history[::-1]) == row


@given(
    payments=st.lists(st.tuples(st.dates(D("2026-09-28"), D("2026-10-16")), st.integers(1, 6_000)), max_size=5),
    today=st.dates(D("2026-10-01"), D("2026-10-20")),
)
def test_each_day_follows_from_the_one_before(payments: list[tuple[date, int]], today: date) -> None:
    before, after = (judge(MADE, payments, on) for on in (today, today + timedelta(days=1)))
    assert before == judge(MADE, payments[::-1], today)
    assert before.status == after.status or PROMISE.allows(before.status, after.status)
    assert after.paid_minor >= before.paid_minor
    # Once judged, nothing changes by time.
    assert before.status == "open" or before == after or before.status == after.status == "kept"
