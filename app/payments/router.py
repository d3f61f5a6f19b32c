"""HTTP for payments."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, resource_response
from app.core.schemas import Day
from app.deps import Uow, tenant_router
from app.models import Reminder
from app.outbox.payloads import payment_payload
from app.payments import repository, service
from app.payments.repository import PaymentFilter
from app.payments.schemas import (
    PaymentAnswer,
    PaymentCreate,
    PaymentOutput,
    PaymentPage,
    PaymentReverse,
    PaymentStatus,
)

router = tenant_router("/v1/payments", "Payments")


@router.post("", status_code=201, response_model=PaymentAnswer, responses=CREATE, operation_id="create_payment")
async def create_payment(uow: Uow, body: PaymentCreate) -> Response:
    """Record a payment.

    It settles the invoices named in `allocations`; without any, those due the longest. What is left over stays with
    the customer as unapplied cash. Once this is answered, no reminder about what it settles is claimed any more.
    """
    payment, in_flight = await service.create(uow, body.model_dump())
    return resource_response({**payment_payload(payment), "in_flight": _in_flight(in_flight)}, status=201)


@router.get("", response_model=PaymentPage, responses=LIST, operation_id="list_payments")
async def list_payments(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only payments of this customer.")] = None,
    external_id: Annotated[str | None, Query(max_length=200, description="Only the one with this external id.")] = None,
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
    return json_response(page(rows, limit, payment_payload, lambda row: row.id))


@router.get("/{payment_id}", response_model=PaymentOutput, responses=READ, operation_id="get_payment")
async def get_payment(uow: Uow, payment_id: UUID) -> Response:
    """Read a payment."""
    return resource_response(payment_payload(await service.get(uow, payment_id)))


@router.post("/{payment_id}/reverse", response_model=PaymentAnswer, responses=WRITE, operation_id="reverse_payment")
async def reverse_payment(uow: Uow, request: Request, payment_id: UUID, body: PaymentReverse) -> Response:
    """Reverse a payment that bounced, was charged back or was booked in error.

    What it had settled is open again, and chasing goes on with the step after the last one that went out.
    """
    check_if_match(request, (await service.lock(uow, payment_id)).version)
    payment, in_flight = await service.reverse(uow, payment_id, reason=body.reason, reversed_on=body.reversed_on)
    await uow.flush()
    return resource_response({**payment_payload(payment), "in_flight": _in_flight(in_flight)})


def _in_flight(reminders: Sequence[Reminder]) -> list[dict[str, Any]]:
    return [
        {
            "reminder_id": str(reminder.id),
            "channel": reminder.channel,
            "invoice_ids": [str(item.invoice_id) for item in reminder.items if item.dropped_reason is None],
        }
        for reminder in reminders
    ]
