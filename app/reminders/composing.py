"""From the rows behind a reminder to the message a customer reads."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from app.core.uow import UnitOfWork
from app.dunning.facts import Dossier
from app.dunning.wording import Wording, message_context
from app.messages.mime import build_email, message_id_for
from app.messages.rendering import RenderedMessage, render
from app.messages.texts import text_channel
from app.models import Reminder


def message_key(reminder: Reminder) -> str:
    """The key of a reminder's message, the same for every attempt."""
    return str(reminder.id)


def compose(
    uow: UnitOfWork,
    reminder: Reminder,
    dossier: Dossier,
    *,
    wording: Wording,
    step_key: str,
    also_open: Iterable[UUID],
    today: date,
) -> RenderedMessage:
    """Render a reminder's message from what is owed now.

    Args:
        uow: the claim.
        reminder: with its items.
        dossier: the rows of its customer.
        wording: what the tenant can say.
        step_key: the highest step.
        also_open: cases to be listed for information.
        today: the tenant's business date.
    """
    context = message_context(
        uow,
        dossier,
        [item.case_id for item in reminder.items if item.dropped_reason is None],
        wording=wording,
        currency=reminder.currency,
        total_due_minor=reminder.total_due_minor,
        step_key=step_key,
        today=today,
        also_open=also_open,
        contact=reminder.to_name,
        address=(reminder.to or "") if reminder.channel == "post" else "",
    )
    return render(reminder.template, context, channel=text_channel(reminder.channel), texts=wording.texts)


def encode(uow: UnitOfWork, reminder: Reminder, rendered: RenderedMessage, *, domain: str) -> bytes:
    """The bytes that leave: frozen once, the same for every attempt."""
    settings = uow.tenant.settings
    return build_email(
        rendered=rendered,
        sender_name=settings["sender_name"],
        sender_address=settings["sender_address"],
        reply_to=settings["reply_to"],
        to_address=reminder.to or "",
        to_name=reminder.to_name,
        message_id=message_id_for(message_key(reminder), domain),
        date=uow.now,
        headers={},
    )
