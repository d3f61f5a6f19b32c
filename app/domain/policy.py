"""Dunning policies as values (rules D1, D2): what a published version says, ready to be evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

from app.domain.money import round_half_up
from app.domain.windows import SendWindow


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


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee posted with a step (rule M10): a flat amount, or a percentage of the open principal within bounds.

    `currency` limits it to invoices of that currency; amounts are in its minor units.
    """

    currency: str | None
    flat_minor: int | None
    percent: Fraction | None
    min_minor: int | None
    max_minor: int | None

    def amount_minor(self, *, principal_open_minor: int, currency: str) -> int:
        """What the fee comes to on an invoice, rounded once, half up; 0 when it does not apply."""
        if self.currency is not None and self.currency != currency:
            return 0
        if self.flat_minor is not None:
            return self.flat_minor
        amount = round_half_up((self.percent or Fraction(0)) * principal_open_minor / 100)
        if self.min_minor is not None:
            amount = max(amount, self.min_minor)
        if self.max_minor is not None:
            amount = min(amount, self.max_minor)
        return amount


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the ladder (rule D2)."""

    key: str
    offset_days: int
    channels: tuple[str, ...]
    template: str
    min_amount: Mapping[str, int]
    fee: Fee | None
    requires_approval: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """One published version. `steps` ascend strictly by `offset_days`."""

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

    def step(self, key: str) -> Step | None:
        """The step with this key."""
        return next((step for step in self.steps if step.key == key), None)
