"""HTTP for the test clock."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.core.clock import system_now
from app.core.errors import conflict
from app.core.responses import CREATE, READ, json_response
from app.core.wire import instant
from app.deps import LongRoute, Uow, tenant_router
from app.domain.errors import Code
from app.models import Tenant
from app.simulation.advance import Simulation
from app.simulation.schemas import AdvanceOutput, ClockAdvance, ClockOutput

router = tenant_router("/v1/test-clock", "Test clock")
advance_router = APIRouter(prefix="/v1/test-clock", tags=["Test clock"], route_class=LongRoute)


@router.get("", response_model=ClockOutput, responses=READ, operation_id="get_test_clock")
async def get_test_clock(uow: Uow) -> Response:
    """Read a test tenant's clock."""
    tenant = await uow.session.get_one(Tenant, uow.tenant_id)
    if tenant.clock_at is None:
        raise conflict(Code.test_tenant_only, "Only a test tenant has a clock of its own.")
    advancing = tenant.advance_lease_until is not None and tenant.advance_lease_until > system_now()
    return json_response({"now": instant(tenant.clock_at), "advancing": advancing})


@advance_router.post("/advance", response_model=AdvanceOutput, responses=CREATE, operation_id="advance_test_clock")
async def advance_test_clock(uow: Uow, request: Request, body: ClockAdvance) -> Response:
    """Advance a test tenant's clock.

    Everything that falls due on the way runs in order of business time: reminders, due dates, webhook retries. The
    clock stands still between advances.
    """
    simulation: Simulation = request.app.state.simulation
    result = await simulation.advance(uow.tenant_id, body.to)
    return json_response({
        "now": instant(result.now),
        "reminders_sent": result.reminders_sent,
        "steps_skipped": result.steps_skipped,
        "events": result.events,
        "deliveries": result.deliveries,
    })  # fmt: skip
