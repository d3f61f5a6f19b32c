"""HTTP for links of payment plans: they need no key, since who has the link is the one it was given to."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from app.core.responses import json_response, link_problems
from app.core.uow import UnitOfWork
from app.core.wire import instant
from app.deps import LinkRoute, Uow, address_of
from app.models import Customer, PaymentPlan, PlanLink
from app.plans.links import service
from app.plans.links.schemas import LinkAcceptance, LinkOutput

router = APIRouter(prefix="/v1/plan-links", tags=["Plan links"], route_class=LinkRoute)

Token = Annotated[str, Path(max_length=200, description="The token of the link.")]


@router.get("/{token}", response_model=LinkOutput, responses=link_problems(), operation_id="read_plan_link")
async def read_plan_link(uow: Uow, token: Token) -> Response:
    """Read the plan behind a link.

    All that is agreed by accepting it, with the date and amount of every instalment and what the plan costs.
    """
    return json_response(await _payload(uow, *await service.read(uow, token)))


@router.post(
    "/{token}/accept",
    response_model=LinkOutput,
    responses=link_problems(409, 413, 415),
    operation_id="accept_plan_link",
)
async def accept_plan_link(uow: Uow, request: Request, token: Token, body: LinkAcceptance) -> Response:
    """Accept the plan behind a link.

    It can be done once. Who, when, the address it came from and the hash of the terms are recorded, and the plan is
    active from then on.
    """
    (plan, _), link = await service.accept_link(
        uow, token, name=body.name, address=address_of(request), terms_hash=body.terms_hash
    )
    await uow.flush()
    return json_response(await _payload(uow, plan, link))


async def _payload(uow: UnitOfWork, plan: PaymentPlan, link: PlanLink) -> dict[str, object]:
    customer = await uow.session.get_one(Customer, (uow.tenant_id, plan.customer_id))
    acceptance = plan.acceptance or {}
    return {
        "creditor": uow.tenant.settings["name"],
        "customer": customer.name,
        "status": plan.status,
        "terms": {**plan.definition["terms"], "terms_hash": plan.terms_hash},
        "expires_at": instant(link.expires_at),
        "accepted_by": acceptance.get("by"),
        "accepted_at": acceptance.get("at"),
    }
