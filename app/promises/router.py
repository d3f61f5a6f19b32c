"""HTTP for promises to pay."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, resource_response
from app.core.schemas import Day
from app.core.uow import UnitOfWork
from app.deps import Uow, tenant_router
from app.outbox.payloads import in_flight_payload, promise_payload
from app.promises import repository, service
from app.promises.repository import PROMISES, PromiseFilter
from app.promises.schemas import PromiseAnswer, PromiseCreate, PromiseOutput, PromisePage, PromiseStatus

router = tenant_router("/v1/promises", "Promises")


@router.post("", status_code=201, response_model=PromiseAnswer, responses=CREATE, operation_id="create_promise")
async def create_promise(uow: Uow, body: PromiseCreate) -> Response:
    """Record a promise to pay.

    Its invoices are not chased until its date and tolerance are over. What is paid on them meanwhile counts, by the
    payments' own dates; the promise is kept as soon as that reaches the amount, and judged at the start of the day
    after the last one otherwise. A broken one resumes chasing in the next window. The tenant's rules (`promises`) may
    refuse it, with `promise_not_allowed` and the name of the rule.
    """
    return await _answer(uow, await service.create(uow, body.model_dump()), status=201)


@router.get("", response_model=PromisePage, responses=LIST, operation_id="list_promises")
async def list_promises(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only promises of this customer.")] = None,
    invoice_id: Annotated[UUID | None, Query(description="Only promises for this invoice.")] = None,
    status: Annotated[PromiseStatus | None, Query(description="Only promises in this status.")] = None,
    external_id: OnlyExternalId = None,
    promised_on_from: Annotated[Day | None, Query(description="Promised for this date or later.")] = None,
    promised_on_to: Annotated[Day | None, Query(description="Promised for this date or earlier.")] = None,
) -> Response:
    """List promises, newest first."""
    wanted = PromiseFilter(
        customer_id=customer_id,
        invoice_id=invoice_id,
        status=status,
        external_id=external_id,
        promised_on_from=promised_on_from,
        promised_on_to=promised_on_to,
    )
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, promise_payload, lambda row: row.id))


@router.get("/{promise_id}", response_model=PromiseOutput, responses=READ, operation_id="get_promise")
async def get_promise(uow: Uow, promise_id: UUID) -> Response:
    """Read a promise."""
    return resource_response(promise_payload(await PROMISES.get(uow, promise_id)))


@router.post("/{promise_id}/cancel", response_model=PromiseAnswer, responses=WRITE, operation_id="cancel_promise")
async def cancel_promise(uow: Uow, request: Request, promise_id: UUID) -> Response:
    """Cancel a promise that runs; it is neither kept nor broken, and chasing goes on."""
    customer, promise = await PROMISES.lock(uow, promise_id)
    check_if_match(request, promise.version)
    return await _answer(uow, await service.cancel(uow, customer, promise))


async def _answer(uow: UnitOfWork, acknowledged: service.Acknowledged, *, status: int = 200) -> Response:
    promise, in_flight = acknowledged
    await uow.flush()
    return resource_response({**promise_payload(promise), "in_flight": in_flight_payload(in_flight)}, status=status)
