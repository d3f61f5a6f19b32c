"""What makes a template one that can be sent: the fields that go together, and a syntax that can do no harm."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.core.errors import FieldError
from app.domain.errors import Code
from app.messages.html_text import html_faults
from app.messages.syntax import check
from app.messages.texts import WITH_SUBJECT

_WRITTEN: Final = ("subject", "body", "body_html")


def check_template(fields: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with a template whose fields have the right shape."""
    return [*_belongings(fields), *_syntax(fields)]


def _belongings(fields: Mapping[str, Any]) -> Iterator[FieldError]:
    channel = fields["channel"]
    if channel in WITH_SUBJECT:
        if not fields["subject"]:
            yield FieldError("/subject", Code.missing, f"A template for {channel} has a subject.")
        if not (fields["body"] or fields["body_html"]):
            yield FieldError("/body", Code.missing, "Write `body`, `body_html` or both.")
    else:
        if fields["subject"]:
            yield FieldError("/subject", Code.invalid_value, f"A template for {channel} has no subject; leave it out.")
        if fields["body_html"]:
            yield FieldError("/body_html", Code.invalid_value, f"A template for {channel} is plain text; send `body`.")
        if not fields["body"]:
            yield FieldError("/body", Code.missing, "Write what it says.")
    if fields["provider_template"] and channel != "whatsapp":
        yield FieldError(
            "/provider_template", Code.invalid_value, "Only WhatsApp's provider has templates; leave it out."
        )


def _syntax(fields: Mapping[str, Any]) -> Iterator[FieldError]:
    for name in _WRITTEN:
        source = fields[name] or ""
        found = [(fault.line, fault.message) for fault in check(source)]
        if name == "body_html" and not found:
            found = html_faults(source)
        for line, message in found:
            yield FieldError(f"/{name}", Code.template_not_allowed, f"Line {line}: {message}")
