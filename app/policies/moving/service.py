"""Moving running cases to another version of their policy: an explicit command with a preview (rule D1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from app.core.errors import conflict, invalid, not_found
from app.core.uow import UnitOfWork
from app.core.wire import day, instant
from app.domain.chase import evaluate
from app.domain.errors import Code
from app.domain.ladder import Ladder
from app.domain.policy import Policy
from app.domain.verdicts import Verdict
from app.dunning.cases import Skip, exhaust_if_done, has_steps_left, move_case, skip_steps
from app.dunning.definitions import load_policies
from app.dunning.facts import ladder_of, load_dossiers, load_facts
from app.dunning.reminders import live_items, load_unsent, prune_reminders
from app.dunning.standing import load_standings
from app.models import CaseStep, Customer, DunningCase, Invoice
from app.policies import repository
from app.settlement.reconcile import reconcile, wake

CHUNK = 500
"""Cases of one transaction, give or take those of one customer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases move, and where to."""

    policy_id: UUID
    to_version: int
    from_versions: tuple[int, ...] | None = None
    invoice_ids: tuple[UUID, ...] | None = None

    def conditions(self, tenant_id: UUID) -> list[ColumnElement[bool]]:
        """The running cases that are meant."""
        versions = DunningCase.policy_version
        found = [
            DunningCase.tenant_id == tenant_id,
            DunningCase.policy_id == self.policy_id,
            DunningCase.state != "closed",
            versions != self.to_version if self.from_versions is None else versions.in_(self.from_versions),
        ]
        if self.invoice_ids is not None:
            found.append(DunningCase.invoice_id.in_(self.invoice_ids))
        return found


@dataclass(slots=True)
class Moved:
    """What one transaction did."""

    moved: int = 0
    in_flight: set[UUID] = field(default_factory=set)
    last_customer_id: UUID | None = None


async def prepare(uow: UnitOfWork, policy_id: UUID, fields: Mapping[str, Any]) -> tuple[Wanted, int]:
    """Check what is asked for, and count the cases.

    Raises:
        ProblemError: 404, 409 where nothing is published, 422 for a version that is none or not published.
    """
    found = await repository.find(uow, policy_id)
    if found is None:
        raise not_found("dunning policy")
    policy, _ = found
    number = fields["to_version"] or policy.published_number
    if number is None:
        raise conflict(Code.state_conflict, "No version of the policy is published; publish one first.")
    version = await repository.find_version(uow, policy_id, number)
    if version is None or version.status != "published":
        raise invalid("/to_version", Code.unknown_reference, "This is no published version of the policy.")
    versions = fields["from_versions"]
    if versions is not None and number in versions:
        place = versions.index(number)
        raise invalid(f"/from_versions/{place}", Code.invalid_value, "This is the version that the cases move to.")
    ids = fields["invoice_ids"]
    wanted = Wanted(policy_id, number, tuple(versions) if versions else None, tuple(ids) if ids else None)
    count = await uow.session.scalar(select(func.count()).where(*wanted.conditions(uow.tenant_id)))
    return wanted, count or 0


async def migrate_chunk(uow: UnitOfWork, wanted: Wanted, *, after: UUID | None) -> Moved:
    """Move the cases of the next customers, in one transaction under their locks.

    Args:
        uow: one transaction.
        wanted: which cases.
        after: the last customer of the chunk before.

    Returns:
        What was done; without a last customer nothing is left.
    """
    customer_ids = await _next_customers(uow, wanted, after)
    if not customer_ids:
        return Moved()
    customers = {customer.id: customer for customer in await uow.lock_customers(customer_ids)}
    statement = select(DunningCase).where(*wanted.conditions(uow.tenant_id), DunningCase.customer_id.in_(customer_ids))
    cases = (await uow.session.scalars(statement.order_by(DunningCase.id))).all()
    done = await _move(uow, wanted, customers, cases)
    done.last_customer_id = max(customer_ids)
    return done


async def _next_customers(uow: UnitOfWork, wanted: Wanted, after: UUID | None) -> list[UUID]:
    statement = select(DunningCase.customer_id, func.count()).where(*wanted.conditions(uow.tenant_id))
    if after is not None:
        statement = statement.where(DunningCase.customer_id > after)
    rows = await uow.session.execute(
        statement.group_by(DunningCase.customer_id).order_by(DunningCase.customer_id).limit(CHUNK)
    )
    found: list[UUID] = []
    cases = 0
    for customer_id, count in rows:
        if cases >= CHUNK:
            break
        found.append(customer_id)
        cases += count
    return found


async def _move(
    uow: UnitOfWork, wanted: Wanted, customers: Mapping[UUID, Customer], cases: Sequence[DunningCase]
) -> Moved:
    """Pin cases to the version; what waited to be sent about them is taken back and planned anew."""
    key = (wanted.policy_id, wanted.to_version)
    policy = (await load_policies(uow, {key}))[key]
    unsent = await load_unsent(uow, customers.keys())
    sending = {item.case_id for reminder in unsent if reminder.status == "sending" for item in live_items(reminder)}
    moving = [case for case in cases if case.id not in sending]
    done = Moved(len(moving), {case.id for case in cases} & sending)
    await prune_reminders(uow, unsent, {case.id: Code.policy_changed for case in moving})
    await uow.flush()
    ids = {case.invoice_id for case in moving}
    found = await uow.session.scalars(select(Invoice).where(Invoice.tenant_id == uow.tenant_id, Invoice.id.in_(ids)))
    invoices = {invoice.id: invoice for invoice in found}
    taken = await _load_taken(uow, moving)
    standings = await load_standings(uow, customers)
    skips: list[Skip] = []
    for case in moving:
        uow.track(case)
        case.policy_version = policy.version
        case.sent_count = sum(outcome != "skipped" for _, _, outcome in taken[case.id])
        _keep_reached(case, policy, {key for cycle, key, _ in taken[case.id] if cycle == case.cycle})
        invoice = invoices[case.invoice_id]
        skips += _below(case, policy, ladder_of(uow, case, invoice, standings.of_case(case, invoice).stops))
        uow.emit("dunning.case_migrated", case)
    await skip_steps(uow, skips)
    for case in moving:
        if case.state == "exhausted" and has_steps_left(case, policy):
            move_case(uow, case, "active")
        exhaust_if_done(uow, case, policy)
    await reconcile(uow, customers, list(invoices.values()))
    for customer_id in {case.customer_id for case in moving}:
        wake(uow, customers[customer_id], uow.now)
    return done


async def _load_taken(uow: UnitOfWork, cases: Sequence[DunningCase]) -> dict[UUID, list[tuple[int, str, str]]]:
    """By case, its steps that were decided: cycle, key and outcome."""
    taken: dict[UUID, list[tuple[int, str, str]]] = {case.id: [] for case in cases}
    rows = await uow.session.execute(
        select(CaseStep.case_id, CaseStep.cycle, CaseStep.step_key, CaseStep.outcome).where(
            CaseStep.tenant_id == uow.tenant_id, CaseStep.case_id.in_(taken), CaseStep.outcome != "pending"
        )
    )
    for case_id, cycle, step_key, outcome in rows:
        taken[case_id].append((cycle, step_key, outcome))
    return taken


def _keep_reached(case: DunningCase, policy: Policy, taken: set[str]) -> None:
    """The offset that was reached stays; a step by the same name further up has been taken all the same."""
    known = taken | set(case.taken_keys)
    reached = case.reached_offset_days
    case.taken_keys = [
        step.key for step in policy.steps if step.key in known and reached is not None and step.offset_days > reached
    ]


def _below(case: DunningCase, policy: Policy, ladder: Ladder) -> list[Skip]:
    """What the version has up to the offset that was reached: it is not sent, and says why."""
    return [
        Skip(case, ladder.passed(step), Code.superseded)
        for step in policy.steps
        if case.reached_offset_days is not None and step.offset_days <= case.reached_offset_days
    ]


async def preview(
    uow: UnitOfWork, wanted: Wanted, *, limit: int, after: UUID | None
) -> tuple[list[dict[str, Any]], UUID | None]:
    """What would become of a page of cases: they are moved, looked at, and everything is taken back.

    Returns:
        The cases, newest first, and the last one's id where more follow.
    """
    statement = select(DunningCase).where(*wanted.conditions(uow.tenant_id))
    if after is not None:
        statement = statement.where(DunningCase.id < after)
    rows = (await uow.session.scalars(statement.order_by(DunningCase.id.desc()).limit(limit + 1))).all()
    page = list(rows[:limit])
    owners = {case.customer_id for case in page}
    told = [_told(case) for case in page]
    last = page[-1].id if len(rows) > limit else None
    before = await _judge(uow, owners)
    async with uow.rehearsal():
        customers = {customer.id: customer for customer in await uow.lock_customers(owners)}
        ids = [case.id for case in page]
        statement = select(DunningCase).where(*wanted.conditions(uow.tenant_id), DunningCase.id.in_(ids))
        cases = (await uow.session.scalars(statement.execution_options(populate_existing=True))).all()
        done = await _move(uow, wanted, customers, cases)
        await uow.flush()
        after_states = {case.id: case.state for case in cases}
        afterwards = await _judge(uow, owners)
    for one in told:
        case_id = UUID(one["case_id"])
        one["in_flight"] = case_id in done.in_flight
        one["state_after"] = after_states.get(case_id, one["state_before"])
        one["next_step_before"] = _step(before.get(case_id))
        one["next_step_after"] = _step(afterwards.get(case_id))
    return told, last


async def _judge(uow: UnitOfWork, owners: set[UUID]) -> dict[UUID, Verdict]:
    statement = select(Customer).where(Customer.tenant_id == uow.tenant_id, Customer.id.in_(owners))
    dossiers = await load_dossiers(uow, (await uow.session.scalars(statement)).all())
    verdicts: dict[UUID, Verdict] = {}
    for facts in (await load_facts(uow, dossiers)).values():
        verdicts |= {verdict.case.case_id: verdict for verdict in evaluate(facts).verdicts}
    return verdicts


def _told(case: DunningCase) -> dict[str, Any]:
    return {
        "case_id": str(case.id),
        "invoice_id": str(case.invoice_id),
        "instalment_number": case.instalment_number,
        "from_version": case.policy_version,
        "reached_offset_days": case.reached_offset_days,
        "state_before": case.state,
    }


def _step(verdict: Verdict | None) -> dict[str, Any] | None:
    step = verdict.next_step if verdict is not None else None
    if verdict is None or step is None:
        return None
    return {"key": step.step.key, "due_on": day(step.send_on), "earliest_at": instant(verdict.earliest_at)}
