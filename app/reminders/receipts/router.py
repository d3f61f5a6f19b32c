"""HTTP for what is told about messages, and for what they were."""

import asyncio
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response

from app.core.errors import conflict, invalid
from app.core.responses import CREATE, READ, json_response, problems
from app.core.uow import UnitOfWork
from app.core.wire import instant
from app.deps import AppSettings, Uow, tenant_router
from app.domain.errors import Code
from app.messages.pdf import PDF_MARK, LettersNotAvailableError, letter_pdf
from app.models import ReminderReceipt
from app.outbox.payloads import Payload
from app.reminders.receipts import service
from app.reminders.receipts.bounces import Bounce, read_report, reminder_of
from app.reminders.receipts.schemas import (
    BounceInput,
    DeliveryEventInput,
    DeliveryEventPage,
    DeliveryEventTaken,
)
from app.reminders.service import get

router = tenant_router("/v1/reminders", "Reminders")

_KNOWN: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "It was known already, or decides nothing.", "model": DeliveryEventTaken}
}
_PDF: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The letter.",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "/{reminder_id}/delivery-events",
    status_code=201,
    response_model=DeliveryEventTaken,
    responses={**CREATE, **_KNOWN},
    operation_id="take_delivery_event",
)
async def take_delivery_event(uow: Uow, reminder_id: UUID, body: DeliveryEventInput) -> Response:
    """Tell what a provider says about a message that it had taken.

    Whatever it says, it had the message: a reminder whose outcome was unknown counts as sent from then on.
    """
    taken = await service.take(uow, reminder_id, body.model_dump())
    await uow.flush()
    return json_response(_taken(taken), status=201 if taken.is_new else 200)


@router.get(
    "/{reminder_id}/delivery-events",
    response_model=DeliveryEventPage,
    responses=READ,
    operation_id="list_delivery_events",
)
async def list_delivery_events(uow: Uow, reminder_id: UUID) -> Response:
    """List what was told about a reminder's message, the oldest first."""
    receipts = await service.list_of(uow, reminder_id)
    return json_response({"data": [_receipt(receipt) for receipt in receipts], "next_cursor": None})


@router.post(
    "/bounces",
    status_code=201,
    response_model=DeliveryEventTaken,
    responses={**CREATE, **_KNOWN},
    operation_id="take_bounce",
)
async def take_bounce(uow: Uow, settings: AppSettings, body: BounceInput) -> Response:
    """Hand over an e-mail that came back.

    The same as a delivery event, for who has a Message-ID or the report that the mail server sent. A report about a
    message that is late, or that was passed on, decides nothing and is answered with 409.
    """
    # A long report takes its time.
    found = await asyncio.to_thread(_bounce, body, settings.message_id_domain)
    if found is None:
        pointer = "/message_id" if body.message_id is not None else "/report"
        raise invalid(pointer, Code.unknown_reference, "It names no message of this installation.")
    if found.kind is None:
        raise conflict(Code.state_conflict, f"The report says {found.detail}, which decides nothing yet.")
    fields = {
        "kind": found.kind,
        "provider_event_id": found.event_id,
        "occurred_at": None,
        "detail": body.detail or found.detail or None,
    }
    taken = await service.take(uow, found.reminder_id, fields)
    await uow.flush()
    return json_response(_taken(taken), status=201 if taken.is_new else 200)


def _bounce(body: BounceInput, domain: str) -> Bounce | None:
    if body.report is not None:
        return read_report(body.report, domain)
    reminder_id = reminder_of(body.message_id or "", domain)
    return None if reminder_id is None else Bounce(reminder_id, "bounced", "message-id", "")


@router.get(
    "/{reminder_id}/document",
    response_class=Response,
    responses={**problems(404, 409, 422), **_PDF},
    operation_id="get_reminder_document",
)
async def get_reminder_document(uow: Uow, reminder_id: UUID) -> Response:
    """Download a letter as PDF, to be printed and posted.

    It is what was made out when the reminder was sent. In shadow, where nothing is kept, it is made for the look.
    """
    content = await _letter(uow, reminder_id)
    if not content.startswith(PDF_MARK):
        try:
            content = await asyncio.to_thread(letter_pdf, content.decode())
        except LettersNotAvailableError as error:
            raise conflict(Code.channel_not_available, "This installation cannot make letters.") from error
    headers = {"Content-Disposition": f'inline; filename="{reminder_id}.pdf"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type="application/pdf", headers=headers)


async def _letter(uow: UnitOfWork, reminder_id: UUID) -> bytes:
    reminder = await get(uow, reminder_id)
    if reminder.channel != "letter":
        raise conflict(Code.state_conflict, f"The reminder goes by {reminder.channel}; only letters have a document.")
    if reminder.content is None:
        raise conflict(
            Code.state_conflict,
            f"The reminder is {reminder.status} and has no document: it is made out when it is sent.",
        )
    return reminder.content


def _taken(taken: service.Taken) -> Payload:
    return {
        **_receipt(taken.receipt),
        "reminder_status": taken.reminder.status,
        "replaced_by": [str(reminder.id) for reminder in taken.replacements],
    }


def _receipt(receipt: ReminderReceipt) -> Payload:
    return {
        "id": str(receipt.id),
        "reminder_id": str(receipt.reminder_id),
        "kind": receipt.kind,
        "provider_event_id": receipt.provider_event_id,
        "occurred_at": instant(receipt.occurred_at),
        "received_at": instant(receipt.received_at),
        "detail": receipt.detail,
    }
