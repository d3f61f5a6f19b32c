"""What would go out on a day: it is rehearsed as it would happen, with the same code, and taken back (rule D14).

So the messages that a run shows are those that are sent: fees are posted, texts are rendered and caps are counted by
the claim itself. Nothing of a rehearsal stays but what was seen.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.core.clock import Clock
from app.core.rows import any_of
from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.domain.chase import evaluate
from app.domain.clocktime import start_of_day
from app.domain.money import parse_amount
from app.domain.verdicts import ChaseFacts, ChasePlan, PlannedReminder
from app.dunning.facts import Dossier
from app.dunning.reminders import live_items, make_reminder
from app.messages.languages import resolve_language
from app.models import Reminder
from app.reminders.claims import claim_these
from app.settlement.tick import look_at

# A day has few instants at which a window opens; whoever has more is left with the first ones.
_MOST_INSTANTS: Final = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is narrowed to, besides its customers."""

    step_keys: frozenset[str] | None = None
    currency: str | None = None
    min_total_minor: int = 0
    policy_id: UUID | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Wanted":
        """From a run's filter."""
        keys, currency, total = stored["step_keys"], stored["currency"], stored["min_total"]
        return cls(
            step_keys=None if keys is None else frozenset(keys),
            currency=currency,
            min_total_minor=0 if total is None else parse_amount(total, currency),
            policy_id=None if stored["policy_id"] is None else UUID(stored["policy_id"]),
        )

    def cases(self, facts: ChaseFacts) -> frozenset[UUID]:
        """The cases of a customer that the run is about."""
        found = frozenset(
            case.case_id
            for case in facts.cases
            if (self.currency is None or case.currency == self.currency)
            and (self.policy_id is None or case.policy.id == self.policy_id)
        )
        if self.step_keys is None:
            return found
        verdicts = evaluate(replace(facts, promised=found)).verdicts
        return found & {
            verdict.case.case_id
            for verdict in verdicts
            if verdict.choice is not None
            and verdict.choice.due is not None
            and verdict.choice.due.step.key in self.step_keys
        }

    def reminders(self, plan: ChasePlan, cases: Collection[UUID]) -> list[PlannedReminder]:
        """Of what a plan sends, what the run is about."""
        found = []
        for reminder in plan.reminders:
            verdicts = tuple(verdict for verdict in reminder.verdicts if verdict.case.case_id in cases)
            if verdicts and sum(verdict.residual_minor for verdict in verdicts) >= self.min_total_minor:
                found.append(replace(reminder, verdicts=verdicts))
        return found


@dataclass(slots=True)
class _Made:
    """A reminder of a rehearsal: when it could go out, and what was owed of each case before the fee."""

    at: datetime
    owed: dict[UUID, int]


async def rehearse(
    uow: UnitOfWork, settings: Settings, customer_ids: Collection[UUID], wanted: Wanted, *, run_id: UUID, run_on: date
) -> list[dict[str, Any]]:
    """The messages that would go out to some customers on a day, as columns of a run's items.

    Every row that the caller has loaded is forgotten.
    """
    items: list[dict[str, Any]] = []
    async with uow.rehearsal():
        begin = max(uow.now, start_of_day(run_on, uow.tenant.zone))
        until = start_of_day(run_on + timedelta(days=1), uow.tenant.zone)
        due: dict[UUID, datetime] = dict.fromkeys(customer_ids, begin)
        for _ in range(_MOST_INSTANTS):
            if not due:
                break
            at = min(due.values())
            uow.clock = Clock(at, uow.tenant.zone)
            now = [customer_id for customer_id, when in due.items() if when <= at]
            made, later = await _make_out(uow, now, wanted, run_id)
            items += await _claim(uow, settings, now, made)
            for customer_id in now:
                del due[customer_id]
            due |= {customer_id: when for customer_id, when in later.items() if at < when < until}
    return items


async def _make_out(
    uow: UnitOfWork, customer_ids: Collection[UUID], wanted: Wanted, run_id: UUID
) -> tuple[dict[UUID, _Made], dict[UUID, datetime]]:
    """Make the reminders of one instant; and when to look again at customers."""
    customers = {customer.id: customer for customer in await uow.lock_customers(customer_ids)}
    dossiers, facts, _ = await look_at(uow, customers)
    made: dict[UUID, _Made] = {}
    later: dict[UUID, datetime] = {}
    for customer_id, dossier in dossiers.items():
        cases = wanted.cases(facts[customer_id])
        plan = evaluate(replace(facts[customer_id], promised=cases))
        for planned in wanted.reminders(plan, cases):
            reminder = make_reminder(uow, dossier.customer, planned, language_of(uow, dossier), run_id=run_id)
            made[reminder.id] = _Made(
                uow.now, {verdict.case.case_id: verdict.residual_minor for verdict in planned.verdicts}
            )
        # Steps that are named may come due later in the day, too.
        instants = [verdict.wake_at for verdict in plan.verdicts if verdict.wake_at is not None]
        after = min((at for at in instants if at > uow.now), default=None)
        if after is not None:
            later[customer_id] = after
    await uow.flush()
    return made, later


async def _claim(
    uow: UnitOfWork, settings: Settings, customer_ids: Collection[UUID], made: Mapping[UUID, _Made]
) -> list[dict[str, Any]]:
    """Have the reminders made out as they leave, and see what they say."""
    if not made:
        return []
    uow.transaction.forget()
    customers = {customer.id: customer for customer in await uow.lock_customers(customer_ids)}
    statement = (
        select(Reminder)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.id == any_of(made))
        .options(selectinload(Reminder.items))
        .order_by(Reminder.id)
    )
    reminders = (await uow.session.scalars(statement)).all()
    await claim_these(uow, settings, customers, reminders)
    await uow.flush()
    shown = [_shown(reminder, made[reminder.id]) for reminder in reminders if reminder.text_body is not None]
    uow.transaction.forget()
    return shown


def _shown(reminder: Reminder, made: _Made) -> dict[str, Any]:
    return {
        "customer_id": reminder.customer_id,
        "policy_id": reminder.policy_id,
        "policy_version": reminder.policy_version,
        "currency": reminder.currency,
        "channel": reminder.channel,
        "to": reminder.to,
        "language": reminder.language,
        "template": reminder.template,
        "planned_at": made.at,
        "total_due_minor": reminder.total_due_minor,
        "cases": [
            {
                "case_id": str(item.case_id),
                "invoice_id": str(item.invoice_id),
                "step_key": item.step_key,
                "cycle": item.cycle,
                "amount_minor": item.amount_minor,
                "owed_minor": made.owed[item.case_id],
            }
            for item in live_items(reminder)
        ],
        "subject": reminder.subject,
        "text_body": reminder.text_body,
    }


def language_of(uow: UnitOfWork, dossier: Dossier) -> str:
    """The language in which a customer is written to."""
    return resolve_language(dossier.customer.locale or uow.tenant.locale, fallback=uow.tenant.locale)
