"""The commands of a random chase: invoices, money, holds, policies, consent, trouble and time in any order."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from app.domain.money import format_amount, parse_amount
from app.reminders.channels.base import Outcome
from tests.scenarios.chase_judge import JudgedChase
from tests.scenarios.chase_portfolios import (
    BEGINNINGS,
    OUTCOMES,
    WINDOWS,
    amounts,
    currencies,
    debts,
    holds,
    instruments,
    pauses,
    policies,
)
from tests.scenarios.chases import (
    CAST,
    OWED,
    RULES,
    wire,
)

PORTFOLIO = st.fixed_dictionaries({
    "begins": st.sampled_from(BEGINNINGS),
    "cast": st.lists(st.sampled_from(range(len(CAST))), min_size=2, max_size=3, unique=True),
    "consents": st.lists(
        st.sampled_from(["granted", "granted", "granted", "unknown", "denied"]), min_size=3, max_size=3
    ),
    "policy": policies,
    "dollars": st.none() | policies,
    "window": st.sampled_from(WINDOWS),
    "per_day": st.sampled_from([None, None, 1, 2]),
    "calendar": st.sampled_from([None, "MX"]),
    "debts": st.lists(debts, min_size=3, max_size=7),
    "holds": st.lists(holds, max_size=3),
    "instruments": st.lists(instruments, max_size=3),
})  # fmt: skip
"""What a story begins with."""


class Chase(JudgedChase):
    """Commands in any order, and time; all that was sent is judged by the rules as somebody else would write them."""

    @initialize(portfolio=PORTFOLIO)
    def begin(self, portfolio: dict[str, Any]) -> None:
        """A tenant, its policies, its customers, what they owe and what stands in the way."""
        self._begin(**portfolio)

    def _begin(
        self,
        *,
        begins: datetime,
        cast: list[int],
        consents: list[str],
        policy: dict[str, Any],
        dollars: dict[str, Any] | None,
        window: dict[str, Any],
        per_day: int | None,
        calendar: str | None,
        debts: list[tuple[int, str, int, int, int]],
        holds: list[tuple[int, bool, list[str], int, int | None]],
        instruments: list[tuple[int, int, int]],
    ) -> None:
        self.begin_judging()
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
        for hold in holds:
            self._hold(*hold)
        for place, permille, matures in instruments:
            invoice = self._invoice(place)
            minor = max(1, parse_amount(invoice["open_amount"], invoice["currency"]) * permille // 1000)
            self._instrument(invoice, minor, matures)

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

    @rule(
        place=st.integers(0, 9),
        data=st.data(),
        how=st.sampled_from(["all", "part", "pending", "credit", "write_off", "undo"]),
        pause=pauses,
    )
    def settle(self, place: int, data: st.DataObject, how: str, pause: timedelta) -> None:
        """One invoice is settled, or a part of it, in one of the ways there are."""
        self._settle(self._invoice(place), how, data)
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

    @rule(hold=holds, pause=pauses)
    def hold(self, hold: tuple[int, bool, list[str], int, int | None], pause: timedelta) -> None:
        """A hold of an invoice or of a customer."""
        self._hold(*hold)
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

    def teardown(self) -> None:
        """What the story has left over comes to its end."""
        if hasattr(self, "api") and self.invoice_ids:
            self.office.provider.script = []
            self.tenant = self.run(self.api.patch("/tenant", {"sending": "live"}))
            self._advance(timedelta(days=10))

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
        elif how == "pending":
            self._instrument(invoice, part, data.draw(st.integers(1, 12), "matures"))
        else:
            allocation = {"invoice_id": invoice["id"], "amount": amount}
            self._pay(invoice["customer_id"], currency, part, 0, {"allocations": [allocation]})

    def _owe(self, who: int, currency: str, minor: int, due_in: int, age: int) -> None:
        due_on = self.today + timedelta(days=due_in)
        issued_on = min(due_on, self.today) - timedelta(days=age)
        customer_id = self.customer_ids[who % len(self.customer_ids)]
        amount = format_amount(minor, currency)
        made = self.run(
            self.api.invoice(customer_id, amount, issued_on.isoformat(), due_on.isoformat(), currency=currency)
        )
        self.invoice_ids.append(made["id"])
        self._enter(made)

    def _hold(self, place: int, whole: bool, effects: list[str], starts_in: int, days: int | None) -> None:
        invoice = self._invoice(place)
        starts_on = self.today + timedelta(days=starts_in)
        held = {"customer_id": invoice["customer_id"]} if whole else {"invoice_id": invoice["id"]}
        ends = {} if days is None else {"ends_on": (starts_on + timedelta(days=days)).isoformat()}
        made = self._try(
            "/holds", {**held, **ends, "reason": "asked", "starts_on": starts_on.isoformat(), "effects": effects}
        )
        if made is not None:
            self.hold_ids.append(made["id"])

    def _instrument(self, invoice: Any, minor: int, matures: int) -> None:
        allocation = {"invoice_id": invoice["id"], "amount": format_amount(minor, invoice["currency"])}
        matures_on = (self.today + timedelta(days=matures)).isoformat()
        fields = {"allocations": [allocation], "status": "pending", "matures_on": matures_on}
        payment = self._pay(invoice["customer_id"], invoice["currency"], minor, 0, fields)
        self.designated[payment["id"]] = invoice["id"]

    def _publish(self, fields: dict[str, Any]) -> str:
        made = self.run(self.api.post("/dunning-policies", {"name": f"Cobranza {len(self.versions)}", **fields}))
        self._published(self.run(self.api.post(f"/dunning-policies/{made['id']}/publish", expect=200)))
        return str(made["id"])

    def _published(self, policy: Any) -> None:
        self.versions[policy["id"], policy["version"]] = policy

    def _invoice(self, place: int) -> Any:
        return self.run(self.api.get(f"/invoices/{self.invoice_ids[place % len(self.invoice_ids)]}"))

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
