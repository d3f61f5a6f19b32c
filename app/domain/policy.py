"""Dunning policies as values (rules D1, D2): what a published version says, ready to be evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.domain.conditions import EVERYTHING, Conditions
from app.domain.fees import Fee
from app.domain.windows import SendWindow

__all__ = ["CatchUp", "Fee", "Grouping", "LateEntry", "OnExhausted", "Policy", "Step"]


class Grouping(StrEnum):
    """One reminder for each customer, or one for each invoice (rule D5)."""

    customer = "customer"
    invoice = "invoice"


class CatchUp(StrEnum):
    """Which of several due steps goes out (rule D3)."""

    highest = "highest"
    one_at_a_time = "one_at_a_time"
    skip = "skip"


class LateEntry(StrEnum):
    """Where the ladder begins for a case that was overdue when it was first seen (rule D3)."""

    restart = "restart"
    highest = "highest"
    hold = "hold"


class OnExhausted(StrEnum):
    """What is wanted once a ladder has come to its end, beside the event."""

    event = "event"
    task = "task"
    suggest_placement = "suggest_placement"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the ladder (rule D2); a case that does not meet its conditions passes it over."""

    key: str
    offset_days: int
    channels: tuple[str, ...]
    template: str
    min_amount: Mapping[str, int]
    fee: Fee | None
    requires_approval: bool
    conditions: Conditions = EVERYTHING
    on_exhausted: OnExhausted = OnExhausted.event


@dataclass(frozen=True, slots=True)
class Policy:
    """One published version. `steps` ascend strictly by `offset_days`; a case takes `max_count` of them at most."""

    id: UUID
    version: int
    grouping: Grouping
    catch_up: CatchUp
    late_entry: LateEntry
    min_gap_days: int
    min_amount: Mapping[str, int]
    send_window: SendWindow | None
    calendar: str | None
    steps: tuple[Step, ...]
    max_count: int | None = None

    @property
    def on_exhausted(self) -> OnExhausted:
        """What the last step wants once the ladder has come to its end."""
        return self.steps[-1].on_exhausted

    def step(self, key: str) -> Step | None:
        """The step with this key."""
        return next((step for step in self.steps if step.key == key), None)

    def own_step(self, key: str) -> Step:
        """The step with this key, which was planned by this version.

        Raises:
            LookupError: it was planned by another one.
        """
        found = self.step(key)
        if found is None:
            raise LookupError("the pinned version has no such step")
        return found
