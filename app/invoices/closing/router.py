"""HTTP for what ends an invoice."""

from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.responses import READ, WRITE, check_if_match, json_response, resource_response
from app.core.uow import UnitOfWork
from app.deps import Uow, tenant_router
from app.invoices import service as invoices
from app.invoices.closing import repository, service
from app.invoices.closing.schemas import (
    DifferenceClosing,
    InvoiceAnswer,
    InvoiceVoid,
    InvoiceWriteOff,
    WriteOffPage,
    WriteOffReversal,
)
from app.invoices.repository import INVOICES
from app.outbox.payloads import in_flight_payload, invoice_payload, write_off_payload

router = tenant_router("/v1/invoices", "Invoices")


@router.post("/{invoice_id}/void", response_model=InvoiceAnswer, responses=WRITE, operation_id="void_invoice")
async def void_invoice(uow: Uow, request: Request, invoice_id: UUID, body: InvoiceVoid) -> Response:
    """Void an invoice that should not have been.

    It must be open, with nothing settled; otherwise the answer is 409 and names what to undo first. Its charges are
    reversed and it is chased no more.
    """
    check_if_match(request, (await invoices.lock(uow, invoice_id)).version)
    return await _answer(uow, await service.void(uow, invoice_id, reason=body.reason))


@router.post("/{invoice_id}/write-off", response_model=InvoiceAnswer, responses=WRITE, operation_id="write_off_invoice")
async def write_off_invoice(uow: Uow, request: Request, invoice_id: UUID, body: InvoiceWriteOff) -> Response:
    """Write off what is open of an invoice, or a part of it; charges go first.

    Once nothing is open, the invoice is `written_off`, however little of it was written off, and is chased no more;
    a small rest that is no loss is closed with `close-difference` instead. Above the tenant's
    `write_offs.approval_above` it needs `approved_by`, or the answer is 409 `approval_required`. A payment that names
    the invoice in its `allocations` recovers it.
    """
    check_if_match(request, (await invoices.lock(uow, invoice_id)).version)
    return await _answer(uow, await service.write_off(uow, invoice_id, body.model_dump()))


@router.post(
    "/{invoice_id}/reverse-write-off",
    response_model=InvoiceAnswer,
    responses=WRITE,
    operation_id="reverse_invoice_write_off",
)
async def reverse_invoice_write_off(uow: Uow, request: Request, invoice_id: UUID, body: WriteOffReversal) -> Response:
    """Take back the write-offs of an invoice.

    What was given up and has not come in is open again, and chasing goes on with the step after the last one that
    went out.
    """
    check_if_match(request, (await invoices.lock(uow, invoice_id)).version)
    return await _answer(uow, await service.reverse_write_off(uow, invoice_id, reason=body.reason))


@router.get(
    "/{invoice_id}/write-offs", response_model=WriteOffPage, responses=READ, operation_id="list_invoice_write_offs"
)
async def list_invoice_write_offs(
    uow: Uow, invoice_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """List the write-offs of an invoice, newest first, those that were taken back included."""
    await INVOICES.get(uow, invoice_id)
    rows = await repository.list_write_offs(uow, invoice_id, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, write_off_payload, lambda row: row.id))


@router.post(
    "/{invoice_id}/close-difference",
    response_model=InvoiceAnswer,
    responses=WRITE,
    operation_id="close_invoice_difference",
)
async def close_invoice_difference(uow: Uow, request: Request, invoice_id: UUID, body: DifferenceClosing) -> Response:
    """Close what is open of an invoice for a reason that is no loss; it counts as settled.

    With nothing left open, the invoice is paid.
    """
    check_if_match(request, (await invoices.lock(uow, invoice_id)).version)
    return await _answer(uow, await service.close_difference(uow, invoice_id, body.model_dump()))


async def _answer(uow: UnitOfWork, acknowledged: service.Acknowledged) -> Response:
    invoice, in_flight = acknowledged
    await uow.flush()
    return resource_response({**invoice_payload(invoice, uow.today), "in_flight": in_flight_payload(in_flight)})
