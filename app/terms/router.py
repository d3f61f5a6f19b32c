"""HTTP for payment terms."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, json_response, resource_response
from app.core.terms import TermsCode
from app.deps import Uow, tenant_router
from app.outbox.payloads import terms_payload
from app.terms import repository, service
from app.terms.repository import TERMS
from app.terms.schemas import (
    KeptTermsOutput,
    KeptTermsPage,
    TermsCreate,
    TermsFields,
    TermsPreviewInput,
    TermsPreviewOutput,
)

router = tenant_router("/v1/terms", "Terms")


@router.post("", status_code=201, response_model=KeptTermsOutput, responses=CREATE, operation_id="create_terms")
async def create_terms(uow: Uow, body: TermsCreate) -> Response:
    """Keep payment terms under a code, for customers and invoices to refer to."""
    terms = await service.create(uow, body.model_dump())
    return resource_response(terms_payload(terms), status=201)


@router.get("", response_model=KeptTermsPage, responses=LIST, operation_id="list_terms")
async def list_terms(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    code: Annotated[str | None, Query(max_length=50, description="Only the ones with this code.")] = None,
) -> Response:
    """List payment terms, newest first."""
    rows = await repository.list_page(uow, limit=limit, before=decode_cursor(cursor), code=code)
    return json_response(page(rows, limit, terms_payload, lambda row: row.id))


@router.get("/{terms_id}", response_model=KeptTermsOutput, responses=READ, operation_id="get_terms")
async def get_terms(uow: Uow, terms_id: UUID) -> Response:
    """Read payment terms."""
    return resource_response(terms_payload(await TERMS.get(uow, terms_id)))


@router.put(
    "/by-code/{code}",
    response_model=KeptTermsOutput,
    responses={**WRITE, 201: {"description": "The terms were created.", "model": KeptTermsOutput}},
    operation_id="upsert_terms",
)
async def upsert_terms(uow: Uow, code: TermsCode, body: TermsFields) -> Response:
    """Keep payment terms under a code, or change those that are.

    Invoices take a copy when they are created: a change concerns new ones only.
    """
    terms, created = await service.upsert(uow, code, body.model_dump())
    await uow.flush()
    return resource_response(terms_payload(terms), status=201 if created else 200)


@router.post("/preview", response_model=TermsPreviewOutput, responses=CREATE, operation_id="preview_terms")
async def preview_terms(uow: Uow, body: TermsPreviewInput) -> Response:
    """Work out due dates, amounts and discounts of an invoice; nothing is kept."""
    return json_response(await service.preview(uow, body.model_dump()))
