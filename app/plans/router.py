"""HTTP for payment plans."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, problems, resource_response
from app.core.schemas import Day
from app.core.wire import day, instant, money
from app.deps import Uow, tenant_router
from app.outbox.payloads import in_flight_payload, plan_instalment_payload, plan_payload
from app.plans import accepting, repository, service
from app.plans.repository import PLANS, PlanFilter
from app.plans.schemas import (
    PayoffOutput,
    PlanAccept,
    PlanAnswer,
    PlanCancel,
    PlanCreate,
    PlanInstalmentList,
    PlanOutput,
    PlanPage,
    PlanProposalOutput,
    PlanPropose,
    PlanQuote,
    PlanRestructure,
    PlanStatus,
    PlanTermsOutput,
)

router = tenant_router("/v1/payment-plans", "Payment plans")


@router.post("/quote", response_model=PlanTermsOutput, responses=CREATE, operation_id="quote_payment_plan")
async def quote_payment_plan(uow: Uow, body: PlanQuote) -> Response:
    """Work out a payment plan; nothing is kept.

    Every instalment with its principal, interest and date, adding up to the last cent, and what the plan costs a year.
    What the tenant's rules (`plans`) do not allow is refused with `plan_not_allowed` and the name of each rule.
    """
    return json_response((await service.quote(uow, body.model_dump())).payload)


@router.post(
    "", status_code=201, response_model=PlanProposalOutput, responses=CREATE, operation_id="create_payment_plan"
)
async def create_payment_plan(uow: Uow, body: PlanCreate) -> Response:
    """Draw up a payment plan over open invoices of a customer.

    A draft changes nothing; `propose` offers it to the customer at once, and the answer has the link by which it can be
    read and accepted. What it covers goes on being chased until then.
    """
    return _proposed(await service.create(uow, body.model_dump()), status=201)


@router.get("", response_model=PlanPage, responses=LIST, operation_id="list_payment_plans")
async def list_payment_plans(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only plans of this customer.")] = None,
    invoice_id: Annotated[UUID | None, Query(description="Only plans that cover this invoice.")] = None,
    status: Annotated[PlanStatus | None, Query(description="Only plans in this status.")] = None,
    external_id: OnlyExternalId = None,
) -> Response:
    """List payment plans, newest first."""
    wanted = PlanFilter(customer_id=customer_id, invoice_id=invoice_id, status=status, external_id=external_id)
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, plan_payload, lambda row: row.id))


@router.get("/{plan_id}", response_model=PlanOutput, responses=READ, operation_id="get_payment_plan")
async def get_payment_plan(uow: Uow, plan_id: UUID) -> Response:
    """Read a payment plan with its instalments."""
    return resource_response(plan_payload(await PLANS.get(uow, plan_id)))


@router.get(
    "/{plan_id}/instalments", response_model=PlanInstalmentList, responses=READ, operation_id="list_plan_instalments"
)
async def list_plan_instalments(uow: Uow, plan_id: UUID) -> Response:
    """List the instalments of a payment plan as they stand."""
    plan = await PLANS.get(uow, plan_id)
    return json_response({"data": [plan_instalment_payload(part, plan.currency) for part in plan.instalments]})


@router.get(
    "/{plan_id}/payoff",
    response_model=PayoffOutput,
    responses=problems(404, 409, 422),
    operation_id="get_plan_payoff",
)
async def get_plan_payoff(
    uow: Uow,
    plan_id: UUID,
    on: Annotated[
        Day | None, Query(description="The day on which it would be paid; the business date if left out.")
    ] = None,
) -> Response:
    """Tell what pays an active plan off on a day.

    Interest that is not earned by then is not owed; charges beside the plan are not in it.
    """
    plan, found, on_day = await service.payoff_of(uow, plan_id, on)
    return json_response({
        "plan_id": str(plan.id),
        "on": day(on_day),
        "currency": plan.currency,
        "amount": money(found.amount_minor, plan.currency),
        "principal": money(found.principal_minor, plan.currency),
        "interest": money(found.interest_minor, plan.currency),
        "dropped_interest": money(found.dropped_minor, plan.currency),
    })  # fmt: skip


@router.post(
    "/{plan_id}/propose", response_model=PlanProposalOutput, responses=WRITE, operation_id="propose_payment_plan"
)
async def propose_payment_plan(uow: Uow, request: Request, plan_id: UUID, body: PlanPropose) -> Response:
    """Propose a draft to its customer, or renew a proposal.

    The answer has a new link; a former one ends. What the plan covers goes on being chased.
    """
    _, plan = await PLANS.lock(uow, plan_id)
    check_if_match(request, plan.version)
    return _proposed(await service.propose(uow, plan, body.expires_at))


@router.post("/{plan_id}/accept", response_model=PlanAnswer, responses=WRITE, operation_id="accept_payment_plan")
async def accept_payment_plan(uow: Uow, request: Request, plan_id: UUID, body: PlanAccept) -> Response:
    """Record that the customer has accepted a proposed plan, which is active from then on.

    `terms_hash` is that of the terms that were shown; any other is refused. Interest and fee of the plan become charges
    on what it covers. While the plan is kept, that is not chased, its ladder clock stands and it earns no late
    interest; payments that name nothing serve due instalments first.
    """
    customer, plan = await PLANS.lock(uow, plan_id)
    check_if_match(request, plan.version)
    given = accepting.Acceptance(body.accepted_by, body.method, body.address, body.terms_hash)
    plan, in_flight = await accepting.accept(uow, customer, plan, given)
    await uow.flush()
    return resource_response({**plan_payload(plan), "in_flight": in_flight_payload(in_flight)})


@router.post("/{plan_id}/cancel", response_model=PlanOutput, responses=WRITE, operation_id="cancel_payment_plan")
async def cancel_payment_plan(uow: Uow, request: Request, plan_id: UUID, body: PlanCancel) -> Response:
    """Cancel a plan that has not ended.

    Of an active one, interest that is not earned is taken back, and what it covered is chased from where it stood.
    """
    customer, plan = await PLANS.lock(uow, plan_id)
    check_if_match(request, plan.version)
    await service.cancel(uow, customer, plan, reason=body.reason)
    return resource_response(plan_payload(plan))


@router.post(
    "/{plan_id}/restructure",
    status_code=201,
    response_model=PlanProposalOutput,
    responses=WRITE,
    operation_id="restructure_payment_plan",
)
async def restructure_payment_plan(uow: Uow, request: Request, plan_id: UUID, body: PlanRestructure) -> Response:
    """Draw up a plan in the place of an active one.

    It covers what is open of the same invoices, without interest that the old plan has not earned. The old one goes on
    until the new one is accepted, and is superseded then.
    """
    customer, plan = await PLANS.lock(uow, plan_id)
    check_if_match(request, plan.version)
    return _proposed(await service.restructure(uow, customer, plan, body.model_dump()), status=201)


def _proposed(proposal: service.Proposal, *, status: int = 200) -> Response:
    plan, token = proposal.plan, proposal.token
    link: dict[str, Any] | None = None
    if token is not None:
        link = {"token": token, "path": f"/v1/plan-links/{token}", "expires_at": instant(plan.expires_at)}
    return resource_response({**plan_payload(plan), "link": link}, status=status)
