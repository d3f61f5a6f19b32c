"""Random chases in which much is agreed: promises, disputes, plans, placements and talks mix with the reminders."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from app.domain.money import format_amount, parse_amount
from tests.scenarios.chase_portfolios import ladders, pauses
from tests.scenarios.chase_stories import PORTFOLIO, Chase
from tests.scenarios.chases import OWED, SPOKEN, ChaseOffice, Contact, wire

REACHED = frozenset({"reached", "promised", "disputed", "refused"})
NOBODY = frozenset({"no_answer", "voicemail", "wrong_number"})
KINDS = ["call", "call", "visit", "email", "message", "letter", "note"]
OUTCOMES = [None, "reached", "refused", "other", "no_answer", "voicemail", "wrong_number"]
# Much is agreed on one day.
breaks = st.none() | pauses
ENDS = ["acknowledge", "start", "close", "recall", "recall", "return"]


agreements = st.tuples(
    st.sampled_from(["dispute", "promise", "plan", "placement"]),
    st.integers(0, 9),
    st.sampled_from([300, 700, None]),
    st.integers(0, 4),
)


class AgreedChase(Chase):
    """A chase in which customers promise, object, agree on plans, are handed over and are talked to."""

    @initialize(
        portfolio=PORTFOLIO,
        agreed=st.lists(agreements, min_size=2, max_size=5),
        talks=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["call", "letter"])), min_size=1, max_size=3),
    )
    def begin(
        self,
        portfolio: dict[str, Any],
        agreed: list[tuple[str, int, int | None, int]],
        talks: list[tuple[int, str]],
    ) -> None:
        """A tenant, what its customers owe, and what has been agreed with them."""
        self._begin(**portfolio)
        for kind, place, permille, days in agreed:
            if kind == "dispute":
                self.dispute(place=place, permille=permille, pause=None)
            elif kind == "promise":
                self.promise(place=place, count=1, permille=permille, promised_in=days, tolerance=2, pause=None)
            elif kind == "plan":
                self.agree_on_plan(
                    place=place, count=1, parts=2, first_in=days, grace=0, misses=0, ladder=None, pause=None
                )
            else:
                self.place(place=place, count=1, kind="agency", pause=None)
        for who, kind in talks:
            self.talk(who=who, kind=kind, outcome="reached", inbound=False, hours_ago=0, pause=None)

    @rule(
        place=st.integers(0, 9),
        count=st.integers(1, 3),
        permille=st.none() | st.sampled_from([1000, 400]),
        promised_in=st.integers(0, 6),
        tolerance=st.sampled_from([0, 0, 2]),
        pause=breaks,
    )
    def promise(
        self, place: int, count: int, permille: int | None, promised_in: int, tolerance: int, pause: timedelta | None
    ) -> None:
        """Somebody promises to pay some of what they owe."""
        invoices = self._owed_with(place)[:count]
        if invoices:
            body = {
                "customer_id": invoices[0]["customer_id"],
                "invoice_ids": [invoice["id"] for invoice in invoices],
                "promised_on": self._day(promised_in),
                "tolerance_days": tolerance,
                **({} if permille is None else {"amount": self._part(invoices, permille)}),
            }
            self._keep("promises", self._try("/promises", body))
        self._pass(pause)

    @rule(place=st.integers(0, 9), permille=st.sampled_from([300, 700, None, None, 1000]), pause=breaks)
    def dispute(self, place: int, permille: int | None, pause: timedelta | None) -> None:
        """Somebody objects to an invoice, or to a part of it."""
        invoice = self._invoice(place)
        amount = {} if permille is None else {"amount": self._part([invoice], permille)}
        self._keep("disputes", self._try("/disputes", {"invoice_id": invoice["id"], "reason": "quality", **amount}))
        self._pass(pause)

    @rule(
        place=st.integers(0, 9),
        count=st.integers(1, 3),
        parts=st.integers(1, 4),
        first_in=st.integers(0, 9),
        grace=st.sampled_from([0, 0, 3]),
        misses=st.sampled_from([0, 0, 1]),
        ladder=st.none() | ladders,
        pause=breaks,
    )
    def agree_on_plan(
        self,
        place: int,
        count: int,
        parts: int,
        first_in: int,
        grace: int,
        misses: int,
        ladder: list[dict[str, Any]] | None,
        pause: timedelta | None,
    ) -> None:
        """Some invoices are paid in instalments from now on, with reminders of these or without."""
        invoices = self._owed_with(place)[:count]
        policy_id = None if ladder is None else self._publish({"steps": [{**step, "fee": None} for step in ladder]})
        plan = invoices and self._try(
            "/payment-plans",
            {
                "invoice_ids": [invoice["id"] for invoice in invoices],
                "instalment_count": parts,
                "frequency": "weekly",
                "first_due_on": self._day(first_in),
                "grace_days": grace,
                "allowed_misses": misses,
                "dunning_policy_id": policy_id,
                "propose": True,
            },
        )
        if plan:
            word = {"accepted_by": "Ana", "method": "letter", "terms_hash": plan["terms_hash"]}
            self._keep("payment-plans", self._try(f"/payment-plans/{plan['id']}/accept", word))
        self._pass(pause)

    @rule(place=st.integers(0, 9), count=st.integers(1, 3), kind=st.sampled_from(["agency", "legal"]), pause=breaks)
    def place(self, place: int, count: int, kind: str, pause: timedelta | None) -> None:
        """Some invoices are handed over."""
        invoices = self._owed_with(place)[:count]
        if invoices:
            body = {
                "customer_id": invoices[0]["customer_id"],
                "invoice_ids": [invoice["id"] for invoice in invoices],
                "kind": kind,
                "agency": "Cobranza del Norte",
            }
            self._keep("placements", self._try("/placements", body))
        self._pass(pause)

    @precondition(lambda self: self._agreed_on)
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["accepted", "partially_accepted", "rejected", "withdrawn"]),
        credit=st.booleans(),
        how=st.sampled_from(ENDS),
        resumes=st.booleans(),
        pause=breaks,
    )
    def end(
        self, data: st.DataObject, outcome: str, credit: bool, how: str, resumes: bool, pause: timedelta | None
    ) -> None:
        """Something that was agreed ends, or an agency gets on with it."""
        kind, key = data.draw(st.sampled_from(self._agreed_on), "agreement")
        if kind == "disputes":
            amount = {"amount": "0.01"} if outcome == "partially_accepted" else {}
            self._try(f"/disputes/{key}/resolve", {"outcome": outcome, "credit": credit, **amount})
        elif kind == "placements":
            fields: dict[str, Any] = {"reason": "asked"} if how in {"close", "recall", "return"} else {}
            body = {**fields, "resume_chasing": resumes} if how == "close" else fields
            if self._try(f"/placements/{key}/{how}", body) is not None and how == "close" and not resumes:
                self.given_up.add(key)
        else:
            self._try(f"/{kind}/{key}/cancel", {"reason": "given up"} if kind == "payment-plans" else {})
        self._pass(pause)

    @rule(
        who=st.integers(0, 2),
        kind=st.sampled_from(KINDS),
        outcome=st.sampled_from(OUTCOMES),
        inbound=st.booleans(),
        hours_ago=st.sampled_from([0, 0, 5, 30]),
        pause=breaks,
    )
    def talk(
        self, who: int, kind: str, outcome: str | None, inbound: bool, hours_ago: int, pause: timedelta | None
    ) -> None:
        """Somebody of yours, or the customer, gets in touch outside of the service."""
        who %= len(self.customer_ids)
        body = {
            "customer_id": self.customer_ids[who],
            "kind": kind,
            "direction": "inbound" if inbound else "outbound",
            "outcome": outcome,
            "occurred_at": wire(self.now - timedelta(hours=hours_ago)),
        }
        self._count(who, self.run(self.api.post("/activities", body)), inbound=inbound, hours_ago=hours_ago)
        self._pass(pause)

    @rule(
        place=st.integers(0, 9),
        outcome=st.sampled_from(["reached", "promised", "promised", "disputed", "no_answer"]),
        promised_in=st.integers(0, 4),
        pause=breaks,
    )
    def call(self, place: int, outcome: str, promised_in: int, pause: timedelta | None) -> None:
        """Somebody has a call to make, makes it, and writes down what came of it."""
        invoice = self._invoice(place)
        named = {"customer_id": invoice["customer_id"], "invoice_ids": [invoice["id"]]}
        task = self.run(self.api.post("/tasks", {**named, "kind": "call", "title": "Ask when it is paid"}))
        body: dict[str, Any] = {"outcome": outcome}
        if outcome == "promised":
            body["promise"] = {"promised_on": self._day(promised_in)}
        elif outcome == "disputed":
            body["dispute"] = {"reason": "price"}
        done = self._try(f"/tasks/{task['id']}/complete", body)
        if done is not None:
            for kind in ("promise", "dispute"):
                if done[f"{kind}_id"] is not None:
                    self._agreed_on.append((f"{kind}s", done[f"{kind}_id"]))
            self._count(self.customer_ids.index(invoice["customer_id"]), done["activity"])
        self._pass(pause)

    def teardown(self) -> None:
        """What was agreed ends, the chase goes on where its ladders stand, and every invariant of production holds."""
        if hasattr(self, "api"):
            self._end_all()
        super().teardown()
        if hasattr(self, "api"):
            report = self.run(self.office.check(self.api))
            assert report.violations == [], report.violations
            assert report.failures == []

    def begin_judging(self) -> None:
        """Nothing has been agreed yet."""
        super().begin_judging()
        self._agreed_on: list[tuple[str, str]] = []

    def _count(self, who: int, activity: Any, *, inbound: bool = False, hours_ago: int = 0) -> None:
        """What counts as a contact counts on the customer's date (rule D6)."""
        kind, outcome = activity["kind"], activity["outcome"]
        spoken = kind in SPOKEN and outcome in REACHED
        counts = kind != "note" and (spoken if inbound else outcome not in NOBODY)
        on = (self.now - timedelta(hours=hours_ago)).astimezone(self.people[who].zone).date()
        assert activity["contacted_on"] == (on.isoformat() if counts else None)
        if counts:
            self.contacts.append(Contact(activity["id"], self.customer_ids[who], on, kind, is_conversation=spoken))

    def _end_all(self) -> None:
        for kind, key in self._agreed_on:
            if kind == "disputes":
                self._try(f"/disputes/{key}/resolve", {"outcome": "withdrawn"})
            elif kind == "placements":
                self._try(f"/placements/{key}/recall", {})
            elif kind == "payment-plans":
                self._try(f"/payment-plans/{key}/cancel", {"reason": "given up"})

    def _pass(self, pause: timedelta | None) -> None:
        if pause is not None:
            self._advance(pause)

    def _keep(self, kind: str, made: Any) -> None:
        if made is not None:
            assert made.get("in_flight", []) == []
            self._agreed_on.append((kind, made["id"]))

    def _owed_with(self, place: int) -> list[Any]:
        """What is owed with an invoice, itself the first: of one customer, in one currency."""
        first = self._invoice(place)
        rows = self.run(self.api.all("/invoices", customer_id=first["customer_id"]))
        others = [row for row in rows if row["id"] != first["id"] and row["currency"] == first["currency"]]
        return [row for row in (first, *others) if row["status"] in OWED]

    def _part(self, invoices: list[Any], permille: int) -> str:
        currency = invoices[0]["currency"]
        whole = sum(parse_amount(invoice["principal_open"], currency) for invoice in invoices)
        return format_amount(max(1, whole * permille // 1000), currency)

    def _day(self, ahead: int) -> str:
        day: date = self.today + timedelta(days=ahead)
        return day.isoformat()


@pytest.mark.slow
def test_random_chases_with_agreements(chase_office: ChaseOffice) -> None:
    AgreedChase.office = chase_office
    machine = AgreedChase.TestCase
    machine.settings = settings(
        max_examples=7,
        stateful_step_count=10,
        phases=(Phase.generate,),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    machine("runTest").runTest()
