"""From the rows behind a reminder to the message a customer reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from app.core.uow import UnitOfWork
from app.dunning.facts import Dossier
from app.dunning.wording import Wording, message_context
from app.messages.mime import build_email, message_id_for
from app.messages.rendering import RenderedMessage, render
from app.messages.texts import text_channel
from app.messages.variables import material
from app.models import Reminder
from app.reminders.channels.twilio import template_content, text_content

_NUMBERED: Final = 5


@dataclass(frozen=True, slots=True)
class Composed:
    """A rendered message.

    Attributes:
        blanks: What fills the provider's own template, by number, where there is one.
    """

    rendered: RenderedMessage
    blanks: Mapping[str, str] = field(default_factory=dict)


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
) -> Composed:
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
        address=(reminder.to or "") if reminder.channel == "letter" else "",
    )
    channel = text_channel(reminder.channel)
    rendered = render(reminder.template, context, channel=channel, texts=wording.texts)
    if rendered.provider_template is None:
        return Composed(rendered)
    text = wording.texts.choose(reminder.template, channel, locale=context.locale, fallback=context.fallback_locale)
    return Composed(rendered, _blanks(material(context, text).values) if text is not None else {})


def _blanks(values: Mapping[str, Any]) -> dict[str, str]:
    """What fills the numbered blanks of a template that the provider has approved."""
    customer, invoices = values["customer"], values["invoices"]
    numbers = [line["number"] for line in invoices[:_NUMBERED]]
    if len(invoices) > _NUMBERED:
        numbers.append("…")
    filled = (
        customer["contact"] or customer["name"],
        values["company"]["name"],
        values["total"],
        ", ".join(numbers),
        values["invoice"]["due_on"],
        values["payment_url"] or values["contact"],
    )
    # A blank that is left empty is refused by the provider.
    return {str(number): value or "-" for number, value in enumerate(filled, start=1)}


def encode(uow: UnitOfWork, reminder: Reminder, composed: Composed, *, domain: str, is_open: bool = False) -> bytes:
    """The bytes that leave: frozen once, the same for every attempt.

    Args:
        uow: the claim.
        reminder: what is sent.
        composed: its message.
        domain: of the Message-ID.
        is_open: of WhatsApp: the customer wrote within the last day, so that any text may be sent.
    """
    rendered = composed.rendered
    match reminder.channel:
        case "sms":
            return text_content(rendered.text)
        case "whatsapp" if is_open:
            return text_content(rendered.text)
        case "whatsapp" if rendered.provider_template is not None:
            return template_content(rendered.provider_template, composed.blanks)
        case "whatsapp":
            # Nothing may be said, which the channel tells.
            return b"{}"
        case "letter":
            return (rendered.html or "").encode()
        case "call" | "erp":
            return rendered.text.encode()
    return _email(uow, reminder, rendered, domain=domain)


def _email(uow: UnitOfWork, reminder: Reminder, rendered: RenderedMessage, *, domain: str) -> bytes:
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
