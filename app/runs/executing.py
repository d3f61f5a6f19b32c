"""Makes exactly what a run has shown; what can no longer be sent so has drifted, and nothing is added (rule D14)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from app.core.uow import UnitOfWork
from app.domain.chase import evaluate
from app.domain.clocktime import business_date, start_of_day
from app.domain.errors import Code
from app.domain.verdicts import PASSING, ChaseFacts, PlannedReminder, Verdict, due_step
from app.dunning.facts import Dossier, load_dossiers, load_facts
from app.dunning.reminders import make_reminder
from app.models import DunningRun, DunningRunItem
from app.runs.planning import language_of


async def make(uow: UnitOfWork, run: DunningRun, items: Sequence[DunningRunItem]) -> None:
    """Make reminders of messages of an approved run, which is locked."""
    customers = await uow.lock_customers({item.customer_id for item in items})
    dossiers = await load_dossiers(uow, customers)
    facts = await load_facts(uow, dossiers)
    by_customer: dict[UUID, list[DunningRunItem]] = defaultdict(list)
    for item in items:
        by_customer[item.customer_id].append(item)
    for customer_id, own in by_customer.items():
        for item in own:
            _make(uow, run, item, dossiers[customer_id], facts[customer_id])


def _make(uow: UnitOfWork, run: DunningRun, item: DunningRunItem, dossier: Dossier, facts: ChaseFacts) -> None:
    cases = frozenset(UUID(case["case_id"]) for case in item.cases)
    # The window may open later in the day, as it was planned to.
    at = max(uow.now, item.planned_at)
    plan = evaluate(replace(facts, now=at, promised=cases))
    verdicts = {verdict.case.case_id: verdict for verdict in plan.verdicts if verdict.case.case_id in cases}
    until = start_of_day(business_date(at, uow.tenant.zone) + timedelta(days=1), uow.tenant.zone)
    drift = _drift(item, verdicts, until)
    if drift is not None:
        item.status, item.drift_reason = "drifted", str(drift)
        return
    first = next(iter(verdicts.values()))
    if first.address is None:
        raise LookupError("what may be sent has an address")
    planned = PlannedReminder(first.case.policy, item.currency, first.address, tuple(verdicts.values()))
    reminder = make_reminder(uow, dossier.customer, planned, language_of(uow, dossier), run_id=run.id)
    item.status, item.reminder_id = "made", reminder.id


def _drift(item: DunningRunItem, verdicts: Mapping[UUID, Verdict], until: datetime) -> Code | None:
    """Why a message cannot be sent as it was shown, if it cannot."""
    for case in item.cases:
        verdict = verdicts.get(UUID(case["case_id"]))
        if verdict is None:
            return Code.paid
        stops = [blocker.code for blocker in verdict.blockers]
        standing = [code for code in stops if code not in PASSING]
        if standing:
            return standing[0]
        due = verdict.choice.due if verdict.choice is not None else None
        if verdict.case.cycle != case["cycle"] or due is None or due_step(verdict).step.key != case["step_key"]:
            return Code.superseded
        if stops and (verdict.earliest_at is None or verdict.earliest_at >= until):
            return stops[0]
        address = verdict.address
        if address is None or (address.channel, address.address or None) != (item.channel, item.to):
            return Code.address_changed
        if verdict.residual_minor != case["owed_minor"]:
            return Code.amount_changed
    return None
