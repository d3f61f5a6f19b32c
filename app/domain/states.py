"""State machines as tables: what each status may become, and nothing else.

The database's CHECKs list the same states, and a test goes over every pair.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


class IllegalTransition(ValueError):  # noqa: N818 - named as the rule that it breaks; callers turn it into a conflict
    """A status may not become another.

    Attributes:
        machine: Name of the state machine.
        old: Status before.
        new: Status asked for.
    """

    def __init__(self, machine: str, old: str, new: str) -> None:
        super().__init__(f"{machine}: {old} cannot become {new}.")
        self.machine = machine
        self.old = old
        self.new = new


@dataclass(frozen=True, slots=True)
class StateMachine:
    """States and the transitions between them. Staying in a state is no transition.

    Attributes:
        name: What it describes.
        initial: States in which a record may be born.
        transitions: For every state, those that it may become; empty for a final one.
    """

    name: str
    initial: frozenset[str]
    transitions: Mapping[str, frozenset[str]]

    def __post_init__(self) -> None:
        reached = self.initial.union(*self.transitions.values())
        if not self.initial or not reached <= self.states:
            raise ValueError(f"{self.name}: every state has a row, and one at least is initial.")
        if any(state in targets for state, targets in self.transitions.items()):
            raise ValueError(f"{self.name}: a state does not become itself.")

    @property
    def states(self) -> frozenset[str]:
        """Every state, for the database's CHECK."""
        return frozenset(self.transitions)

    @property
    def final(self) -> frozenset[str]:
        """States that nothing leaves."""
        return frozenset(state for state, targets in self.transitions.items() if not targets)

    def allows(self, old: str, new: str) -> bool:
        """Tell whether `old` may become `new`; an unknown state may become nothing."""
        return new in self.transitions.get(old, frozenset())

    def require(self, old: str, new: str) -> None:
        """Let a transition pass.

        Raises:
            IllegalTransition: `old` may not become `new`.
        """
        if not self.allows(old, new):
            raise IllegalTransition(self.name, old, new)


def _machine(name: str, initial: str, **rows: str) -> StateMachine:
    table = {state: frozenset(targets.split()) for state, targets in rows.items()}
    return StateMachine(name, frozenset(initial.split()), MappingProxyType(table))


INVOICE: Final = _machine(
    "invoice",
    "draft open",
    draft="open",
    open="partially_paid paid written_off void",
    partially_paid="open paid written_off",
    # Given up again, where a payment that had recovered it is taken back.
    paid="open partially_paid written_off",
    # Paid once all that was given up has come in after all.
    written_off="open partially_paid paid",
    void="",
)

CASE: Final = _machine(
    "case",
    "open",
    open="active suspended exhausted closed",
    active="suspended exhausted closed",
    suspended="active closed",
    exhausted="active closed",
    closed="active",
)

# Approval is a station for the steps that ask for it (rule D2); the others pass it by or are born ready.
REMINDER: Final = _machine(
    "reminder",
    "scheduled awaiting_approval ready",
    scheduled="awaiting_approval ready skipped cancelled",
    awaiting_approval="ready skipped cancelled",
    ready="sending skipped cancelled",
    sending="sent ready outcome_unknown",
    sent="delivered failed",
    delivered="failed",
    outcome_unknown="sent failed",
    failed="",
    skipped="",
    cancelled="",
)

CHARGE: Final = _machine(
    "charge",
    "posted",
    posted="paid waived reversed",
    paid="posted",
    waived="",
    reversed="",
)

PAYMENT: Final = _machine(
    "payment",
    "pending posted",
    pending="posted reversed",
    posted="reversed",
    reversed="",
)

# Applied when nothing of it is left; open again when an application is undone.
CREDIT_NOTE: Final = _machine(
    "credit_note",
    "open",
    open="applied voided",
    applied="open voided",
    voided="",
)

IMPORT: Final = _machine(
    "import",
    "receiving",
    receiving="queued cancelled",
    queued="running cancelled",
    running="completed failed cancelled",
    completed="",
    failed="",
    cancelled="",
)

# One that has not begun can be released, too.
HOLD: Final = _machine(
    "hold",
    "scheduled active",
    scheduled="active released",
    active="released expired",
    released="",
    expired="",
)

# Judged promises are judged again by reversals and backdated payments (rules M5 and M6). Only one that was kept ahead
# of its day is open again, where the payment is taken back before that day is over.
PROMISE: Final = _machine(
    "promise",
    "open",
    open="kept partially_kept broken cancelled",
    kept="open partially_kept broken",
    partially_kept="kept broken",
    broken="kept partially_kept",
    cancelled="",
)

DISPUTE: Final = _machine(
    "dispute",
    "open",
    open="accepted partially_accepted rejected withdrawn",
    accepted="",
    partially_accepted="",
    rejected="",
    withdrawn="",
)

PLAN: Final = _machine(
    "plan",
    "draft",
    # What has not begun can be given up.
    draft="proposed cancelled",
    proposed="accepted cancelled",
    accepted="active cancelled",
    active="completed defaulted cancelled superseded",
    completed="active",
    defaulted="",
    cancelled="",
    superseded="",
)

# A payment in full does not stop at partially paid (rule P3); only what is still owed can be waived.
INSTALMENT: Final = _machine(
    "instalment",
    "pending",
    # Paid ahead of its day, in part or whole; a part payment that comes back leaves it pending or due.
    pending="due partially_paid paid waived",
    due="partially_paid paid missed waived",
    partially_paid="pending due paid missed waived",
    missed="partially_paid paid waived",
    paid="pending due partially_paid missed",
    waived="",
)

PLACEMENT: Final = _machine(
    "placement",
    "placed",
    placed="acknowledged recalled returned",
    acknowledged="in_progress closed recalled returned",
    in_progress="closed recalled returned",
    closed="",
    recalled="",
    returned="",
)

TASK: Final = _machine(
    "task",
    "open",
    open="done cancelled",
    done="",
    cancelled="",
)

DUNNING_RUN: Final = _machine(
    "dunning_run",
    "planning",
    planning="planned failed",
    planned="approved discarded",
    approved="completed",
    completed="",
    discarded="",
    failed="",
)

DELIVERY: Final = _machine(
    "delivery",
    "pending",
    pending="in_flight",
    in_flight="delivered retry_scheduled exhausted",
    retry_scheduled="in_flight",
    delivered="",
    exhausted="",
)

MACHINES: Final[Mapping[str, StateMachine]] = MappingProxyType(
    {
        machine.name: machine
        for machine in (
            INVOICE,
            CASE,
            REMINDER,
            CHARGE,
            PAYMENT,
            CREDIT_NOTE,
            IMPORT,
            HOLD,
            PROMISE,
            DISPUTE,
            PLAN,
            INSTALMENT,
            PLACEMENT,
            TASK,
            DUNNING_RUN,
            DELIVERY,
        )
    }
)
"""Every state machine by its name."""
