"""Renders a reminder's subject, text part and HTML part from one source, in the customer's language."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from app.messages.context import MessageContext
from app.messages.languages import resolve_language
from app.messages.plain_text import aligned, clean, paragraphs, split_paragraphs
from app.messages.variables import variables
from app.messages.words import TEXTS

TEMPLATE_KEYS: Final = frozenset(
    {"friendly_reminder", "first_notice", "second_notice", "formal_notice", "final_notice"}
)

_BLANK_LINES: Final = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """A message as the customer will read it; `language` is the language tag of its text."""

    subject: str
    text: str
    html: str
    language: str


def template_exists(template_key: str) -> bool:
    """Tell whether a policy step may name this template."""
    return template_key in TEMPLATE_KEYS


def render(template_key: str, context: MessageContext) -> RenderedMessage:
    """Render a message.

    The same letter is rendered twice, escaped inside the HTML layout and as it is inside the text layout, so that the
    two parts can never say different things.

    Raises:
        KeyError: There is no such template.
        ValueError: The context is about no invoice, or names no currency.
    """
    if template_key not in TEMPLATE_KEYS:
        raise KeyError(template_key)
    language = resolve_language(context.locale, fallback=context.fallback_locale)
    values = variables(context, language)
    text_letter, html_letter = _letters(language, template_key)
    text = _BLANK_LINES.sub("\n\n", text_letter.render(values)).strip()
    return RenderedMessage(
        subject=_subject(text_letter, values),
        text=f"{text}\n",
        html=html_letter.render(values).strip() + "\n",
        language=language,
    )


def _subject(letter: Template, values: Mapping[str, Any]) -> str:
    block = letter.blocks["subject"](letter.new_context(dict(values)))
    return clean("".join(block))


@cache
def _letters(language: str, template_key: str) -> tuple[Template, Template]:
    text, html = _environments()
    name = f"{language}/{template_key}.j2"
    return text.get_template(name), html.get_template(name)


@cache
def _environments() -> tuple[ImmutableSandboxedEnvironment, ImmutableSandboxedEnvironment]:
    text = _environment("_text", autoescape=False)
    text.filters["paragraphs"] = paragraphs
    text.filters["aligned"] = aligned
    html = _environment("_html", autoescape=True)
    html.filters["paragraphs"] = _html_paragraphs
    return text, html


def _environment(layout: str, *, autoescape: bool) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader([TEXTS / layout, TEXTS]),
        undefined=StrictUndefined,
        autoescape=autoescape,
        auto_reload=False,
        keep_trailing_newline=False,
    )


def _html_paragraphs(text: str) -> Markup:
    # A filter block hands over what autoescape has already made safe, as Markup; anything else is escaped here.
    parts = [f'<p style="margin:0 0 16px">{escape(part)}</p>' for part in split_paragraphs(text)]
    return Markup("\n".join(parts))  # noqa: S704  made of what is escaped
