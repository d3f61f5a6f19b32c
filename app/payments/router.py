"""HTTP for payments."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.batches import BatchOutput, batch_payload, parse_row
from app.core.csvtext import CSV_LIST, page_response
from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, READ, WRITE, check_if_match, json_response, resource_response
from app.core.schemas import Day
from app.core.uow import UnitOfWork
from app.deps import Uow, tenant_router
from app.outbox.payloads import in_flight_payload, payment_payload
from app.payments import batch, commands, repository, service
from app.payments.repository import PAYMENTS, PaymentFilter
from app.payments.schemas import (
    PaymentAllocate,
    PaymentAnswer,
    PaymentAssign,
    PaymentBatch,
    PaymentConfirm,
    PaymentCreate,
    PaymentOutput,
    PaymentPage,
    PaymentRefund,
    PaymentReverse,
    PaymentStatus,
    PaymentUnallocate,
)

router = tenant_router("/v1/payments", "Payments")


@router.post("", status_code=201, response_model=PaymentAnswer, responses=CREATE, operation_id="create_payment")
async def create_payment(uow: Uow, body: PaymentCreate) -> Response:
    """Record a payment.

    It settles the invoices named in `allocations`; without any, those due the longest. What is left over stays with
    the customer as unapplied cash. Once this is answered, no reminder about what it settles is claimed any more.

    Inside a discount window a payment settles at the discounted amount, and a part payment earns its share. A rest
    within the tenant's `short_pay_tolerance` is closed as `short_payment`. A payment dated back counts from its date:
    interest charged for later days is taken back. Money that nobody has been named for is kept until it is assigned.
    """
    payment, in_flight = await service.create(uow, body.model_dump())
    return resource_response({**payment_payload(payment), "in_flight": in_flight_payload(in_flight)}, status=201)


@router.post("/batch", response_model=BatchOutput, responses=CREATE, operation_id="write_payment_batch")
async def write_payment_batch(uow: Uow, body: PaymentBatch) -> Response:
    """Record up to 1,000 payments, in their order.

    A row whose `external_id` is known and that says the same is `unchanged`; one that says otherwise fails. By
    default each row succeeds or fails by itself, and the answer is 200 even when rows failed.
    """
    rows = [parse_row(PaymentCreate, row) for row in body.payments]
    results = await batch.write_batch(uow, rows)
    return json_response(batch_payload(rows, results, mode=body.mode, name="payments"))


@router.get("", response_model=PaymentPage, responses=CSV_LIST, operation_id="list_payments")
async def list_payments(
    uow: Uow,
    request: Request,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only payments of this customer.")] = None,
    external_id: OnlyExternalId = None,
    status: Annotated[PaymentStatus | None, Query(description="Only payments in this status.")] = None,
    received_on_from: Annotated[Day | None, Query(description="Received on this date or later.")] = None,
    received_on_to: Annotated[Day | None, Query(description="Received on this date or earlier.")] = None,
) -> Response:
    """List payments, newest first."""
    wanted = PaymentFilter(
        customer_id=customer_id,
        external_id=external_id,
        status=status,
        received_on_from=received_on_from,
        received_on_to=received_on_to,
    )
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return page_response(request, page(rows, limit, payment_payload, lambda row: row.id), PaymentOutput)


@router.get("/{payment_id}", response_model=PaymentOutput, responses=READ, operation_id="get_payment")
async def get_payment(uow: Uow, payment_id: UUID) -> Response:
    """Read a payment."""
    return resource_response(payment_payload(await PAYMENTS.get(uow, payment_id)))


@router.post("/{payment_id}/reverse", response_model=PaymentAnswer, responses=WRITE, operation_id="reverse_payment")
async def reverse_payment(uow: Uow, request: Request, payment_id: UUID, body: PaymentReverse) -> Response:
    """Reverse a payment that bounced, was charged back or was booked in error.

    What it had settled is open again, and chasing goes on with the step after the last one that went out.
    """
    return await _answer(
        uow,
        await service.reverse(
            uow, payment_id, reason=body.reason, reversed_on=body.reversed_on, check=partial(check_if_match, request)
        ),
    )


@router.post("/{payment_id}/allocate", response_model=PaymentAnswer, responses=WRITE, operation_id="allocate_payment")
async def allocate_payment(uow: Uow, request: Request, payment_id: UUID, body: PaymentAllocate) -> Response:
    """Apply unapplied cash of a payment to invoices.

    As with a new payment: to those that are named, else to those due the longest.
    """
    return await _answer(
        uow, await commands.allocate(uow, payment_id, body.model_dump(), partial(check_if_match, request))
    )


@router.post(
    "/{payment_id}/unallocate", response_model=PaymentAnswer, responses=WRITE, operation_id="unallocate_payment"
)
async def unallocate_payment(uow: Uow, request: Request, payment_id: UUID, body: PaymentUnallocate) -> Response:
    """Take a payment off invoices that it should not have settled.

    They are open again as if it never had; the cash is unapplied and can be allocated or refunded.
    """
    return await _answer(
        uow, await commands.unallocate(uow, payment_id, body.model_dump(), partial(check_if_match, request))
    )


@router.post("/{payment_id}/refund", response_model=PaymentAnswer, responses=WRITE, operation_id="refund_payment")
async def refund_payment(uow: Uow, request: Request, payment_id: UUID, body: PaymentRefund) -> Response:
    """Record that unapplied cash went back to the payer; Puntual moves no money itself."""
    return await _answer(
        uow, await commands.refund(uow, payment_id, body.model_dump(), partial(check_if_match, request))
    )


@router.post("/{payment_id}/assign", response_model=PaymentAnswer, responses=WRITE, operation_id="assign_payment")
async def assign_payment(uow: Uow, request: Request, payment_id: UUID, body: PaymentAssign) -> Response:
    """Say whose an unidentified payment is; it settles that customer's invoices from its own date on."""
    return await _answer(
        uow, await commands.assign(uow, payment_id, body.model_dump(), partial(check_if_match, request))
    )


@router.post("/{payment_id}/confirm", response_model=PaymentAnswer, responses=WRITE, operation_id="confirm_payment")
async def confirm_payment(uow: Uow, request: Request, payment_id: UUID, body: PaymentConfirm) -> Response:
    """Confirm that a pending instrument has been paid; it settles what it was meant for.

    One that came back unpaid is reversed.
    """
    return await _answer(
        uow, await commands.confirm(uow, payment_id, body.model_dump(), partial(check_if_match, request))
    )


async def _answer(uow: UnitOfWork, acknowledged: service.Acknowledged) -> Response:
    payment, in_flight = acknowledged
    await uow.flush()
    return resource_response({**payment_payload(payment), "in_flight": in_flight_payload(in_flight)})
