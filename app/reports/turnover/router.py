"""HTTP for reports on how fast receivables turn into money."""

from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import Response

from app.core.responses import LIST, json_response
from app.core.schemas import Currency, Day, Instant
from app.deps import Uow, tenant_router
from app.reports.turnover import service
from app.reports.turnover.schemas import DsoOutput, EffectivenessOutput
from app.reports.turnover.service import Asked

router = tenant_router("/v1/reports", "Reports")

KnownAt = Annotated[
    Instant | None, Query(description="Leave out what was booked after this instant, such as backdated payments.")
]
OnlyCurrency = Annotated[Currency | None, Query(description="Only this currency.")]


@router.get("/dso", response_model=DsoOutput, responses=LIST, operation_id="get_dso_report")
async def get_dso_report(
    uow: Uow,
    as_of: Annotated[
        Day | None, Query(description="Business date of the report, inclusive; the tenant's today if left out.")
    ] = None,
    method: Annotated[
        Literal["countback", "simple"],
        Query(description="`countback` exhausts receivables by months' sales, `simple` divides by a period's sales."),
    ] = "countback",
    days: Annotated[
        int, Query(ge=1, le=366, description="Length of the period that ends on `as_of`, for the simple method.")
    ] = 90,
    currency: OnlyCurrency = None,
    known_at: KnownAt = None,
) -> Response:
    """Report days sales outstanding, by currency.

    `simple`: receivables / credit sales of the last `days` days x `days`. `countback`: the receivables are exhausted by
    whole months' sales, going backwards from `as_of` for up to 60 months; each month that is used up counts with all
    its days, the last one with its share.
    """
    asked = Asked(known_at, currency)
    return json_response(
        await service.days_sales_outstanding(uow, asked, as_of=as_of or uow.today, method=method, days=days)
    )


@router.get(
    "/collection-effectiveness",
    response_model=EffectivenessOutput,
    responses=LIST,
    operation_id="get_collection_effectiveness_report",
)
async def get_collection_effectiveness_report(
    uow: Uow,
    from_on: Annotated[
        Day | None, Query(alias="from", description="First day, inclusive; the first of the month of `to` if left out.")
    ] = None,
    to: Annotated[Day | None, Query(description="Last day, inclusive; the tenant's today if left out.")] = None,
    currency: OnlyCurrency = None,
    known_at: KnownAt = None,
) -> Response:
    """Report the collection effectiveness index, by currency: what was collected in percent of what could be.

    (beginning receivables + credit sales - ending total receivables) / (beginning receivables + credit sales - ending
    current receivables) x 100.
    """
    end = to or uow.today
    asked = Asked(known_at, currency)
    return json_response(await service.effectiveness(uow, asked, from_on=from_on or end.replace(day=1), to_on=end))
