"""Whom to write to now, about what, and why not (rules D5, D6, D7, D13, D16).

`evaluate` is the whole decision: facts of one customer in, a verdict for each case and the reminders to be made out.
It is asked three times with the same rules: to plan, to answer why, and under the lock before a reminder leaves.
"""

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from app.domain.clocktime import business_date, start_of_day
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.ladder import Choice, PlannedStep, choose, plan_steps
from app.domain.policy import Grouping, Policy
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
from app.domain.windows import NoSendableDayError, SendWindow, first_open_instant, intersect


def evaluate(facts: ChaseFacts) -> ChasePlan:
    """Decide about every case of a customer."""
    residuals = _residuals(facts)
    verdicts = [_judge_case(case, residuals[case.case_id], facts) for case in facts.cases]
    verdicts = _apply_policy_minimum(verdicts, facts)
    return _group(verdicts, facts)


def _residuals(facts: ChaseFacts) -> dict[UUID, int]:
    """Unapplied cash offsets what is owed, oldest due date first (rules M3, M4)."""
    cash = dict(facts.unapplied)
    residuals = {}
    for case in sorted(facts.cases, key=lambda c: (c.ladder.due_on, c.issued_on, c.invoice_id)):
        undisputed = max(0, case.open_minor - case.disputed_minor) if case.status in RECEIVABLE else 0
        covered = min(undisputed, cash.get(case.currency, 0))
        cash[case.currency] = cash.get(case.currency, 0) - covered
        residuals[case.case_id] = undisputed - covered
    return residuals


def _judge_case(case: CaseFacts, residual: int, facts: ChaseFacts) -> Verdict:
    blockers = [Blocker(code) for code in _standing_blockers(case, residual, facts)]
    if case.status not in RECEIVABLE or case.case_state in {"exhausted", "closed"}:
        return Verdict(case, residual, None, None, None, tuple(blockers), None)

    window = _window(case.policy, facts)
    if window is None:
        return Verdict(case, residual, None, None, None, (*blockers, Blocker(Code.outside_window)), None)
    holidays = facts.holidays.get(case.policy.calendar or "", frozenset())
    try:
        planned = plan_steps(case.policy, case.ladder, window=window, holidays=holidays)
    except NoSendableDayError:
        return Verdict(case, residual, None, None, None, (*blockers, Blocker(Code.outside_window)), None)
    choice = choose(
        case.policy,
        case.ladder,
        planned,
        today=_both_today(facts),
        customer_today=business_date(facts.now, facts.customer_zone),
    )
    next_step = choice.due or choice.upcoming
    if next_step is None:
        return Verdict(case, residual, choice, None, None, (*blockers, Blocker(Code.exhausted)), None)

    minimum = next_step.step.min_amount.get(case.currency, 0)
    if residual < minimum:
        blockers.append(Blocker(Code.min_amount))
    address, missing = _address(next_step, facts)
    if missing is not None:
        blockers.append(Blocker(missing))
    earliest_at, passing = _timing(case, choice, next_step, window, holidays, facts)
    later_at = earliest_at if choice.due is None else _later_at(choice, window, holidays, facts)
    return Verdict(case, residual, choice, next_step, earliest_at, (*blockers, *passing), address, later_at)


def _standing_blockers(case: CaseFacts, residual: int, facts: ChaseFacts) -> list[Code]:
    """What stops the case until a new fact comes."""
    if case.status not in RECEIVABLE:
        return [Code.not_due if case.status == "draft" else Code(case.status)]
    codes = []
    if case.case_state in {"exhausted", "closed"}:
        codes.append(Code.exhausted)
    if facts.sending == "paused":
        codes.append(Code.tenant_paused)
    if case.pending is not None:
        codes.append(case.pending)
    if residual == 0:
        whole = case.disputed_minor > 0 and case.disputed_minor >= case.open_minor
        codes.append(Code.disputed if whole else Code.covered_by_unapplied_cash)
    return codes


def _window(policy: Policy, facts: ChaseFacts) -> SendWindow | None:
    if policy.send_window is None:
        return facts.tenant_window
    return intersect([facts.tenant_window, policy.send_window])


def _both_today(facts: ChaseFacts) -> date:
    """A step needs its date to have come for the tenant's business and for the customer (rules T1, T4)."""
    return min(business_date(facts.now, facts.tenant_zone), business_date(facts.now, facts.customer_zone))


def _address(planned: PlannedStep, facts: ChaseFacts) -> tuple[Address | None, Code | None]:
    """The first channel of the step that has an address which may be used; channels are alternatives in order."""
    denied = False
    for channel in planned.step.channels:
        known = [address for address in facts.addresses if address.channel == channel]
        usable = [address for address in known if address.consent != "denied"]
        if usable:
            return next((address for address in usable if address.preferred), usable[0]), None
        denied = denied or bool(known)
    return None, Code.no_consent if denied else Code.no_address


def _timing(
    case: CaseFacts,
    choice: Choice,
    next_step: PlannedStep,
    window: SendWindow,
    holidays: Container[date],
    facts: ChaseFacts,
) -> tuple[datetime | None, list[Blocker]]:
    """The earliest instant for the step, and the blockers that time removes."""

    def opens(on_or_after: date) -> datetime | None:
        return _opens(next_step, on_or_after, window, holidays, facts)

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
    if _cap_reached(facts, taken=0):
        not_before = max(not_before, today + timedelta(days=1))
        if choice.due is not None:
            blockers.append(Blocker(Code.contact_cap, opens(not_before)))
    earliest_at = opens(not_before)
    if not blockers and earliest_at != facts.now:
        blockers.append(Blocker(Code.outside_window, earliest_at))
    return earliest_at, blockers


def _opens(
    planned: PlannedStep, on_or_after: date, window: SendWindow, holidays: Container[date], facts: ChaseFacts
) -> datetime | None:
    """The first instant at which a step's date has come for tenant and customer and the window is open."""
    return first_open_instant(
        not_before=max(facts.now, start_of_day(planned.send_on, facts.tenant_zone)),
        on_or_after=max(on_or_after, planned.send_on),
        window=window,
        zone=facts.customer_zone,
        holidays=holidays,
    )


def _later_at(choice: Choice, window: SendWindow, holidays: Container[date], facts: ChaseFacts) -> datetime | None:
    """When the step above the due one comes due, if that lies ahead."""
    if choice.upcoming is None or choice.upcoming.send_on <= _both_today(facts):
        return None
    return _opens(choice.upcoming, choice.upcoming.send_on, window, holidays, facts)


def _gap_ends_on(policy: Policy, facts: ChaseFacts) -> date | None:
    if facts.last_contact_on is None or policy.min_gap_days == 0:
        return None
    return facts.last_contact_on + timedelta(days=policy.min_gap_days)


def _cap_reached(facts: ChaseFacts, *, taken: int) -> bool:
    return facts.max_contacts_per_day is not None and facts.contacts_today + taken >= facts.max_contacts_per_day


def _apply_policy_minimum(verdicts: Sequence[Verdict], facts: ChaseFacts) -> list[Verdict]:
    """The policy's minimum is over all that the customer can be chased for in a currency (rule D16).

    Counted are overdue residuals, and those whose step is due: without the latter a reminder before the due date
    could never pass a minimum.
    """
    today = business_date(facts.now, facts.tenant_zone)
    totals: dict[str, int] = {}
    for verdict in verdicts:
        is_due = verdict.choice is not None and verdict.choice.due is not None
        if verdict.case.ladder.due_on < today or is_due:
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
            one = verdict.case.case_id if policy.grouping is Grouping.invoice else None
            key = (policy.id, policy.version, verdict.case.currency, verdict.address, one)
            groups.setdefault(key, []).append(verdict)

    reminders: list[PlannedReminder] = []
    waiting: dict[UUID, Verdict] = {}
    for group in sorted(groups.values(), key=lambda group: _urgency(group, facts)):
        first = group[0]
        if reminders and first.case.policy.min_gap_days > 0:
            waits, code = first.case.policy.min_gap_days, Code.min_gap
        elif _cap_reached(facts, taken=len(reminders)):
            waits, code = 1, Code.contact_cap
        else:
            address = first.address
            if address is None:
                continue
            reminders.append(PlannedReminder(first.case.policy, first.case.currency, address, tuple(group)))
            continue
        for verdict in group:
            waiting[verdict.case.case_id] = _wait(verdict, code, waits, facts)
    return ChasePlan(tuple(waiting.get(verdict.case.case_id, verdict) for verdict in verdicts), tuple(reminders))


def _urgency(group: Sequence[Verdict], facts: ChaseFacts) -> tuple[bool, int, date, UUID]:
    """What a reminder was made for keeps its place; then the highest step, then the oldest debt."""
    return (
        all(verdict.case.case_id not in facts.promised for verdict in group),
        -max(due_step(verdict).step.offset_days for verdict in group),
        min(verdict.case.ladder.due_on for verdict in group),
        min(verdict.case.case_id for verdict in group),
    )


def _wait(verdict: Verdict, code: Code, days: int, facts: ChaseFacts) -> Verdict:
    window = _window(verdict.case.policy, facts)
    if window is None:
        return verdict
    until = first_open_instant(
        not_before=facts.now,
        on_or_after=business_date(facts.now, facts.customer_zone) + timedelta(days=days),
        window=window,
        zone=facts.customer_zone,
        holidays=facts.holidays.get(verdict.case.policy.calendar or "", frozenset()),
    )
    return replace(verdict, blockers=(Blocker(code, until),), earliest_at=until)
