"""The tick: customers about whom time has changed something, in batches, under their locks (facts, evaluate, apply)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from app.core.log import get_logger
from app.core.uow import UnitOfWork
from app.domain.chase import evaluate
from app.domain.clocktime import start_of_day
from app.domain.errors import Code
from app.domain.verdicts import ChaseFacts, ChasePlan, Verdict
from app.dunning.cases import Skip, exhaust_if_done, skip_steps
from app.dunning.facts import Dossier, load_case_policies, load_dossiers, load_facts
from app.dunning.reminders import load_unsent, make_reminder, prune_undue
from app.dunning.shares import by_invoice
from app.dunning.standing import Standings
from app.messages.languages import resolve_language
from app.models import Customer
from app.settlement.interest import interest_wake_at
from app.settlement.reconcile import due_transition_at, reconcile, reconcile_released

log = get_logger(__name__)

# A wake-up that is not in the future would be claimed again at once and for ever.
_SHORTEST_NAP = timedelta(minutes=1)
_TURNS = frozenset({Code.min_gap, Code.contact_cap})


@dataclass(slots=True)
class TickResult:
    """What one batch did."""

    customers: int = 0
    reminders: int = 0
    steps_skipped: int = 0


async def tick(uow: UnitOfWork, *, limit: int, wait: bool = False, only: UUID | None = None) -> TickResult:
    """Evaluate due customers and write what follows.

    Args:
        uow: one transaction.
        limit: customers in it.
        wait: wait for customers that others hold, instead of leaving them to the next batch.
        only: this customer alone, to tell a failing one from its batch.
    """
    customers = await _claim(uow, limit=limit, wait=wait, only=only)
    if not customers:
        return TickResult()
    dossiers, facts, standings = await look_at(uow, customers)
    result = TickResult(customers=len(customers))
    skips: list[Skip] = []
    for customer_id, dossier in dossiers.items():
        plan = evaluate(facts[customer_id])
        skips += _make_out(uow, dossier, plan)
        result.reminders += len(plan.reminders)
        _sleep(uow, dossier, plan, standings.wakes.get(customer_id))
    await skip_steps(uow, skips)
    policies = await load_case_policies(uow, [skip.case for skip in skips])
    for skip in skips:
        exhaust_if_done(uow, skip.case, policies[skip.case.policy_id, skip.case.policy_version])
    result.steps_skipped = len(skips)
    return result


async def look_at(
    uow: UnitOfWork, customers: Mapping[UUID, Customer]
) -> tuple[dict[UUID, Dossier], dict[UUID, ChaseFacts], Standings]:
    """Bring customers, who are locked, in line with the date, and load what is decided on about them."""
    dossiers = await load_dossiers(uow, customers.values())
    invoices = [invoice for dossier in dossiers.values() for invoice in dossier.invoices.values()]
    cases = by_invoice(case for dossier in dossiers.values() for case in dossier.cases.values())
    standings = await reconcile(uow, customers, invoices, cases=cases, sets_wakes=False)
    for case in (case for own in cases.values() for case in own):
        dossiers[case.customer_id].cases[case.id] = case
    for case in standings.plan_cases:
        dossiers[case.customer_id].cases[case.id] = case
    facts = await load_facts(uow, dossiers)
    facts |= await _without_overtaken_calls(uow, dossiers, facts)
    return dossiers, facts, standings


async def _without_overtaken_calls(
    uow: UnitOfWork, dossiers: Mapping[UUID, Dossier], facts: Mapping[UUID, ChaseFacts]
) -> dict[UUID, ChaseFacts]:
    """Take back calls that nobody has made before a later step came due; the facts of those customers without them."""
    waiting = {
        customer_id
        for customer_id, own in facts.items()
        if any(case.pending is Code.awaiting_call for case in own.cases)
    }
    if not waiting:
        return {}
    verdicts = {
        verdict.case.case_id: verdict
        for customer_id in waiting
        for verdict in evaluate(facts[customer_id]).verdicts
        if verdict.choice is not None and verdict.choice.due is not None
    }
    calls = [reminder for reminder in await load_unsent(uow, waiting) if reminder.next_attempt_at is None]
    moved_before = set(uow.charged)
    await prune_undue(uow, [call for call in calls if call.status == "ready"], verdicts)
    customers = {customer_id: dossiers[customer_id].customer for customer_id in waiting}
    await reconcile_released(uow, customers, moved_before, sets_wakes=False)
    await uow.flush()
    return await load_facts(uow, {customer_id: dossiers[customer_id] for customer_id in waiting})


_DUE = (
    "SELECT * FROM customers WHERE tenant_id = $1 AND next_action_at <= $2 AND ($3::uuid IS NULL OR id = $3) ORDER BY"
)
# Waiting needs the one lock order; skipping takes the longest due first.
_CLAIM = f"{_DUE} next_action_at, id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED"
_CLAIM_WAITING = f"{_DUE} id LIMIT $4 FOR NO KEY UPDATE"


async def _claim(uow: UnitOfWork, *, limit: int, wait: bool, only: UUID | None) -> Mapping[UUID, Customer]:
    customers = await uow.fetch(Customer, _CLAIM_WAITING if wait else _CLAIM, uow.tenant_id, uow.now, only, limit)
    return {customer.id: customer for customer in customers}


def _make_out(uow: UnitOfWork, dossier: Dossier, plan: ChasePlan) -> list[Skip]:
    """Make the reminders of the plan; what is left are the steps whose time has passed."""
    customer = dossier.customer
    language = resolve_language(customer.locale or uow.tenant.locale, fallback=uow.tenant.locale)
    for planned in plan.reminders:
        make_reminder(uow, customer, planned, language)
    return [
        Skip(dossier.cases[verdict.case.case_id], planned, code)
        for verdict in plan.verdicts
        if verdict.choice is not None and verdict.case.pending is None
        for planned, code in verdict.choice.passed
    ]


def _sleep(uow: UnitOfWork, dossier: Dossier, plan: ChasePlan, agreements_on: date | None) -> None:
    """Set when to look again: the next due date, interest or step; a planned reminder wakes when it is recorded."""
    instants: list[datetime] = [
        at
        for invoice in dossier.invoices.values()
        for at in (due_transition_at(uow, invoice), interest_wake_at(uow, dossier.customer, invoice))
        if at is not None
    ]
    planned = {verdict.case.case_id for reminder in plan.reminders for verdict in reminder.verdicts}
    instants += [
        verdict.wake_at
        for verdict in plan.verdicts
        if verdict.wake_at is not None and verdict.case.case_id not in planned
    ]
    if agreements_on is not None:
        instants.append(start_of_day(agreements_on, uow.tenant.zone))
    if any(reminder.requires_approval for reminder in plan.reminders) and any(map(_waits_its_turn, plan.verdicts)):
        # What waits for a person is no contact yet, and may never be one: it keeps nobody else waiting.
        instants.append(uow.now + _SHORTEST_NAP)
    next_at = min(instants, default=None)
    if next_at is not None and next_at <= uow.now:
        log.error("dunning.wake_in_the_past", customer_id=str(dossier.customer.id))
        next_at = uow.now + _SHORTEST_NAP
    dossier.customer.next_action_at = next_at


def _waits_its_turn(verdict: Verdict) -> bool:
    """Whether other contacts alone stand in the way of a step that is due."""
    return bool(verdict.blockers) and {blocker.code for blocker in verdict.blockers} <= _TURNS
