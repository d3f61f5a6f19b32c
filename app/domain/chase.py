"""Whom to write to now, about what, and why not (rules D5, D6, D7, D13, D16).

`evaluate` is the whole decision: facts of one customer in, a verdict for each case and the reminders to be made out.
It is asked three times with the same rules: to plan, to answer why, and under the lock before a reminder leaves.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from app.domain.channels import WITHOUT_ADDRESS, address_kind
from app.domain.clocktime import business_date, start_of_day
from app.domain.contact_rules import Attempt, ChannelRules, Contact, first_allowed_on
from app.domain.cover import Residual, residuals
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.ladder import Choice, Ladder, PlannedStep, choose, plan_steps
from app.domain.policy import Grouping, LateEntry, Policy, Step
from app.domain.schedule import EitherDays, Schedule, ZoneHours
from app.domain.verdicts import (
    Address,
    Blocker,
    CaseFacts,
    ChaseFacts,
    ChasePlan,
    PlannedReminder,
    Verdict,
    due_step,
)
from app.domain.windows import Hours, NoSendableDayError, SendWindow, WeeklyHours, intersect, intersect_hours


def evaluate(facts: ChaseFacts) -> ChasePlan:
    """Decide about every case of a customer."""
    left = residuals(facts)
    verdicts = [_judge_case(case, left[case.case_id], facts) for case in facts.cases]
    verdicts = _apply_policy_minimum(verdicts, facts)
    return _group(verdicts, facts)


def _judge_case(case: CaseFacts, covered: Residual, facts: ChaseFacts) -> Verdict:
    residual = covered.amount_minor
    blockers = _standing_blockers(case, covered, facts)
    if case.status not in RECEIVABLE or _has_ended(case):
        return Verdict(case, residual, None, None, None, tuple(blockers), None)

    schedule_of = _schedules(case.policy, facts)
    try:
        planned = plan_steps(case.policy, case.ladder, schedule_of=schedule_of)
    except NoSendableDayError:
        return Verdict(case, residual, None, None, None, (*blockers, Blocker(Code.outside_window)), None)

    def is_for(step: Step) -> bool:
        return step.conditions.met_by(facts.debtor, currency=case.currency, amount_minor=case.open_minor)

    choice = choose(
        case.policy,
        case.ladder,
        planned,
        today=_both_today(facts),
        customer_today=business_date(facts.now, facts.customer_zone),
        is_for=is_for,
        reaches=lambda step: residual >= step.min_amount.get(case.currency, 0),
    )
    choice = _taken_again(case, choice, facts)
    next_step = choice.due or choice.upcoming
    ahead_at = _ahead_at(choice, schedule_of, facts)
    if next_step is None:
        # What the case is not for is passed over on its day, and might be for it by then.
        code = Code.exhausted if choice.ahead is None else Code.condition_not_met
        # A clock that stands leaves the steps above without a date, and not without a turn.
        stands = any(obstacle.stops_clock for obstacle in case.standing.obstacles)
        ends = () if stands else (Blocker(code),)
        return Verdict(case, residual, choice, None, None, (*blockers, *ends), None, passes_at=ahead_at)

    minimum = next_step.step.min_amount.get(case.currency, 0)
    if residual < minimum:
        blockers.append(Blocker(Code.min_amount))
    if facts.by_runs and choice.due is not None and case.case_id not in facts.promised:
        blockers.append(Blocker(Code.awaiting_run))
    address, missing = _address(next_step.step, facts)
    if missing is not None:
        blockers.append(Blocker(missing))
    schedule = schedule_of(next_step.step)
    earliest_at, passing = _timing(case, choice, next_step, schedule, facts)
    later_at = earliest_at if choice.due is None else ahead_at
    uncovered_at = _matures_at(covered.uncovered_on, facts)
    if earliest_at is not None and uncovered_at is not None and earliest_at < uncovered_at:
        earliest_at = _opens(next_step, next_step.send_on, schedule, replace(facts, now=uncovered_at))
    return Verdict(
        case,
        residual,
        choice,
        next_step,
        earliest_at,
        (*blockers, *passing),
        address,
        later_at,
        _matures_at(covered.changes_on, facts),
        None if choice.ahead is None or is_for(choice.ahead.step) else ahead_at,
    )


def _standing_blockers(case: CaseFacts, covered: Residual, facts: ChaseFacts) -> list[Blocker]:
    """What stops the case until a new fact comes, or until the pending payment that covers it matures."""
    if case.status not in RECEIVABLE:
        return [Blocker(Code.not_due if case.status == "draft" else Code(case.status))]
    blockers = []
    if _has_ended(case):
        blockers.append(Blocker(Code.exhausted))
    if facts.sending == "paused":
        blockers.append(Blocker(Code.tenant_paused))
    if case.ladder.late_entry is LateEntry.hold:
        blockers.append(Blocker(Code.hold))
    if case.pending is not None:
        blockers.append(Blocker(case.pending))
    blockers += [Blocker(obstacle.code, _matures_at(obstacle.until_on, facts)) for obstacle in case.standing.obstacles]
    if covered.uncovered_on is not None:
        blockers.append(Blocker(Code.pending_payment, _matures_at(covered.uncovered_on, facts)))
    elif covered.amount_minor == 0:
        whole = case.disputed_minor > 0 and case.disputed_minor >= case.open_minor
        blockers.append(Blocker(Code.disputed if whole else Code.covered_by_unapplied_cash))
    return blockers


def _has_ended(case: CaseFacts) -> bool:
    """Whether the ladder has no more to say; its last step may still be tried by another channel."""
    return case.case_state == "closed" or (case.case_state == "exhausted" and case.again is None)


def _taken_again(case: CaseFacts, choice: Choice, facts: ChaseFacts) -> Choice:
    """The choice with a step that is tried by another channel; it gives way to a later step that has come due."""
    again = case.again
    step = case.policy.step(again.step_key) if again is not None else None
    if again is None or step is None:
        return choice
    if not _still_comes(case.ladder, step, _both_today(facts)):
        return choice
    if choice.due is not None and choice.due.step.key != step.key:
        return choice
    left = replace(step, channels=tuple(name for name in step.channels if name not in again.tried))
    return replace(choice, due=PlannedStep(left, again.nominal_on, again.nominal_on))


def _still_comes(ladder: Ladder, step: Step, today: date) -> bool:
    """Whether a step whose day had come may go out still: before the due date, or where that was not moved on."""
    if step.offset_days < 0:
        return today <= ladder.due_on
    nominal_on = ladder.nominal_on(step)
    return nominal_on is not None and nominal_on <= today


def _matures_at(on: date | None, facts: ChaseFacts) -> datetime | None:
    """When a business date begins."""
    return None if on is None else start_of_day(on, facts.tenant_zone)


def _schedules(policy: Policy, facts: ChaseFacts) -> Callable[[Step], Schedule]:
    """When each step of a policy may leave, by the channel that it takes.

    The answer raises NoSendableDayError for a step whose windows share no time.
    """
    kept: dict[ChannelRules | None, Schedule] = {}

    def of(step: Step) -> Schedule:
        rules = facts.rules.rules_for(_channel(step, facts)) if facts.rules is not None else None
        schedule = kept.get(rules)
        if schedule is None:
            schedule = kept[rules] = _schedule(policy, rules, facts)
        return schedule

    return of


def _schedule(policy: Policy, rules: ChannelRules | None, facts: ChaseFacts) -> Schedule:
    """Hours and holidays of tenant, customer and policy, within what the contact profile asks of a class of channels.

    Raises:
        NoSendableDayError: they share no time.
    """
    window = _meet(facts.tenant_window, facts.customer_window, policy.send_window, rules.hours if rules else None)
    if window is None:
        raise NoSendableDayError("The windows share no time.")
    holidays = facts.holidays.get(policy.calendar or "", frozenset())
    if facts.rules is None or rules is None:
        return Schedule(window, holidays)
    if not rules.open_on_holidays:
        holidays = EitherDays(holidays, facts.rule_holidays)
    zones = facts.other_zones if facts.rules.in_every_zone else ()
    return Schedule(window, holidays, tuple(ZoneHours(zone, rules.hours) for zone in zones))


@lru_cache(maxsize=1024)
def _meet(
    tenant: SendWindow, customer: SendWindow | None, policy: SendWindow | None, hours: WeeklyHours | None
) -> Hours | None:
    own = intersect([window for window in (tenant, customer, policy) if window is not None])
    return own if own is None or hours is None else intersect_hours([own, hours])


def _both_today(facts: ChaseFacts) -> date:
    """A step needs its date to have come for the tenant's business and for the customer (rules T1, T4)."""
    return min(business_date(facts.now, facts.tenant_zone), business_date(facts.now, facts.customer_zone))


def _address(step: Step, facts: ChaseFacts) -> tuple[Address | None, Code | None]:
    """The first channel of the step that has an address which may be used; channels are alternatives in order.

    What asks the tenant's own system to act needs no address, and whoever acts answers for the consent.
    """
    consents = {"granted"} if facts.rules is not None and facts.rules.needs_granted_consent else {"granted", "unknown"}
    denied = False
    for channel in step.channels:
        if channel in facts.unavailable:
            continue
        if channel in WITHOUT_ADDRESS:
            return Address(channel, "", "granted", preferred=False, name=None), None
        known = [address for address in facts.addresses if address.channel == address_kind(channel)]
        usable = [address for address in known if address.consent in consents]
        if usable:
            found = next((address for address in usable if address.preferred), usable[0])
            return found if found.channel == channel else replace(found, channel=channel), None
        denied = denied or bool(known)
    return None, Code.no_consent if denied else Code.no_address


def _channel(step: Step, facts: ChaseFacts) -> str:
    """The channel that a step takes, or would take if there were an address for it."""
    address, _ = _address(step, facts)
    # Of a step that is tried again, no channel may be left.
    return address.channel if address is not None else next(iter(step.channels), "email")


def _timing(
    case: CaseFacts,
    choice: Choice,
    next_step: PlannedStep,
    schedule: Schedule,
    facts: ChaseFacts,
) -> tuple[datetime | None, list[Blocker]]:
    """The earliest instant for the step, and the blockers that time removes."""

    def opens(on_or_after: date) -> datetime | None:
        return _opens(next_step, on_or_after, schedule, facts)

    today = business_date(facts.now, facts.customer_zone)
    not_before = today
    blockers = []
    if choice.due is None:
        if case.ladder.last_sent_on is not None:
            not_before = max(not_before, case.ladder.last_sent_on + timedelta(days=1))
        blockers.append(Blocker(Code.not_due, opens(not_before)))
    gap_ends_on = _gap_ends_on(case.policy, facts)
    if gap_ends_on is not None and today < gap_ends_on:
        not_before = max(not_before, gap_ends_on)
        if choice.due is not None:
            blockers.append(Blocker(Code.min_gap, opens(not_before)))
    free_on = _free_on(facts, Attempt(today, _channel(next_step.step, facts), frozenset({case.invoice_id})))
    if today < free_on:
        not_before = max(not_before, free_on)
        if choice.due is not None:
            blockers.append(Blocker(Code.contact_cap, opens(not_before)))
    earliest_at = opens(not_before)
    if not blockers and earliest_at != facts.now:
        blockers.append(Blocker(Code.outside_window, earliest_at))
    return earliest_at, blockers


def _opens(planned: PlannedStep, on_or_after: date, schedule: Schedule, facts: ChaseFacts) -> datetime | None:
    """The first instant at which a step's date has come for tenant and customer and the window is open."""
    return schedule.opens_at(
        not_before=max(facts.now, start_of_day(planned.send_on, facts.tenant_zone)),
        on_or_after=max(on_or_after, planned.send_on),
        zone=facts.customer_zone,
    )


def _ahead_at(choice: Choice, schedule_of: Callable[[Step], Schedule], facts: ChaseFacts) -> datetime | None:
    """When the next step's day comes, whether it is for the case or not."""
    if choice.ahead is None:
        return None
    return _opens(choice.ahead, choice.ahead.send_on, schedule_of(choice.ahead.step), facts)


def _gap_ends_on(policy: Policy, facts: ChaseFacts) -> date | None:
    if facts.last_contact_on is None or policy.min_gap_days == 0:
        return None
    return facts.last_contact_on + timedelta(days=policy.min_gap_days)


def _free_on(facts: ChaseFacts, attempt: Attempt, planned: Sequence[Contact] = ()) -> date:
    """The first date on which the caps of tenant and contact profile leave room, counted over all of the customer."""
    free_on = attempt.on
    if facts.max_contacts_per_day is not None and facts.contacts_today + len(planned) >= facts.max_contacts_per_day:
        free_on += timedelta(days=1)
    if facts.rules is None:
        return free_on
    return first_allowed_on(facts.rules, (*facts.contacts, *planned), replace(attempt, on=free_on))


def _apply_policy_minimum(verdicts: Sequence[Verdict], facts: ChaseFacts) -> list[Verdict]:
    """The policy's minimum is over all that the customer can be chased for in a currency (rule D16).

    Counted are overdue residuals, and those whose step is due: without the latter a reminder before the due date
    could never pass a minimum.
    """
    today = business_date(facts.now, facts.tenant_zone)
    totals: dict[str, int] = {}
    for verdict in verdicts:
        is_due = verdict.choice is not None and verdict.choice.due is not None
        if not verdict.case.is_in_plan and (verdict.case.ladder.due_on < today or is_due):
            currency = verdict.case.currency
            totals[currency] = totals.get(currency, 0) + verdict.residual_minor
    judged = []
    for verdict in verdicts:
        policy, currency = verdict.case.policy, verdict.case.currency
        is_due = verdict.choice is not None and verdict.choice.due is not None
        minimum = policy.min_amount.get(currency, 0)
        below = is_due and totals.get(currency, 0) < minimum
        blockers = (*verdict.blockers, Blocker(Code.min_amount)) if below else verdict.blockers
        judged.append(replace(verdict, blockers=tuple(dict.fromkeys(blockers))))
    return judged


def _group(verdicts: Sequence[Verdict], facts: ChaseFacts) -> ChasePlan:
    """Put together what goes out together, within the caps that count over all of the customer (rules D5, D6)."""
    groups: dict[tuple[object, ...], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.sendable and verdict.address is not None:
            policy = verdict.case.policy
            one = verdict.case.invoice_id if policy.grouping is Grouping.invoice else None
            key = (policy.id, policy.version, verdict.case.currency, verdict.address, one)
            groups.setdefault(key, []).append(verdict)

    today = business_date(facts.now, facts.customer_zone)
    reminders: list[PlannedReminder] = []
    contacts: list[Contact] = []
    waiting: dict[UUID, Verdict] = {}
    for group in sorted(groups.values(), key=lambda group: _urgency(group, facts)):
        first = group[0]
        address = first.address
        if address is None:
            continue
        invoice_ids = frozenset(verdict.case.invoice_id for verdict in group)
        gap_days = first.case.policy.min_gap_days if contacts else 0
        free_on = _free_on(facts, Attempt(today, address.channel, invoice_ids), contacts)
        if gap_days > 0 or today < free_on:
            code = Code.min_gap if gap_days > 0 else Code.contact_cap
            on = max(free_on, today + timedelta(days=gap_days))
            for verdict in group:
                waiting[verdict.case.case_id] = _wait(verdict, code, on, facts)
            continue
        reminders.append(PlannedReminder(first.case.policy, first.case.currency, address, tuple(group)))
        contacts.append(Contact(today, address.channel, invoice_ids=invoice_ids))
    return ChasePlan(tuple(waiting.get(verdict.case.case_id, verdict) for verdict in verdicts), tuple(reminders))


def _urgency(group: Sequence[Verdict], facts: ChaseFacts) -> tuple[bool, int, date, UUID]:
    """What a reminder was made for keeps its place; then the highest step, then the oldest debt."""
    return (
        all(verdict.case.case_id not in facts.promised for verdict in group),
        -max(due_step(verdict).step.offset_days for verdict in group),
        min(verdict.case.ladder.due_on for verdict in group),
        min(verdict.case.case_id for verdict in group),
    )


def _wait(verdict: Verdict, code: Code, on: date, facts: ChaseFacts) -> Verdict:
    schedule = _schedules(verdict.case.policy, facts)(due_step(verdict).step)
    until = schedule.opens_at(not_before=facts.now, on_or_after=on, zone=facts.customer_zone)
    return replace(verdict, blockers=(Blocker(code, until),), earliest_at=until)
