"""Judges what a random chase has sent, after every step of time and from the answers of the API alone."""

from collections.abc import Coroutine
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from app.domain.errors import Code
from app.domain.money import parse_amount
from app.reminders.channels.base import Outcome
from tests.conftest import Api
from tests.scenarios.chases import (
    FEE,
    REACHED,
    TENANT_ZONE,
    Attempt,
    Books,
    ChaseOffice,
    Contact,
    Person,
    check_caps,
    instant,
    is_holiday,
    is_open,
    wire,
)

GONE = frozenset({"sending", "sent", "delivered", "outcome_unknown", "failed"})
MOST_STEPS = 6


class JudgedChase(RuleBasedStateMachine):
    """A chase whose every message is judged; what happens in it is told by a subclass.

    Attributes:
        api: The tenant.
        now: Its clock.
        tenant: Its settings as they were last answered.
        people: Who owes, in the order of `customer_ids` and `consents`.
        versions: Published policies by id and version.
        designated: Of pending payments, the invoice that they were handed over for.
        approved: Reminders that somebody approved.
    """

    office: ClassVar[ChaseOffice]
    api: Api
    now: datetime
    tenant: Any
    people: list[Person]
    consents: list[str]
    customer_ids: list[str]
    policy_ids: list[str]
    reminders: dict[str, Any]

    def begin_judging(self) -> None:
        """Nothing is known yet."""
        self.office.provider.begin()
        self.judged = 0
        self.invoice_ids: list[str] = []
        self.payment_ids: list[str] = []
        self.hold_ids: list[str] = []
        self.designated: dict[str, str] = {}
        self.versions: dict[tuple[str, int], Any] = {}
        self.pins: dict[str, tuple[str, int]] = {}
        self.approved: set[str] = set()
        self.told: set[str] = set()
        self.contacts: list[Contact] = []
        self.taken: dict[tuple[str, str], tuple[int, date]] = {}
        self.skipped: set[tuple[str, str, int]] = set()
        self.sent: set[tuple[str, str, int]] = set()
        self.exhausted: set[str] = set()
        self.after = 0

    @invariant()
    def nothing_leaves_while_time_stands(self) -> None:
        """Nothing is sent by a command: whoever sends judges by its own clock."""
        if hasattr(self, "api"):
            assert len(self.office.provider.attempts) == self.judged

    @property
    def today(self) -> date:
        """The business date."""
        return self.now.astimezone(TENANT_ZONE).date()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run one coroutine to its end."""
        return self.office.run(work)

    def _advance(self, by: timedelta) -> None:
        books = Books(
            invoices={row["id"]: row for row in self.run(self.api.all("/invoices"))},
            payments=self.run(self.api.all("/payments")),
            credit_notes=self.run(self.api.all("/credit-notes")),
            holds=self.run(self.api.all("/holds")),
            designated=self.designated,
        )
        began = self.now
        self.now += by
        self.run(self.api.advance(wire(self.now)))
        self.reminders = {row["id"]: row for row in self.run(self.api.all("/reminders"))}
        self._check_outlooks(time_passed=True)
        attempts = self._attempts()
        assert not attempts or self.tenant["sending"] != "paused", "sent by a tenant who is paused"
        for attempt in attempts:
            assert began <= attempt.at <= self.now
            self._judge(attempt, books)
        self._check_once()
        self._check_events()

    def _attempts(self) -> list[Attempt]:
        """All that was said since the last time: through the provider, by your own system, or in shadow."""
        provider = self.office.provider
        made = provider.attempts[self.judged :]
        self.judged = len(provider.attempts)
        assert not made or self.tenant["sending"] == "live", "something left the house"
        by_others = {attempt.key for attempt in provider.attempts}
        for reminder in self.reminders.values():
            if reminder["status"] == "sent" and reminder["id"] not in by_others | self.told:
                assert reminder["shadow"] or reminder["channel"] == "erp", "sent without the provider"
                assert reminder["shadow"] == (self.tenant["sending"] == "shadow")
                self.told.add(reminder["id"])
                made.append(Attempt(reminder["id"], instant(reminder["sent_at"]), Outcome.accepted))
        # What the provider says it never had was no contact.
        self.contacts = [contact for contact in self.contacts if contact.key not in provider.denied]
        return sorted(made, key=lambda attempt: attempt.at)

    def _judge(self, attempt: Attempt, books: Books) -> None:
        reminder = self.reminders[attempt.key]
        who = self.customer_ids.index(reminder["customer_id"])
        person = self.people[who]
        policy = self.versions[reminder["policy_id"], reminder["policy_version"]]
        local = attempt.at.astimezone(person.zone)
        on, business_on = local.date(), attempt.at.astimezone(TENANT_ZONE).date()
        self._check_time(local, person, policy)
        if reminder["channel"] == "email":
            allowed = {"granted"} if person.law and person.law.asks_consent else {"granted", "unknown"}
            assert self.consents[who] in allowed, "written to without consent"
        known = [contact for contact in self.contacts if contact.customer_id == reminder["customer_id"]]
        check_caps(
            known,
            on,
            law=person.law,
            per_day=self.tenant["max_contacts_per_day"],
            gap_days=policy["min_gap_days"],
        )
        ladder = {step["key"]: step for step in policy["steps"]}
        last = [other for other in self.office.provider.attempts if other.key == attempt.key][-1:] or [attempt]
        if last == [attempt]:
            self._check_items(reminder, ladder, books, min(on, business_on), business_on, policy)
        if attempt.outcome in REACHED and last == [attempt]:
            self.contacts.append(Contact(attempt.key, reminder["customer_id"], on, attempt.at))
            for item in reminder["items"]:
                self._check_ladder(item, ladder[item["step_key"]]["offset_days"], on)

    def _check_time(self, local: datetime, person: Person, policy: Any) -> None:
        for window in (self.tenant["send_window"], person.fields.get("send_window"), policy["send_window"]):
            assert window is None or is_open([window], local), f"outside of {window}: {local}"
        calendar = policy["calendar"] or self.tenant["calendar"]
        assert not is_holiday(calendar, local.date()), "on a holiday"
        if person.law is not None:
            assert is_open(person.law.windows, local), f"outside of the law's hours: {local}"
            assert not is_holiday(person.law.calendar, local.date()), "on a holiday of the law"

    def _check_items(self, reminder: Any, ladder: Any, books: Books, on: date, business_on: date, policy: Any) -> None:
        currency = reminder["currency"]
        has_fees = any(step["fee"] for version in self.versions.values() for step in version["steps"])
        most = FEE.get(currency, 0) * MOST_STEPS if has_fees else 0
        left = books.residuals(reminder["customer_id"], currency, business_on, fees_minor=most)
        minimum = policy["min_amount"].get(currency)
        assert minimum is None or sum(left.values()) >= parse_amount(minimum, currency), "below the policy's minimum"
        if policy["grouping"] == "invoice":
            assert len({item["invoice_id"] for item in reminder["items"]}) == 1
        for item in reminder["items"]:
            invoice, step = books.invoices[item["invoice_id"]], ladder[item["step_key"]]
            amount = parse_amount(item["amount"], currency)
            assert invoice["customer_id"] == reminder["customer_id"]
            assert left[invoice["id"]] > 0, "asked for what nobody owes"
            assert 0 < amount <= left[invoice["id"]], "asked for more than is owed"
            assert has_fees or amount == left[invoice["id"]], "asked for something else than is owed"
            assert not books.is_held(invoice, business_on), "sent under a hold"
            due_on = date.fromisoformat(invoice["due_on"])
            if step["offset_days"] < 0:
                assert business_on <= due_on, "a step before the due date was sent after it"
            else:
                assert on >= due_on + timedelta(days=step["offset_days"]), "a step was sent before its day"
            assert not step["requires_approval"] or reminder["id"] in self.approved, "sent without approval"

    def _check_ladder(self, item: Any, offset_days: int, on: date) -> None:
        case = item["case_id"], item["invoice_id"]
        before = self.taken.get(case)
        if before is not None:
            assert offset_days > before[0], "a ladder went back"
            assert on > before[1], "two steps of a case on one day"
        self.taken[case] = offset_days, on

    def _check_outlooks(self, *, time_passed: bool) -> None:
        """Every case stays with the version it has started with, and says why nothing goes out now."""
        for invoice_id in self.invoice_ids:
            outlook = self.run(self.api.get(f"/invoices/{invoice_id}/dunning"))
            pin = outlook["policy_id"], outlook["policy_version"]
            assert self.pins.setdefault(outlook["case_id"], pin) == pin, "a running case was moved"
            if time_passed and self.tenant["sending"] == "live":
                assert outlook["blockers"], "nothing stands in the way, and nothing was sent"
            for blocker in outlook["blockers"]:
                assert not time_passed or blocker["until"] is None or instant(blocker["until"]) > self.now, blocker

    def _check_once(self) -> None:
        gone: set[tuple[str, str, int]] = set()
        for reminder in self.reminders.values():
            pins = {self.pins.get(item["case_id"]) for item in reminder["items"]}
            assert pins == {(reminder["policy_id"], reminder["policy_version"])}
            assert reminder["skip_reason"] or reminder["status"] not in {"skipped", "cancelled"}
            if reminder["status"] not in GONE:
                continue
            for item in reminder["items"]:
                step = item["case_id"], item["step_key"], item["cycle"]
                assert step not in gone, "a step of a case went out twice"
                gone.add(step)
        assert self.sent <= gone, "something was unsent"
        self.sent = gone
        provider = self.office.provider
        reached = [one.key for one in provider.attempts if one.outcome in REACHED and one.key not in provider.denied]
        assert len(reached) == len(set(reached)), "the provider was handed a message again that it had"

    def _check_events(self) -> None:
        page: dict[str, Any] = {"has_more": True}
        while page["has_more"]:
            page = self.run(self.api.get("/events", after=self.after, types="dunning.*", limit=200))
            self.after = page["next_after"]
            for event in page["data"]:
                case = event["data"]
                if event["type"] == "dunning.exhausted":
                    self.exhausted.add(case["id"])
                elif event["type"] == "dunning.step_skipped":
                    assert Code(case["reason"])
                    step = case["id"], case["step_key"], case["cycle"]
                    assert step not in self.skipped, "a step was skipped twice"
                    self.skipped.add(step)
        assert not self.skipped & self.sent, "a step was skipped and sent"
        for case_id in self.exhausted:
            policy = self.versions[self.pins[case_id]]
            told = {key for case, key, _ in self.skipped | self.sent if case == case_id}
            assert {step["key"] for step in policy["steps"]} <= told, "a ladder ended, and a step was forgotten"
