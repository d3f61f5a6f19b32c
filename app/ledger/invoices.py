"""An invoice enters the ledger, and leaves it when it should never have been there."""

from datetime import date

from app.core.uow import UnitOfWork
from app.domain.allocation import DEFAULT_ORDER
from app.ledger.entries import Because, open_item, post
from app.models import Invoice


def issue_invoice(uow: UnitOfWork, invoice: Invoice) -> None:
    """Book the invoice's total as principal, and what was paid before Puntual knew it."""
    on = invoice.issued_on
    post(uow, invoice, account="principal", kind="invoice_issued", amount=invoice.total_minor, on=on)
    # Dated with the issue: when it was really paid is known to the ERP alone.
    post(uow, invoice, account="principal", kind="opening_paid", amount=-invoice.opening_paid_minor, on=on)
    invoice.settled_minor += invoice.opening_paid_minor


def void_invoice(uow: UnitOfWork, invoice: Invoice, *, reason: str, on: date) -> None:
    """Take back all that is open of an invoice that nothing has settled."""
    item = open_item(invoice)
    amounts = {"principal": item.principal_open, "interest": item.interest_open, "fees": item.fees_open}
    for account in DEFAULT_ORDER:
        post(
            uow,
            invoice,
            account=account,
            kind="invoice_voided",
            amount=-amounts[account],
            on=max(on, invoice.issued_on),
            because=Because(reason=reason),
        )
