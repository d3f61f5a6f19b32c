"""HTTP for credit notes."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.csvtext import CSV_LIST, page_response
from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, READ, WRITE, check_if_match, resource_response
from app.core.schemas import Day
from app.core.uow import UnitOfWork
from app.credit_notes import repository, service
from app.credit_notes.repository import CREDIT_NOTES, CreditNoteFilter
from app.credit_notes.schemas import (
    CreditNoteAnswer,
    CreditNoteApply,
    CreditNoteCreate,
    CreditNoteOutput,
    CreditNotePage,
    CreditNoteStatus,
    CreditNoteUnapply,
    CreditNoteVoid,
)
from app.deps import Uow, tenant_router
from app.outbox.payloads import credit_note_payload, in_flight_payload

router = tenant_router("/v1/credit-notes", "Credit notes")


@router.post("", status_code=201, response_model=CreditNoteAnswer, responses=CREATE, operation_id="create_credit_note")
async def create_credit_note(uow: Uow, body: CreditNoteCreate) -> Response:
    """Record a credit note.

    It settles principal, never charges, from its own date on. What is left over stays with the customer as unapplied
    credit, and the customer is not chased for what that covers. An invoice that is credited in full is paid.
    """
    return await _answer(uow, await service.create(uow, body.model_dump()), status=201)


@router.get("", response_model=CreditNotePage, responses=CSV_LIST, operation_id="list_credit_notes")
async def list_credit_notes(
    uow: Uow,
    request: Request,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only credit notes of this customer.")] = None,
    invoice_id: Annotated[UUID | None, Query(description="Only those that correct or settle this invoice.")] = None,
    status: Annotated[CreditNoteStatus | None, Query(description="Only credit notes in this status.")] = None,
    external_id: OnlyExternalId = None,
    issued_on_from: Annotated[Day | None, Query(description="Issued on this date or later.")] = None,
    issued_on_to: Annotated[Day | None, Query(description="Issued on this date or earlier.")] = None,
) -> Response:
    """List credit notes, newest first."""
    wanted = CreditNoteFilter(
        customer_id=customer_id,
        invoice_id=invoice_id,
        status=status,
        external_id=external_id,
        issued_on_from=issued_on_from,
        issued_on_to=issued_on_to,
    )
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return page_response(request, page(rows, limit, credit_note_payload, lambda row: row.id), CreditNoteOutput)


@router.get("/{credit_note_id}", response_model=CreditNoteOutput, responses=READ, operation_id="get_credit_note")
async def get_credit_note(uow: Uow, credit_note_id: UUID) -> Response:
    """Read a credit note."""
    return resource_response(credit_note_payload(await CREDIT_NOTES.get(uow, credit_note_id)))


@router.post(
    "/{credit_note_id}/apply", response_model=CreditNoteAnswer, responses=WRITE, operation_id="apply_credit_note"
)
async def apply_credit_note(uow: Uow, request: Request, credit_note_id: UUID, body: CreditNoteApply) -> Response:
    """Apply what is left of a credit note to invoices of its customer, from its own date on."""
    customer, note = await CREDIT_NOTES.lock(uow, credit_note_id)
    check_if_match(request, note.version)
    return await _answer(uow, await service.apply(uow, customer, note, body.model_dump()))


@router.post(
    "/{credit_note_id}/unapply", response_model=CreditNoteAnswer, responses=WRITE, operation_id="unapply_credit_note"
)
async def unapply_credit_note(uow: Uow, request: Request, credit_note_id: UUID, body: CreditNoteUnapply) -> Response:
    """Take a credit note off invoices that it should not have settled.

    They are open again as if it never had; the credit is unapplied and can be applied elsewhere.
    """
    customer, note = await CREDIT_NOTES.lock(uow, credit_note_id)
    check_if_match(request, note.version)
    return await _answer(uow, await service.unapply(uow, customer, note, invoice_ids=body.invoice_ids))


@router.post(
    "/{credit_note_id}/void", response_model=CreditNoteAnswer, responses=WRITE, operation_id="void_credit_note"
)
async def void_credit_note(uow: Uow, request: Request, credit_note_id: UUID, body: CreditNoteVoid) -> Response:
    """Void a credit note.

    What it had settled is open again, and chasing goes on with the step after the last one that went out.
    """
    customer, note = await CREDIT_NOTES.lock(uow, credit_note_id)
    check_if_match(request, note.version)
    return await _answer(uow, await service.void(uow, customer, note, reason=body.reason, voided_on=body.voided_on))


async def _answer(uow: UnitOfWork, acknowledged: service.Acknowledged, *, status: int = 200) -> Response:
    note, in_flight = acknowledged
    await uow.flush()
    payload = {**credit_note_payload(note), "in_flight": in_flight_payload(in_flight)}
    return resource_response(payload, status=status)
