"""The wire form of templates; no event carries them, so it is made here."""

from typing import Any

from app.core.wire import instant
from app.messages.texts import Text
from app.models import Template

Payload = dict[str, Any]


def template_payload(template: Template) -> Payload:
    """The wire form of a tenant's own template."""
    return {
        "id": str(template.id),
        "built_in": False,
        "key": template.key,
        "language": template.language,
        "channel": template.channel,
        "tone": template.tone,
        "name": template.name,
        "subject": template.subject,
        "body": template.body or None,
        "body_html": template.body_html,
        "provider_template": template.provider_template,
        "active": template.is_active,
        "metadata": template.meta,
        "version": template.version,
        "created_at": instant(template.created_at),
        "updated_at": instant(template.updated_at),
    }


def shipped_payload(text: Text, *, active: bool) -> Payload:
    """The wire form of a template that ships; it is not active where the tenant's own takes its place."""
    return {
        "id": str(text.id),
        "built_in": True,
        "key": text.key,
        "language": text.language,
        "channel": text.channel,
        "tone": text.tone,
        "name": text.name,
        "subject": text.subject,
        "body": text.body,
        "body_html": None,
        "provider_template": None,
        "active": active,
        "metadata": {},
        "version": 1,
        "created_at": None,
        "updated_at": None,
    }
