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
    """

    invoice_id: UUID
    due_on: date
    issued_on: date
    principal_open: int
    interest_open: int = 0
    fees_open: int = 0
    disputed: int = 0

    def __post_init__(self) -> None:
        if min(self.principal_open, self.interest_open, self.fees_open, self.disputed) < 0:
            raise AllocationError("Open amounts are not negative.")

    @property
    def open_amount(self) -> int:
        """Principal and charges together, in minor units (rule M11)."""
        return self.principal_open + self.interest_open + self.fees_open

    @property
    def available(self) -> int:
        """What automatic allocation may settle: the open amount without its disputed part, in minor units."""
        return max(0, self.open_amount - self.disputed)


class Allocation(NamedTuple):
    """An amount, in minor units and above zero, that goes to one invoice."""

    invoice_id: UUID
    amount: int


def allocate_automatically(amount: int, items: Iterable[OpenItem]) -> tuple[tuple[Allocation, ...], int]:
    """Spread a payment over open invoices: oldest due date first, then oldest issue date (rule M3).

    Ids break ties, so that the same facts always give the same allocations. Due plan instalments come before all
    this, and are the caller's to serve first.

    Args:
        amount: What there is to allocate, in minor units.
        items: Open invoices of one customer and one currency, in any order.

    Returns:
        The allocations in that order, and the remainder in minor units, which stays unapplied.

    Raises:
        AllocationError: The amount is negative.
    """
    if amount < 0:
        raise AllocationError("An amount to allocate is not negative.")
    left = amount
    allocations: list[Allocation] = []
    for item in sorted(items, key=lambda item: (item.due_on, item.issued_on, item.invoice_id)):
        taken = min(left, item.available)
        if taken:
            allocations.append(Allocation(item.invoice_id, taken))
            left -= taken
    return tuple(allocations), left


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
