"""Invoices in instalments, written as the application writes them."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text

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
