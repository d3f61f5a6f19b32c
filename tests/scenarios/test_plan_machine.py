"""Random stories of payment plans through the API: whatever is paid, taken back, credited or missed, it adds up."""

from collections.abc import Coroutine
from datetime import date, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.domain.money import format_amount, parse_amount
from tests.scenarios.offices import START, Office, parse

CURRENCY = "MXN"
LIVE = {"proposed", "active"}


def minor(text: str) -> int:
    return parse_amount(text, CURRENCY)


class Plans(RuleBasedStateMachine):
    """One customer with invoices and a plan over them, which is paid, missed, replaced and given up in any order."""

    office: ClassVar[Office]

    @initialize(totals=st.lists(st.integers(10_000, 90_000), min_size=1, max_size=3), has_policy=st.booleans())
    def begin(self, totals: list[int], has_policy: bool) -> None:
        self.now = START
        self.payments: list[dict[str, Any]] = []
        # Charged beside the plans, or opened again from before them: no plan asks for it.
        self.outside = 0
        self.api = self.run(self.office.tenant())
        self.run(self.api.always_open())
        self.run(self.api.policy([1, 10]))
        self.policy = self.run(self.api.policy([-2, 0, 3], default=False, name="Plan")) if has_policy else None
        self.customer = self.run(self.api.customer())["id"]
        self.invoices = [
            self.run(self.api.invoice(self.customer, format_amount(total, CURRENCY), "2026-02-01", "2026-02-20"))["id"]
            for total in totals
        ]
        self.plan: dict[str, Any] | None = None

    @precondition(lambda self: self.plan is None or self.plan["status"] not in LIVE)
    @rule(
        count=st.integers(1, 6),
        rate=st.sampled_from([None, "declining", "flat"]),
        fee=st.sampled_from(["0", "7.00"]),
        surplus=st.sampled_from(["shorten", "reamortise", "next"]),
        grace=st.integers(0, 4),
        misses=st.integers(0, 1),
        first_in=st.integers(0, 12),
    )
    def agree(
        self, count: int, rate: str | None, fee: str, surplus: str, grace: int, misses: int, first_in: int
    ) -> None:
        open_ids = [invoice["id"] for invoice in self._read() if parse(invoice) > 0]
        if not open_ids:
            return
        body: dict[str, Any] = {
            "invoice_ids": open_ids,
            "instalment_count": count,
            "frequency": "weekly",
            "first_due_on": (self.today + timedelta(days=first_in)).isoformat(),
            "setup_fee": fee,
            "surplus": surplus,
            "grace_days": grace,
            "allowed_misses": misses,
            "propose": True,
            "dunning_policy_id": self.policy["id"] if self.policy else None,
        }
        if rate is not None:
            body["interest"] = {"kind": rate, "annual_rate": "60", "day_count": "act_365"}
        answer = self.run(self.api.call("POST", "/payment-plans", json=body))
        if answer.status_code == 422:
            # Too little for so many instalments.
            return
        assert answer.status_code == 201, answer.text
        plan = answer.json()
        self.plan = self._accept(plan)
        self.outside = 0
        assert self.plan["status"] == "active"

    @precondition(lambda self: self.plan is not None and self.plan["status"] == "active")
    @rule(count=st.integers(1, 6))
    def restructure(self, count: int) -> None:
        assert self.plan is not None
        body = {
            "instalment_count": count,
            "frequency": "weekly",
            "first_due_on": (self.today + timedelta(days=7)).isoformat(),
            "propose": True,
        }
        answer = self.run(self.api.call("POST", f"/payment-plans/{self.plan['id']}/restructure", json=body))
        if answer.status_code != 201:
            assert answer.status_code in {409, 422}, answer.text
            return
        self.plan = self._accept(answer.json())
        self.outside = 0

    @precondition(lambda self: self.plan is not None and self.plan["status"] == "active")
    @rule()
    def cancel(self) -> None:
        assert self.plan is not None
        body = {"reason": "given up"}
        self.plan = self.run(self.api.post(f"/payment-plans/{self.plan['id']}/cancel", body, expect=200))

    @precondition(lambda self: self.plan is not None and self.plan["status"] == "active")
    @rule()
    def pay_off(self) -> None:
        assert self.plan is not None
        due = self.run(self.api.get(f"/payment-plans/{self.plan['id']}/payoff"))
        if minor(due["amount"]) == 0:
            return
        everything = sum(parse(invoice) for invoice in self._read())
        is_all = self.outside == 0 and everything == self._owed()
        self._pay(minor(due["amount"]), 0)
        if is_all:
            self.plan = self.run(self.api.get(f"/payment-plans/{self.plan['id']}"))
            assert self.plan["status"] == "completed"
            assert sum(parse(invoice) for invoice in self._read()) == 0

    @rule(amount=st.integers(1, 60_000), back=st.integers(0, 9))
    def pay(self, amount: int, back: int) -> None:
        self._pay(amount, back)

    @rule(data=st.data())
    def pay_one_by_name(self, data: st.DataObject) -> None:
        open_ones = [invoice for invoice in self._read() if parse(invoice) > 0]
        if not open_ones:
            return
        invoice = data.draw(st.sampled_from(open_ones))
        part = data.draw(st.integers(1, parse(invoice)))
        named = [{"invoice_id": invoice["id"], "amount": format_amount(part, CURRENCY)}]
        self._pay(part, 0, allocations=named)

    @precondition(lambda self: any(payment["status"] == "posted" for payment in self.payments))
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        posted = [index for index, payment in enumerate(self.payments) if payment["status"] == "posted"]
        index = data.draw(st.sampled_from(posted))
        payment = self.payments[index]
        before, owed, was = self._asked(), self._owed(), self.plan and self.plan["status"]
        body = {"reason": "bounced"}
        self.payments[index] = self.run(self.api.post(f"/payments/{payment['id']}/reverse", body, expect=200))
        self._refresh()
        if self.plan is not None and was == self.plan["status"] == "active":
            # What settled an invoice before the plan is not asked for by it.
            self.outside += (self._owed() - owed) - (self._asked() - before)

    @rule(days=st.sampled_from([1, 2, 5, 8]))
    def let_time_pass(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.run(self.api.advance(self.now.isoformat().replace("+00:00", "Z")))

    @invariant()
    def it_adds_up(self) -> None:
        if not hasattr(self, "api"):
            return
        self._refresh()
        if self.plan is not None:
            self._check_plan(self.plan)
        report = self.run(self.office.check(self.api))
        assert report.violations == [], report.violations
        assert report.failures == []

    def _check_plan(self, plan: dict[str, Any]) -> None:
        parts = plan["instalments"]
        for part in parts:
            assert minor(part["total"]) == sum(minor(part[name]) for name in ("principal", "interest", "fee"))
            assert minor(part["open"]) == minor(part["total"]) - minor(part["paid"]) >= 0
            assert (part["status"] == "paid") == (minor(part["open"]) == 0) or plan["status"] not in {
                "active",
                "completed",
            }
        principal = sum(minor(part["principal"]) for part in parts)
        interest = sum(minor(part["interest"]) for part in parts)
        fee = sum(minor(part["fee"]) for part in parts)
        assert principal == minor(plan["principal"])
        assert fee == minor(plan["setup_fee"])
        assert interest == minor(plan["interest"]["amount"]) - minor(plan["dropped_interest"])
        assert minor(plan["total"]) == principal + interest + fee
        assert minor(plan["open_amount"]) == minor(plan["total"]) - minor(plan["paid_amount"])
        if plan["status"] == "active":
            # What is open of the invoices is asked for by the plan, or is known to lie outside of it; nothing twice.
            assert self._owed() == minor(plan["open_amount"]) + self.outside

    def _asked(self) -> int:
        if self.plan is None or self.plan["status"] != "active":
            return 0
        return minor(self.plan["open_amount"])

    def _owed(self) -> int:
        covered = self.plan["invoice_ids"] if self.plan is not None else ()
        return sum(parse(invoice) for invoice in self._read() if invoice["id"] in covered)

    def _accept(self, plan: dict[str, Any]) -> dict[str, Any]:
        word = {"accepted_by": "Ana", "method": "letter", "terms_hash": plan["terms_hash"]}
        accepted: dict[str, Any] = self.run(self.api.post(f"/payment-plans/{plan['id']}/accept", word, expect=200))
        return accepted

    def _pay(self, amount: int, back: int, **fields: Any) -> None:
        received_on = (self.today - timedelta(days=back)).isoformat()
        paid = self.run(self.api.pay(self.customer, format_amount(amount, CURRENCY), received_on, **fields))
        self.payments.append(paid)
        self._refresh()

    def _refresh(self) -> None:
        if self.plan is not None:
            before = self.plan["status"]
            self.plan = self.run(self.api.get(f"/payment-plans/{self.plan['id']}"))
            if before == "completed" and self.plan["status"] == "active":
                # What was outside when it was completed has not been counted since.
                self.outside = self._owed() - self._asked()
        self.payments = [self.run(self.api.get(f"/payments/{payment['id']}")) for payment in self.payments]

    def _read(self) -> list[dict[str, Any]]:
        return [self.run(self.api.get(f"/invoices/{invoice_id}")) for invoice_id in self.invoices]

    @property
    def today(self) -> date:
        """The business date in Mexico, which has had no summer time since 2022."""
        return (self.now - timedelta(hours=6)).date()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run one coroutine to its end."""
        return self.office.run(work)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_plans(office: Office) -> None:
    Plans.office = office
    machine = Plans.TestCase
    machine.settings = settings(
        max_examples=12,
        stateful_step_count=18,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
        print_blob=True,
    )
    machine("runTest").runTest()
