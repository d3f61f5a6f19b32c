"""HTTP for reports."""

from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor
from app.core.responses import LIST, json_response
from app.core.schemas import Currency, Day, Instant
from app.deps import Uow, tenant_router
from app.reports import service
from app.reports.repository import CustomerPage
from app.reports.schemas import AgingOutput

router = tenant_router("/v1/reports", "Reports")


@router.get("/aging", response_model=AgingOutput, responses=LIST, operation_id="get_aging_report")
async def get_aging_report(
    uow: Uow,
    as_of: Annotated[
        Day | None, Query(description="Business date of the report, inclusive; the tenant's today if left out.")
    ] = None,
    known_at: Annotated[
        Instant | None, Query(description="Leave out what was booked after this instant, such as backdated payments.")
    ] = None,
    currency: Annotated[Currency | None, Query(description="Only this currency.")] = None,
    buckets: Annotated[
        str | None,
        Query(
            max_length=100,
            description="Last days overdue of the buckets, ascending, up to 12; `30,60,90` if left out.",
            examples=["15,30,60,90,120"],
        ),
    ] = None,
    group_by: Annotated[
        Literal["customer"] | None, Query(description="`customer` also lists the amounts of each customer.")
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response:
    """Report open amounts by days overdue.

    The report is the sum of the ledger's entries effective by `as_of` and booked by `known_at`, so that a past day can
    be reported as it really was, or as it was known then. Due dates are those of today.
    """
    customers = CustomerPage(limit, decode_cursor(cursor)) if group_by == "customer" else None
    return json_response(
        await service.aging(
            uow, as_of=as_of, known_at=known_at, currency=currency, buckets=buckets, customers=customers
        )
    )
