"""Queries for disputes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.core.owned import Owned
from app.core.uow import UnitOfWork
from app.models import Dispute, Invoice

DISPUTES: Final = Owned(Dispute, "dispute")


@dataclass(frozen=True, slots=True)
class DisputeFilter:
    """What a list of disputes is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    status: str | None = None
    reason: str | None = None
    external_id: str | None = None
    is_overdue: bool | None = None


async def load_invoice(uow: UnitOfWork, invoice_id: UUID) -> Invoice:
    """An invoice that exists, as it is now."""
    return await uow.session.get_one(Invoice, (uow.tenant_id, invoice_id), populate_existing=True)


async def list_page(uow: UnitOfWork, wanted: DisputeFilter, *, limit: int, before: UUID | None) -> Sequence[Dispute]:
    """Disputes newest first, one more than `limit`."""
    return await DISPUTES.newest_first(
        uow,
        equal=(
            (Dispute.customer_id, wanted.customer_id),
            (Dispute.invoice_id, wanted.invoice_id),
            (Dispute.status, wanted.status),
            (Dispute.reason, wanted.reason),
            (Dispute.external_id, wanted.external_id),
            (Dispute.is_overdue, wanted.is_overdue),
        ),
        limit=limit,
        before=before,
    )
