"""Queries for tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import Task


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """What a list of tasks is narrowed to."""

    status: str | None = None
    kind: str | None = None
    customer_id: UUID | None = None
    assignee: str | None = None
    external_id: str | None = None
    due_on_from: date | None = None
    due_on_to: date | None = None


async def find(uow: UnitOfWork, task_id: UUID) -> Task | None:
    """The task with an id, as it is now."""
    return await uow.session.scalar(
        select(Task)
        .where(Task.tenant_id == uow.tenant_id, Task.id == task_id)
        .execution_options(populate_existing=True)
    )


async def find_customer_id(uow: UnitOfWork, task_id: UUID) -> UUID | None:
    """About whom a task is, which never changes."""
    return await uow.session.scalar(select(Task.customer_id).where(Task.tenant_id == uow.tenant_id, Task.id == task_id))


async def external_id_exists(uow: UnitOfWork, external_id: str) -> bool:
    """Whether a task has this external id."""
    found = await uow.session.scalar(
        select(Task.id).where(Task.tenant_id == uow.tenant_id, Task.external_id == external_id).limit(1)
    )
    return found is not None


async def list_page(uow: UnitOfWork, wanted: TaskFilter, *, limit: int, before: UUID | None) -> Sequence[Task]:
    """Tasks newest first, one more than `limit`."""
    statement = select(Task).where(Task.tenant_id == uow.tenant_id)
    for column, value in (
        (Task.status, wanted.status),
        (Task.kind, wanted.kind),
        (Task.customer_id, wanted.customer_id),
        (Task.assignee, wanted.assignee),
        (Task.external_id, wanted.external_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.due_on_from is not None:
        statement = statement.where(Task.due_on >= wanted.due_on_from)
    if wanted.due_on_to is not None:
        statement = statement.where(Task.due_on <= wanted.due_on_to)
    if before is not None:
        statement = statement.where(Task.id < before)
    return (await uow.session.scalars(statement.order_by(Task.id.desc()).limit(limit + 1))).all()
