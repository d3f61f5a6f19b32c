"""Random sequences of every command on money, dates out of order included: after each the books add up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text

from app.checks.check import Report
from app.domain.money import format_amount, parse_amount
from tests.conftest import Api
from tests.scenarios.offices import START, Office, parse

CURRENCIES = ("MXN", "JPY", "KWD")
# Refused for a reason that the caller is told; nothing may have changed then.
REFUSED = (409, 422)

ROWS = text(
    """
    SELECT (SELECT count(*) FROM ledger_entries WHERE tenant_id = :tenant)
        || '/' || (SELECT count(*) FROM events WHERE tenant_id = :tenant)
        || '/' || (SELECT coalesce(sum(version), 0) FROM invoices WHERE tenant_id = :tenant) AS known
    """
)
ALLOCATED = text(
    """
    SELECT p.id, p.amount_minor, p.unapplied_minor, p.refunded_minor, p.status,
        coalesce((SELECT sum(a.amount_minor) FROM allocations a
                  WHERE a.tenant_id = p.tenant_id AND a.payment_id = p.id AND a.reversed_at IS NULL), 0) AS allocated
    FROM payments p WHERE p.tenant_id = :tenant
    """
)


class Books(RuleBasedStateMachine):
    """Two customers, three currencies, every command."""

    office: ClassVar[Office]

    @initialize(tolerance=st.sampled_from([{}, {"MXN": "1.00", "JPY": "5"}]))
    def begin(self, tolerance: dict[str, str]) -> None:
        self.now = START
        self.api = self.run(self.office.tenant())
        self.run(self.api.patch("/tenant", {"short_pay_tolerance": tolerance}))
        self.run(self.api.policy([1, 8]))
        self.customers = [self.run(self.api.customer())["id"] for _ in range(2)]

    @rule(
        who=st.integers(0, 1),
        currency=st.sampled_from(CURRENCIES),
        minor=st.integers(1, 300_000),
        due_in=st.integers(0, 20),
        age=st.integers(0, 40),
        discount=st.booleans(),
        opening=st.integers(0, 3),
    )
    def post_invoice(
        self, who: int, currency: str, minor: int, due_in: int, age: int, discount: bool, opening: int
    ) -> None:
        issued_on = self.today - timedelta(days=age)
        fields: dict[str, Any] = {"currency": currency}
        if discount:
            until = (issued_on + timedelta(days=10)).isoformat()
            fields["discount_terms"] = [{"percent": "2", "until": until}]
        if opening == 0:
            fields["opening_paid"] = format_amount(minor // 3, currency)
        due_on = (issued_on + timedelta(days=due_in)).isoformat()
        total = format_amount(minor, currency)
        self.run(self.api.invoice(self.customers[who], total, issued_on.isoformat(), due_on, **fields))

    @rule(
        who=st.integers(0, 2),
        currency=st.sampled_from(CURRENCIES),
        minor=st.integers(1, 400_000),
        back=st.integers(0, 45),
        status=st.sampled_from(["posted", "posted", "posted", "pending"]),
        automatic=st.sampled_from([None, False]),
    )
    def pay(self, who: int, currency: str, minor: int, back: int, status: str, automatic: bool | None) -> None:
        body: dict[str, Any] = {
            "currency": currency,
            "amount": format_amount(minor, currency),
            "received_on": (self.today - timedelta(days=back)).isoformat(),
            "status": status,
            "auto_allocate": automatic,
        }
        if who < 2:
            body["customer_id"] = self.customers[who]
        if status == "pending":
            body["matures_on"] = (self.today + timedelta(days=5)).isoformat()
        self.command("/payments", body)

    @precondition(lambda self: self.pick("/invoices", "open", "partially_paid", "written_off"))
    @rule(data=st.data(), back=st.integers(0, 45), payer=st.integers(0, 1))
    def pay_designated(self, data: st.DataObject, back: int, payer: int) -> None:
        invoice = self.draw(data, "/invoices", "open", "partially_paid", "written_off")
        currency = invoice["currency"]
        part = data.draw(st.integers(1, max(1, parse(invoice) or 500)))
        difference = data.draw(st.integers(0, 2))
        allocation: dict[str, Any] = {"invoice_id": invoice["id"], "amount": format_amount(part, currency)}
        if difference:
            allocation["differences"] = [{"reason": "rounding", "amount": format_amount(difference, currency)}]
        body = {
            "customer_id": self.customers[payer],
            "for_other_customers": True,
            "currency": currency,
            "amount": format_amount(part + data.draw(st.integers(0, 50)), currency),
            "received_on": (self.today - timedelta(days=back)).isoformat(),
            "allocations": [allocation],
            "auto_allocate": data.draw(st.booleans()),
        }
        self.command("/payments", body)

    @precondition(lambda self: self.pick("/payments"))
    @rule(data=st.data(), verb=st.sampled_from(["allocate", "unallocate", "refund", "assign", "confirm", "reverse"]))
    def move_payment(self, data: st.DataObject, verb: str) -> None:
        payment = self.draw(data, "/payments")
        bodies: dict[str, dict[str, Any]] = {
            "assign": {"customer_id": self.customers[0]},
            "reverse": {"reason": "bounced"},
        }
        before = self.open_amounts(payment)
        answer = self.command(f"/payments/{payment['id']}/{verb}", bodies.get(verb, {}))
        if answer is not None and verb in {"reverse", "unallocate"} and payment["status"] == "posted":
            # What it had settled is open again, to the last minor unit; what it had recovered is written off again.
            after = self.open_amounts(payment)
            given_back = {item["invoice_id"]: 0 for item in payment["allocations"]}
            for item in payment["allocations"]:
                given_back[item["invoice_id"]] += self.settled(item, payment["currency"])
            for invoice_id, amount in given_back.items():
                assert sum(after[invoice_id]) == sum(before[invoice_id]) + amount

    @rule(data=st.data(), currency=st.sampled_from(CURRENCIES), minor=st.integers(1, 200_000), who=st.integers(0, 1))
    def credit(self, data: st.DataObject, currency: str, minor: int, who: int) -> None:
        body: dict[str, Any] = {
            "customer_id": self.customers[who],
            "currency": currency,
            "amount": format_amount(minor, currency),
            "issued_on": self.today.isoformat(),
            "reason": "returned goods",
        }
        fitting = self.open_invoices(body["customer_id"], currency)
        names_one: bool = data.draw(st.booleans())
        if fitting and names_one:
            body["invoice_id"] = data.draw(st.sampled_from(fitting))
        self.command("/credit-notes", body)

    @precondition(lambda self: self.pick("/credit-notes"))
    @rule(data=st.data(), verb=st.sampled_from(["apply", "unapply", "void"]))
    def move_credit(self, data: st.DataObject, verb: str) -> None:
        note = self.draw(data, "/credit-notes")
        body: dict[str, Any] = {"reason": "issued in error"} if verb == "void" else {}
        if verb == "apply":
            fitting = self.open_invoices(note["customer_id"], note["currency"])
            if not fitting:
                return
            part = min(parse_amount(note["unapplied_amount"], note["currency"]), 100) or 1
            amount = format_amount(part, note["currency"])
            body["allocations"] = [{"invoice_id": data.draw(st.sampled_from(fitting)), "amount": amount}]
        self.command(f"/credit-notes/{note['id']}/{verb}", body)

    @precondition(lambda self: self.pick("/invoices"))
    @rule(data=st.data(), verb=st.sampled_from(["void", "write-off", "reverse-write-off", "close-difference"]))
    def close_invoice(self, data: st.DataObject, verb: str) -> None:
        invoice = self.draw(data, "/invoices")
        body: dict[str, Any] = {"reason": "rounding" if verb == "close-difference" else "cannot be collected"}
        if verb in {"write-off", "close-difference"} and data.draw(st.booleans()):
            body["amount"] = format_amount(data.draw(st.integers(1, 200)), invoice["currency"])
        self.command(f"/invoices/{invoice['id']}/{verb}", body)

    @precondition(lambda self: self.pick("/invoices", "open", "partially_paid"))
    @rule(data=st.data(), minor=st.integers(1, 5_000), kind=st.sampled_from(["fee", "recovery_cost", "interest"]))
    def charge(self, data: st.DataObject, minor: int, kind: str) -> None:
        invoice = self.draw(data, "/invoices", "open", "partially_paid")
        body: dict[str, Any] = {"invoice_id": invoice["id"], "kind": kind, "reason": "late"}
        if kind == "interest":
            body |= {"annual_rate": "12", "through_on": self.today.isoformat()}
        else:
            body["amount"] = format_amount(minor, invoice["currency"])
        self.command("/charges", body)

    @precondition(lambda self: self.pick("/charges"))
    @rule(data=st.data())
    def waive(self, data: st.DataObject) -> None:
        self.command(f"/charges/{self.draw(data, '/charges')['id']}/waive", {"reason": "good will"})

    @rule(days=st.sampled_from([1, 3, 9]))
    def let_time_pass(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.run(self.api.advance(self.now.isoformat().replace("+00:00", "Z")))

    @invariant()
    def books_add_up(self) -> None:
        if not hasattr(self, "api"):
            return
        report = self.run(self.office.check(self.api))
        assert report.is_clean, [(item.invariant, item.examples) for item in report.violations] + report.failures
        for row in self.run(self.office.rows(self.api, ALLOCATED)):
            assert min(row.unapplied_minor, row.refunded_minor, row.allocated) >= 0
            if row.status == "posted":
                assert row.allocated + row.unapplied_minor + row.refunded_minor == row.amount_minor
            else:
                assert row.allocated == row.unapplied_minor == 0
        self.aging_says_what_is_open()

    def aging_says_what_is_open(self) -> None:
        """Nothing ever rounds away: the report, the invoices and the ledger name the same sum."""
        open_minor = dict.fromkeys(CURRENCIES, 0)
        for invoice in self.pick("/invoices"):
            assert parse(invoice) >= 0
            open_minor[invoice["currency"]] += parse(invoice)
        report = self.run(self.api.get("/reports/aging"))
        told = {row["currency"]: parse_amount(row["open_amount"], row["currency"]) for row in report["totals"]}
        assert {key: value for key, value in told.items() if value} == {
            key: value for key, value in open_minor.items() if value
        }

    @property
    def today(self) -> Any:
        """The business date in Mexico, which has had no summer time since 2022."""
        return (self.now - timedelta(hours=6)).date()

    def run(self, work: Any) -> Any:
        """Run one coroutine to its end."""
        return self.office.run(work)

    def command(self, path: str, body: dict[str, Any]) -> Any:
        """Give a command; one that is refused says why, and leaves nothing behind."""
        before = self.run(self.office.rows(self.api, ROWS))[0].known
        response = self.run(self.api.call("POST", path, json=body))
        if response.status_code in REFUSED:
            assert response.json()["code"], response.text
            assert self.run(self.office.rows(self.api, ROWS))[0].known == before, (path, body, response.text)
            return None
        assert response.status_code in {200, 201}, (path, body, response.text)
        return response.json()

    def pick(self, path: str, *statuses: str) -> list[Any]:
        """What there is of a resource, in these statuses."""
        if not hasattr(self, "api"):
            return []
        rows = self.run(self.api.all(path))
        return [row for row in rows if not statuses or row["status"] in statuses]

    def open_invoices(self, customer_id: str, currency: str) -> list[str]:
        """What a customer owes in a currency."""
        rows = self.pick("/invoices", "open", "partially_paid")
        return sorted(row["id"] for row in rows if (row["customer_id"], row["currency"]) == (customer_id, currency))

    def draw(self, data: st.DataObject, path: str, *statuses: str) -> Any:
        """One of them."""
        rows = sorted(self.pick(path, *statuses), key=lambda row: row["id"])
        return rows[data.draw(st.integers(0, len(rows) - 1))]

    def open_amounts(self, payment: dict[str, Any]) -> dict[str, tuple[int, int]]:
        """Open and written-off amounts of the invoices that a payment settles."""
        found = {}
        for invoice_id in {item["invoice_id"] for item in payment["allocations"]}:
            invoice = self.run(self.api.get(f"/invoices/{invoice_id}"))
            found[invoice_id] = (parse(invoice), parse_amount(invoice["written_off_amount"], invoice["currency"]))
        return found

    def settled(self, item: dict[str, Any], currency: str) -> int:
        """By how much an allocation lowered what was owed."""
        amounts = [item["amount"], item["discount_taken"], *(part["amount"] for part in item["differences"])]
        return sum(parse_amount(amount, currency) for amount in amounts)


@pytest.mark.slow
def test_random_books(office: Office) -> None:
    Books.office = office
    machine = Books.TestCase
    machine.settings = settings(
        max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )
    machine("runTest").runTest()


@pytest.mark.slow
def test_eight_clients_at_once_keep_the_books(office: Office) -> None:
    """Payments, credits, write-offs and reversals of one customer, all at the same time."""

    async def story() -> Report:
        api = await office.tenant()
        customer = (await api.customer())["id"]
        invoices = [await api.invoice(customer, "1000.00", "2026-01-10", f"2026-02-{day:02}") for day in range(1, 9)]
        allowed = {200, 201, 409, 422}

        async def client(number: int) -> None:
            mine = invoices[number]["id"]
            for turn in range(4):
                paid = await api.call(
                    "POST",
                    "/payments",
                    json={
                        "customer_id": customer,
                        "currency": "MXN",
                        "amount": f"{130 * (turn + 1)}.{number}0",
                        "received_on": f"2026-02-{10 + turn}",
                        **({"allocations": [{"invoice_id": mine, "amount": "50.00"}]} if turn % 2 else {}),
                    },
                )
                assert paid.status_code in allowed, paid.text
                commands: list[tuple[str, dict[str, Any]]] = [
                    (f"/invoices/{mine}/write-off", {"amount": "10.00", "reason": "cannot be collected"}),
                    (f"/invoices/{mine}/close-difference", {"amount": "1.00", "reason": "rounding"}),
                    (f"/payments/{paid.json().get('id')}/unallocate", {}),
                    (f"/payments/{paid.json().get('id')}/reverse", {"reason": "bounced"}),
                ]
                path, body = commands[(turn + number) % len(commands)]
                answer = await api.call("POST", path, json=body)
                assert answer.status_code in {*allowed, 404}, answer.text

        await asyncio.gather(*(client(number) for number in range(8)))
        return await office.check(api)

    report = office.run(story())
    assert report.is_clean, report.violations


def _same_after(office: Office, orders: list[list[int]], play: Callable[[Api, list[int]], Awaitable[Any]]) -> list[Any]:
    async def one(order: list[int]) -> Any:
        return await play(await office.tenant(), order)

    return [office.run(one(order)) for order in orders]


@pytest.mark.slow
def test_a_reversal_restores_exactly(office: Office) -> None:
    """Whatever a payment did, taking it back leaves every balance as if it had never come."""

    async def play(api: Api, with_payment: list[int]) -> Any:
        customer = (await api.customer())["id"]
        discount = [{"percent": "2", "until": "2026-02-20"}]
        invoices = [
            await api.invoice(customer, "1000.00", "2026-02-01", "2026-02-28", discount_terms=discount),
            await api.invoice(customer, "333.33", "2026-02-01", "2026-02-10"),
        ]
        for _ in with_payment:
            allocations = [
                {
                    "invoice_id": invoices[1]["id"],
                    "amount": "300.00",
                    "differences": [{"reason": "bank_fee", "amount": "3.33"}],
                }
            ]
            payment = await api.pay(customer, "1200.00", "2026-02-15", allocations=allocations, auto_allocate=True)
            assert {item["discount_taken"] for item in payment["allocations"]} != {"0.00"}
            await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
        found = [await api.get(f"/invoices/{invoice['id']}") for invoice in invoices]
        return [(row["open_amount"], row["principal_open"], row["status"], row["collection_state"]) for row in found]

    untouched, reversed_once, reversed_twice = _same_after(office, [[], [1], [1, 1]], play)
    assert untouched == reversed_once == reversed_twice
