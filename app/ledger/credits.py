"""A credit note enters the ledger as unapplied credit, and leaves it when it is voided."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from app.core.uow import UnitOfWork
from app.ledger.allocations import end_allocations, undo
from app.ledger.entries import load_standing, post_unapplied
from app.models import CreditNote, Invoice


def issue_credit_note(uow: UnitOfWork, note: CreditNote) -> None:
    """Book a credit note as the customer's unapplied credit."""
    post_unapplied(uow, note, kind="credit_note_issued", amount=-note.amount_minor, on=note.issued_on)


async def void_credit_note(uow: UnitOfWork, note: CreditNote, invoices: Mapping[UUID, Invoice], *, on: date) -> None:
    """Undo a credit note and what it was applied to by opposite entries."""
    for entry in await load_standing(uow, credit_note_id=note.id):
        kind = "credit_note_voided" if entry.allocation_id is None else "allocation_reversed"
        await undo(uow, entry, note, invoices, on=on, kind=kind)
    end_allocations(uow, note.allocations, invoices)
