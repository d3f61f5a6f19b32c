"""Queries for dunning policies."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import DunningPolicy, DunningPolicyVersion, Tenant

PolicyAndVersion = tuple[DunningPolicy, DunningPolicyVersion]

_LATEST = select(DunningPolicy, DunningPolicyVersion).join(
    DunningPolicyVersion,
    (DunningPolicyVersion.tenant_id == DunningPolicy.tenant_id)
    & (DunningPolicyVersion.policy_id == DunningPolicy.id)
    & (DunningPolicyVersion.version_number == DunningPolicy.latest_number),
)


async def tenant_of(uow: UnitOfWork) -> Tenant:
    """The tenant of the unit of work."""
    return await uow.session.get_one(Tenant, uow.tenant_id)


async def find(uow: UnitOfWork, policy_id: UUID) -> PolicyAndVersion | None:
    """A policy with its latest version, read afresh."""
    row = await uow.session.execute(
        _LATEST.where(DunningPolicy.tenant_id == uow.tenant_id, DunningPolicy.id == policy_id).execution_options(
            populate_existing=True
        )
    )
    found = row.one_or_none()
    return None if found is None else (found[0], found[1])


async def list_page(
    uow: UnitOfWork, *, limit: int, before: UUID | None, status: str | None, default: bool | None
) -> Sequence[PolicyAndVersion]:
    """Policies with their latest versions, newest first, one more than `limit`."""
    statement = _LATEST.where(DunningPolicy.tenant_id == uow.tenant_id)
    if before is not None:
        statement = statement.where(DunningPolicy.id < before)
    if status is not None:
        statement = statement.where(DunningPolicyVersion.status == status)
    if default is not None:
        statement = statement.where(DunningPolicy.is_default == default)
    rows = await uow.session.execute(statement.order_by(DunningPolicy.id.desc()).limit(limit + 1))
    return [(policy, version) for policy, version in rows]


async def list_versions(uow: UnitOfWork, policy_id: UUID) -> Sequence[DunningPolicyVersion]:
    """All versions of a policy, newest first."""
    rows = await uow.session.scalars(
        select(DunningPolicyVersion)
        .where(DunningPolicyVersion.tenant_id == uow.tenant_id, DunningPolicyVersion.policy_id == policy_id)
        .order_by(DunningPolicyVersion.version_number.desc())
    )
    return rows.all()


async def find_version(uow: UnitOfWork, policy_id: UUID, number: int) -> DunningPolicyVersion | None:
    """One version of a policy."""
    return await uow.session.get(DunningPolicyVersion, (uow.tenant_id, policy_id, number))


async def find_other_default(uow: UnitOfWork, policy_id: UUID) -> DunningPolicy | None:
    """The tenant's default policy, unless it is the named one."""
    return await uow.session.scalar(
        select(DunningPolicy)
        .where(DunningPolicy.tenant_id == uow.tenant_id, DunningPolicy.is_default, DunningPolicy.id != policy_id)
        .execution_options(populate_existing=True)
    )


async def find_named(uow: UnitOfWork, name: str) -> Sequence[PolicyAndVersion]:
    """Policies whose latest version has a name; two are enough to know that it names none."""
    rows = await uow.session.execute(
        _LATEST.where(DunningPolicy.tenant_id == uow.tenant_id, DunningPolicyVersion.name == name)
        .order_by(DunningPolicy.id)
        .limit(2)
        .execution_options(populate_existing=True)
    )
    return [(policy, version) for policy, version in rows]
