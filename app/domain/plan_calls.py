"""Which invoice takes what is paid on a plan, and by when it asks for it (rules M3, P3).

A plan gives what it covers new dates: its instalments are what is due, and not the invoices. Its invoices take what is
paid on them in their own order, oldest first, so that each instalment lies on one of them or on several.
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple
from uuid import UUID


class Covered(NamedTuple):
    """An invoice that a plan covers, and what automatic allocation may settle of it, in minor units."""

    invoice_id: UUID
    due_on: date
    available_minor: int


class Call(NamedTuple):
    """An amount, in minor units and above zero, that is asked for on one invoice by a date."""

    due_on: date
    invoice_id: UUID
    amount_minor: int


def calls(instalments: Iterable[tuple[date, int]], invoices: Iterable[Covered]) -> tuple[list[Call], list[Call]]:
    """Lay what is open of a plan on its invoices.

    Args:
        instalments: Due date and open amount of each, in order of dates.
        invoices: What the plan covers, in the order in which it is settled.

    Returns:
        What the plan asks for, in order of dates; and what is open of the invoices beyond the plan, by their own dates.
    """
    left = [(invoice, invoice.available_minor) for invoice in invoices if invoice.available_minor > 0]
    asked: list[Call] = []
    for due_on, amount in instalments:
        needed = amount
        while needed and left:
            invoice, available = left[0]
            part = min(needed, available)
            asked.append(Call(due_on, invoice.invoice_id, part))
            needed -= part
            left[0] = (invoice, available - part)
            if part == available:
                left.pop(0)
    return asked, [Call(invoice.due_on, invoice.invoice_id, available) for invoice, available in left]
