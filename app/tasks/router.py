"""HTTP for tasks."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, resource_response
from app.core.schemas import Day, given
from app.deps import Uow, tenant_router
from app.outbox.payloads import activity_payload, task_payload
from app.tasks import repository, service
from app.tasks.repository import TASKS, TaskFilter
from app.tasks.schemas import (
    TaskCancel,
    TaskComplete,
    TaskCreate,
    TaskDone,
    TaskKind,
    TaskOutput,
    TaskPage,
    TaskStatus,
    TaskUpdate,
)

router = tenant_router("/v1/tasks", "Tasks")


@router.post("", status_code=201, response_model=TaskOutput, responses=CREATE, operation_id="create_task")
async def create_task(uow: Uow, body: TaskCreate) -> Response:
    """Make a task for a person. Steps by phone make tasks of their own, with the words to be said."""
    task = await service.create(uow, body.model_dump())
    await uow.flush()
    return resource_response(task_payload(task), status=201)


@router.get("", response_model=TaskPage, responses=LIST, operation_id="list_tasks")
async def list_tasks(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    status: Annotated[TaskStatus | None, Query(description="Only tasks in this status.")] = None,
    kind: Annotated[TaskKind | None, Query(description="Only of this kind.")] = None,
    customer_id: Annotated[UUID | None, Query(description="Only about this customer.")] = None,
    assignee: Annotated[str | None, Query(max_length=200, description="Only this person's.")] = None,
    external_id: OnlyExternalId = None,
    due_on_from: Annotated[Day | None, Query(description="Only those due on or after this date.")] = None,
    due_on_to: Annotated[Day | None, Query(description="Only those due on or before this date.")] = None,
) -> Response:
    """List tasks, newest first."""
    wanted = TaskFilter(
        status=status,
        kind=kind,
        customer_id=customer_id,
        assignee=assignee,
        external_id=external_id,
        due_on_from=due_on_from,
        due_on_to=due_on_to,
    )
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, task_payload, lambda row: row.id))


@router.get("/{task_id}", response_model=TaskOutput, responses=READ, operation_id="get_task")
async def get_task(uow: Uow, task_id: UUID) -> Response:
    """Read a task."""
    return resource_response(task_payload(await TASKS.get(uow, task_id)))


@router.patch("/{task_id}", response_model=TaskOutput, responses=WRITE, operation_id="update_task")
async def update_task(uow: Uow, request: Request, task_id: UUID, body: TaskUpdate) -> Response:
    """Change an open task: who does it, until when, and what it is called."""
    _, task = await TASKS.lock(uow, task_id)
    check_if_match(request, task.version)
    await service.update(uow, task, given(body))
    await uow.flush()
    return resource_response(task_payload(task))


@router.post("/{task_id}/complete", response_model=TaskDone, responses=WRITE, operation_id="complete_task")
async def complete_task(uow: Uow, request: Request, task_id: UUID, body: TaskComplete) -> Response:
    """Say how a task was done.

    A call is kept as an activity. Where a step asked for it, somebody who was reached makes the step taken, and it
    counts as a contact; where nobody was, the step goes on by its next channel.
    """
    customer, task = await TASKS.lock(uow, task_id)
    check_if_match(request, task.version)
    done = await service.complete(uow, customer, task, body.model_dump())
    await uow.flush()
    return resource_response({
        **task_payload(done.task),
        "activity": activity_payload(done.activity) if done.activity else None,
        "promise_id": str(done.promise.id) if done.promise else None,
        "dispute_id": str(done.dispute.id) if done.dispute else None,
    })  # fmt: skip


@router.post("/{task_id}/cancel", response_model=TaskOutput, responses=WRITE, operation_id="cancel_task")
async def cancel_task(uow: Uow, request: Request, task_id: UUID, body: TaskCancel) -> Response:
    """Take an open task back; a step whose call it was goes on by its next channel."""
    _, task = await TASKS.lock(uow, task_id)
    check_if_match(request, task.version)
    await service.cancel(uow, task, note=body.note)
    await uow.flush()
    return resource_response(task_payload(task))
