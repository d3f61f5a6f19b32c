"""Queries for payment terms that are kept."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import PaymentTerms


async def find(uow: UnitOfWork, terms_id: UUID) -> PaymentTerms | None:
    """The terms with an id."""
    return await uow.session.get(PaymentTerms, (uow.tenant_id, terms_id))


async def find_by_code(uow: UnitOfWork, code: str) -> PaymentTerms | None:
    """The terms under a code."""
    return await uow.session.scalar(
        select(PaymentTerms).where(PaymentTerms.tenant_id == uow.tenant_id, PaymentTerms.code == code)
    )


async def list_page(uow: UnitOfWork, *, limit: int, before: UUID | None, code: str | None) -> Sequence[PaymentTerms]:
    """Terms newest first, one more than `limit`."""
    statement = select(PaymentTerms).where(PaymentTerms.tenant_id == uow.tenant_id)
    if before is not None:
        statement = statement.where(PaymentTerms.id < before)
    if code is not None:
        statement = statement.where(PaymentTerms.code == code)
    return (await uow.session.scalars(statement.order_by(PaymentTerms.id.desc()).limit(limit + 1))).all()
