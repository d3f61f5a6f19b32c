"""A credit note comes to be and is used up: what every way of crediting has in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.states import CREDIT_NOTE
from app.ledger.allocations import settle
from app.ledger.credits import issue_credit_note
from app.models import CreditNote, Invoice


@dataclass(frozen=True, slots=True)
class NewCredit:
    """What is credited; all that is not named is empty."""

    customer_id: UUID
    currency: str
    amount_minor: int
    issued_on: date
    invoice_id: UUID | None = None
    external_id: str | None = None
    number: str | None = None
    reason: str | None = None
    meta: Mapping[str, str] = field(default_factory=dict)


def record_credit_note(uow: UnitOfWork, new: NewCredit) -> CreditNote:
    """Book a credit note as unapplied credit; whoever applies it derives its status and announces it."""
    note = CreditNote(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=new.external_id,
        number=new.number,
        customer_id=new.customer_id,
        invoice_id=new.invoice_id,
        currency=new.currency,
        amount_minor=new.amount_minor,
        unapplied_minor=0,
        issued_on=new.issued_on,
        reason=new.reason,
        status="open",
        voided_on=None,
        void_reason=None,
        meta=dict(new.meta),
        allocations=[],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(note)
    issue_credit_note(uow, note)
    return note


def derive_credit_status(note: CreditNote) -> None:
    """Applied once nothing of it is left."""
    status = "open" if note.unapplied_minor else "applied"
    if status != note.status:
        CREDIT_NOTE.require(note.status, status)
        note.status = status


async def credit_invoice(uow: UnitOfWork, invoice: Invoice, amount_minor: int, *, reason: str) -> CreditNote:
    """Lower what is open of an invoice by a credit note of today, and announce it."""
    note = record_credit_note(
        uow,
        NewCredit(
            customer_id=invoice.customer_id,
            currency=invoice.currency,
            amount_minor=amount_minor,
            issued_on=uow.today,
            invoice_id=invoice.id,
            reason=reason,
        ),
    )
    uow.track(invoice)
    await settle(uow, note, invoice, amount_minor)
    derive_credit_status(note)
    uow.emit("credit_note.created", note)
    return note
