"""Random stories of invoices, payments, reversals and clock steps through the API; the books are checked each time."""

from collections import Counter
from collections.abc import Coroutine
from datetime import date, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text

from app.domain.money import format_amount, parse_amount
from tests.scenarios.offices import START, Office, parse

CURRENCIES = ("MXN", "JPY", "KWD")

BALANCES = text(
    """
    SELECT i.id, i.principal_open_minor, i.interest_open_minor, i.fees_open_minor,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.account = 'principal'), 0) AS principal,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.account = 'interest'), 0) AS interest,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.account = 'fees'), 0) AS fees
    FROM invoices i LEFT JOIN ledger_entries e ON e.tenant_id = i.tenant_id AND e.invoice_id = i.id
    WHERE i.tenant_id = :tenant GROUP BY i.tenant_id, i.id
    """
)
CASH = text(
    """
    SELECT p.id, p.amount_minor, p.unapplied_minor, p.status,
           coalesce((SELECT -sum(e.amount_minor) FROM ledger_entries e
                     WHERE e.tenant_id = p.tenant_id AND e.payment_id = p.id AND e.account = 'cash'), 0) AS cash,
           coalesce((SELECT sum(a.amount_minor) FROM allocations a
                     WHERE a.tenant_id = p.tenant_id AND a.payment_id = p.id AND a.reversed_at IS NULL), 0) AS allocated
    FROM payments p WHERE p.tenant_id = :tenant
    """
)


class Story(RuleBasedStateMachine):
    """Commands in any order; after each, the books add up and nobody was written to without owing."""

    office: ClassVar[Office]

    @initialize(
        offsets=st.sampled_from([[1], [-3, 0, 2, 5], [1, 8, 15]]), grouping=st.sampled_from(["invoice", "customer"])
    )
    def begin(self, offsets: list[int], grouping: str) -> None:
        self.now = START
        self.invoices: dict[str, dict[str, Any]] = {}
        self.payments: dict[str, dict[str, Any]] = {}
        self.sent: Counter[tuple[str, str, int]] = Counter()
        self.api = self.run(self.office.tenant())
        self.run(self.api.always_open())
        self.run(self.api.policy(offsets, grouping=grouping))
        self.customers = [self.run(self.api.customer())["id"] for _ in range(2)]

    @rule(
        who=st.integers(0, 1),
        currency=st.sampled_from(CURRENCIES),
        minor=st.integers(1, 500_000),
        due_in=st.integers(0, 20),
        age=st.integers(0, 40),
    )
    def post_invoice(self, who: int, currency: str, minor: int, due_in: int, age: int) -> None:
        issued_on = self.today - timedelta(days=age)
        invoice = self.run(
            self.api.invoice(
                self.customers[who],
                format_amount(minor, currency),
                issued_on.isoformat(),
                (issued_on + timedelta(days=due_in)).isoformat(),
                currency=currency,
            )
        )
        self.invoices[invoice["id"]] = invoice

    @rule(
        who=st.integers(0, 1),
        currency=st.sampled_from(CURRENCIES),
        minor=st.integers(1, 700_000),
        back=st.integers(0, 10),
    )
    def pay_oldest(self, who: int, currency: str, minor: int, back: int) -> None:
        self._pay(who, currency, minor, back)

    @precondition(lambda self: any(parse(invoice) > 0 for invoice in self.invoices.values()))
    @rule(data=st.data(), rest=st.booleans())
    def pay_designated(self, data: st.DataObject, rest: bool) -> None:
        open_ids = sorted(key for key, invoice in self.invoices.items() if parse(invoice) > 0)
        invoice = self.invoices[data.draw(st.sampled_from(open_ids))]
        part = data.draw(st.integers(1, parse(invoice)))
        who = self.customers.index(invoice["customer_id"])
        currency = invoice["currency"]
        allocation = {"invoice_id": invoice["id"], "amount": format_amount(part, currency)}
        extra = data.draw(st.integers(0, 100))
        self._pay(who, currency, part + extra, 0, allocations=[allocation], auto_allocate=rest)

    @precondition(lambda self: any(payment["status"] == "posted" for payment in self.payments.values()))
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        posted = sorted(key for key, payment in self.payments.items() if payment["status"] == "posted")
        payment = self.payments[data.draw(st.sampled_from(posted))]
        before = {item["invoice_id"]: parse(self.invoices[item["invoice_id"]]) for item in payment["allocations"]}
        parts = Counter[str]()
        for item in payment["allocations"]:
            parts[item["invoice_id"]] += parse_amount(item["amount"], payment["currency"])
        answer = self.run(self.api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200))
        assert answer["status"] == "reversed"
        assert parse_amount(answer["unapplied_amount"], payment["currency"]) == 0
        self.payments[payment["id"]] = answer
        self._refresh()
        for invoice_id, part in parts.items():
            assert parse(self.invoices[invoice_id]) == before[invoice_id] + part
        self.run(self.api.post(f"/payments/{payment['id']}/reverse", {"reason": "again"}, expect=409))

    @rule(hours=st.sampled_from([1, 12, 24, 24 * 3, 24 * 9]))
    def let_time_pass(self, hours: int) -> None:
        owed = {key for key, invoice in self.invoices.items() if parse(invoice) > 0}
        self.now += timedelta(hours=hours)
        self.run(self.api.advance(self.now.isoformat().replace("+00:00", "Z")))
        self._refresh()
        sent = Counter[tuple[str, str, int]]()
        for reminder in self.run(self.api.all("/reminders", status="sent")):
            for item in reminder["items"]:
                sent[item["case_id"], item["step_key"], item["cycle"]] += 1
                if (item["case_id"], item["step_key"], item["cycle"]) not in self.sent:
                    assert item["invoice_id"] in owed, "a reminder for an invoice that nobody owes"
        assert set(sent.values()) <= {1}, "a step of a case went out twice"
        self.sent = sent

    @invariant()
    def books_add_up(self) -> None:
        if not hasattr(self, "api"):
            return
        for row in self.run(self.office.rows(self.api, BALANCES)):
            kept = (row.principal_open_minor, row.interest_open_minor, row.fees_open_minor)
            assert kept == (row.principal, row.interest, row.fees), "a kept balance is not the sum of its entries"
            if str(row.id) in self.invoices:
                assert parse(self.invoices[str(row.id)]) == sum(kept)
        for row in self.run(self.office.rows(self.api, CASH)):
            assert row.unapplied_minor == row.cash
            if row.status == "posted":
                assert row.allocated + row.unapplied_minor == row.amount_minor
            else:
                assert row.allocated == row.unapplied_minor == 0

    @property
    def today(self) -> date:
        """The business date in Mexico, which has had no summer time since 2022."""
        return (self.now - timedelta(hours=6)).date()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run one coroutine to its end."""
        return self.office.run(work)

    def _pay(self, who: int, currency: str, minor: int, back: int, **fields: Any) -> None:
        received_on = (self.today - timedelta(days=back)).isoformat()
        amount = format_amount(minor, currency)
        payment = self.run(self.api.pay(self.customers[who], amount, received_on, currency=currency, **fields))
        assert payment["in_flight"] == []
        allocated = sum(parse_amount(item["amount"], currency) for item in payment["allocations"])
        assert allocated + parse_amount(payment["unapplied_amount"], currency) == minor
        self.payments[payment["id"]] = payment
        self._refresh()

    def _refresh(self) -> None:
        self.invoices = {invoice["id"]: invoice for invoice in self.run(self.api.all("/invoices"))}
        for invoice in self.invoices.values():
            assert (invoice["status"] == "paid") == (parse(invoice) == 0)


@pytest.mark.slow
def test_random_stories(office: Office) -> None:
    Story.office = office
    machine = Story.TestCase
    machine.settings = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine("runTest").runTest()


@pytest.mark.slow
@pytest.mark.parametrize("designated", [True, False])
def test_the_order_of_independent_payments_does_not_matter(office: Office, designated: bool) -> None:
    """The same payments in another order leave the same balances, whether designated or settled oldest first."""
    amounts = ["100.00", "250.50", "33.33", "7.00"]
    payments = ["40.00", "250.50", "10.01", "60.00"]
    orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]]

    async def balances(order: list[int]) -> list[str]:
        api = await office.tenant()
        customer = await api.customer()
        invoices = [
            await api.invoice(customer["id"], amount, "2026-02-01", f"2026-02-{10 + index}")
            for index, amount in enumerate(amounts)
        ]
        for index in order:
            fields: dict[str, Any] = {}
            if designated:
                open_minor = parse_amount(amounts[index], "MXN")
                part = format_amount(min(open_minor, parse_amount(payments[index], "MXN")), "MXN")
                fields = {"allocations": [{"invoice_id": invoices[index]["id"], "amount": part}]}
            await api.pay(customer["id"], payments[index], "2026-02-20", **fields)
        return [(await api.get(f"/invoices/{invoice['id']}"))["open_amount"] for invoice in invoices]

    results = [office.run(balances(order)) for order in orders]
    assert results[0] == results[1] == results[2]
    assert any(balance != "0.00" for balance in results[0])
