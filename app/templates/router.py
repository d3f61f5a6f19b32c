"""HTTP for templates."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, problems, resource_response
from app.core.schemas import LocaleTag, given
from app.deps import Uow, tenant_router
from app.messages.vocabulary import FILTERS, describe
from app.templates import previewing, service
from app.templates.repository import Wanted
from app.templates.schemas import (
    Channel,
    PreviewCase,
    PreviewDraft,
    PreviewOutput,
    TemplateCreate,
    TemplateOutput,
    TemplatePage,
    TemplateUpdate,
    VocabularyOutput,
)
from app.templates.wire import template_payload

router = tenant_router("/v1/templates", "Templates")

_PREVIEW = problems(404, 409, 413, 415, 422)


@router.post("", status_code=201, response_model=TemplateOutput, responses=CREATE, operation_id="create_template")
async def create_template(uow: Uow, body: TemplateCreate) -> Response:
    """Write a template.

    With the key, language and channel of one that ships it takes its place; with a new key it can be named by the
    steps of policies. Messages that are made out from now on use it. A template can print the documented variables,
    ask with `{% if %}` and walk the documented lists; all else is refused with its line.
    """
    return resource_response(template_payload(await service.create(uow, body.model_dump())), status=201)


@router.get("", response_model=TemplatePage, responses=LIST, operation_id="list_templates")
async def list_templates(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    key: Annotated[str | None, Query(max_length=100, description="Only those under this key.")] = None,
    language: Annotated[LocaleTag | None, Query(description="Only those in exactly this language.")] = None,
    channel: Annotated[Channel | None, Query(description="Only those for this channel.")] = None,
    built_in: Annotated[
        bool | None, Query(description="`true`: those that ship alone; `false`: your own alone.")
    ] = None,
) -> Response:
    """List templates: your own, newest first, then those that ship."""
    wanted = Wanted(key=key, language=language, channel=channel, built_in=built_in)
    rows = await service.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, lambda row: row, lambda row: UUID(row["id"])))


@router.get("/variables", response_model=VocabularyOutput, responses=LIST, operation_id="list_template_variables")
async def list_template_variables() -> Response:
    """List what templates can speak of: every variable with its meaning and an example, and every filter."""
    filters = [{"name": name, "description": known.description} for name, known in FILTERS.items()]
    return json_response({"variables": list(describe()), "filters": filters})


@router.post("/preview", response_model=PreviewOutput, responses=_PREVIEW, operation_id="preview_template_draft")
async def preview_template_draft(uow: Uow, body: PreviewDraft) -> Response:
    """Show a template that is not kept as a customer would read it, on a real case or on a made-up one.

    The answer is what would be sent now, byte for byte, except that no step's fee is charged; nothing is stored.
    """
    return json_response(await previewing.preview(uow, service.draft(body.model_dump()), body.case()))


@router.get("/{template_id}", response_model=TemplateOutput, responses=READ, operation_id="get_template")
async def get_template(uow: Uow, template_id: UUID) -> Response:
    """Read a template, your own or one that ships."""
    return resource_response(await service.get(uow, template_id))


@router.patch("/{template_id}", response_model=TemplateOutput, responses=WRITE, operation_id="update_template")
async def update_template(uow: Uow, request: Request, template_id: UUID, body: TemplateUpdate) -> Response:
    """Change the named fields of a template of your own.

    Messages that have been made out stay as they are. One that ships cannot be changed, only replaced by your own.
    """
    template = await service.lock(uow, template_id)
    check_if_match(request, template.version)
    await service.update(uow, template, given(body))
    await uow.flush()
    return resource_response(template_payload(template))


@router.delete(
    "/{template_id}", status_code=204, responses=problems(404, 409, 412, 422), operation_id="delete_template"
)
async def delete_template(uow: Uow, request: Request, template_id: UUID) -> Response:
    """Delete a template of your own; where one ships with its key, that one is used again.

    While a published dunning policy needs it, and nothing else is written under its key, it stays: the answer is 409.
    """
    template = await service.lock(uow, template_id)
    check_if_match(request, template.version)
    await service.delete(uow, template)
    return Response(status_code=204)


@router.post(
    "/{template_id}/preview", response_model=PreviewOutput, responses=_PREVIEW, operation_id="preview_template"
)
async def preview_template(uow: Uow, template_id: UUID, body: PreviewCase) -> Response:
    """Show a template as a customer would read it, on a real case or on a made-up one.

    The answer is what would be sent now, byte for byte, except that no step's fee is charged; nothing is stored.
    """
    text = await service.get_text(uow, template_id)
    return json_response(await previewing.preview(uow, text, body.case()))
