"""HTTP for the report on steps."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.core.responses import LIST, json_response
from app.core.schemas import Day
from app.deps import Uow, tenant_router
from app.reports.steps import service
from app.reports.steps.schemas import StepsOutput

router = tenant_router("/v1/reports", "Reports")


@router.get("/steps", response_model=StepsOutput, responses=LIST, operation_id="get_steps_report")
async def get_steps_report(
    uow: Uow,
    policy_id: Annotated[UUID | None, Query(description="Only this policy's.")] = None,
    from_on: Annotated[
        Day | None, Query(alias="from", description="First day, inclusive; the first of the month of `to` if left out.")
    ] = None,
    to: Annotated[Day | None, Query(description="Last day, inclusive; the tenant's today if left out.")] = None,
) -> Response:
    """Report what each step of each version of a policy has brought in.

    Counted are messages that left on the days of the range; what was decided in shadow is not. A payment counts for
    every step in whose days it came, and by its effective date; one that was reversed does not count.
    """
    end = to or uow.today
    return json_response(
        await service.report(uow, policy_id=policy_id, from_on=from_on or end.replace(day=1), to_on=end)
    )
