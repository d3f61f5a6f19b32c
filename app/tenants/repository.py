"""Queries for the tenant's own row."""

from app.core.uow import UnitOfWork
from app.models import Tenant


async def find(uow: UnitOfWork) -> Tenant:
    """The tenant of the unit of work."""
    return await uow.session.get_one(Tenant, uow.tenant_id)
