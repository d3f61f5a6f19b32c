"""Queries for charges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import exists, select

from app.core.owned import Owned
from app.core.uow import UnitOfWork
from app.models import Charge, Invoice

CHARGES: Final = Owned(Charge, "charge")


@dataclass(frozen=True, slots=True)
class ChargeFilter:
    """What a list of charges is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    external_id: str | None = None
    kind: str | None = None
    status: str | None = None
    posted_on_from: date | None = None
    posted_on_to: date | None = None


async def get_invoice(uow: UnitOfWork, invoice_id: UUID) -> Invoice:
    """An invoice as it is under its customer's lock."""
    return await uow.session.get_one(Invoice, (uow.tenant_id, invoice_id), populate_existing=True)


async def fixed_sum_stands(uow: UnitOfWork, invoice_id: UUID, table_code: str) -> bool:
    """Whether a table's fixed sum has been charged on an invoice."""
    found = await uow.session.scalar(
        select(
            exists().where(
                Charge.tenant_id == uow.tenant_id,
                Charge.invoice_id == invoice_id,
                Charge.kind == "recovery_cost",
                Charge.rate_table == table_code,
                Charge.status.in_(("posted", "paid")),
            )
        )
    )
    return bool(found)


async def list_page(uow: UnitOfWork, wanted: ChargeFilter, *, limit: int, before: UUID | None) -> Sequence[Charge]:
    """Charges newest first, one more than `limit`."""
    return await CHARGES.newest_first(
        uow,
        equal=(
            (Charge.customer_id, wanted.customer_id),
            (Charge.invoice_id, wanted.invoice_id),
            (Charge.external_id, wanted.external_id),
            (Charge.kind, wanted.kind),
            (Charge.status, wanted.status),
        ),
        between=((Charge.posted_on, wanted.posted_on_from, wanted.posted_on_to),),
        limit=limit,
        before=before,
    )
