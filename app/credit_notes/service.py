"""Commands on credit notes: lock, load, decide, write, emit."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from app.core.amounts import positive
from app.core.days import not_ahead
from app.core.errors import conflict, invalid
from app.core.uow import UnitOfWork
from app.credit_notes import repository
from app.credit_notes.applying import (
    Touched,
    apply_as_far_as_open,
    apply_named,
    apply_oldest,
    choose,
)
from app.credit_notes.repository import CREDIT_NOTES
from app.domain.errors import Code
from app.domain.states import CREDIT_NOTE
from app.dunning.reminders import in_flight, load_unsent
from app.ledger.allocations import unsettle
from app.ledger.credits import void_credit_note
from app.models import CreditNote, Customer, Invoice, Reminder
from app.settlement.credits import NewCredit, derive_credit_status, record_credit_note
from app.settlement.reconcile import reconcile, wake
from app.settlement.references import Reference, load_customer_invoices, lock_customer

Fields = Mapping[str, Any]
Acknowledged = tuple[CreditNote, list[Reminder]]
"""A credit note, and the customer's reminders that were already claimed when the command was carried out."""


async def create(uow: UnitOfWork, fields: Fields) -> Acknowledged:
    """Record a credit note and apply it to the invoice it corrects, as far as its principal is open.

    Raises:
        ProblemError: 409 when the external id is taken, 422 naming what is not valid.
    """
    customer = await lock_customer(uow, Reference(fields["customer_id"], fields["customer_external_id"]))
    amount = positive("/amount", fields["amount"], fields["currency"])
    not_ahead("/issued_on", fields["issued_on"], uow.today)
    corrected = await _find_corrected(uow, customer, fields)
    await CREDIT_NOTES.refuse_taken(
        uow, fields["external_id"], "A credit note with this external_id was recorded already."
    )
    note = record_credit_note(
        uow,
        NewCredit(
            customer_id=customer.id,
            currency=fields["currency"],
            amount_minor=amount,
            issued_on=fields["issued_on"],
            invoice_id=corrected.id if corrected else None,
            external_id=fields["external_id"],
            number=fields["number"],
            reason=fields["reason"],
            meta=fields["metadata"],
        ),
    )
    touched: Touched = {}
    applies = corrected is not None if fields["apply"] is None else fields["apply"]
    if applies and corrected is not None:
        await apply_as_far_as_open(uow, note, corrected, touched)
    elif applies:
        await apply_oldest(uow, note, touched, reach_minor=amount)
    derive_credit_status(note)
    uow.emit("credit_note.created", note)
    return await _acknowledge(uow, note, customer, touched.values())


async def apply(uow: UnitOfWork, customer: Customer, note: CreditNote, fields: Fields) -> Acknowledged:
    """Apply what is left of a credit note, from the day it was issued on; the customer is locked.

    Raises:
        ProblemError: 409 when nothing is left or it is voided, 422 naming what is not valid.
    """
    _require_not_voided(note)
    if note.unapplied_minor == 0:
        raise conflict(Code.state_conflict, "All of the credit note is applied; unapply a part of it first.")
    if not fields["allocations"] and not fields["auto"]:
        raise invalid("/allocations", Code.missing, "Name the invoices, or send auto: true for the oldest due ones.")
    chosen = await choose(uow, note, fields["allocations"])
    uow.track(note)
    touched: Touched = {}
    left = note.unapplied_minor
    await apply_named(uow, note, chosen, touched)
    if fields["auto"]:
        await apply_oldest(uow, note, touched, reach_minor=left)
    derive_credit_status(note)
    if touched:
        uow.emit("credit_note.applied", note)
    return await _acknowledge(uow, note, customer, touched.values())


async def unapply(
    uow: UnitOfWork, customer: Customer, note: CreditNote, *, invoice_ids: Iterable[UUID]
) -> Acknowledged:
    """Take a credit note off invoices, as if it had not been applied to them; the customer is locked.

    The credit is unapplied again.

    Raises:
        ProblemError: 409 when it settles nothing or is voided, 422 for an invoice that it does not settle.
    """
    _require_not_voided(note)
    standing = [item for item in note.allocations if item.reversed_at is None]
    wanted = set(invoice_ids)
    if wanted - {item.invoice_id for item in standing}:
        raise invalid("/invoice_ids", Code.unknown_reference, "The credit note does not settle one of these invoices.")
    standing = [item for item in standing if not wanted or item.invoice_id in wanted]
    if not standing:
        raise conflict(Code.state_conflict, "The credit note settles nothing.")
    uow.track(note)
    invoices = await _load_tracked(uow, {item.invoice_id for item in standing})
    # Undone from the day they took effect: what was misapplied never settled the invoice.
    await unsettle(uow, note, standing, invoices, on=date.min)
    derive_credit_status(note)
    uow.emit("credit_note.applied", note)
    return await _acknowledge(uow, note, customer, invoices.values())


async def void(
    uow: UnitOfWork, customer: Customer, note: CreditNote, *, reason: str, voided_on: date | None
) -> Acknowledged:
    """Take a credit note back under its customer's lock.

    What it had settled is open again, and chased from where it stood (rule M5).

    Raises:
        ProblemError: 409 when it is voided already, 422 for a date before it was issued or ahead.
    """
    _require_not_voided(note)
    on = not_ahead("/voided_on", voided_on, uow.today)
    if on < note.issued_on:
        raise invalid("/voided_on", Code.date_order, "A credit note cannot be voided before it was issued.")
    CREDIT_NOTE.require(note.status, "voided")
    uow.track(note)
    invoices = await _load_tracked(uow, {item.invoice_id for item in note.allocations if item.reversed_at is None})
    await void_credit_note(uow, note, invoices, on=on)
    note.status = "voided"
    note.voided_on = on
    note.void_reason = reason
    uow.emit("credit_note.voided", note)
    return await _acknowledge(uow, note, customer, invoices.values())


async def _find_corrected(uow: UnitOfWork, customer: Customer, fields: Fields) -> Invoice | None:
    """The invoice that a credit note says it corrects."""
    if fields["invoice_id"] is None and fields["invoice_external_id"] is None:
        return None
    reference = Reference(fields["invoice_id"], fields["invoice_external_id"])
    invoice = (await load_customer_invoices(uow, customer.id, [reference])).get(reference)
    pointer = "/invoice_id" if reference.id is not None else "/invoice_external_id"
    if invoice is None:
        raise invalid(pointer, Code.unknown_reference, "The customer has no invoice with this id.")
    if invoice.status in {"draft", "void"}:
        raise invalid(pointer, Code.state_conflict, f"The invoice is {invoice.status}: there is nothing to correct.")
    if invoice.currency != fields["currency"]:
        raise invalid("/currency", Code.currency_mismatch, f"The invoice is in {invoice.currency}.")
    return invoice


async def _load_tracked(uow: UnitOfWork, invoice_ids: set[UUID]) -> dict[UUID, Invoice]:
    invoices = await repository.load_invoices(uow, invoice_ids)
    for invoice in invoices.values():
        uow.track(invoice)
    return invoices


def _require_not_voided(note: CreditNote) -> None:
    if note.status == "voided":
        raise conflict(Code.state_conflict, "The credit note was voided.")


async def _acknowledge(
    uow: UnitOfWork, note: CreditNote, customer: Customer, invoices: Iterable[Invoice]
) -> Acknowledged:
    """Derive what follows, and name the reminders that it came too late for (rule D7)."""
    unsent = await load_unsent(uow, [customer.id])
    await reconcile(uow, {customer.id: customer}, list(invoices), unsent=unsent)
    # Unapplied credit covers other invoices than those that were touched.
    wake(uow, customer, uow.now)
    return note, in_flight(unsent, note.currency)
