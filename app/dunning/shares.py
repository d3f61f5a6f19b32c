"""What a case chases: a whole invoice, one instalment where it was issued in several, or one of a payment plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.models import DunningCase, Invoice

Cases = dict[UUID, list[DunningCase]]
"""The cases of invoices: one of an invoice that is due whole, else one of each instalment."""


@dataclass(frozen=True, slots=True)
class Share:
    """A case's part of its invoice, in minor units.

    Attributes:
        due_on: The date that its ladder counts from.
        principal_minor: Open principal.
        charges_minor: Open interest and fees; those of an invoice in instalments are with the first open one.
        disputed_minor: What of the principal is disputed.
        label: `1/2` of an instalment, of the invoice or of a plan; empty of a whole invoice.
    """

    due_on: date
    principal_minor: int
    charges_minor: int
    disputed_minor: int
    label: str = ""

    @property
    def open_minor(self) -> int:
        """All that is open of it (rule M11)."""
        return self.principal_minor + self.charges_minor


def share_of(case: DunningCase, invoice: Invoice) -> Share:
    """What a case chases of its invoice as it stands."""
    if case.plan_id is not None:
        return Share(case.plan_due_on or invoice.due_on, case.plan_open_minor or 0, 0, 0, case.plan_label or "")
    if case.instalment_number is None:
        return Share(invoice.due_on, invoice.principal_open_minor, invoice.charges_open_minor, invoice.disputed_minor)
    part = next(part for part in invoice.parts if part.number == case.instalment_number)
    return Share(
        part.due_on,
        part.principal_minor,
        part.charges_minor,
        part.disputed_minor,
        f"{part.number}/{len(invoice.instalments)}",
    )


def numbers_to_chase(invoice: Invoice) -> list[int | None]:
    """The instalments with something open, or None alone for an invoice that is due whole."""
    if not invoice.instalments:
        return [None]
    return [part.number for part in invoice.parts if part.open_minor]


def by_invoice(cases: Iterable[DunningCase]) -> Cases:
    """Cases by the invoice that they follow; those of a payment plan follow none."""
    found: Cases = {}
    for case in cases:
        if case.plan_id is None:
            found.setdefault(case.invoice_id, []).append(case)
    return found
