"""HTTP for invoices."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request
from starlette.responses import Response

from app.core.batches import BatchOutput, batch_payload, parse_row
from app.core.csvtext import CSV_LIST, page_response
from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, READ, WRITE, check_if_match, json_response, resource_response
from app.core.schemas import Day, Instant, given
from app.core.wire import day, instant, money
from app.deps import Uow, tenant_router
from app.domain.policy import LateEntry
from app.invoices import repository, service
from app.invoices.outlook import outlook
from app.invoices.repository import INVOICES, InvoiceFilter, LedgerPoint
from app.invoices.rescheduling import reschedule
from app.invoices.schemas import (
    CollectionState,
    DunningStart,
    InvoiceBatch,
    InvoiceCreate,
    InvoiceFields,
    InvoiceOutput,
    InvoicePage,
    InvoiceReschedule,
    InvoiceStatus,
    InvoiceUpdate,
    LedgerPage,
    OutlookOutput,
)
from app.invoices.starting import start_dunning
from app.models import Invoice, LedgerEntry
from app.outbox.payloads import invoice_payload
from app.settlement.accrued import load_accrued

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

    Rows with an `external_id` that is known update that invoice. By default each row succeeds or fails by itself, and
    its result says which; the answer is 200 even when rows failed.
    """
    rows = [parse_row(InvoiceCreate, row) for row in body.invoices]
    results = await service.write_batch(uow, rows)
    return json_response(batch_payload(rows, results, mode=body.mode, name="invoices"))


@router.get("", response_model=InvoicePage, responses=CSV_LIST, operation_id="list_invoices")
async def list_invoices(
    uow: Uow,
    request: Request,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only invoices of this customer.")] = None,
    external_id: OnlyExternalId = None,
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
    accrued = await load_accrued(uow, rows[:limit])

    def payload(row: Invoice) -> dict[str, Any]:
        return {**invoice_payload(row, uow.today), "accrued_interest": accrued.get(row.id)}

    return page_response(request, page(rows, limit, payload, lambda row: row.id), InvoiceOutput)


@router.get("/{invoice_id}", response_model=InvoiceOutput, responses=READ, operation_id="get_invoice")
async def get_invoice(uow: Uow, invoice_id: UUID) -> Response:
    """Read an invoice, with the late interest that has accrued and is not posted."""
    invoice = await INVOICES.get(uow, invoice_id)
    accrued = await load_accrued(uow, [invoice])
    return resource_response({**invoice_payload(invoice, uow.today), "accrued_interest": accrued.get(invoice_id)})


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


@router.post(
    "/{invoice_id}/reschedule", response_model=InvoiceOutput, responses=WRITE, operation_id="reschedule_invoice"
)
async def reschedule_invoice(uow: Uow, request: Request, invoice_id: UUID, body: InvoiceReschedule) -> Response:
    """Move the due date of an issued invoice, or of its instalments.

    Steps that have not been taken follow the new date; what was sent stays, and discounts do not move.
    """
    check_if_match(request, (await service.lock(uow, invoice_id)).version)
    invoice = await reschedule(uow, invoice_id, body.model_dump())
    await uow.flush()
    return resource_response(invoice_payload(invoice, uow.today))


@router.get("/{invoice_id}/ledger", response_model=LedgerPage, responses=READ, operation_id="list_invoice_ledger")
async def list_invoice_ledger(
    uow: Uow,
    invoice_id: UUID,
    as_of: Annotated[
        Day | None, Query(description="Only entries effective by this date, inclusive; all of them if left out.")
    ] = None,
    known_at: Annotated[
        Instant | None, Query(description="Leave out what was booked after this instant, such as backdated payments.")
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """List the ledger entries of an invoice in the order in which they were booked; they add up to its open amount.

    With `as_of` and `known_at`, the entries and balances are those of a past day, as it was known at a past instant.
    """
    invoice = await INVOICES.get(uow, invoice_id)
    point = LedgerPoint(as_of, known_at)
    rows = await repository.list_entries(uow, invoice_id, point, limit=limit, after=decode_cursor(cursor))
    by_account = await repository.balances_at(uow, invoice_id, point)
    amounts = {name: by_account.get(name, 0) for name in ("principal", "interest", "fees")}
    balances = {**amounts, "open": sum(amounts.values())}
    return json_response({
        **page(rows, limit, lambda row: _entry_payload(*row), lambda row: row[0].id),
        "as_of": day(as_of),
        "known_at": instant(known_at),
        "balances": {name: money(amount, invoice.currency) for name, amount in balances.items()},
    })  # fmt: skip


@router.get("/{invoice_id}/dunning", response_model=OutlookOutput, responses=READ, operation_id="get_invoice_outlook")
async def get_invoice_outlook(uow: Uow, invoice_id: UUID) -> Response:
    """Read what happens next about an invoice, and why nothing happens now."""
    return json_response(await outlook(uow, await INVOICES.get(uow, invoice_id)))


@router.post(
    "/{invoice_id}/dunning/start", response_model=OutlookOutput, responses=CREATE, operation_id="start_invoice_dunning"
)
async def start_invoice_dunning(uow: Uow, invoice_id: UUID, body: DunningStart) -> Response:
    """Begin to chase an invoice that was overdue when it was first seen, where its policy says `late_entry: hold`.

    The answer is its outlook: what happens next, and why nothing happens now.
    """
    invoice = await start_dunning(uow, invoice_id, LateEntry(body.mode))
    return json_response(await outlook(uow, invoice))


def _entry_payload(entry: LedgerEntry, balance_after: int) -> dict[str, Any]:
    return {
        "id": str(entry.id),
        "account": entry.account,
        "kind": entry.kind,
        "amount": money(entry.amount_minor, entry.currency),
        "balance_after": money(balance_after, entry.currency),
        "currency": entry.currency,
        "effective_on": day(entry.effective_on),
        "booked_at": instant(entry.booked_at),
        "payment_id": str(entry.payment_id) if entry.payment_id else None,
        "charge_id": str(entry.charge_id) if entry.charge_id else None,
        "reverses_id": str(entry.reverses_id) if entry.reverses_id else None,
    }
