"""States of an invoice that follow from its facts (T2, M11)."""

from collections.abc import Collection
from datetime import date
from typing import Literal

DueState = Literal["not_due", "due", "overdue"]

# Highest first: what is shown when several are true.
COLLECTION_PRECEDENCE = ("legal", "with_agency", "disputed", "in_plan", "promised", "on_hold", "dunning", "none")

RECEIVABLE = frozenset({"open", "partially_paid"})


def derive_status(current: str, *, open_minor: int, settled_minor: int, written_off_minor: int) -> str:
    """The status that money alone decides.

    With nothing open it is `written_off` where anything of it was given up, however little, and else `paid`: a small
    rest that is no loss is closed as a difference. With something open it is `partially_paid` once payments have
    settled a part, and else `open`.

    Args:
        current: the status so far; `draft` and `void` are commands and stay.
        open_minor: what is open, charges included.
        settled_minor: what payments have settled; credit notes are not among it.
        written_off_minor: what was given up and has neither come in nor been taken back.
    """
    if current in {"draft", "void"}:
        return current
    if open_minor == 0:
        return "written_off" if written_off_minor > 0 else "paid"
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
