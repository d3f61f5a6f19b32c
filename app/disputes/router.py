"""HTTP for disputes."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, resource_response
from app.core.uow import UnitOfWork
from app.deps import Uow, tenant_router
from app.disputes import repository, service
from app.disputes.repository import DISPUTES, DisputeFilter
from app.disputes.schemas import (
    DisputeAnswer,
    DisputeCreate,
    DisputeOutput,
    DisputePage,
    DisputeReason,
    DisputeResolve,
    DisputeStatus,
)
from app.outbox.payloads import dispute_payload, in_flight_payload

router = tenant_router("/v1/disputes", "Disputes")


@router.post("", status_code=201, response_model=DisputeAnswer, responses=CREATE, operation_id="create_dispute")
async def create_dispute(uow: Uow, body: DisputeCreate) -> Response:
    """Open a dispute about an invoice or a part of it.

    What is disputed is not chased, takes no automatic allocation and earns no interest meanwhile. While the whole
    invoice is disputed its ladder stands; the undisputed rest of a part is chased on.
    """
    return await _answer(uow, await service.create(uow, body.model_dump()), status=201)


@router.get("", response_model=DisputePage, responses=LIST, operation_id="list_disputes")
async def list_disputes(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only disputes of this customer.")] = None,
    invoice_id: Annotated[UUID | None, Query(description="Only disputes about this invoice.")] = None,
    status: Annotated[DisputeStatus | None, Query(description="Only disputes in this status.")] = None,
    reason: Annotated[DisputeReason | None, Query(description="Only disputes for this reason.")] = None,
    external_id: OnlyExternalId = None,
    is_overdue: Annotated[bool | None, Query(description="Only those that were not answered in time, or were.")] = None,
) -> Response:
    """List disputes, newest first."""
    wanted = DisputeFilter(
        customer_id=customer_id,
        invoice_id=invoice_id,
        status=status,
        reason=reason,
        external_id=external_id,
        is_overdue=is_overdue,
    )
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, dispute_payload, lambda row: row.id))


@router.get("/{dispute_id}", response_model=DisputeOutput, responses=READ, operation_id="get_dispute")
async def get_dispute(uow: Uow, dispute_id: UUID) -> Response:
    """Read a dispute."""
    return resource_response(dispute_payload(await DISPUTES.get(uow, dispute_id)))


@router.post("/{dispute_id}/resolve", response_model=DisputeAnswer, responses=WRITE, operation_id="resolve_dispute")
async def resolve_dispute(uow: Uow, request: Request, dispute_id: UUID, body: DisputeResolve) -> Response:
    """End a dispute.

    What is accepted is credited by a credit note of today, and its deferred interest is dropped. What is rejected or
    withdrawn is owed all the time: its interest is posted for the whole of it, and chasing goes on where the ladder
    stood.
    """
    customer, dispute = await DISPUTES.lock(uow, dispute_id)
    check_if_match(request, dispute.version)
    return await _answer(uow, await service.resolve(uow, customer, dispute, body.model_dump()))


async def _answer(uow: UnitOfWork, acknowledged: service.Acknowledged, *, status: int = 200) -> Response:
    dispute, in_flight = acknowledged
    await uow.flush()
    return resource_response({**dispute_payload(dispute), "in_flight": in_flight_payload(in_flight)}, status=status)
