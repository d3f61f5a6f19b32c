"""HTTP for what is suggested to be written off."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.responses import LIST, json_response
from app.core.schemas import Currency
from app.deps import Uow, tenant_router
from app.reports.write_offs import service
from app.reports.write_offs.schemas import WriteOffSuggestionPage

router = tenant_router("/v1/reports", "Reports")


@router.get(
    "/write-off-suggestions",
    response_model=WriteOffSuggestionPage,
    responses=LIST,
    operation_id="list_write_off_suggestions",
)
async def list_write_off_suggestions(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    currency: Annotated[Currency | None, Query(description="Only this currency.")] = None,
) -> Response:
    """List invoices that might be written off, by the tenant's `write_offs` rules.

    What is disputed, promised, in a payment plan or with an agency is not among them. Nothing is written off by
    itself: do it with `POST /v1/invoices/{id}/write-off`.
    """
    rows = await service.load(uow, currency=currency, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, lambda row: service.suggestion_payload(uow, row), lambda row: row.id))
