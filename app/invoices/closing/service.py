"""Commands that end an invoice without a payment, or take that back: lock, decide, write, emit.

An invoice that a write-off helped to close is `written_off`, however small that was: a write-off is a loss, and the
ledger of whoever keeps the books has to show it. A small rest that is no loss (a bank's fee, a rounding) is closed as a
difference, and then the invoice is `paid`.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.core.amounts import up_to
from app.core.days import not_ahead
from app.core.errors import ProblemError, conflict, invalid
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.money import parse_amount
from app.domain.states import INVOICE
from app.dunning.reminders import in_flight, load_unsent
from app.invoices import service
from app.invoices.closing import repository
from app.ledger import differences, write_offs
from app.ledger.charges import reverse_charge
from app.ledger.invoices import void_invoice
from app.models import Invoice, Reminder
from app.settlement.charges import end_charge
from app.settlement.reconcile import reconcile, wake

Fields = Mapping[str, Any]
Acknowledged = tuple[Invoice, list[Reminder]]
"""An invoice, and the customer's reminders that were already claimed when the command was carried out (rule D7)."""


async def void(uow: UnitOfWork, invoice_id: UUID, *, reason: str) -> Acknowledged:
    """Take back an invoice that should not have been, and the charges on it.

    Raises:
        ProblemError: 404, 409 naming what has to be undone first.
    """
    invoice = await service.lock(uow, invoice_id)
    await _require_untouched(uow, invoice)
    INVOICE.require(invoice.status, "void")
    uow.track(invoice)
    for charge in await repository.load_posted_charges(uow, invoice):
        uow.track(charge)
        await reverse_charge(uow, charge, invoice)
        end_charge(uow, charge, "reversed")
    void_invoice(uow, invoice, reason=reason, on=uow.today)
    invoice.status = "void"
    uow.emit("invoice.voided", invoice)
    return await _acknowledge(uow, invoice)


async def write_off(uow: UnitOfWork, invoice_id: UUID, fields: Fields) -> Acknowledged:
    """Give up what is open of an invoice, or a part of it; a payment that names the invoice recovers it.

    Raises:
        ProblemError: 404, 409 when nothing is open or somebody has to approve it, 422 for more than is open or a date
            out of place.
    """
    invoice = await _lock_receivable(uow, invoice_id)
    amount = up_to("/amount", fields["amount"], invoice.currency, invoice.open_minor)
    on = not_ahead("/written_off_on", fields["written_off_on"], uow.today)
    if on < invoice.issued_on:
        raise invalid("/written_off_on", Code.date_order, "An invoice is not written off before it was issued.")
    _require_approval(uow, invoice, amount, fields["approved_by"])
    uow.track(invoice)
    write_offs.write_off(uow, invoice, amount, reason=fields["reason"], on=on, approved_by=fields["approved_by"])
    return await _acknowledge_change(uow, invoice)


def _require_approval(uow: UnitOfWork, invoice: Invoice, amount_minor: int, approved_by: str | None) -> None:
    """Above the tenant's limit somebody answers for a loss; what was given up of the invoice before counts with it.

    Raises:
        ProblemError: 409.
    """
    limits = (uow.tenant.settings["agreement_rules"].get("write_offs") or {}).get("approval_above") or {}
    limit = limits.get(invoice.currency)
    if limit is None or approved_by is not None:
        return
    if amount_minor + invoice.written_off_minor > parse_amount(limit, invoice.currency):
        raise conflict(
            Code.approval_required,
            f"Together more than {limit} {invoice.currency} of the invoice would be written off: name in approved_by "
            "who has approved it.",
        )


async def reverse_write_off(uow: UnitOfWork, invoice_id: UUID, *, reason: str | None) -> Acknowledged:
    """Take back all that was given up of an invoice and has not come in; it is open again, and chased.

    Raises:
        ProblemError: 404, 409 when nothing of it is given up.
    """
    invoice = await service.lock(uow, invoice_id)
    standing = [
        written
        for written in await write_offs.load_write_offs(uow, invoice)
        if written.recovered_minor < written.amount_minor
    ]
    if not standing:
        raise conflict(Code.state_conflict, "Nothing of the invoice is written off.")
    uow.track(invoice)
    for written in standing:
        on = max(uow.today, written.written_off_on)
        await write_offs.reverse_write_off(uow, written, invoice, on=on, reason=reason)
    return await _acknowledge_change(uow, invoice)


async def close_difference(uow: UnitOfWork, invoice_id: UUID, fields: Fields) -> Acknowledged:
    """Close what is open of an invoice, or a part of it, for a reason that is no loss (rule M11).

    Raises:
        ProblemError: 404, 409 when nothing is open, 422 for more than is open.
    """
    invoice = await _lock_receivable(uow, invoice_id)
    amount = up_to("/amount", fields["amount"], invoice.currency, invoice.open_minor)
    uow.track(invoice)
    on = max(uow.today, invoice.issued_on)
    differences.close_difference(uow, invoice, amount, reason=fields["reason"], on=on)
    return await _acknowledge_change(uow, invoice)


async def _lock_receivable(uow: UnitOfWork, invoice_id: UUID) -> Invoice:
    invoice = await service.lock(uow, invoice_id)
    if invoice.status not in RECEIVABLE:
        raise conflict(Code.state_conflict, f"Nothing is open: the invoice is {invoice.status}.")
    return invoice


async def _require_untouched(uow: UnitOfWork, invoice: Invoice) -> None:
    """Only an open invoice of which nothing was settled is taken back whole.

    Raises:
        ProblemError: 409.
    """
    if invoice.status == "draft":
        raise conflict(Code.state_conflict, "The invoice is a draft: nothing is booked that could be voided.")
    if invoice.status == "void":
        raise conflict(Code.state_conflict, "The invoice is void already.")
    payments, notes = await repository.load_applied(uow, invoice)
    undo = [f"unallocate or reverse payment {payment_id}" for payment_id in payments]
    undo += [f"unapply or void credit note {note_id}" for note_id in notes]
    if invoice.written_off_minor:
        undo.append("take the write-off back with POST /v1/invoices/{id}/reverse-write-off")
    if undo:
        raise _in_the_way(f"Undo first what has settled the invoice: {'; '.join(undo)}.")
    if invoice.settled_minor or invoice.status != "open":
        raise _in_the_way(
            "A part of the invoice was paid before Puntual knew it, or closed as a difference. Correct the rest with "
            "a credit note."
        )


def _in_the_way(detail: str) -> ProblemError:
    return conflict(Code.state_conflict, detail)


async def _acknowledge_change(uow: UnitOfWork, invoice: Invoice) -> Acknowledged:
    """Announce a change of what is open by the new status, and where the status stays, as an update."""
    status = invoice.status
    acknowledged = await _acknowledge(uow, invoice)
    if invoice.status == status:
        uow.emit("invoice.updated", invoice)
    return acknowledged


async def _acknowledge(uow: UnitOfWork, invoice: Invoice) -> Acknowledged:
    """Derive what follows, and name the reminders that it came too late for (rule D7)."""
    customer = await uow.lock_customer(invoice.customer_id)
    unsent = await load_unsent(uow, [customer.id])
    await reconcile(uow, {customer.id: customer}, [invoice], unsent=unsent)
    # Minimums count over all that the customer owes.
    wake(uow, customer, uow.now)
    return invoice, in_flight(unsent, invoice.currency)
