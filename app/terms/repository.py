"""Queries for payment terms that are kept."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select

from app.core.owned import Resources
from app.core.uow import UnitOfWork
from app.models import PaymentTerms

TERMS: Final = Resources(PaymentTerms, "payment terms")


async def find_by_code(uow: UnitOfWork, code: str) -> PaymentTerms | None:
    """The terms under a code."""
    return await uow.session.scalar(
        select(PaymentTerms).where(PaymentTerms.tenant_id == uow.tenant_id, PaymentTerms.code == code)
    )


async def list_page(uow: UnitOfWork, *, limit: int, before: UUID | None, code: str | None) -> Sequence[PaymentTerms]:
    """Terms newest first, one more than `limit`."""
    return await TERMS.newest_first(uow, equal=((PaymentTerms.code, code),), limit=limit, before=before)
