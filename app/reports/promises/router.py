"""HTTP for the report on promises."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.core.responses import LIST, json_response
from app.core.schemas import Currency, Day
from app.deps import Uow, tenant_router
from app.reports.promises import service
from app.reports.promises.schemas import PromiseReportOutput

router = tenant_router("/v1/reports", "Reports")


@router.get("/promises", response_model=PromiseReportOutput, responses=LIST, operation_id="get_promises_report")
async def get_promises_report(
    uow: Uow,
    from_on: Annotated[
        Day | None, Query(alias="from", description="First day, inclusive; the first of the month of `to` if left out.")
    ] = None,
    to: Annotated[Day | None, Query(description="Last day, inclusive; the tenant's today if left out.")] = None,
    currency: Annotated[Currency | None, Query(description="Only this currency.")] = None,
) -> Response:
    """Report how promises to pay are kept, by currency.

    It counts the promises whose `promised_on` lies in the range, by what has become of them.
    """
    end = to or uow.today
    return json_response(
        await service.promises(uow, from_on=from_on or end.replace(day=1), to_on=end, currency=currency)
    )
