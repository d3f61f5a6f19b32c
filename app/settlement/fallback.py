"""A step whose channel has failed goes on by its next one (rule D6): channels are alternatives in order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select

from app.core.rows import any_of
from app.core.uow import UnitOfWork
from app.domain.chase import evaluate
from app.domain.errors import Code
from app.domain.ladder import PlannedStep
from app.domain.policy import Policy
from app.domain.verdicts import PASSING, Address, PlannedReminder, Verdict, due_step
from app.dunning.cases import Skip, exhaust_if_done, skip_steps
from app.dunning.facts import Dossier, load_dossiers, load_facts, tried_again
from app.dunning.reminders import (
    live_items,
    make_reminder,
    release_steps,
    report_drift,
    reverse_reminder_charges,
)
from app.dunning.tasks import cancel_call_task
from app.models import CaseStep, Customer, Reminder, ReminderItem
from app.settlement.outcomes import lower_steps, parts_of, reconcile_parts


async def fall_back(uow: UnitOfWork, customer: Customer, reminder: Reminder) -> list[Reminder]:
    """Make what goes out instead of a reminder that has failed: the same steps by the channels that are left.

    The caps of contacts count, and everything is judged again before it leaves. Of several cases, those that go to one
    address by one channel go together, as they went before.

    Args:
        uow: the unit of work, holding the customer's lock.
        customer: the reminder's.
        reminder: one that has ended, with its items.
    """
    await uow.flush()
    dossiers = await load_dossiers(uow, [customer])
    facts = (await load_facts(uow, dossiers, lifted=frozenset({reminder.id})))[customer.id]
    items = {item.case_id: item for item in live_items(reminder)}
    again = tried_again(facts, reminder, tried=(*reminder.tried_channels, reminder.channel))
    plan = evaluate(replace(again, promised=frozenset(items)))
    groups: dict[tuple[UUID, int, Address], list[Verdict]] = {}
    for verdict in plan.verdicts:
        item, address = items.get(verdict.case.case_id), verdict.address
        if item is None or address is None or verdict.case.cycle != item.cycle:
            continue
        if _goes_on(verdict, item.step_key):
            groups.setdefault((verdict.case.policy.id, verdict.case.policy.version, address), []).append(verdict)
    taken = await _taken(uow, items) if groups else frozenset()
    made = []
    for (_, _, address), group in groups.items():
        planned = PlannedReminder(group[0].case.policy, reminder.currency, address, tuple(group))
        made.append(make_reminder(uow, customer, planned, reminder.language, replaces=reminder, taken=taken))
    return made


async def _taken(uow: UnitOfWork, items: Mapping[UUID, ReminderItem]) -> frozenset[UUID]:
    """The cases whose step stands as taken: the message had been sent, and came back."""
    rows = await uow.session.execute(
        select(CaseStep.case_id, CaseStep.cycle, CaseStep.step_key).where(
            CaseStep.tenant_id == uow.tenant_id, CaseStep.case_id == any_of(items)
        )
    )
    known = {(case_id, cycle, step_key) for case_id, cycle, step_key in rows}
    return frozenset(case_id for case_id, item in items.items() if (case_id, item.cycle, item.step_key) in known)


def _goes_on(verdict: Verdict, step_key: str) -> bool:
    choice = verdict.choice
    return (
        choice is not None
        and choice.due is not None
        and due_step(verdict).step.key == step_key
        # What waits for sending to be resumed waits as a reminder.
        and all(blocker.code in {*PASSING, Code.tenant_paused} for blocker in verdict.blockers)
    )


async def fail_unsent(
    uow: UnitOfWork,
    reminders: Sequence[Reminder],
    dossiers: Mapping[UUID, Dossier],
    policies: Mapping[tuple[UUID, int], Policy],
    *,
    code: Code,
) -> None:
    """Reminders end without having reached anybody: their steps go on by another channel, or are skipped.

    Args:
        uow: the unit of work, holding the customers' locks.
        reminders: those that are `ready` and go no further, with their items.
        dossiers: the cases and invoices of their items, by customer.
        policies: those that the cases pin.
        code: why.
    """
    parts = parts_of(reminders, dossiers, policies)
    going_on: set[tuple[UUID, UUID]] = set()
    for reminder in reminders:
        uow.track(reminder)
        reminder.status = "skipped"
        reminder.skip_reason = str(code)
        reminder.contacted_on = None
        reminder.next_attempt_at = None
        reminder.lease_token = None
        reminder.lease_expires_at = None
        items = live_items(reminder)
        await report_drift(uow, reminder, code)
        if reminder.channel == "call":
            await cancel_call_task(uow, reminder)
        await release_steps(uow, reminder, items)
        await reverse_reminder_charges(uow, reminder, {item.case_id for item in items})
        if _has_channels_left(reminder, dossiers[reminder.customer_id], policies):
            customer = dossiers[reminder.customer_id].customer
            made = await fall_back(uow, customer, reminder)
            going_on |= {(reminder.id, item.case_id) for other in made for item in other.items}
    ended = [part for part in parts if (part.reminder.id, part.case.id) not in going_on]
    skips = await lower_steps(uow, ended)
    for part in ended:
        step = part.policy.own_step(part.item.step_key)
        skipped = PlannedStep(step, part.item.nominal_on, part.item.nominal_on)
        skips.append(Skip(part.case, skipped, code, part.reminder.id))
    await skip_steps(uow, skips)
    for part in ended:
        exhaust_if_done(uow, part.case, part.policy)
    await reconcile_parts(uow, dossiers, parts)


def _has_channels_left(reminder: Reminder, dossier: Dossier, policies: Mapping[tuple[UUID, int], Policy]) -> bool:
    tried = {*reminder.tried_channels, reminder.channel}
    for item in live_items(reminder):
        case = dossier.cases[item.case_id]
        step = policies[case.policy_id, case.policy_version].own_step(item.step_key)
        if not tried.issuperset(step.channels):
            return True
    return False
