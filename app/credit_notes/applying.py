"""What a credit note settles: principal, of the invoice it corrects, of those that are named, or the oldest due."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from app.core.amounts import positive
from app.core.errors import invalid
from app.core.uow import UnitOfWork
from app.credit_notes import repository
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.ledger.allocations import settle
from app.models import CreditNote, Invoice
from app.settlement.references import Reference, load_customer_invoices

Fields = Mapping[str, Any]
Touched = dict[UUID, Invoice]


class Application(NamedTuple):
    """What goes to one invoice."""

    invoice: Invoice
    amount_minor: int


async def apply_named(uow: UnitOfWork, note: CreditNote, applications: Sequence[Application], touched: Touched) -> None:
    """Apply a credit note to invoices that were chosen and checked."""
    for invoice, amount in applications:
        uow.track(invoice)
        await settle(uow, note, invoice, amount)
        touched[invoice.id] = invoice


async def apply_as_far_as_open(uow: UnitOfWork, note: CreditNote, invoice: Invoice, touched: Touched) -> None:
    """Apply a credit note to one invoice as far as its principal is open; the rest stays unapplied."""
    amount = min(note.unapplied_minor, invoice.principal_open_minor) if invoice.status in RECEIVABLE else 0
    if amount:
        await apply_named(uow, note, [Application(invoice, amount)], touched)


async def apply_oldest(uow: UnitOfWork, note: CreditNote, touched: Touched, *, reach_minor: int) -> None:
    """Apply what is left of a credit note to what has been due the longest, disputed principal excepted.

    Args:
        uow: the unit of work.
        note: the credit note.
        touched: the invoices that it has been applied to; those that follow are put in.
        reach_minor: by how much to look ahead: what it has just been applied to may lie among the oldest.
    """
    if note.unapplied_minor == 0:
        return
    oldest = await repository.load_oldest_invoices(uow, note, amount_minor=reach_minor)
    for invoice in sorted(oldest, key=lambda row: (row.due_on, row.issued_on, row.id)):
        amount = min(note.unapplied_minor, invoice.principal_open_minor - invoice.disputed_minor)
        if amount > 0:
            await apply_named(uow, note, [Application(invoice, amount)], touched)


async def choose(uow: UnitOfWork, note: CreditNote, allocations: Sequence[Fields]) -> list[Application]:
    """The allocations of a request, checked against what is open and what there is to apply.

    Raises:
        ProblemError: 422 naming the allocation that is not valid.
    """
    references = [Reference(item["invoice_id"], item["invoice_external_id"]) for item in allocations]
    found = await load_customer_invoices(uow, note.customer_id, references)
    left: dict[UUID, int] = {}
    chosen = []
    for index, (reference, item) in enumerate(zip(references, allocations, strict=True)):
        pointer = f"/allocations/{index}"
        invoice = found.get(reference)
        if invoice is None:
            name = "invoice_id" if reference.id is not None else "invoice_external_id"
            raise invalid(f"{pointer}/{name}", Code.unknown_reference, "The customer has no invoice with this id.")
        amount = _amount(f"{pointer}/amount", note, invoice, item["amount"])
        left[invoice.id] = left.get(invoice.id, invoice.principal_open_minor) - amount
        if left[invoice.id] < 0:
            raise invalid(
                f"{pointer}/amount",
                Code.allocation_exceeds_open,
                "This is more than the invoice has open of its principal; a credit note settles no charges.",
            )
        chosen.append(Application(invoice, amount))
    if sum(application.amount_minor for application in chosen) > note.unapplied_minor:
        raise invalid(
            "/allocations", Code.allocation_exceeds_credit, "They add up to more than the credit note has left."
        )
    return chosen


def _amount(pointer: str, note: CreditNote, invoice: Invoice, amount: str) -> int:
    if invoice.currency != note.currency:
        raise invalid(pointer, Code.currency_mismatch, f"The invoice is in {invoice.currency}.")
    if invoice.status not in RECEIVABLE:
        raise invalid(pointer, Code.allocation_exceeds_open, f"Nothing is open: the invoice is {invoice.status}.")
    return positive(pointer, amount, note.currency)
