"""HTTP for invoices."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from app.core.errors import ProblemError
from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.problems import field_error_payload, from_validation
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, resource_response
from app.core.schemas import Day, given
from app.core.wire import day, instant, money
from app.deps import Uow, tenant_router
from app.invoices import repository, service
from app.invoices.outlook import outlook
from app.invoices.repository import InvoiceFilter
from app.invoices.schemas import (
    BatchOutput,
    CollectionState,
    InvoiceBatch,
    InvoiceCreate,
    InvoiceFields,
    InvoiceOutput,
    InvoicePage,
    InvoiceStatus,
    InvoiceUpdate,
    LedgerPage,
    OutlookOutput,
)
from app.models import LedgerEntry
from app.outbox.payloads import invoice_payload

router = tenant_router("/v1/invoices", "Invoices")

ExternalIdPath = Annotated[str, Path(min_length=1, max_length=200, description="Your own id of the invoice.")]


@router.post("", status_code=201, response_model=InvoiceOutput, responses=CREATE, operation_id="create_invoice")
async def create_invoice(uow: Uow, body: InvoiceCreate) -> Response:
    """Create an invoice.

    It is open, and followed by its dunning policy, unless `status` says `draft`.
    """
    invoice = await service.create(uow, body.model_dump())
    return resource_response(invoice_payload(invoice, uow.today), status=201)


@router.post("/batch", response_model=BatchOutput, responses=CREATE, operation_id="write_invoice_batch")
async def write_invoice_batch(uow: Uow, body: InvoiceBatch) -> Response:
    """Create or update up to 1,000 invoices.

    Rows with an `external_id` that is known update that invoice. Each row succeeds or fails by itself, and its result
    says which; the answer is 200 even when rows failed.
    """
    rows = [_parse_row(row) for row in body.invoices]
    results = await service.write_batch(uow, rows)
    await uow.flush()
    counts = dict.fromkeys(("created", "updated", "unchanged", "failed"), 0)
    listed = []
    for index, (row, result) in enumerate(zip(rows, results, strict=True)):
        counts[result.status] += 1
        problem = result.problem
        listed.append({
            "index": index,
            "external_id": row["external_id"] if isinstance(row, dict) else None,
            "status": result.status,
            "id": str(result.invoice.id) if result.invoice is not None else None,
            "code": str(problem.code) if problem else None,
            "detail": problem.detail if problem else None,
            "errors": [field_error_payload(error) for error in problem.errors] if problem else [],
        })  # fmt: skip
    return json_response({**counts, "results": listed})


def _parse_row(row: Any) -> dict[str, Any] | ProblemError:
    try:
        return InvoiceCreate.model_validate(row).model_dump()
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        return from_validation(faults)


@router.get("", response_model=InvoicePage, responses=LIST, operation_id="list_invoices")
async def list_invoices(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only invoices of this customer.")] = None,
    external_id: Annotated[str | None, Query(max_length=200, description="Only the one with this external id.")] = None,
    status: Annotated[InvoiceStatus | None, Query(description="Only invoices in this status.")] = None,
    collection_state: Annotated[CollectionState | None, Query(description="Only invoices in this state.")] = None,
    due_on_from: Annotated[Day | None, Query(description="Due on this date or later.")] = None,
    due_on_to: Annotated[Day | None, Query(description="Due on this date or earlier.")] = None,
    q: Annotated[str | None, Query(max_length=100, description="Part of the number or reference.")] = None,
) -> Response:
    """List invoices, newest first."""
    wanted = InvoiceFilter(
        customer_id=customer_id,
        external_id=external_id,
        status=status,
        collection_state=collection_state,
        due_on_from=due_on_from,
        due_on_to=due_on_to,
        q=q,
    )
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, lambda row: invoice_payload(row, uow.today), lambda row: row.id))


@router.get("/{invoice_id}", response_model=InvoiceOutput, responses=READ, operation_id="get_invoice")
async def get_invoice(uow: Uow, invoice_id: UUID) -> Response:
    """Read an invoice."""
    return resource_response(invoice_payload(await service.get(uow, invoice_id), uow.today))


@router.patch("/{invoice_id}", response_model=InvoiceOutput, responses=WRITE, operation_id="update_invoice")
async def update_invoice(uow: Uow, request: Request, invoice_id: UUID, body: InvoiceUpdate) -> Response:
    """Change the named fields of an invoice.

    Descriptive fields change at any time; money and dates only while it is a draft.
    """
    check_if_match(request, (await service.lock(uow, invoice_id)).version)
    invoice = await service.update(uow, invoice_id, given(body))
    await uow.flush()
    return resource_response(invoice_payload(invoice, uow.today))


@router.put(
    "/by-external-id/{external_id}",
    response_model=InvoiceOutput,
    responses={**WRITE, 201: {"description": "The invoice was created.", "model": InvoiceOutput}},
    operation_id="upsert_invoice",
)
async def upsert_invoice(uow: Uow, external_id: ExternalIdPath, body: InvoiceFields) -> Response:
    """Create the invoice with an external id, or update it.

    Of an issued invoice descriptive fields change and identical money is accepted; other money or dates are refused.
    """
    invoice, created = await service.upsert(uow, external_id, body.model_dump())
    await uow.flush()
    return resource_response(invoice_payload(invoice, uow.today), status=201 if created else 200)


@router.post("/{invoice_id}/issue", response_model=InvoiceOutput, responses=WRITE, operation_id="issue_invoice")
async def issue_invoice(uow: Uow, request: Request, invoice_id: UUID) -> Response:
    """Issue a draft: from now on it is a receivable."""
    check_if_match(request, (await service.lock(uow, invoice_id)).version)
    invoice = await service.issue(uow, invoice_id)
    await uow.flush()
    return resource_response(invoice_payload(invoice, uow.today))


@router.get("/{invoice_id}/ledger", response_model=LedgerPage, responses=READ, operation_id="list_invoice_ledger")
async def list_invoice_ledger(
    uow: Uow, invoice_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """List the ledger entries of an invoice, oldest first; they add up to its open amount."""
    await service.get(uow, invoice_id)
    rows = await repository.list_entries(uow, invoice_id, limit=limit, after=decode_cursor(cursor))
    return json_response(page(rows, limit, _entry_payload, lambda row: row.id))


@router.get("/{invoice_id}/dunning", response_model=OutlookOutput, responses=READ, operation_id="get_invoice_outlook")
async def get_invoice_outlook(uow: Uow, invoice_id: UUID) -> Response:
    """Read what happens next about an invoice, and why nothing happens now."""
    return json_response(await outlook(uow, await service.get(uow, invoice_id)))


def _entry_payload(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "id": str(entry.id),
        "account": entry.account,
        "kind": entry.kind,
        "amount": money(entry.amount_minor, entry.currency),
        "currency": entry.currency,
        "effective_on": day(entry.effective_on),
        "booked_at": instant(entry.booked_at),
        "payment_id": str(entry.payment_id) if entry.payment_id else None,
        "charge_id": str(entry.charge_id) if entry.charge_id else None,
        "reverses_id": str(entry.reverses_id) if entry.reverses_id else None,
    }
