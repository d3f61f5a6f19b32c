"""Queries for the tenant's own row."""

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import Tenant


async def find(uow: UnitOfWork) -> Tenant:
    """The tenant of the unit of work."""
    return await uow.session.get_one(Tenant, uow.tenant_id)


async def lock(uow: UnitOfWork) -> Tenant:
    """The tenant as it is under its lock, which lets rows that refer to it be written meanwhile."""
    tenant = await uow.session.scalars(
        select(Tenant)
        .where(Tenant.id == uow.tenant_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return tenant.one()
