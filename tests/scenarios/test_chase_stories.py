"""Random stories of a chase through the API: whatever happens, nobody is written to who must not be, nor twice."""

from collections.abc import Coroutine, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.domain.errors import Code
from app.domain.money import format_amount, parse_amount
from app.reminders.channels.base import Outcome
from tests.conftest import make_settings
from tests.scenarios.chases import (
    CAST,
    FEE,
    OWED,
    REACHED,
    RULES,
    TENANT_ZONE,
    WEEK,
    Attempt,
    Books,
    ChaseOffice,
    Contact,
    check_caps,
    instant,
    is_holiday,
    is_open,
    wire,
)

OFFSETS = ([1, 3, 8], [-3, 0, 2, 6], [-5, -1, 1, 15], [0, 1, 2, 3, 4, 5])
WINDOWS = (
    {"start": "09:00", "end": "18:00", "days": WEEK[:5]},
    {"start": "00:00", "end": "24:00", "days": WEEK},
    {"start": "07:30", "end": "20:30", "days": WEEK[:6]},
    {"start": "18:30", "end": "24:00", "days": WEEK},
)
BEGINNINGS = (
    datetime(2026, 3, 2, 6, tzinfo=UTC),
    # The clocks of Madrid go forward on 03-29, those of Santiago back on 04-05, over Easter.
    datetime(2026, 3, 25, 15, tzinfo=UTC),
    # Santiago's midnight of 09-06 does not exist.
    datetime(2026, 9, 3, 20, tzinfo=UTC),
    datetime(2026, 10, 21, 9, tzinfo=UTC),
    # Over the holidays and the end of the year.
    datetime(2026, 12, 18, 23, tzinfo=UTC),
)
OUTCOMES = (
    (Outcome.not_sent, False),
    (Outcome.not_sent, True),
    (Outcome.refused, False),
    (Outcome.unknown, False),
    (Outcome.accepted, False),
)
GONE = frozenset({"sending", "sent", "delivered", "outcome_unknown", "failed"})

currencies = st.sampled_from(["MXN", "MXN", "USD"])
amounts = st.integers(1_000, 300_000)
debts = st.tuples(st.integers(0, 2), currencies, amounts, st.sampled_from([-10, -4, -1, 0, 2, 6]), st.integers(0, 20))
pauses = st.sampled_from([timedelta(hours=hours) for hours in (1, 7, 24, 24, 48, 72, 24 * 6, 24 * 15)])


def steps(offsets: list[int], *, fees: bool, approval: bool, channels: list[str]) -> list[dict[str, Any]]:
    """A ladder whose last step costs something and whose second one waits for approval, where that is asked for."""
    fee = {"kind": "flat", "currency": "MXN", "amount": format_amount(FEE["MXN"], "MXN")}
    return [
        {
            "key": f"d{offset:+d}",
            "offset_days": offset,
            "channels": channels,
            "template": "first_notice",
            "requires_approval": approval and place == 1,
            **({"fee": fee} if fees and place == len(offsets) - 1 else {}),
        }
        for place, offset in enumerate(offsets)
    ]


ladders = st.builds(
    steps,
    st.sampled_from(OFFSETS),
    fees=st.booleans(),
    approval=st.sampled_from([False, False, True]),
    channels=st.sampled_from([["email"], ["email"], ["email", "erp"]]),
)
policies = st.fixed_dictionaries({
    "steps": ladders,
    "grouping": st.sampled_from(["invoice", "customer"]),
    "catch_up": st.sampled_from(["highest", "one_at_a_time", "skip"]),
    "late_entry": st.sampled_from(["restart", "restart", "highest", "highest", "hold"]),
    "min_gap_days": st.sampled_from([0, 0, 1, 3]),
    "min_amount": st.sampled_from([{}, {}, {}, {"MXN": "1000.00"}]),
    "send_window": st.sampled_from([None, None, {"start": "10:00", "end": "19:30", "days": WEEK[:6]}]),
    "calendar": st.sampled_from([None, "MX"]),
})  # fmt: skip


class Chase(RuleBasedStateMachine):
    """Commands in any order, and time; all that was sent is judged by the rules as somebody else would write them."""

    office: ClassVar[ChaseOffice]

    @initialize(
        begins=st.sampled_from(BEGINNINGS),
        cast=st.lists(st.sampled_from(range(len(CAST))), min_size=2, max_size=3, unique=True),
        consents=st.lists(
            st.sampled_from(["granted", "granted", "granted", "unknown", "denied"]), min_size=3, max_size=3
        ),
        policy=policies,
        dollars=st.none() | policies,
        window=st.sampled_from(WINDOWS),
        per_day=st.sampled_from([None, None, 1, 2]),
        calendar=st.sampled_from([None, "MX"]),
        debts=st.lists(debts, min_size=3, max_size=7),
    )
    def begin(
        self,
        begins: datetime,
        cast: list[int],
        consents: list[str],
        policy: dict[str, Any],
        dollars: dict[str, Any] | None,
        window: dict[str, Any],
        per_day: int | None,
        calendar: str | None,
        debts: list[tuple[int, str, int, int, int]],
    ) -> None:
        """A tenant, its policies, its customers and what they owe."""
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
        self.api = self.run(self.office.tenant())
        self.now = begins
        self.run(self.api.advance(wire(begins)))
        self.tenant = self.run(
            self.api.patch(
                "/tenant",
                {"contact_rules": RULES, "send_window": window, "max_contacts_per_day": per_day, "calendar": calendar},
            )
        )
        self.policy_ids = [self._publish({"default": True, **policy})]
        if dollars is not None:
            self.policy_ids.append(self._publish({"applies_to": {"currencies": ["USD"]}, **dollars}))
        self.people = [CAST[place] for place in cast]
        self.consents = consents[: len(cast)]
        self.customer_ids = [
            self.run(self.api.customer(**person.fields, contacts=self._contacts(who)))["id"]
            for who, person in enumerate(self.people)
        ]
        for debt in debts:
            self._owe(*debt)

    @rule(more=st.lists(debts, min_size=1, max_size=3), pause=pauses)
    def owe(self, more: list[tuple[int, str, int, int, int]], pause: timedelta) -> None:
        """Something more is owed, perhaps overdue when it is first seen."""
        for debt in more:
            self._owe(*debt)
        self._advance(pause)

    @rule(
        who=st.integers(0, 2),
        currency=currencies,
        minor=amounts,
        back=st.integers(0, 10),
        matures=st.integers(0, 9),
        pause=pauses,
    )
    def pay(self, who: int, currency: str, minor: int, back: int, matures: int, pause: timedelta) -> None:
        """Money, perhaps some days ago, or an instrument that matures."""
        fields: dict[str, Any] = {}
        if matures > 4:
            back, fields = 0, {"status": "pending", "matures_on": (self.today + timedelta(days=matures)).isoformat()}
        customer_id = self.customer_ids[who % len(self.customer_ids)]
        self._pay(customer_id, currency, minor, back, fields)
        self._advance(pause)

    @precondition(lambda self: self.invoice_ids)
    @rule(data=st.data(), how=st.sampled_from(["all", "part", "pending", "credit", "write_off", "undo"]), pause=pauses)
    def settle(self, data: st.DataObject, how: str, pause: timedelta) -> None:
        """One invoice is settled, or a part of it, in one of the ways there are."""
        self._settle(self._invoice(data), how, data)
        self._advance(pause)

    @precondition(lambda self: self.payment_ids)
    @rule(data=st.data(), confirm=st.booleans(), pause=pauses)
    def take_back(self, data: st.DataObject, confirm: bool, pause: timedelta) -> None:
        """A payment bounces, or what was pending is paid."""
        payment_id = data.draw(st.sampled_from(self.payment_ids), "payment")
        if confirm:
            self._try(f"/payments/{payment_id}/confirm", {})
        else:
            self._try(f"/payments/{payment_id}/reverse", {"reason": "bounced"})
        self._advance(pause)

    @precondition(lambda self: self.invoice_ids)
    @rule(
        data=st.data(),
        whole=st.booleans(),
        effects=st.sampled_from([["contact"], ["escalation"], ["contact", "escalation"], ["charges"]]),
        starts_in=st.integers(-2, 6),
        days=st.none() | st.integers(0, 10),
        pause=pauses,
    )
    def hold(
        self, data: st.DataObject, whole: bool, effects: list[str], starts_in: int, days: int | None, pause: timedelta
    ) -> None:
        """A hold of an invoice or of a customer."""
        invoice = self._invoice(data)
        starts_on = self.today + timedelta(days=starts_in)
        held = {"customer_id": invoice["customer_id"]} if whole else {"invoice_id": invoice["id"]}
        ends = {} if days is None else {"ends_on": (starts_on + timedelta(days=days)).isoformat()}
        body = {**held, **ends, "reason": "asked", "starts_on": starts_on.isoformat(), "effects": effects}
        made = self._try("/holds", body)
        if made is not None:
            self.hold_ids.append(made["id"])
        self._advance(pause)

    @precondition(lambda self: self.hold_ids)
    @rule(data=st.data(), pause=pauses)
    def release(self, data: st.DataObject, pause: timedelta) -> None:
        """A hold ends before its time."""
        self._try(f"/holds/{data.draw(st.sampled_from(self.hold_ids), 'hold')}/release", {})
        self._advance(pause)

    @rule(data=st.data(), changes=policies, pause=pauses)
    def edit_policy(self, data: st.DataObject, changes: dict[str, Any], pause: timedelta) -> None:
        """A new version of a policy; the cases that run stay with theirs."""
        policy_id = data.draw(st.sampled_from(self.policy_ids), "policy")
        names = data.draw(st.lists(st.sampled_from(sorted(changes)), min_size=1, max_size=3, unique=True), "fields")
        draft = self.run(self.api.patch(f"/dunning-policies/{policy_id}", {name: changes[name] for name in names}))
        if draft["status"] == "draft":
            self._published(self.run(self.api.post(f"/dunning-policies/{policy_id}/publish", expect=200)))
        self._check_outlooks(time_passed=False)
        self._advance(pause)

    @rule(who=st.integers(0, 2), consent=st.sampled_from(["granted", "unknown", "denied"]), pause=pauses)
    def consent(self, who: int, consent: str, pause: timedelta) -> None:
        """Somebody agrees to be written to, or does not any more."""
        who %= len(self.customer_ids)
        self.consents[who] = consent
        self.run(self.api.patch(f"/customers/{self.customer_ids[who]}", {"contacts": self._contacts(who)}))
        self._advance(pause)

    @rule(
        sending=st.sampled_from(["live", "live", "shadow", "paused"]),
        window=st.none() | st.sampled_from(WINDOWS),
        per_day=st.sampled_from([None, 1, 2]),
        pause=pauses,
    )
    def change_tenant(self, sending: str, window: dict[str, Any] | None, per_day: int | None, pause: timedelta) -> None:
        """Sending stops, goes on or is only played; the rules of the house change."""
        body = {"sending": sending, "max_contacts_per_day": per_day, **({"send_window": window} if window else {})}
        self.tenant = self.run(self.api.patch("/tenant", body))
        self._advance(pause)

    @rule(
        script=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4),
        known=st.sampled_from([None, True, False]),
        pause=pauses,
    )
    def trouble(self, script: list[tuple[Outcome, bool]], known: bool | None, pause: timedelta) -> None:
        """The provider is going to refuse, to fail, or to say nothing."""
        self.office.provider.script = list(script)
        self.office.provider.known = known
        self._advance(pause)

    @rule(data=st.data(), pause=pauses)
    def approve(self, data: st.DataObject, pause: timedelta) -> None:
        """Somebody approves some of what waits for it."""
        for reminder in reversed(self.run(self.api.all("/reminders", status="awaiting_approval"))):
            if data.draw(st.booleans(), "approves"):
                self.run(self.api.post(f"/reminders/{reminder['id']}/approve", expect=200))
                self.approved.add(reminder["id"])
        self._advance(pause)

    @rule(pause=pauses)
    def let_time_pass(self, pause: timedelta) -> None:
        """Nothing happens but time."""
        self._advance(pause)

    @invariant()
    def nothing_leaves_while_time_stands(self) -> None:
        """Nothing is sent by a command: whoever sends judges by its own clock."""
        if hasattr(self, "api"):
            assert len(self.office.provider.attempts) == self.judged

    def teardown(self) -> None:
        """What the story has left over comes to its end."""
        if hasattr(self, "api") and self.invoice_ids:
            self.office.provider.script = []
            self.tenant = self.run(self.api.patch("/tenant", {"sending": "live"}))
            self._advance(timedelta(days=10))

    @property
    def today(self) -> date:
        """The business date."""
        return self.now.astimezone(TENANT_ZONE).date()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run one coroutine to its end."""
        return self.office.run(work)

    def _contacts(self, who: int) -> list[dict[str, Any]]:
        address = {"type": "email", "address": f"c{who}@example.com", "consent": self.consents[who]}
        return [{"channels": [address]}]

    def _settle(self, invoice: Any, how: str, data: st.DataObject) -> None:
        currency, minor = invoice["currency"], parse_amount(invoice["open_amount"], invoice["currency"])
        if how == "undo":
            self._try(f"/invoices/{invoice['id']}/reverse-write-off", {"reason": "found"})
            return
        if invoice["status"] not in OWED:
            return
        part = minor if how == "all" else data.draw(st.integers(1, minor), "part")
        amount = format_amount(part, currency)
        if how == "credit":
            body = {"invoice_id": invoice["id"], "customer_id": invoice["customer_id"], "currency": currency}
            self.run(self.api.post("/credit-notes", {**body, "amount": amount, "issued_on": self.today.isoformat()}))
        elif how == "write_off":
            body = {"amount": amount, "reason": "insolvency", "approved_by": "cfo@example.com"}
            self.run(self.api.post(f"/invoices/{invoice['id']}/write-off", body, expect=200))
        else:
            fields: dict[str, Any] = {"allocations": [{"invoice_id": invoice["id"], "amount": amount}]}
            if how == "pending":
                matures_on = self.today + timedelta(days=data.draw(st.integers(1, 12), "matures"))
                fields |= {"status": "pending", "matures_on": matures_on.isoformat()}
            payment = self._pay(invoice["customer_id"], currency, part, 0, fields)
            if how == "pending":
                self.designated[payment["id"]] = invoice["id"]

    def _owe(self, who: int, currency: str, minor: int, due_in: int, age: int) -> None:
        due_on = self.today + timedelta(days=due_in)
        issued_on = min(due_on, self.today) - timedelta(days=age)
        customer_id = self.customer_ids[who % len(self.customer_ids)]
        amount = format_amount(minor, currency)
        made = self.run(
            self.api.invoice(customer_id, amount, issued_on.isoformat(), due_on.isoformat(), currency=currency)
        )
        self.invoice_ids.append(made["id"])

    def _publish(self, fields: dict[str, Any]) -> str:
        made = self.run(self.api.post("/dunning-policies", {"name": f"Cobranza {len(self.versions)}", **fields}))
        self._published(self.run(self.api.post(f"/dunning-policies/{made['id']}/publish", expect=200)))
        return str(made["id"])

    def _published(self, policy: Any) -> None:
        self.versions[policy["id"], policy["version"]] = policy

    def _invoice(self, data: st.DataObject) -> Any:
        return self.run(self.api.get(f"/invoices/{data.draw(st.sampled_from(self.invoice_ids), 'invoice')}"))

    def _pay(self, customer_id: str, currency: str, minor: int, back: int, fields: dict[str, Any]) -> Any:
        received_on = (self.today - timedelta(days=back)).isoformat()
        payment = self.run(
            self.api.pay(customer_id, format_amount(minor, currency), received_on, currency=currency, **fields)
        )
        self.payment_ids.append(payment["id"])
        return payment

    def _try(self, path: str, body: dict[str, Any]) -> Any:
        """A command that may come too late, or twice."""
        response = self.run(self.api.call("POST", path, json=body))
        assert response.status_code in {200, 201, 409, 422}, response.text
        return response.json() if response.status_code < 400 else None

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

    def _check_time(self, local: datetime, person: Any, policy: Any) -> None:
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
        most = FEE.get(currency, 0) * len(OFFSETS[-1]) if has_fees else 0
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


@pytest.fixture(scope="module")
def chase_office(own_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaseOffice]:
    """An office whose provider remembers what it was handed."""
    made = ChaseOffice(make_settings(own_database, tmp_path_factory.mktemp("chases")))
    yield made
    made.close()


@pytest.mark.slow
def test_random_chases(chase_office: ChaseOffice) -> None:
    Chase.office = chase_office
    machine = Chase.TestCase
    machine.settings = settings(
        max_examples=12,
        stateful_step_count=10,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine("runTest").runTest()


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    policy=policies,
    cast=st.lists(st.sampled_from(range(len(CAST))), min_size=2, max_size=3, unique=True),
    owed=st.lists(debts, min_size=4, max_size=8),
    window=st.sampled_from(WINDOWS),
    wait=st.integers(1, 5),
)
def test_a_preview_is_what_happens(
    chase_office: ChaseOffice,
    policy: dict[str, Any],
    cast: list[int],
    owed: list[tuple[int, str, int, int, int]],
    window: dict[str, Any],
    wait: int,
) -> None:
    """Where nothing comes between, a run that was approved sends what it has shown: to whom, how, when and how much."""
    office, begins = chase_office, BEGINNINGS[0]
    office.provider.begin()

    async def story() -> tuple[list[Any], list[Any]]:
        api = await office.tenant()
        body = {"contact_rules": RULES, "send_window": window, "max_contacts_per_day": None, "dunning_mode": "runs"}
        await api.patch("/tenant", body)
        await api.policy([], **policy)
        customers = [
            await api.customer(
                **CAST[place].fields,
                contacts=[{"channels": [{"type": "email", "address": f"c{place}@example.com", "consent": "granted"}]}],
            )
            for place in cast
        ]
        for who, currency, minor, due_in, age in owed:
            due_on = begins.date() + timedelta(days=due_in)
            issued_on = min(due_on, begins.date()) - timedelta(days=age)
            customer_id = customers[who % len(customers)]["id"]
            amount = format_amount(minor, currency)
            await api.invoice(customer_id, amount, issued_on.isoformat(), due_on.isoformat(), currency=currency)
        await api.advance(wire(begins + timedelta(days=wait)))
        assert await api.all("/reminders") == [], "sent without a run"
        run = await api.post("/dunning-runs", {})
        shown = await api.all(f"/dunning-runs/{run['id']}/items")
        await api.post(f"/dunning-runs/{run['id']}/approve", expect=200)
        await api.advance(wire(begins + timedelta(days=wait + 1)))
        return shown, await api.all("/reminders")

    def told(one: Any, parts: str, at: str) -> tuple[Any, ...]:
        names = "customer_id", "policy_version", "currency", "channel", "to", "language", "template", "total_due"
        about = sorted((part["case_id"], part["step_key"], part["cycle"], part["amount"]) for part in one[parts])
        return *(one[name] for name in names), one[at], about

    shown, reminders = office.run(story())
    assert {reminder["status"] for reminder in reminders} <= {"sent"}
    sent = sorted(told(reminder, "items", "sent_at") for reminder in reminders)
    assert sorted(told(item, "cases", "planned_at") for item in shown) == sent
