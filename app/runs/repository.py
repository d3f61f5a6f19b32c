"""Queries for dunning runs."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Select, exists, func, select, update

from app.core.owned import Resources
from app.core.rows import any_of
from app.core.uow import UnitOfWork
from app.models import Customer, DunningCase, DunningPolicy, DunningRun, DunningRunItem

RUNS: Final = Resources(DunningRun, "dunning run")


async def lock_under_way(uow: UnitOfWork) -> DunningRun | None:
    """The oldest run that is to be gone on with and that nobody goes on with."""
    return await uow.session.scalar(
        select(DunningRun)
        .where(DunningRun.tenant_id == uow.tenant_id, DunningRun.status.in_(("planning", "approved")))
        .order_by(DunningRun.id)
        .limit(1)
        .with_for_update(key_share=True, skip_locked=True)
    )


async def list_page(uow: UnitOfWork, *, limit: int, before: UUID | None, status: str | None) -> Sequence[DunningRun]:
    """Runs newest first, one more than `limit`."""
    return await RUNS.newest_first(uow, equal=((DunningRun.status, status),), limit=limit, before=before)


async def list_items(
    uow: UnitOfWork, run_id: UUID, *, limit: int, after: int, status: str | None, customer_id: UUID | None
) -> Sequence[DunningRunItem]:
    """Messages of a run in order, one more than `limit`."""
    statement = _items(uow, run_id).where(DunningRunItem.number > after)
    if status is not None:
        statement = statement.where(DunningRunItem.status == status)
    if customer_id is not None:
        statement = statement.where(DunningRunItem.customer_id == customer_id)
    return (await uow.session.scalars(statement.order_by(DunningRunItem.number).limit(limit + 1))).all()


async def load_planned_items(uow: UnitOfWork, run_id: UUID, *, limit: int) -> Sequence[DunningRunItem]:
    """The next messages of an approved run that nothing has been made of."""
    statement = _items(uow, run_id).where(DunningRunItem.status == "planned").order_by(DunningRunItem.number)
    return (await uow.session.scalars(statement.limit(limit))).all()


async def discard_items(uow: UnitOfWork, run_id: UUID) -> None:
    """Nothing becomes of what a run has shown."""
    await uow.session.execute(
        update(DunningRunItem)
        .where(
            DunningRunItem.tenant_id == uow.tenant_id,
            DunningRunItem.run_id == run_id,
            DunningRunItem.status == "planned",
        )
        .values(status="discarded")
        .execution_options(synchronize_session=False)
    )


async def count_candidates(uow: UnitOfWork, only: Collection[UUID] | None) -> int:
    """How many customers have a ladder that goes on."""
    found = _candidates(uow, only).subquery()
    return int(await uow.session.scalar(select(func.count()).select_from(found)) or 0)


async def list_candidates(
    uow: UnitOfWork, only: Collection[UUID] | None, *, after: UUID | None, limit: int
) -> list[UUID]:
    """The next customers who have a ladder that goes on."""
    statement = _candidates(uow, only)
    if after is not None:
        statement = statement.where(Customer.id > after)
    return list(await uow.session.scalars(statement.order_by(Customer.id).limit(limit)))


async def has_policy(uow: UnitOfWork, policy_id: UUID) -> bool:
    """Whether the tenant has a policy with an id."""
    wanted = exists().where(DunningPolicy.tenant_id == uow.tenant_id, DunningPolicy.id == policy_id)
    return bool(await uow.session.scalar(select(wanted)))


async def find_customer_ids(uow: UnitOfWork, customer_ids: Collection[UUID]) -> set[UUID]:
    """Which of the customers exist."""
    return set(
        await uow.session.scalars(
            select(Customer.id).where(Customer.tenant_id == uow.tenant_id, Customer.id == any_of(customer_ids))
        )
    )


def _items(uow: UnitOfWork, run_id: UUID) -> Select[DunningRunItem]:
    return select(DunningRunItem).where(DunningRunItem.tenant_id == uow.tenant_id, DunningRunItem.run_id == run_id)


def _candidates(uow: UnitOfWork, only: Collection[UUID] | None) -> Select[UUID]:
    running = exists().where(
        DunningCase.tenant_id == Customer.tenant_id,
        DunningCase.customer_id == Customer.id,
        DunningCase.state.in_(("open", "active")),
    )
    statement = select(Customer.id).where(Customer.tenant_id == uow.tenant_id, running)
    return statement if only is None else statement.where(Customer.id == any_of(only))
