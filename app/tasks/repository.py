"""Queries for tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from app.core.owned import Owned
from app.core.uow import UnitOfWork
from app.models import Task

TASKS: Final = Owned(Task, "task")


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


async def list_page(uow: UnitOfWork, wanted: TaskFilter, *, limit: int, before: UUID | None) -> Sequence[Task]:
    """Tasks newest first, one more than `limit`."""
    return await TASKS.newest_first(
        uow,
        equal=(
            (Task.status, wanted.status),
            (Task.kind, wanted.kind),
            (Task.customer_id, wanted.customer_id),
            (Task.assignee, wanted.assignee),
            (Task.external_id, wanted.external_id),
        ),
        between=((Task.due_on, wanted.due_on_from, wanted.due_on_to),),
        limit=limit,
        before=before,
    )
