"""Invoices that are due in several parts: what is open of each follows from what is open of the whole.

What is paid, credited or given up fills the instalments in order, so what is open lies in the last ones. Nothing is
kept for a part, and nothing can disagree with the invoice's own balances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.domain.invoice_state import RECEIVABLE


@dataclass(frozen=True, slots=True)
class OpenPart:
    """One instalment of an invoice, in minor units.

    Attributes:
        number: From 1, in order of due dates.
        due_on: Its due date.
        amount_minor: What it was issued with.
        principal_minor: What is open of it.
        charges_minor: Open interest and fees of the invoice: with the first part that is open, or else the last one.
        disputed_minor: What of its principal is disputed; a dispute lies on the parts that are due first.
    """

    number: int
    due_on: date
    amount_minor: int
    principal_minor: int
    charges_minor: int = 0
    disputed_minor: int = 0

    @property
    def open_minor(self) -> int:
        """All that is open of it (rule M11)."""
        return self.principal_minor + self.charges_minor


def open_parts(
    instalments: Sequence[Mapping[str, Any]],
    *,
    principal_open_minor: int,
    charges_open_minor: int = 0,
    disputed_minor: int = 0,
) -> tuple[OpenPart, ...]:
    """Spread what is open of an invoice over its instalments.

    Args:
        instalments: As they are kept, `{number, due_on, amount_minor}` in order.
        principal_open_minor: Open principal of the invoice, no more than the instalments together.
        charges_open_minor: Open interest and fees of the invoice.
        disputed_minor: The disputed part of the open principal.
    """
    later = sum(item["amount_minor"] for item in instalments)
    parts: list[OpenPart] = []
    for item in instalments:
        amount = item["amount_minor"]
        later -= amount
        principal = min(amount, max(0, principal_open_minor - later))
        is_last = item is instalments[-1]
        charges = charges_open_minor if principal or is_last else 0
        charges_open_minor -= charges
        disputed = min(disputed_minor, principal)
        disputed_minor -= disputed
        due_on = date.fromisoformat(item["due_on"])
        parts.append(OpenPart(item["number"], due_on, amount, principal, charges, disputed))
    return tuple(parts)


def part_status(invoice_status: str, *, amount_minor: int, principal_minor: int) -> str:
    """`open`, `partially_paid` or `paid`, as for an invoice; the invoice's own where nothing can be owed on it."""
    if invoice_status not in RECEIVABLE | {"paid"}:
        return invoice_status
    if principal_minor == 0:
        return "paid"
    return "open" if principal_minor == amount_minor else "partially_paid"
