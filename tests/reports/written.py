"""Instalments and credit notes, written as the application writes them."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.ids import new_id
from app.ledger.allocations import settle
from app.ledger.credits import issue_credit_note
from app.models import CreditNote, Invoice
from app.settlement.reconcile import reconcile
from tests.conftest import Api

Begin = Callable[[UUID], Any]


async def divide(api: Api, begin: Begin, invoice_id: str, *parts: tuple[str, int]) -> None:
    """Give an invoice instalments: due dates and minor units, in order."""
    async with begin(api.tenant_id) as uow:
        for number, (due_on, amount) in enumerate(parts, start=1):
            await uow.session.execute(
                text(
                    "INSERT INTO invoice_instalments (tenant_id, invoice_id, number, due_on, amount_minor) "
                    "VALUES (:tenant_id, :invoice_id, :number, :due_on, :amount)"
                ),
                {
                    "tenant_id": api.tenant_id,
                    "invoice_id": UUID(invoice_id),
                    "number": number,
                    "due_on": date.fromisoformat(due_on),
                    "amount": amount,
                },
            )


async def credit(
    api: Api,
    begin: Begin,
    customer_id: str,
    amount_minor: int,
    issued_on: str,
    *,
    currency: str = "MXN",
    applied_to: dict[str, int] | None = None,
) -> str:
    """Issue a credit note, and apply parts of it to invoices."""
    async with begin(api.tenant_id) as uow:
        customer = await uow.lock_customer(UUID(customer_id))
        note = CreditNote(
            tenant_id=uow.tenant_id,
            id=new_id(),
            external_id=None,
            number="NC-1",
            customer_id=customer.id,
            invoice_id=None,
            currency=currency,
            amount_minor=amount_minor,
            unapplied_minor=0,
            issued_on=date.fromisoformat(issued_on),
            reason=None,
            status="open",
            voided_on=None,
            meta={},
            allocations=[],
            version=1,
            created_at=uow.now,
            updated_at=uow.now,
        )
        uow.add(note)
        issue_credit_note(uow, note)
        invoices = []
        for invoice_id, part in (applied_to or {}).items():
            invoice = await uow.session.get_one(Invoice, (uow.tenant_id, UUID(invoice_id)))
            await settle(uow, note, invoice, part)
            invoices.append(invoice)
        if note.unapplied_minor == 0:
            note.status = "applied"
        await reconcile(uow, {customer.id: customer}, invoices)
        return str(note.id)
