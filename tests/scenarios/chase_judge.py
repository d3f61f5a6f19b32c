"""Judges what a random chase has sent, after every step of time and from the answers of the API alone."""

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis.stateful import invariant

from app.domain.errors import Code
from app.domain.money import parse_amount
from app.reminders.channels.base import Outcome
from tests.scenarios.chase_books import Books
from tests.scenarios.chase_ladders import LadderChase
from tests.scenarios.chases import (
    OWED,
    REACHED,
    TENANT_ZONE,
    Attempt,
    Contact,
    Person,
    check_caps,
    instant,
    is_holiday,
    is_open,
    wire,
)

LISTS = (
    "invoices", "payments", "credit-notes", "holds", "promises", "disputes", "payment-plans", "placements",
)  # fmt: skip
GONE = frozenset({"sending", "sent", "delivered", "outcome_unknown", "failed"})


class JudgedChase(LadderChase):
    """A chase whose every message is judged; what happens in it is told by a subclass.

    Attributes:
        tenant: Its settings as they were last answered.
        people: Who owes, in the order of `customer_ids` and `consents`.
        designated: Of pending payments, the invoice that they were handed over for.
        approved: Reminders that somebody approved.
        given_up: Placements that were closed without chasing on.
    """

    tenant: Any
    people: list[Person]
    consents: list[str]
    customer_ids: list[str]
    policy_ids: list[str]

    def begin_judging(self) -> None:
        """Nothing is known yet."""
        self.begin_ladders()
        self.office.provider.begin()
        self.judged = 0
        self.invoice_ids: list[str] = []
        self.payment_ids: list[str] = []
        self.hold_ids: list[str] = []
        self.designated: dict[str, str] = {}
        self.approved: set[str] = set()
        self.given_up: set[str] = set()
        self.told: set[str] = set()
        self.contacts: list[Contact] = []
        self.exhausted: set[str] = set()
        self.after = 0

    @invariant()
    def nothing_leaves_while_time_stands(self) -> None:
        """Nothing is sent by a command: whoever sends judges by its own clock."""
        if hasattr(self, "api"):
            assert len(self.office.provider.attempts) == self.judged

    def _advance(self, by: timedelta) -> None:
        books = self.books = self._read_books()
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
        self._check_standing(books)
        self._check_whole_ladders()

    def _read_books(self) -> Books:
        known = dict(zip(LISTS, self._at_once(self.api.all(f"/{name}") for name in LISTS), strict=True))
        return Books(
            invoices={row["id"]: row for row in known["invoices"]},
            payments=known["payments"],
            credit_notes=known["credit-notes"],
            holds=known["holds"],
            promises=known["promises"],
            disputes=known["disputes"],
            plans=known["payment-plans"],
            placements=known["placements"],
            designated=self.designated,
            given_up=frozenset(self.given_up),
        )

    def _at_once(self, reads: Iterable[Awaitable[Any]]) -> list[Any]:
        async def gathered() -> list[Any]:
            return await asyncio.gather(*reads)

        found: list[Any] = self.run(gathered())
        return found

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
        on = local.date()
        self._check_time(local, person, policy)
        if reminder["channel"] == "email":
            allowed = {"granted"} if person.law and person.law.asks_consent else {"granted", "unknown"}
            assert self.consents[who] in allowed, "written to without consent"
        known = [contact for contact in self.contacts if contact.customer_id == reminder["customer_id"]]
        check_caps(
            known,
            on,
            channel=reminder["channel"],
            law=person.law,
            per_day=self.tenant["max_contacts_per_day"],
            gap_days=policy["min_gap_days"],
        )
        ladder = {step["key"]: step for step in policy["steps"]}
        last = [other for other in self.office.provider.attempts if other.key == attempt.key][-1:] or [attempt]
        if last == [attempt]:
            self._check_items(attempt, ladder, books, on, policy)
        if attempt.outcome in REACHED and last == [attempt]:
            self.contacts.append(Contact(attempt.key, reminder["customer_id"], on, reminder["channel"]))
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

    def _check_items(self, attempt: Attempt, ladder: Any, books: Books, local_on: date, policy: Any) -> None:
        reminder = self.reminders[attempt.key]
        currency, business_on = reminder["currency"], attempt.at.astimezone(TENANT_ZONE).date()
        opened = self._opened(attempt, books) if attempt.outcome in REACHED else None
        left = books.residuals(reminder["customer_id"], currency, business_on, opened)
        minimum = policy["min_amount"].get(currency)
        if opened is not None and minimum is not None:
            assert sum(left.values()) >= parse_amount(minimum, currency), "below the policy's minimum"
        if policy["grouping"] == "invoice":
            assert len({item["invoice_id"] for item in reminder["items"]}) == 1
        for item in reminder["items"]:
            invoice, step = books.invoices[item["invoice_id"]], ladder[item["step_key"]]
            assert invoice["customer_id"] == reminder["customer_id"]
            part = item["invoice_id"] if item["plan_id"] is None else (item["plan_id"], item["instalment_number"])
            assert left.get(part, 0) > 0, "asked for what nobody owes, or what a plan or a dispute covers"
            amount = parse_amount(item["amount"], currency)
            assert amount > 0
            assert opened is None or amount == left[part], "asked for something else than is owed and may be asked for"
            assert not step["requires_approval"] or reminder["id"] in self.approved, "sent without approval"
            stands = books.stands(invoice, business_on)
            if item["plan_id"] is None:
                assert not stands, f"sent although something stands in the way: {stands}"
                self._check_step(invoice, step, policy, books, local_on, business_on)
            else:
                plan = next(plan for plan in books.plans if plan["id"] == item["plan_id"])
                assert books.is_in_force(plan, business_on), "reminded of an instalment of a plan that has ended"
                assert stands <= {"plan"}, f"sent although something stands in the way: {stands}"
                due_on = next(row["due_on"] for row in plan["instalments"] if row["number"] == part[1])
                self._check_day(step, date.fromisoformat(due_on), min(local_on, business_on), business_on)

    def _opened(self, attempt: Attempt, books: Books) -> dict[str, int]:
        """What each invoice had open by its ledger when a message was claimed, the fee of its step included."""
        reminder = self.reminders[attempt.key]
        owed = [
            invoice
            for invoice in books.invoices.values()
            if (invoice["customer_id"], invoice["currency"]) == (reminder["customer_id"], reminder["currency"])
            and invoice["status"] in OWED
        ]
        ledgers = self._at_once(
            self.api.get(f"/invoices/{invoice['id']}/ledger", known_at=wire(attempt.at), limit=1) for invoice in owed
        )
        return {
            invoice["id"]: parse_amount(ledger["balances"]["open"], invoice["currency"])
            for invoice, ledger in zip(owed, ledgers, strict=True)
        }

    def _check_outlooks(self, *, time_passed: bool) -> None:
        """Every case stays with the version it has started with, and says why nothing goes out now."""
        told = self._at_once(self.api.get(f"/invoices/{invoice_id}/dunning") for invoice_id in self.invoice_ids)
        self.outlooks = dict(zip(self.invoice_ids, told, strict=True))
        for outlook in told:
            pin = outlook["policy_id"], outlook["policy_version"]
            assert self.pins.setdefault(outlook["case_id"], pin) == pin, "a running case was moved"
            if time_passed and self.tenant["sending"] == "live":
                assert outlook["blockers"], "nothing stands in the way, and nothing was sent"
            for blocker in outlook["blockers"]:
                assert not time_passed or blocker["until"] is None or instant(blocker["until"]) > self.now, blocker

    def _check_once(self) -> None:
        gone: set[tuple[str, str, int]] = set()
        for reminder in self.reminders.values():
            pin = reminder["policy_id"], reminder["policy_version"]
            for item in reminder["items"]:
                # The case of a plan's instalment is told by its reminders alone.
                known = self.pins.setdefault(item["case_id"], pin) if item["plan_id"] else self.pins[item["case_id"]]
                assert known == pin
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
                    self.pins.setdefault(case["id"], (case["policy_id"], case["policy_version"]))
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
