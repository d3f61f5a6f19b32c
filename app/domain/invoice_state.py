"""States of an invoice that follow from its facts (T2, M11)."""

from collections.abc import Collection
from datetime import date
from typing import Literal

DueState = Literal["not_due", "due", "overdue"]

# Highest first: what is shown when several are true.
COLLECTION_PRECEDENCE = ("legal", "with_agency", "disputed", "in_plan", "promised", "on_hold", "dunning", "none")

RECEIVABLE = frozenset({"open", "partially_paid"})


def derive_status(current: str, *, open_minor: int, settled_minor: int) -> str:
    """The status that money alone decides: paid at zero, partly paid once something was settled, else open.

    `draft`, `void` and `written_off` are commands and stay.
    """
    if current in {"draft", "void", "written_off"}:
        return current
    if open_minor == 0:
        return "paid"
    return "partially_paid" if settled_minor > 0 else "open"


def due_state(status: str, *, due_on: date, today: date) -> DueState:
    """`due` on the due date, `overdue` from the next day, `not_due` before it and for what is not receivable."""
    if status not in RECEIVABLE or today < due_on:
        return "not_due"
    return "due" if today == due_on else "overdue"


def collection_state(status: str, states: Collection[str]) -> str:
    """The strongest of the states that hold, by precedence; `none` for what is not receivable."""
    if status not in RECEIVABLE:
        return "none"
    return next(state for state in COLLECTION_PRECEDENCE if state == "none" or state in states)
