"""What is given up of an invoice for a reason that is no loss, beside any payment (rule M11)."""

from datetime import date

from app.core.uow import UnitOfWork
from app.domain.allocation import split_within_invoice
from app.ledger.entries import Because, component_order, open_item, post
from app.models import Invoice


def close_difference(uow: UnitOfWork, invoice: Invoice, amount_minor: int, *, reason: str, on: date) -> None:
    """Close a rest of an invoice by command; it counts as settled, in the order in which payments settle.

    Raises:
        AllocationError: less is open.
    """
    because = Because(reason=reason)
    for component, part in split_within_invoice(amount_minor, open_item(invoice), component_order(uow)).items():
        post(uow, invoice, account=component, kind="difference_closed", amount=-part, on=on, because=because)
    invoice.settled_minor += amount_minor
