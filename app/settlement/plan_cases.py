"""Cases of payment plans: each instalment is chased by itself, under the plan's own policy (rule D11)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import and_, or_, select

from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.policy import Policy
from app.dunning.cases import PlanPart, follow_standing, move_case, open_case
from app.dunning.definitions import load_policies
from app.dunning.standing import Standings
from app.models import Customer, DunningCase, DunningPolicy, Invoice, PaymentPlan, PlanInstalment
from app.settlement.invoices import is_receivable
from app.settlement.plans import FollowedPlans

# Reminders before the due date come in time, and a plan of years does not open all of its cases at once: the next
# instalments are followed, and whatever else is due soon.
_AHEAD: Final = 3
_SOON: Final = timedelta(days=62)


async def follow_plan_cases(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], followed: FollowedPlans, standings: Standings
) -> dict[UUID, Code]:
    """Bring the cases of plans in line with their instalments; those that run are put into the standings.

    Args:
        uow: the unit of work, holding the customers' locks; the plans and invoices have been derived in it.
        customers: by id.
        followed: their active plans.
        standings: what stands between them and being chased.

    Returns:
        Cases that have ended or were suspended, and why.
    """
    ids = [customer.id for customer in customers.values() if customer.has_agreements]
    if not ids:
        return {}
    plans = {plan.id: plan for plan in followed.active if plan.dunning_policy_id is not None}
    if plans:
        # Those that were opened by this unit of work are among the cases that are known.
        await uow.write_new()
    cases = await _load_cases(uow, ids, plans.values())
    if not cases and not plans:
        return {}
    ended: dict[UUID, Code] = {}
    own: dict[UUID, list[DunningCase]] = {plan_id: [] for plan_id in plans}
    for case in cases:
        if case.plan_id in own:
            own[case.plan_id].append(case)
        else:
            ended[case.id] = Code.cancelled
            move_case(uow, case, "closed")
    published = await _load_published(uow, plans.values())
    versions = {(case.policy_id, case.policy_version) for case in cases}
    pinned = await load_policies(uow, versions | set(published.values()))
    for plan in plans.values():
        key = published.get(plan.dunning_policy_id) if plan.dunning_policy_id else None
        policy = pinned[key] if key is not None else None
        owing = next((invoice for invoice in followed.covered[plan.id] if is_receivable(invoice)), None)
        ended |= _follow(uow, plan, owing, own[plan.id], policy, pinned, standings)
    return ended


def _follow(
    uow: UnitOfWork,
    plan: PaymentPlan,
    owing: Invoice | None,
    cases: list[DunningCase],
    policy: Policy | None,
    pinned: Mapping[tuple[UUID, int], Policy],
    standings: Standings,
) -> dict[UUID, Code]:
    ended: dict[UUID, Code] = {}
    by_number = {case.instalment_number: case for case in cases}
    wanted = _to_follow(uow, plan)
    for part in plan.instalments:
        case = by_number.get(part.number)
        if case is None and owing is not None and policy is not None and part.number in wanted:
            stops = standings.of_plan_part(owing).stops
            own = _part(plan, part)
            case = open_case(uow, owing, policy, stops=stops, instalment_number=part.number, part=own)
        if case is None:
            continue
        code = _align(uow, case, part, owing, pinned, standings)
        if code is not None:
            ended[case.id] = code
        if case.state != "closed":
            standings.plan_cases.append(case)
    return ended


def _align(
    uow: UnitOfWork,
    case: DunningCase,
    part: PlanInstalment,
    owing: Invoice | None,
    pinned: Mapping[tuple[UUID, int], Policy],
    standings: Standings,
) -> Code | None:
    """A case runs while something of its instalment is open; why nothing is said about it any more, if that ended."""
    case.plan_open_minor = part.total_minor - part.paid_minor
    if case.plan_open_minor == 0 or owing is None:
        was_closed = case.state == "closed"
        move_case(uow, case, "closed")
        return None if was_closed else Code.paid
    if case.invoice_id != owing.id:
        # The invoice that it stood for is paid; the next one stands for the rest.
        uow.track(case)
        case.invoice_id = owing.id
    policy = pinned[case.policy_id, case.policy_version]
    return follow_standing(uow, case, policy, standings.of_case(case, owing))


def _to_follow(uow: UnitOfWork, plan: PaymentPlan) -> set[int]:
    open_parts = [part for part in plan.instalments if part.paid_minor < part.total_minor]
    soon = [part for part in open_parts if part.due_on <= uow.today + _SOON]
    return {part.number for part in (*open_parts[:_AHEAD], *soon)}


def _part(plan: PaymentPlan, part: PlanInstalment) -> PlanPart:
    # The down payment is number 0 and counts for none.
    count = sum(each.number > 0 for each in plan.instalments)
    return PlanPart(plan.id, part.due_on, part.total_minor - part.paid_minor, f"{part.number}/{count}")


async def _load_cases(
    uow: UnitOfWork, customer_ids: Collection[UUID], plans: Collection[PaymentPlan]
) -> Sequence[DunningCase]:
    """The cases of the plans, and those that still run for others of the customers."""
    covered = [item.invoice_id for plan in plans for item in plan.invoices]
    of_plans = and_(DunningCase.invoice_id.in_(covered), DunningCase.plan_id.in_([plan.id for plan in plans]))
    running = and_(DunningCase.customer_id.in_(customer_ids), DunningCase.state != "closed")
    rows = await uow.session.scalars(
        select(DunningCase)
        .where(
            DunningCase.tenant_id == uow.tenant_id,
            DunningCase.plan_id.is_not(None),
            or_(running, of_plans) if plans else running,
        )
        .order_by(DunningCase.id)
    )
    return rows.all()


async def _load_published(uow: UnitOfWork, plans: Collection[PaymentPlan]) -> dict[UUID, tuple[UUID, int]]:
    """The version that a new case of each policy starts with."""
    wanted = {plan.dunning_policy_id for plan in plans}
    if not wanted:
        return {}
    rows = await uow.session.execute(
        select(DunningPolicy.id, DunningPolicy.published_number).where(
            DunningPolicy.tenant_id == uow.tenant_id,
            DunningPolicy.id.in_(wanted),
            DunningPolicy.published_number.is_not(None),
        )
    )
    return {policy_id: (policy_id, number or 0) for policy_id, number in rows}
