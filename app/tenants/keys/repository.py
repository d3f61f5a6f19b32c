"""Queries for API keys."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import ApiKey


async def find(uow: UnitOfWork, key_id: UUID) -> ApiKey | None:
    """The key with an id."""
    return await uow.session.get(ApiKey, (uow.tenant_id, key_id))


async def list_page(uow: UnitOfWork, *, limit: int, before: UUID | None) -> Sequence[ApiKey]:
    """Keys newest first, one more than `limit`."""
    statement = select(ApiKey).where(ApiKey.tenant_id == uow.tenant_id)
    if before is not None:
        statement = statement.where(ApiKey.id < before)
    return (await uow.session.scalars(statement.order_by(ApiKey.id.desc()).limit(limit + 1))).all()


async def unrevoked(uow: UnitOfWork) -> Sequence[ApiKey]:
    """Every key that was not revoked; it may have expired."""
    statement = select(ApiKey).where(ApiKey.tenant_id == uow.tenant_id, ApiKey.revoked_at.is_(None))
    return (await uow.session.scalars(statement)).all()
