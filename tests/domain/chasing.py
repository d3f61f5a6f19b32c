"""Facts to begin a test of the ladder or the chase with: what is left out is ordinary."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain import ladder as ladders
from app.domain.chase import evaluate
from app.domain.clocktime import business_date, start_of_day
from app.domain.contact_rules import Contact
from app.domain.ladder import Choice, Ladder, PlannedStep, choose, late_entry_shift_days
from app.domain.policy import CatchUp, Grouping, LateEntry, Policy, Step
from app.domain.schedule import Schedule
from app.domain.verdicts import Address, Blocker, CaseFacts, ChaseFacts, ChasePlan, Verdict, due_step
from app.domain.windows import Hours, SendWindow, opening_on

D = date.fromisoformat
WEEK = range(7)
OFFICE = SendWindow.of("09:00", "18:00", range(5))
EVERY_DAY = SendWindow.of("09:00", "18:00", WEEK)
MEXICO = ZoneInfo("America/Mexico_City")
MADRID = ZoneInfo("Europe/Madrid")
TOKYO = ZoneInfo("Asia/Tokyo")
EMAIL = Address("email", "pagos@example.com", "unknown", preferred=False, name=None)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at(text: str, zone: ZoneInfo = MEXICO) -> datetime:
    """A local time as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def step(day: int, **fields: Any) -> Step:
    values: dict[str, Any] = {
        "key": f"d{day:+d}",
        "offset_days": day,
        "channels": ("email",),
        "template": "first_notice",
        "min_amount": {},
        "fee": None,
        "requires_approval": False,
        **fields,
    }
    return Step(**values)


def policy(*steps: int | Step, number: int = 1, **fields: Any) -> Policy:
    """A policy of the steps on these days; `number` tells policies apart."""
    values: dict[str, Any] = {
        "id": UUID(int=number),
        "version": 1,
        "grouping": Grouping.customer,
        "catch_up": CatchUp.highest,
        "late_entry": LateEntry.restart,
        "min_gap_days": 0,
        "min_amount": {},
        "send_window": None,
        "calendar": None,
        "steps": tuple(step(item) if isinstance(item, int) else item for item in steps),
        **fields,
    }
    return Policy(**values)


def ladder(due_on: str, *, reached: int | None = None, sent_on: str | None = None, **fields: Any) -> Ladder:
    values: dict[str, Any] = {"shift_days": 0, "entered_overdue": False, **fields}
    return Ladder(due_on=D(due_on), reached_offset_days=reached, last_sent_on=D(sent_on) if sent_on else None, **values)


def entered(of: Policy, due_on: str, on: str) -> Ladder:
    """The ladder of a case that is first seen on a date."""
    return ladder(
        due_on,
        shift_days=late_entry_shift_days(of, due_on=D(due_on), entered_on=D(on)),
        entered_overdue=D(on) > D(due_on),
    )


def is_open(instant: datetime, *, window: Hours, zone: ZoneInfo, holidays: Container[date]) -> bool:
    """Whether an instant lies in the opening of its own local date."""
    opening = opening_on(business_date(instant, zone), window=window, zone=zone, holidays=holidays)
    return opening is not None and opening.opens <= instant < opening.closes


def plan_steps(of: Policy, where: Ladder, *, window: SendWindow, holidays: Container[date]) -> tuple[PlannedStep, ...]:
    """The steps with their dates, where every channel has the same hours."""
    return ladders.plan_steps(of, where, schedule_of=lambda _step: Schedule(window, holidays))


def planned(
    of: Policy, where: Ladder, *, window: SendWindow = EVERY_DAY, holidays: Sequence[str] = ()
) -> tuple[PlannedStep, ...]:
    return plan_steps(of, where, window=window, holidays={D(holiday) for holiday in holidays})


def chosen(of: Policy, where: Ladder, today: str, *, window: SendWindow = EVERY_DAY) -> Choice:
    """What the ladder asks for on a day that is the same for tenant and customer."""
    return choose(of, where, planned(of, where, window=window), today=D(today), customer_today=D(today))


def key_of(item: PlannedStep | None) -> str | None:
    return None if item is None else item.step.key


def keys(items: Sequence[PlannedStep]) -> list[str]:
    return [item.step.key for item in items]


def case(number: int, of: Policy, where: Ladder | str, open_minor: int = 100_00, **fields: Any) -> CaseFacts:
    """A case of an open invoice; `where` may be its due date alone."""
    values: dict[str, Any] = {
        "currency": "MXN",
        "issued_on": D("2026-01-01"),
        "status": "open",
        "disputed_minor": 0,
        "case_state": "active",
        "cycle": 1,
        **fields,
    }
    return CaseFacts(
        case_id=UUID(int=number),
        invoice_id=UUID(int=1000 + number),
        open_minor=open_minor,
        policy=of,
        ladder=ladder(where) if isinstance(where, str) else where,
        **values,
    )


def facts(now: datetime, *cases: CaseFacts, **fields: Any) -> ChaseFacts:
    """A customer in Mexico with one address, on ordinary office days."""
    values: dict[str, Any] = {
        "tenant_zone": MEXICO,
        "customer_zone": MEXICO,
        "sending": "live",
        "tenant_window": OFFICE,
        "holidays": {},
        "max_contacts_per_day": None,
        "addresses": (EMAIL,),
        "unapplied": {},
        "last_contact_on": None,
        "contacts_today": 0,
        **fields,
    }
    return ChaseFacts(now=now, cases=cases, **values)


def codes(verdict: Verdict) -> list[str]:
    """The blockers' codes; none means that it goes out."""
    return [str(blocker.code) for blocker in verdict.blockers]


def judged(now: datetime, of: CaseFacts, **fields: Any) -> Verdict:
    """The verdict about a customer's only case."""
    (verdict,) = evaluate(facts(now, of, **fields)).verdicts
    return verdict


def going_out(plan: ChasePlan) -> list[list[int]]:
    """The numbers of the cases in each reminder."""
    return [[verdict.case.case_id.int for verdict in reminder.verdicts] for reminder in plan.reminders]


def until(verdict: Verdict) -> datetime | None:
    """Until when the only blocker lasts."""
    (blocker,) = verdict.blockers
    assert isinstance(blocker, Blocker)
    return blocker.until


Sent = tuple[datetime, int, str]


@dataclass(slots=True)
class Customer:
    """A customer over time, as the service would record what it decides: for tests that compare ways of waking."""

    facts: ChaseFacts
    contacts: dict[date, int] = field(default_factory=dict)
    history: list[Contact] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    def wake(self, now: datetime) -> datetime | None:
        """Decide at an instant, record what follows until nothing does, and tell when to be woken next."""
        while True:
            plan = evaluate(self._at(now))
            if not self._record(plan, now):
                break
        times = [plan.wake_at, *(self._due_transition(item, now) for item in self.facts.cases)]
        return min((time for time in times if time is not None), default=None)

    def _at(self, now: datetime) -> ChaseFacts:
        today = business_date(now, self.facts.customer_zone)
        return replace(
            self.facts,
            now=now,
            last_contact_on=max(self.contacts, default=None),
            contacts_today=self.contacts.get(today, 0),
            contacts=(*self.facts.contacts, *self.history),
        )

    def _record(self, plan: ChasePlan, now: datetime) -> bool:
        today = business_date(now, self.facts.customer_zone)
        changed = {}
        for verdict in plan.verdicts:
            if verdict.choice is not None and verdict.choice.missed:
                missed = verdict.choice.missed[-1].step.offset_days
                changed[verdict.case.case_id] = _moved(verdict.case, reached=missed)
        for reminder in plan.reminders:
            self.contacts[today] = self.contacts.get(today, 0) + 1
            invoice_ids = frozenset(verdict.case.invoice_id for verdict in reminder.verdicts)
            self.history.append(Contact(today, reminder.address.channel, invoice_ids=invoice_ids))
            for verdict in reminder.verdicts:
                taken = due_step(verdict).step
                self.sent.append((now, verdict.case.case_id.int, taken.key))
                before = changed.get(verdict.case.case_id, verdict.case)
                changed[verdict.case.case_id] = _moved(before, reached=taken.offset_days, sent_on=today)
        cases = tuple(changed.get(item.case_id, item) for item in self.facts.cases)
        self.facts = replace(self.facts, cases=cases)
        return bool(changed)

    def _due_transition(self, item: CaseFacts, now: datetime) -> datetime | None:
        """When an invoice becomes overdue: the service wakes for that too."""
        time = start_of_day(item.ladder.due_on + timedelta(days=1), self.facts.tenant_zone)
        return time if time > now else None


def _moved(item: CaseFacts, *, reached: int, sent_on: date | None = None) -> CaseFacts:
    highest = max(reached, item.ladder.reached_offset_days if item.ladder.reached_offset_days is not None else reached)
    done = highest >= item.policy.steps[-1].offset_days
    return replace(
        item,
        case_state="exhausted" if done else item.case_state,
        ladder=replace(item.ladder, reached_offset_days=highest, last_sent_on=sent_on or item.ladder.last_sent_on),
    )


Amounts = Mapping[str, int]
