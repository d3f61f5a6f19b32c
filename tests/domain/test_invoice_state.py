"""States of an invoice that follow from its facts (rules T2, M5, M11, and the precedence of collection states)."""

from itertools import combinations

import pytest

from app.domain.invoice_state import COLLECTION_PRECEDENCE, collection_state, derive_status, due_state
from app.domain.states import INVOICE
from tests.domain.chasing import D

STATUSES = [
    # now, open, settled by payments, written off, becomes
    ("open", 100, 0, 0, "open"),
    ("open", 99, 1, 0, "partially_paid"),
    ("open", 0, 100, 0, "paid"),
    ("open", 0, 0, 0, "paid"),  # a credit note for the whole, without any payment
    ("open", 50, 0, 0, "open"),  # a credit note for half
    ("open", 0, 0, 100, "written_off"),
    ("open", 40, 0, 60, "open"),  # a part was given up, the rest is still asked for
    ("partially_paid", 100, 0, 0, "open"),  # the payment was reversed
    ("partially_paid", 1, 99, 0, "partially_paid"),
    ("partially_paid", 0, 100, 0, "paid"),
    ("partially_paid", 0, 99, 1, "written_off"),  # however little it was
    ("paid", 0, 100, 0, "paid"),
    ("paid", 100, 0, 0, "open"),
    ("paid", 1, 99, 0, "partially_paid"),
    ("paid", 0, 0, 100, "written_off"),  # the payment that had recovered it was reversed
    ("written_off", 0, 0, 100, "written_off"),
    ("written_off", 0, 30, 70, "written_off"),  # a part came in after all
    ("written_off", 0, 100, 0, "paid"),  # all of it came in after all
    ("written_off", 100, 0, 0, "open"),
    ("written_off", 100, 1, 0, "partially_paid"),
    # Commands alone lead here and away.
    ("draft", 0, 0, 0, "draft"),
    ("draft", 100, 0, 0, "draft"),
    ("void", 0, 0, 0, "void"),
    ("void", 100, 0, 0, "void"),
]


@pytest.mark.parametrize(("current", "open_minor", "settled_minor", "written_off_minor", "status"), STATUSES)
def test_money_decides_the_status(
    current: str, open_minor: int, settled_minor: int, written_off_minor: int, status: str
) -> None:
    derived = derive_status(
        current, open_minor=open_minor, settled_minor=settled_minor, written_off_minor=written_off_minor
    )
    assert derived == status
    if status != current:
        INVOICE.require(current, status)


DUE_STATES = [
    # status, day, state of an invoice due on 2026-03-02
    ("open", "2026-03-01", "not_due"),
    ("open", "2026-03-02", "due"),
    ("open", "2026-03-03", "overdue"),
    ("partially_paid", "2026-03-01", "not_due"),
    ("partially_paid", "2026-03-02", "due"),
    ("partially_paid", "2026-03-03", "overdue"),
    *((status, day, "not_due")
      for status in ("draft", "paid", "void", "written_off") for day in ("2026-03-02", "2026-03-03")),
]  # fmt: skip


@pytest.mark.parametrize(("status", "today", "state"), DUE_STATES)
def test_overdue_begins_on_the_day_after_the_due_date(status: str, today: str, state: str) -> None:
    assert due_state(status, due_on=D("2026-03-02"), today=D(today)) == state


def test_the_strongest_collection_state_is_shown() -> None:
    assert COLLECTION_PRECEDENCE == (
        "legal", "with_agency", "disputed", "in_plan", "promised", "on_hold", "dunning", "none",
    )  # fmt: skip
    for stronger, weaker in combinations(COLLECTION_PRECEDENCE, 2):
        assert collection_state("open", {weaker, stronger}) == stronger
        assert collection_state("partially_paid", {weaker, stronger}) == stronger


@pytest.mark.parametrize("status", ["draft", "paid", "void", "written_off"])
def test_what_is_not_receivable_is_not_collected(status: str) -> None:
    assert collection_state(status, set(COLLECTION_PRECEDENCE)) == "none"


def test_without_any_state_nothing_is_collected() -> None:
    assert collection_state("open", set()) == "none"
