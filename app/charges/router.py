"""HTTP for charges."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.charges import quoting, repository, service
from app.charges.repository import CHARGES, ChargeFilter
from app.charges.schemas import (
    ChargeCreate,
    ChargeOutput,
    ChargePage,
    ChargeStatus,
    ChargeWaive,
    QuoteInput,
    QuoteOutput,
)
from app.core.charging import ChargeKind
from app.core.csvtext import CSV_LIST, page_response
from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, READ, WRITE, check_if_match, json_response, problems, resource_response
from app.core.schemas import Day
from app.deps import Uow, tenant_router
from app.outbox.payloads import charge_payload

router = tenant_router("/v1/charges", "Charges")


@router.post("", status_code=201, response_model=ChargeOutput, responses=CREATE, operation_id="create_charge")
async def create_charge(uow: Uow, body: ChargeCreate) -> Response:
    """Post a fee, late interest or a cost of recovery to an invoice.

    Interest is charged for the days since the last charge, and worked out anew whenever the invoice's past changes:
    a backdated payment has what it took the ground from reversed, and the right charge posted. A table's fixed sum is
    charged once on an invoice, and never against those whom its law protects: the 40 euros of the EU not of consumers.
    """
    charge = await service.create(uow, body.model_dump())
    return resource_response(charge_payload(charge), status=201)


@router.post("/quote", response_model=QuoteOutput, responses=problems(413, 415, 422), operation_id="quote_charges")
async def quote_charges(uow: Uow, body: QuoteInput) -> Response:
    """Work out what lateness costs; nothing is stored.

    Interest is simple, on principal, from the day after the due date to the day of the payment, inclusive. Each
    convention has a default and may be set, since authorities and contracts differ.
    """
    return json_response(await quoting.quote(uow, body.model_dump()))


@router.get("", response_model=ChargePage, responses=CSV_LIST, operation_id="list_charges")
async def list_charges(
    uow: Uow,
    request: Request,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only charges of this customer.")] = None,
    invoice_id: Annotated[UUID | None, Query(description="Only charges on this invoice.")] = None,
    external_id: OnlyExternalId = None,
    kind: Annotated[ChargeKind | None, Query(description="Only charges of this kind.")] = None,
    status: Annotated[ChargeStatus | None, Query(description="Only charges in this status.")] = None,
    posted_on_from: Annotated[Day | None, Query(description="Posted on this date or later.")] = None,
    posted_on_to: Annotated[Day | None, Query(description="Posted on this date or earlier.")] = None,
) -> Response:
    """List charges, newest first."""
    wanted = ChargeFilter(
        customer_id=customer_id,
        invoice_id=invoice_id,
        external_id=external_id,
        kind=kind,
        status=status,
        posted_on_from=posted_on_from,
        posted_on_to=posted_on_to,
    )
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return page_response(request, page(rows, limit, charge_payload, lambda row: row.id), ChargeOutput)


@router.get("/{charge_id}", response_model=ChargeOutput, responses=READ, operation_id="get_charge")
async def get_charge(uow: Uow, charge_id: UUID) -> Response:
    """Read a charge."""
    return resource_response(charge_payload(await CHARGES.get(uow, charge_id)))


@router.post("/{charge_id}/waive", response_model=ChargeOutput, responses=WRITE, operation_id="waive_charge")
async def waive_charge(uow: Uow, request: Request, charge_id: UUID, body: ChargeWaive) -> Response:
    """Give a charge up, with a reason.

    Money that had paid it pays what else is open of the invoice; what nothing is left for is the payer's unapplied
    cash again. The days of interest that were waived are not charged again.
    """
    customers, charge = await service.lock(uow, charge_id)
    check_if_match(request, charge.version)
    await service.waive(uow, customers, charge, reason=body.reason, waived_on=body.waived_on)
    return resource_response(charge_payload(charge))
