"""HTTP for reminders."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.responses import LIST, json_response, problems, resource_response
from app.deps import AppSettings, Uow, tenant_router
from app.outbox.payloads import reminder_payload
from app.reminders import repository, service
from app.reminders.schemas import (
    ReminderChannel,
    ReminderMessageOutput,
    ReminderOutput,
    ReminderPage,
    ReminderResolve,
    ReminderStatus,
)

router = tenant_router("/v1/reminders", "Reminders")

_READ = problems(404, 422)
_COMMAND = problems(404, 409, 413, 415, 422)


@router.get("", response_model=ReminderPage, responses=LIST, operation_id="list_reminders")
async def list_reminders(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    status: Annotated[ReminderStatus | None, Query(description="Only reminders in this status.")] = None,
    customer_id: Annotated[UUID | None, Query(description="Only this customer's.")] = None,
    invoice_id: Annotated[UUID | None, Query(description="Only those about this invoice.")] = None,
    channel: Annotated[ReminderChannel | None, Query(description="Only those that go this way.")] = None,
) -> Response:
    """List reminders, newest first."""
    rows = await repository.list_page(
        uow,
        limit=limit,
        before=decode_cursor(cursor),
        status=status,
        customer_id=customer_id,
        invoice_id=invoice_id,
        channel=channel,
    )
    return json_response(page(rows, limit, reminder_payload, lambda row: row.id))


@router.get("/{reminder_id}", response_model=ReminderOutput, responses=_READ, operation_id="get_reminder")
async def get_reminder(uow: Uow, reminder_id: UUID) -> Response:
    """Read a reminder."""
    return resource_response(reminder_payload(await service.get(uow, reminder_id)))


@router.get(
    "/{reminder_id}/message",
    response_model=ReminderMessageOutput,
    responses=problems(404, 409, 422),
    operation_id="get_reminder_message",
)
async def get_reminder_message(uow: Uow, settings: AppSettings, reminder_id: UUID) -> Response:
    """Read the message of a reminder, as it was frozen when it was last claimed for sending.

    Before that there is none: it is made out from what is owed at that instant, and the answer is 409.
    """
    return json_response(await service.message(uow, reminder_id, message_id_domain=settings.message_id_domain))


@router.post(
    "/{reminder_id}/approve", response_model=ReminderOutput, responses=_COMMAND, operation_id="approve_reminder"
)
async def approve_reminder(uow: Uow, reminder_id: UUID) -> Response:
    """Approve a reminder that waits for it.

    It goes out in the next open window, unless what is owed has changed so that it must not.
    """
    reminder = await service.approve(uow, reminder_id)
    await uow.flush()
    return resource_response(reminder_payload(reminder))


@router.post("/{reminder_id}/cancel", response_model=ReminderOutput, responses=_COMMAND, operation_id="cancel_reminder")
async def cancel_reminder(uow: Uow, reminder_id: UUID) -> Response:
    """Cancel a reminder that has not left.

    Its steps count as skipped and are not made up for; the next step of the policy comes in its time.
    """
    reminder = await service.cancel(uow, reminder_id)
    await uow.flush()
    return resource_response(reminder_payload(reminder))


@router.post(
    "/{reminder_id}/resolve", response_model=ReminderOutput, responses=_COMMAND, operation_id="resolve_reminder"
)
async def resolve_reminder(uow: Uow, reminder_id: UUID, body: ReminderResolve) -> Response:
    """Say what became of a reminder whose outcome is unknown.

    `failed` takes back what was charged for it. Neither outcome sends it again.
    """
    reminder = await service.resolve(uow, reminder_id, outcome=body.outcome, note=body.note)
    await uow.flush()
    return resource_response(reminder_payload(reminder))
