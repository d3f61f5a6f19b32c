"""HTTP for holds."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, resource_response
from app.core.uow import UnitOfWork
from app.deps import Uow, tenant_router
from app.holds import repository, service
from app.holds.repository import HOLDS, HoldFilter
from app.holds.schemas import HoldAnswer, HoldCreate, HoldOutput, HoldPage, HoldRelease, HoldStatus
from app.outbox.payloads import hold_payload, in_flight_payload

router = tenant_router("/v1/holds", "Holds")


@router.post("", status_code=201, response_model=HoldAnswer, responses=CREATE, operation_id="create_hold")
async def create_hold(uow: Uow, body: HoldCreate) -> Response:
    """Place a hold.

    While it lasts nothing that it stops goes out, and once this is answered no such reminder is claimed any more. Its
    days do not count on the ladder clock where it stops escalation: an invoice that is 30 days overdue after 25 days
    of hold is at its fifth ladder day. It begins and expires by itself; holds may overlap.
    """
    return await _answer(uow, await service.create(uow, body.model_dump()), status=201)


@router.get("", response_model=HoldPage, responses=LIST, operation_id="list_holds")
async def list_holds(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only holds of this customer and its invoices.")] = None,
    invoice_id: Annotated[UUID | None, Query(description="Only holds of this invoice alone.")] = None,
    status: Annotated[HoldStatus | None, Query(description="Only holds in this status.")] = None,
    external_id: OnlyExternalId = None,
) -> Response:
    """List holds, newest first."""
    wanted = HoldFilter(customer_id=customer_id, invoice_id=invoice_id, status=status, external_id=external_id)
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, hold_payload, lambda row: row.id))


@router.get("/{hold_id}", response_model=HoldOutput, responses=READ, operation_id="get_hold")
async def get_hold(uow: Uow, hold_id: UUID) -> Response:
    """Read a hold."""
    return resource_response(hold_payload(await HOLDS.get(uow, hold_id)))


@router.post("/{hold_id}/release", response_model=HoldAnswer, responses=WRITE, operation_id="release_hold")
async def release_hold(uow: Uow, request: Request, hold_id: UUID, body: HoldRelease) -> Response:
    """Release a hold before its end; chasing goes on where the ladder stood, from today on."""
    customer, hold = await HOLDS.lock(uow, hold_id)
    check_if_match(request, hold.version)
    return await _answer(uow, await service.release(uow, customer, hold, reason=body.reason))


async def _answer(uow: UnitOfWork, acknowledged: service.Acknowledged, *, status: int = 200) -> Response:
    hold, in_flight = acknowledged
    await uow.flush()
    return resource_response({**hold_payload(hold), "in_flight": in_flight_payload(in_flight)}, status=status)
