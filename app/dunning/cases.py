"""The life of a case: opened with its invoice, moved by its steps, closed and taken up again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.clocktime import business_date
from app.domain.errors import Code
from app.domain.ladder import PlannedStep, late_entry_shift_days
from app.domain.policy import Policy
from app.domain.states import CASE
from app.dunning.definitions import load_policies
from app.dunning.shares import share_of
from app.models import CaseStep, Customer, DunningCase, DunningPolicy, Invoice
from app.models.base import fresh


async def load_assignments(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], invoices: Iterable[Invoice]
) -> dict[UUID, Policy]:
    """The policy version a new case of each invoice starts with: invoice, then customer, then tenant default."""
    wanted = {
        invoice.id: invoice.dunning_policy_id or customers[invoice.customer_id].dunning_policy_id
        for invoice in invoices
    }
    published: dict[UUID | None, tuple[UUID, int] | None] = {None: uow.tenant.default_policy}
    named = {policy_id for policy_id in wanted.values() if policy_id is not None}
    if named:
        rows = await uow.session.execute(
            select(DunningPolicy.id, DunningPolicy.published_number).where(
                DunningPolicy.tenant_id == uow.tenant_id,
                DunningPolicy.id.in_(named),
                DunningPolicy.published_number.is_not(None),
            )
        )
        published |= {policy_id: (policy_id, number or 0) for policy_id, number in rows}
    assigned = {invoice_id: published.get(policy_id) for invoice_id, policy_id in wanted.items()}
    policies = await load_policies(uow, {key for key in assigned.values() if key is not None})
    return {invoice_id: policies[key] for invoice_id, key in assigned.items() if key is not None}


def open_case(
    uow: UnitOfWork, invoice: Invoice, policy: Policy, *, instalment_number: int | None = None
) -> DunningCase:
    """Begin to follow an invoice, or one instalment of it, under a pinned version (rule D1)."""
    case = fresh(
        DunningCase,
        tenant_id=uow.tenant_id,
        id=new_id(),
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        instalment_number=instalment_number,
        plan_id=None,
        policy_id=policy.id,
        policy_version=policy.version,
        state="open",
        cycle=1,
        shift_days=0,
        reached_step_key=None,
        reached_offset_days=None,
        last_sent_step_key=None,
        last_sent_on=None,
        opened_at=uow.now,
        closed_at=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    case.shift_days = late_entry_shift_days(policy, due_on=share_of(case, invoice).due_on, entered_on=uow.today)
    uow.add(case)
    uow.emit("dunning.case_opened", case)
    return case


def move_case(uow: UnitOfWork, case: DunningCase, state: str) -> None:
    """Change a case's state by its table and announce it."""
    if case.state == state:
        return
    CASE.require(case.state, state)
    uow.track(case)
    before, case.state = case.state, state
    if state == "closed":
        case.closed_at = uow.now
        uow.emit("dunning.closed", case)
    elif state == "exhausted":
        uow.emit("dunning.exhausted", case)
    elif state == "suspended":
        uow.emit("dunning.suspended", case)
    elif before == "suspended":
        uow.emit("dunning.resumed", case)
    elif before == "closed":
        # A new cycle goes on above the step that was reached (rule M5).
        case.cycle += 1
        case.closed_at = None
        uow.emit("dunning.resumed", case)


def replan_case(uow: UnitOfWork, case: DunningCase, invoice: Invoice, policy: Policy) -> None:
    """The due date was moved: steps that have not been taken follow the new one (rule D12).

    A case that has taken none enters anew where the new date lies behind it.
    """
    entered_on = business_date(case.opened_at, uow.tenant.zone) if case.reached_offset_days is not None else uow.today
    shift_days = late_entry_shift_days(policy, due_on=share_of(case, invoice).due_on, entered_on=entered_on)
    if shift_days != case.shift_days:
        uow.track(case)
        case.shift_days = shift_days


@dataclass(frozen=True, slots=True)
class Skip:
    """One step of a case that will not be sent, and why."""

    case: DunningCase
    planned: PlannedStep
    code: Code
    reminder_id: UUID | None = None


async def skip_steps(uow: UnitOfWork, skips: Iterable[Skip]) -> None:
    """Record steps that will not be sent, each with its reason (rule D13) and once; all in one statement."""
    wanted = {(skip.case.id, skip.case.cycle, skip.planned.step.key): skip for skip in skips}
    if not wanted:
        return
    rows = [
        {
            "tenant_id": uow.tenant_id,
            "case_id": skip.case.id,
            "cycle": skip.case.cycle,
            "step_key": skip.planned.step.key,
            "outcome": "skipped",
            "reason": str(skip.code),
            "reminder_id": skip.reminder_id,
            "nominal_on": skip.planned.nominal_on,
            "decided_at": uow.now,
        }
        for skip in wanted.values()
    ]
    written = await uow.session.execute(
        insert(CaseStep).on_conflict_do_nothing().returning(CaseStep.case_id, CaseStep.cycle, CaseStep.step_key), rows
    )
    new = {(case_id, cycle, step_key) for case_id, cycle, step_key in written}
    for key, skip in wanted.items():
        if key in new:
            step = skip.planned.step
            reach_step(uow, skip.case, step.key, step.offset_days)
            uow.emit("dunning.step_skipped", skip.case, {"step_key": step.key, "reason": str(skip.code)})


def reach_step(uow: UnitOfWork, case: DunningCase, step_key: str, offset_days: int) -> None:
    """Remember the highest step taken or skipped."""
    if case.reached_offset_days is None or offset_days > case.reached_offset_days:
        uow.track(case)
        case.reached_step_key = step_key
        case.reached_offset_days = offset_days


def record_sent_step(uow: UnitOfWork, case: DunningCase, policy: Policy, step_key: str, *, on: date) -> None:
    """A step went out: the case is active from its first one, and exhausted after its last."""
    step = policy.step(step_key)
    if step is None:
        raise LookupError("the pinned version has no such step")
    uow.track(case)
    case.last_sent_step_key = step_key
    case.last_sent_on = on
    reach_step(uow, case, step_key, step.offset_days)
    if case.state == "open":
        move_case(uow, case, "active")


def exhaust_if_done(uow: UnitOfWork, case: DunningCase, policy: Policy) -> None:
    """After the last step nothing more goes out by itself."""
    done = case.reached_offset_days is not None and case.reached_offset_days >= policy.steps[-1].offset_days
    if done and case.state in {"open", "active"}:
        move_case(uow, case, "exhausted")
