"""Which invoices a payment settles, and what it settles within one (rule M3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple
from uuid import UUID

Component = Literal["interest", "fees", "principal"]
"""What an invoice's open amount is made of."""

DEFAULT_ORDER: Final[tuple[Component, ...]] = ("interest", "fees", "principal")
"""Interest before principal, as civil law has it; the tenant may set another order."""


class AllocationError(ValueError):
    """An allocation that the open amounts cannot take."""


class DuePart(NamedTuple):
    """Open principal of an invoice that falls due on a date of its own, in minor units."""

    due_on: date
    principal_open: int


@dataclass(frozen=True, slots=True)
class OpenItem:
    """What is owed on one invoice, in minor units of one currency.

    Attributes:
        invoice_id: The invoice.
        due_on: Its due date, the first key of the order.
        issued_on: Its issue date, the second key.
        principal_open: Unpaid principal.
        interest_open: Unpaid late interest.
        fees_open: Unpaid fees and recovery costs.
        disputed: Part of the open amount that is disputed; a dispute over more than is still open covers all of it.
        parts: The principal by due date, ascending, where the invoice is due in instalments; they add up to it.
    """

    invoice_id: UUID
    due_on: date
    issued_on: date
    principal_open: int
    interest_open: int = 0
    fees_open: int = 0
    disputed: int = 0
    parts: tuple[DuePart, ...] = ()

    def __post_init__(self) -> None:
        if min(self.principal_open, self.interest_open, self.fees_open, self.disputed) < 0:
            raise AllocationError("Open amounts are not negative.")
        if self.parts and sum(part.principal_open for part in self.parts) != self.principal_open:
            raise AllocationError("The parts of an invoice add up to its open principal.")

    @property
    def open_amount(self) -> int:
        """Principal and charges together, in minor units (rule M11)."""
        return self.principal_open + self.interest_open + self.fees_open

    @property
    def available(self) -> int:
        """What automatic allocation may settle: the open amount without its disputed part, in minor units."""
        return max(0, self.open_amount - self.disputed)


class Portion(NamedTuple):
    """What automatic allocation may settle of an invoice by one due date, in minor units and above zero."""

    item: OpenItem
    due_on: date
    available: int


def portions(items: Iterable[OpenItem]) -> tuple[Portion, ...]:
    """What may be settled, in the order in which it is: oldest due date first, then oldest issue date (rule M3).

    An invoice in instalments has a portion for each date, and another invoice that is due in between comes in between.
    Its charges go with its first portion, as they are settled before its principal; what is disputed is taken off the
    first ones. Ids break ties, so that the same facts always give the same order.
    """
    found: list[Portion] = []
    for item in items:
        charges, disputed = item.interest_open + item.fees_open, item.disputed
        due = [part for part in item.parts if part.principal_open] or [DuePart(item.due_on, item.principal_open)]
        for part in due:
            owed = part.principal_open + charges
            available = max(0, owed - disputed)
            if available:
                found.append(Portion(item, part.due_on, available))
            disputed -= owed - available
            charges = 0
    return tuple(sorted(found, key=lambda one: (one.due_on, one.item.issued_on, one.item.invoice_id)))


def split_within_invoice(
    amount: int, item: OpenItem, order: tuple[Component, ...] = DEFAULT_ORDER
) -> dict[Component, int]:
    """Divide what an invoice receives among interest, fees and principal (rule M3).

    A dispute does not limit it: what a payer designates goes where it was sent.

    Args:
        amount: What the invoice receives, in minor units.
        item: Its open amounts.
        order: The three components, the first to be settled first.

    Returns:
        Minor units for each of the three components, zeros included.

    Raises:
        AllocationError: The amount is negative or more than is open, or the order does not name all three once.
    """
    if sorted(order) != sorted(DEFAULT_ORDER):
        raise AllocationError("The order names interest, fees and principal once each.")
    if not 0 <= amount <= item.open_amount:
        raise AllocationError("An invoice takes between nothing and its open amount.")
    open_by_component: dict[Component, int] = {
        "interest": item.interest_open,
        "fees": item.fees_open,
        "principal": item.principal_open,
    }
    result: dict[Component, int] = {}
    left = amount
    for component in order:
        result[component] = min(left, open_by_component[component])
        left -= result[component]
    return result
