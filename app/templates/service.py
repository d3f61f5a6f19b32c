"""Commands on templates."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from app.core.errors import conflict, invalid_fields, not_found
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.dunning.wording import load_texts, text_of
from app.messages.texts import TONES, Text, Texts, shipped_by_id, text_channel
from app.models import Template
from app.templates import repository
from app.templates.checking import check_template
from app.templates.repository import Wanted
from app.templates.wire import Payload, shipped_payload, template_payload

# All of them are at hand whenever messages are made out.
MAX_TEMPLATES: Final = 500
_CONTENT: Final = ("channel", "subject", "body", "body_html", "provider_template")


async def create(uow: UnitOfWork, fields: Mapping[str, Any]) -> Template:
    """Write a template.

    Raises:
        ProblemError: 409 when there is one with this key, language and channel, 422 with all that is not allowed.
    """
    _check(fields)
    # One template is not written twice at once.
    await uow.lock_tenant()
    key, language, channel = fields["key"], fields["language"], fields["channel"]
    if await repository.find_same(uow, key, language, channel) is not None:
        raise conflict(Code.duplicate_value, "You have a template with this key, language and channel; PATCH it.")
    if await repository.count(uow) >= MAX_TEMPLATES:
        raise conflict(Code.state_conflict, f"There are {MAX_TEMPLATES} templates already; delete one first.")
    template = Template(
        tenant_id=uow.tenant_id,
        id=new_id(),
        key=key,
        language=language,
        channel=channel,
        tone=tone_of(fields),
        name=fields["name"],
        subject=fields["subject"],
        body=fields["body"] or "",
        body_html=fields["body_html"],
        provider_template=fields["provider_template"],
        is_active=fields["active"],
        meta=fields["metadata"],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(template)
    return template


async def lock(uow: UnitOfWork, template_id: UUID) -> Template:
    """One of the tenant's own templates, to be changed.

    Raises:
        ProblemError: 404, 409 for one that ships.
    """
    template = await repository.lock(uow, template_id)
    if template is not None:
        return template
    if template_id in shipped_by_id():
        raise conflict(
            Code.state_conflict,
            "This template ships with Puntual and stays as it is; POST one with the same key, language and channel, "
            "which takes its place.",
        )
    raise not_found("template")


async def update(uow: UnitOfWork, template: Template, fields: Mapping[str, Any]) -> None:
    """Change the named fields of a template; messages that are made out from now on use it.

    Raises:
        ProblemError: 409 when a published policy would be left without words, 422 with all that is not allowed.
    """
    content = {name: getattr(template, name) for name in _CONTENT}
    _check({**content, **{name: value for name, value in fields.items() if name in _CONTENT}})
    if template.is_active and fields.get("active") is False:
        await _check_dispensable(uow, template)
    for name, value in fields.items():
        if name == "active":
            template.is_active = value
        elif name == "metadata":
            template.meta = value
        elif name == "body":
            template.body = value or ""
        else:
            setattr(template, name, value)


async def delete(uow: UnitOfWork, template: Template) -> None:
    """Delete a template; one that ships takes its place again.

    Raises:
        ProblemError: 409 when a published policy would be left without words.
    """
    if template.is_active:
        await _check_dispensable(uow, template)
    await uow.session.delete(template)


async def get(uow: UnitOfWork, template_id: UUID) -> Payload:
    """The wire form of a template.

    Raises:
        ProblemError: 404.
    """
    text = shipped_by_id().get(template_id)
    if text is not None:
        return shipped_payload(text, active=_serves(text, await load_texts(uow)))
    template = await repository.find(uow, template_id)
    if template is None:
        raise not_found("template")
    return template_payload(template)


async def get_text(uow: UnitOfWork, template_id: UUID) -> Text:
    """What a template says.

    Raises:
        ProblemError: 404.
    """
    text = shipped_by_id().get(template_id)
    if text is None:
        template = await repository.find(uow, template_id)
        if template is None:
            raise not_found("template")
        text = text_of(template)
    return text


async def list_page(uow: UnitOfWork, wanted: Wanted, *, limit: int, before: UUID | None) -> Sequence[Payload]:
    """Wire forms of the tenant's own templates, newest first, then of those that ship; one more than `limit`."""
    own = [template_payload(row) for row in await repository.list_own(uow, wanted, limit=limit, before=before)]
    room = limit + 1 - len(own)
    if room <= 0:
        return own
    shipped = [text for text, _ in zip(repository.list_shipped(wanted, before=before), range(room), strict=False)]
    texts = await load_texts(uow) if shipped else Texts()
    return own + [shipped_payload(text, active=_serves(text, texts)) for text in shipped]


def draft(fields: Mapping[str, Any]) -> Text:
    """A template that is not kept, for a preview.

    Raises:
        ProblemError: 422 with all that is not allowed.
    """
    _check(fields)
    return Text(
        id=new_id(),
        key=fields["key"],
        language=fields["language"],
        channel=fields["channel"],
        tone=tone_of(fields),
        name="",
        subject=fields["subject"],
        body=fields["body"] or "",
        body_html=fields["body_html"],
        provider_template=fields["provider_template"],
    )


def tone_of(fields: Mapping[str, Any]) -> str:
    """The tone that was said, or that of the template which ships under the key."""
    tone: str = fields["tone"] or TONES.get(fields["key"], "friendly")
    return tone


def _check(fields: Mapping[str, Any]) -> None:
    faults = check_template(fields)
    if faults:
        raise invalid_fields(faults)


def _serves(text: Text, texts: Texts) -> bool:
    return all(own.language != text.language for own in texts.own.get((text.key, text.channel), ()))


async def _check_dispensable(uow: UnitOfWork, template: Template) -> None:
    texts = await load_texts(uow)
    left = Texts.of(text for own in texts.own.values() for text in own if text.id != template.id)
    spoken = {text_channel(channel) for channel in await repository.channels_in_policies(uow, template.key)}
    missing = sorted(spoken - left.channels_of(template.key))
    if missing:
        raise conflict(
            Code.state_conflict,
            f"A published dunning policy uses this template, and nothing else is written under its key for "
            f"{', '.join(missing)}.",
        )
