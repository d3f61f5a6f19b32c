"""HTTP for placements."""

from collections.abc import Iterator
from typing import IO, Annotated, Any, Final
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, resource_response
from app.core.uow import UnitOfWork
from app.deps import Uow, tenant_router
from app.outbox.payloads import in_flight_payload, placement_payload
from app.placements import repository, service
from app.placements.dossier import load_collected, make_archive, make_dossier
from app.placements.repository import PLACEMENTS, PlacementFilter
from app.placements.schemas import (
    DossierOutput,
    PlacementAcknowledge,
    PlacementAnswer,
    PlacementClose,
    PlacementCreate,
    PlacementKind,
    PlacementPage,
    PlacementRecall,
    PlacementReturn,
    PlacementStatus,
    PlacementWithCollected,
)

router = tenant_router("/v1/placements", "Placements")

_PIECE_BYTES: Final = 64 * 2**10
_DOSSIER: Final[dict[int | str, dict[str, Any]]] = {
    **READ,
    200: {
        "description": "The dossier: as JSON, or as a ZIP with `dossier.json` and one file for each message.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    },
}


@router.post("", status_code=201, response_model=PlacementAnswer, responses=CREATE, operation_id="create_placement")
async def create_placement(uow: Uow, body: PlacementCreate) -> Response:
    """Hand invoices over to an agency or a lawyer.

    From then on none of them is chased: once this is answered, no reminder about them is claimed any more. Payments
    are recorded as ever; what comes in while they are placed is `collected`, and the agency's share `commission`.
    """
    return await _answer(uow, await service.create(uow, body.model_dump()), status=201)


@router.get("", response_model=PlacementPage, responses=LIST, operation_id="list_placements")
async def list_placements(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only placements of this customer.")] = None,
    invoice_id: Annotated[UUID | None, Query(description="Only placements of this invoice.")] = None,
    status: Annotated[PlacementStatus | None, Query(description="Only placements in this status.")] = None,
    kind: Annotated[PlacementKind | None, Query(description="Only placements of this kind.")] = None,
    external_id: OnlyExternalId = None,
) -> Response:
    """List placements, newest first."""
    wanted = PlacementFilter(
        customer_id=customer_id, invoice_id=invoice_id, status=status, kind=kind, external_id=external_id
    )
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    collected = await load_collected(uow, rows)
    return json_response(
        page(rows, limit, lambda row: {**placement_payload(row), **collected[row]}, lambda row: row.id)
    )


@router.get("/{placement_id}", response_model=PlacementWithCollected, responses=READ, operation_id="get_placement")
async def get_placement(uow: Uow, placement_id: UUID) -> Response:
    """Read a placement, with what has come in through it."""
    placement = await PLACEMENTS.get(uow, placement_id)
    return resource_response({**placement_payload(placement), **(await load_collected(uow, [placement]))[placement]})


@router.post(
    "/{placement_id}/acknowledge",
    response_model=PlacementAnswer,
    responses=WRITE,
    operation_id="acknowledge_placement",
)
async def acknowledge_placement(uow: Uow, request: Request, placement_id: UUID, body: PlacementAcknowledge) -> Response:
    """Record that the agency has taken over what was placed with it."""
    _, placement = await PLACEMENTS.lock(uow, placement_id)
    check_if_match(request, placement.version)
    return await _answer(uow, service.acknowledge(uow, placement, agency_reference=body.agency_reference))


@router.post("/{placement_id}/start", response_model=PlacementAnswer, responses=WRITE, operation_id="start_placement")
async def start_placement(uow: Uow, request: Request, placement_id: UUID) -> Response:
    """Record that the agency works on it: the placement is `in_progress`."""
    _, placement = await PLACEMENTS.lock(uow, placement_id)
    check_if_match(request, placement.version)
    return await _answer(uow, service.start(uow, placement))


@router.post("/{placement_id}/close", response_model=PlacementAnswer, responses=WRITE, operation_id="close_placement")
async def close_placement(uow: Uow, request: Request, placement_id: UUID, body: PlacementClose) -> Response:
    """Close a placement: the agency has done what it could.

    What is still open is not chased again (blocker `placed`): after a collector or a lawyer a reminder says nothing
    new. Write it off, place it with another one, or send `resume_chasing` to have it chased where its ladder stood.
    """
    customer, placement = await PLACEMENTS.lock(uow, placement_id)
    check_if_match(request, placement.version)
    ended = await service.end(
        uow, customer, placement, "closed", reason=body.reason, resumes_chasing=body.resume_chasing
    )
    return await _answer(uow, ended)


@router.post("/{placement_id}/recall", response_model=PlacementAnswer, responses=WRITE, operation_id="recall_placement")
async def recall_placement(uow: Uow, request: Request, placement_id: UUID, body: PlacementRecall) -> Response:
    """Take back what was placed; what is open is chased again where its ladder stood."""
    customer, placement = await PLACEMENTS.lock(uow, placement_id)
    check_if_match(request, placement.version)
    return await _answer(uow, await service.end(uow, customer, placement, "recalled", reason=body.reason))


@router.post("/{placement_id}/return", response_model=PlacementAnswer, responses=WRITE, operation_id="return_placement")
async def return_placement(uow: Uow, request: Request, placement_id: UUID, body: PlacementReturn) -> Response:
    """Record that the agency gives back what was placed; what is open is chased again where its ladder stood."""
    customer, placement = await PLACEMENTS.lock(uow, placement_id)
    check_if_match(request, placement.version)
    return await _answer(uow, await service.end(uow, customer, placement, "returned", reason=body.reason))


@router.get(
    "/{placement_id}/dossier",
    response_model=DossierOutput,
    responses=_DOSSIER,
    operation_id="get_placement_dossier",
)
async def get_placement_dossier(uow: Uow, request: Request, placement_id: UUID) -> Response:
    """Read what proves the claim: the invoices and all that was booked, said, answered and agreed about them.

    With `Accept: application/zip` it is a ZIP of `dossier.json` and one file for each message, byte for byte as it
    left. Nothing in it changes but by what has happened since.
    """
    placement = await PLACEMENTS.get(uow, placement_id)
    if "application/zip" not in request.headers.get("accept", "").lower():
        return json_response(await make_dossier(uow, placement))
    name = f'attachment; filename="placement-{placement.id}.zip"'
    return StreamingResponse(
        _pieces(await make_archive(uow, placement)),
        media_type="application/zip",
        headers={"Content-Disposition": name, "Vary": "Accept"},
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


async def _answer(uow: UnitOfWork, acknowledged: service.Acknowledged, *, status: int = 200) -> Response:
    placement, in_flight = acknowledged
    await uow.flush()
    collected = await load_collected(uow, [placement])
    payload = {**placement_payload(placement), **collected[placement], "in_flight": in_flight_payload(in_flight)}
    return resource_response(payload, status=status)
