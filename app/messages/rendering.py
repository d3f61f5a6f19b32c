"""Renders a message: subject, text part and HTML part from one text, in the customer's language."""

from dataclasses import dataclass
from typing import Any, Final

from app.messages.blocks import (
    MARKS,
    html_from_text,
    html_with_blocks,
    letter_head,
    page,
    short_part,
    text_part,
    whole_page,
)
from app.messages.context import MessageContext
from app.messages.gsm import message_length
from app.messages.html_text import html_to_text
from app.messages.plain_text import clean
from app.messages.sandbox import render_html, render_text
from app.messages.texts import TEMPLATE_KEYS, WITH_SUBJECT, Text, Texts
from app.messages.variables import Material, material

# How long a short message should be, and how long it can be at most.
_SHORT: Final = {"sms": (160, 1_530), "whatsapp": (480, 1_600)}


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """A message as the customer will read it; `language` is the language tag of its text.

    Only e-mails and letters have a subject and HTML. `provider_template` names the provider's own template, where the
    channel has such.
    """

    subject: str | None
    text: str
    html: str | None
    language: str
    provider_template: str | None = None


def template_exists(template_key: str) -> bool:
    """Tell whether a text ships under this key."""
    return template_key in TEMPLATE_KEYS


def render(
    template_key: str, context: MessageContext, *, channel: str = "email", texts: Texts | None = None
) -> RenderedMessage:
    """Render the message that a customer reads under a key.

    Args:
        template_key: What a policy's step names.
        context: The facts.
        channel: One of `app.messages.texts.CHANNELS`.
        texts: What the tenant can say; the shipped texts alone if left out.

    Raises:
        KeyError: There is nothing under this key for the channel.
        ValueError: The context is about no invoice, or names no currency.
    """
    known = texts or Texts()
    text = known.choose(template_key, channel, locale=context.locale, fallback=context.fallback_locale)
    if text is None:
        raise KeyError(template_key)
    return render_one(text, context)


def render_one(text: Text, context: MessageContext) -> RenderedMessage:
    """Render a message by one text.

    Raises:
        ValueError: The context is about no invoice, names no currency, or the text uses what it must not.
    """
    made = material(context, text)
    if text.channel in _SHORT:
        body = _short(text, made)
        return RenderedMessage(None, body, None, text.language, text.provider_template)
    values = _values(made)
    if text.channel == "call":
        return RenderedMessage(None, text_part(_body(text, values), made), None, text.language)
    subject = clean(render_text(text.subject or "", values)) if text.channel in WITH_SUBJECT else ""
    is_letter = text.channel == "letter"
    plain, html = _parts(text, made, values)
    if _is_page(html):
        html = whole_page(html, made)
    else:
        html = page(html, made, title=subject, language=text.language, is_letter=is_letter)
    head = letter_head(made, title=subject) if is_letter else ""
    return RenderedMessage(subject, head + text_part(plain, made), html, text.language)


def _parts(text: Text, made: Material, values: dict[str, Any]) -> tuple[str, str]:
    """The body as plain text, its blocks still marked, and as HTML; what was not written is made from the other."""
    if text.body_html is None:
        body = render_text(text.body, values)
        return body, html_from_text(body, made)
    html = render_html(text.body_html, values)
    plain = render_text(text.body, values) if text.body else html_to_text(html)
    return plain, html_with_blocks(html, made)


def _is_page(html: str) -> bool:
    return html.lstrip()[:15].lower().startswith(("<!doctype", "<html"))


def _body(text: Text, values: dict[str, Any]) -> str:
    return render_text(text.body, values) if text.body else html_to_text(render_html(text.body_html or "", values))


def _values(made: Material) -> dict[str, Any]:
    way = made.ways_to_pay[0] if made.ways_to_pay else ""
    return {**made.values, **MARKS, "if_paid": made.if_paid, "pay_or_call": way}


def _short(text: Text, made: Material) -> str:
    """A short message that says what matters: rather without the link, or what to do if paid, than too long."""
    wanted, most = _SHORT[text.channel]
    shown = ""
    for way in made.ways_to_pay or ("",):
        for if_paid in (made.if_paid, ""):
            values = {**made.values, **MARKS, "if_paid": if_paid, "pay_or_call": way}
            rendered = short_part(_body(text, values), made)
            if _length(rendered, text.channel) <= wanted:
                return rendered
            # What a tenant wrote is as long as it is; what ships is as short as it can be.
            shown = rendered if text.is_shipped else shown or rendered
    limit = wanted if text.is_shipped else most
    shown = shown[:limit]
    while _length(shown, text.channel) > limit:
        shown = shown[:-1]
    return shown.rstrip()


def _length(rendered: str, channel: str) -> int:
    return message_length(rendered)[0] if channel == "sms" else len(rendered)
