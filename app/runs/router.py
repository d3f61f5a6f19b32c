"""HTTP for dunning runs."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, resource_response
from app.deps import AppSettings, Uow, tenant_router
from app.outbox.payloads import dunning_run_item_payload, dunning_run_payload
from app.runs import repository, service
from app.runs.repository import RUNS
from app.runs.schemas import ItemStatus, RunCreate, RunItemPage, RunOutput, RunPage, RunStatus

router = tenant_router("/v1/dunning-runs", "Dunning runs")


@router.post("", status_code=201, response_model=RunOutput, responses=CREATE, operation_id="create_dunning_run")
async def create_dunning_run(uow: Uow, settings: AppSettings, body: RunCreate) -> Response:
    """Plan a dunning run: see every message that would go out, before anything does.

    What it shows is kept: addresses, amounts with fees, and the words. Of many customers the planning goes on in the
    background while the run is `planning`. Work by runs alone by setting the tenant's `dunning_mode` to `runs`.
    """
    run = await service.create(uow, settings, body.model_dump(mode="json") | {"run_on": body.run_on})
    await uow.flush()
    return resource_response(dunning_run_payload(run), status=201)


@router.get("", response_model=RunPage, responses=LIST, operation_id="list_dunning_runs")
async def list_dunning_runs(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    status: Annotated[RunStatus | None, Query(description="Only runs in this status.")] = None,
) -> Response:
    """List dunning runs, newest first."""
    rows = await repository.list_page(uow, limit=limit, before=decode_cursor(cursor), status=status)
    return json_response(page(rows, limit, dunning_run_payload, lambda row: row.id))


@router.get("/{run_id}", response_model=RunOutput, responses=READ, operation_id="get_dunning_run")
async def get_dunning_run(uow: Uow, run_id: UUID) -> Response:
    """Read a dunning run."""
    return resource_response(dunning_run_payload(await RUNS.get(uow, run_id)))


@router.get("/{run_id}/items", response_model=RunItemPage, responses=READ, operation_id="list_dunning_run_items")
async def list_dunning_run_items(
    uow: Uow,
    run_id: UUID,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    status: Annotated[ItemStatus | None, Query(description="Only messages in this status.")] = None,
    customer_id: Annotated[UUID | None, Query(description="Only those to this customer.")] = None,
) -> Response:
    """List the messages of a dunning run in order, and what became of each."""
    await RUNS.get(uow, run_id)
    after = decode_cursor(cursor)
    # Numbers beyond any run's are behind no message.
    number = min(after.int, 2**31 - 1) if after else 0
    rows = await repository.list_items(uow, run_id, limit=limit, after=number, status=status, customer_id=customer_id)
    return json_response(page(rows, limit, dunning_run_item_payload, lambda row: UUID(int=row.number)))


@router.post("/{run_id}/approve", response_model=RunOutput, responses=WRITE, operation_id="approve_dunning_run")
async def approve_dunning_run(uow: Uow, request: Request, run_id: UUID) -> Response:
    """Approve a dunning run: exactly what it has shown is sent, and nothing is added.

    A message of which anything has changed since (what is due, how much, or where it goes) is not sent but `drifted`,
    with the reason, also when it changes between the approval and the sending. Approval of single steps is not asked
    for again.
    """
    run = await RUNS.get(uow, run_id, for_update=True)
    check_if_match(request, run.version)
    await service.approve(uow, run)
    await uow.flush()
    return resource_response(dunning_run_payload(run))


@router.post("/{run_id}/discard", response_model=RunOutput, responses=WRITE, operation_id="discard_dunning_run")
async def discard_dunning_run(uow: Uow, request: Request, run_id: UUID) -> Response:
    """Discard a dunning run that was planned: nothing of it is sent."""
    run = await RUNS.get(uow, run_id, for_update=True)
    check_if_match(request, run.version)
    await service.discard(uow, run)
    await uow.flush()
    return resource_response(dunning_run_payload(run))
