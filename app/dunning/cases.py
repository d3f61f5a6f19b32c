"""The life of a case: opened with its invoice, moved by its steps, closed and taken up again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.clocktime import business_date
from app.domain.errors import Code
from app.domain.holds import DateRange
from app.domain.ladder import PlannedStep, late_entry_shift_days
from app.domain.policy import LateEntry, OnExhausted, Policy
from app.domain.standing import Standing
from app.domain.states import CASE
from app.dunning.shares import share_of
from app.dunning.tasks import put_exhaustion_task
from app.models import DunningCase, Invoice
from app.models.base import fresh


@dataclass(frozen=True, slots=True)
class PlanPart:
    """An instalment of a payment plan: what a case of its own chases."""

    plan_id: UUID
    due_on: date
    open_minor: int
    label: str


def open_case(
    uow: UnitOfWork,
    invoice: Invoice,
    policy: Policy,
    *,
    stops: Sequence[DateRange],
    instalment_number: int | None = None,
    part: PlanPart | None = None,
) -> DunningCase:
    """Begin to follow an invoice, one instalment of it, or one of a plan, under a pinned version (rule D1).

    Args:
        uow: the unit of work, holding the customer's lock.
        invoice: what is owed.
        policy: the version that it pins.
        stops: days on which its ladder clock stood or stands.
        instalment_number: the instalment of the invoice, or of the plan.
        part: the plan's instalment.
    """
    case = fresh(
        DunningCase,
        tenant_id=uow.tenant_id,
        id=new_id(),
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        instalment_number=instalment_number,
        plan_id=part.plan_id if part else None,
        plan_due_on=part.due_on if part else None,
        plan_open_minor=part.open_minor if part else None,
        plan_label=part.label if part else None,
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
    due_on = share_of(case, invoice).due_on
    case.shift_days = late_entry_shift_days(policy, due_on=due_on, entered_on=uow.today, stops=stops)
    case.late_entry = _waits(uow, policy, due_on)
    uow.add(case)
    uow.emit("dunning.case_opened", case)
    return case


def _waits(uow: UnitOfWork, policy: Policy, due_on: date) -> str | None:
    return str(LateEntry.hold) if policy.late_entry is LateEntry.hold and uow.today > due_on else None


def start_case(
    uow: UnitOfWork,
    case: DunningCase,
    invoice: Invoice,
    policy: Policy,
    mode: LateEntry,
    stops: Sequence[DateRange],
) -> None:
    """Begin the chase of a case that has waited for a person since it was first seen overdue (rule D3).

    Args:
        uow: the unit of work, holding the customer's lock.
        case: one that waits.
        invoice: its invoice.
        policy: the version that it pins.
        mode: how it enters, `restart` or `highest`.
        stops: days on which its ladder clock stood or stands.
    """
    uow.track(case)
    case.late_entry = str(mode)
    case.shift_days = late_entry_shift_days(
        policy, due_on=share_of(case, invoice).due_on, entered_on=uow.today, late_entry=mode, stops=stops
    )
    uow.emit("dunning.case_started", case, {"mode": str(mode)})


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
    elif before in {"suspended", "exhausted"}:
        uow.emit("dunning.resumed", case)
    elif before == "closed":
        # A new cycle goes on above the step that was reached (rule M5).
        case.cycle += 1
        case.closed_at = None
        uow.emit("dunning.resumed", case)


def follow_standing(uow: UnitOfWork, case: DunningCase, policy: Policy, standing: Standing) -> Code | None:
    """A case with something to chase runs, unless what was agreed suspends it.

    Returns:
        Why nothing is said about it any more, where it has just been suspended.
    """
    if case.state == "closed":
        move_case(uow, case, "active")
        exhaust_if_done(uow, case, policy)
    if standing.is_suspended and case.state in {"open", "active"}:
        move_case(uow, case, "suspended")
        return standing.obstacles[0].code
    if case.state == "suspended" and not standing.is_suspended:
        move_case(uow, case, "active")
        # What was on its way when it was suspended may have been the last step.
        exhaust_if_done(uow, case, policy)
    return None


def replan_case(
    uow: UnitOfWork, case: DunningCase, invoice: Invoice, policy: Policy, stops: Sequence[DateRange]
) -> None:
    """The due date was moved: steps that have not been taken follow the new one (rule D12).

    A case that has taken none enters anew where the new date lies behind it.

    Args:
        uow: the unit of work, holding the customer's lock.
        case: one of the invoice's.
        invoice: with its new dates.
        policy: the version that the case pins.
        stops: days on which its ladder clock stood or stands.
    """
    entered_on = business_date(case.opened_at, uow.tenant.zone) if case.reached_offset_days is not None else uow.today
    due_on = share_of(case, invoice).due_on
    late_entry = case.late_entry
    if late_entry in {None, "hold"} and case.last_sent_on is None:
        late_entry = _waits(uow, policy, due_on)
    shift_days = late_entry_shift_days(
        policy,
        due_on=due_on,
        entered_on=entered_on,
        late_entry=LateEntry(late_entry) if late_entry else None,
        stops=stops,
    )
    if (shift_days, late_entry) != (case.shift_days, case.late_entry):
        uow.track(case)
        case.shift_days, case.late_entry = shift_days, late_entry


@dataclass(frozen=True, slots=True)
class Skip:
    """One step of a case that will not be sent, and why."""

    case: DunningCase
    planned: PlannedStep
    code: Code
    reminder_id: UUID | None = None


_SKIP = """
INSERT INTO case_steps (tenant_id, decided_at, case_id, cycle, step_key, reason, reminder_id, nominal_on, outcome)
SELECT $1, $2, s.*, 'skipped'
FROM unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::uuid[], $8::date[]) AS s
ON CONFLICT DO NOTHING RETURNING case_id, cycle, step_key
"""


async def skip_steps(uow: UnitOfWork, skips: Iterable[Skip]) -> None:
    """Record steps that will not be sent, each with its reason (rule D13) and once; all in one statement."""
    wanted = {(skip.case.id, skip.case.cycle, skip.planned.step.key): skip for skip in skips}
    if not wanted:
        return
    rows = [(*key, str(skip.code), skip.reminder_id, skip.planned.nominal_on) for key, skip in wanted.items()]
    written = await uow.driver.fetch(_SKIP, uow.tenant_id, uow.now, *zip(*rows, strict=True))
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
    step = policy.own_step(step_key)
    uow.track(case)
    if case.last_sent_step_key != step_key:
        # The same step by another channel is the same reminder.
        case.sent_count += 1
    case.last_sent_step_key = step_key
    case.last_sent_on = on
    reach_step(uow, case, step_key, step.offset_days)
    if case.state == "open":
        move_case(uow, case, "active")


def exhaust_if_done(uow: UnitOfWork, case: DunningCase, policy: Policy) -> None:
    """After the last step, or as many as the policy allows, nothing more goes out by itself."""
    if case.state not in {"open", "active"} or has_steps_left(case, policy):
        return
    move_case(uow, case, "exhausted")
    if policy.on_exhausted is OnExhausted.task:
        put_exhaustion_task(uow, case, "review")
    elif policy.on_exhausted is OnExhausted.suggest_placement:
        put_exhaustion_task(uow, case, "placement")


def has_steps_left(case: DunningCase, policy: Policy) -> bool:
    """Whether a version has more to say about a case."""
    if policy.max_count is not None and case.sent_count >= policy.max_count:
        return False
    reached = case.reached_offset_days
    return any(
        reached is None or step.offset_days > reached for step in policy.steps if step.key not in case.taken_keys
    )
