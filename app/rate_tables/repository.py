"""Queries for rate tables."""

from collections.abc import Sequence

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import RateTable


async def find_by_code(uow: UnitOfWork, code: str) -> RateTable | None:
    """The tenant's own table with a code."""
    return await uow.session.scalar(
        select(RateTable).where(RateTable.tenant_id == uow.tenant_id, RateTable.code == code)
    )


async def load_all(uow: UnitOfWork) -> Sequence[RateTable]:
    """The tenant's own tables by code."""
    rows = await uow.session.scalars(
        select(RateTable).where(RateTable.tenant_id == uow.tenant_id).order_by(RateTable.code)
    )
    return rows.all()
