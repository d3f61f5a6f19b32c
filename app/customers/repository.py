"""Queries for customers."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select

from app.core.owned import Resources
from app.core.uow import UnitOfWork
from app.models import Customer, DunningPolicy

CUSTOMERS: Final = Resources(Customer, "customer")


async def find_by_external_id(uow: UnitOfWork, external_id: str) -> Customer | None:
    """The customer with an external id."""
    return await uow.session.scalar(
        select(Customer).where(Customer.tenant_id == uow.tenant_id, Customer.external_id == external_id)
    )


async def lock_by_external_ids(uow: UnitOfWork, external_ids: Collection[str]) -> dict[str, Customer]:
    """The customers with these external ids, as they are under their locks."""
    customers = await uow.lock_named_customers((), external_ids) if external_ids else []
    return {customer.external_id: customer for customer in customers if customer.external_id is not None}


async def list_page(
    uow: UnitOfWork, *, limit: int, before: UUID | None, external_id: str | None, kind: str | None, q: str | None
) -> Sequence[Customer]:
    """Customers newest first, one more than `limit`."""
    conditions = []
    if q is not None:
        conditions.append(
            or_(Customer.name.icontains(q, autoescape=True), Customer.tax_id.icontains(q, autoescape=True))
        )
    equal = ((Customer.external_id, external_id), (Customer.kind, kind))
    return await CUSTOMERS.newest_first(uow, *conditions, equal=equal, limit=limit, before=before)


async def policy_exists(uow: UnitOfWork, policy_id: UUID) -> bool:
    """Whether the tenant has this dunning policy."""
    return await uow.session.get(DunningPolicy, (uow.tenant_id, policy_id)) is not None
