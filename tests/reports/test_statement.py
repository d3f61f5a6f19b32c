"""Statements of account: they add up to the cent."""

from typing import Any

import pytest

from app.reports.customers import service
from tests.conftest import Api
from tests.reports.written import Begin, credit


async def statement(api: Api, customer: Any, **params: Any) -> Any:
    return await api.get(f"/customers/{customer['id']}/statement", **params)


async def test_balance_forward(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-01-10", "2026-01-31", number="A-1", external_id="X-1")
    await api.pay(customer["id"], "60.00", "2026-01-20", reference="SPEI 1")
    await api.invoice(customer["id"], "80.00", "2026-02-01", "2026-02-28", number="A-2")
    paid = await api.pay(customer["id"], "70.00", "2026-02-10", reference="SPEI 2", external_id="P-2")
    body = {"reason": "bounced", "reversed_on": "2026-02-28"}
    await api.post(f"/payments/{paid['id']}/reverse", body, expect=200)
    found = await statement(api, customer, **{"from": "2026-02-01", "to": "2026-02-28"})
    assert {name: found[name] for name in ("customer_id", "kind", "from", "to", "known_at")} == {
        "customer_id": customer["id"],
        "kind": "balance_forward",
        "from": "2026-02-01",
        "to": "2026-02-28",
        "known_at": None,
    }
    (account,) = found["accounts"]
    assert (account["currency"], account["opening_balance"], account["closing_balance"]) == ("MXN", "40.00", "120.00")
    assert account["items"] == []
    shown = [
        (row["effective_on"], row["kind"], row["document"], row["number"], row["external_id"], row["amount"],
         row["balance"])
        for row in account["movements"]
    ]  # fmt: skip
    assert shown == [
        ("2026-02-01", "invoice_issued", "invoice", "A-2", None, "80.00", "120.00"),
        ("2026-02-10", "payment_received", "payment", "SPEI 2", "P-2", "-70.00", "50.00"),
        ("2026-02-28", "payment_reversed", "payment", "SPEI 2", "P-2", "70.00", "120.00"),
    ]
    assert account["movements"][1]["document_id"] == paid["id"]


async def test_the_edges_of_the_range_are_in_it(api: Api) -> None:
    customer = await api.customer()
    for total, issued in [
        ("1.00", "2026-01-31"),
        ("2.00", "2026-02-01"),
        ("4.00", "2026-02-28"),
        ("8.00", "2026-03-01"),
    ]:
        await api.invoice(customer["id"], total, issued, "2026-03-31")
    (account,) = (await statement(api, customer, **{"from": "2026-02-01", "to": "2026-02-28"}))["accounts"]
    assert (account["opening_balance"], account["closing_balance"]) == ("1.00", "7.00")
    assert [row["amount"] for row in account["movements"]] == ["2.00", "4.00"]
    (account,) = (await statement(api, customer))["accounts"]
    assert (account["opening_balance"], account["closing_balance"]) == ("7.00", "15.00"), "the month so far"


async def test_a_currency_at_rest_shows_its_balance_and_a_settled_one_nothing(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "500", "2026-01-01", "2026-01-31", currency="JPY")
    await api.invoice(customer["id"], "1.250", "2026-01-01", "2026-01-31", currency="KWD")
    await api.pay(customer["id"], "1.250", "2026-01-15", currency="KWD")
    asked = {"from": "2026-02-01", "to": "2026-02-28"}
    (account,) = (await statement(api, customer, **asked))["accounts"]
    assert (account["currency"], account["opening_balance"], account["closing_balance"]) == ("JPY", "500", "500")
    assert account["movements"] == []
    (account,) = (await statement(api, customer, currency="KWD", **asked))["accounts"]
    assert (account["opening_balance"], account["closing_balance"], account["movements"]) == ("0.000", "0.000", [])
    (account,) = (await statement(api, customer, currency="EUR", **asked))["accounts"]
    assert (account["currency"], account["opening_balance"], account["closing_balance"]) == ("EUR", "0.00", "0.00")


async def test_an_invoice_paid_before_it_was_known_shows_both(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-03-01", "2026-03-31", opening_paid="40.00", number="A-1")
    (account,) = (await statement(api, customer))["accounts"]
    shown = [(row["kind"], row["number"], row["amount"], row["balance"]) for row in account["movements"]]
    assert shown == [("invoice_issued", "A-1", "100.00", "100.00"), ("opening_paid", "A-1", "-40.00", "60.00")]


async def test_open_items(api: Api) -> None:
    customer = await api.customer()
    first = await api.invoice(customer["id"], "100.00", "2026-01-10", "2026-01-31", number="A-1", external_id="X-1")
    await api.invoice(customer["id"], "80.00", "2026-02-01", "2026-03-31", number="A-2")
    await api.invoice(customer["id"], "10.00", "2026-01-02", "2026-01-03", number="A-0")
    await api.pay(customer["id"], "45.00", "2026-02-10")
    await api.pay(customer["id"], "7.50", "2026-02-11", reference="SPEI 9", auto_allocate=False)
    found = await statement(api, customer, kind="open_item", to="2026-02-28")
    assert (found["kind"], found["from"], found["to"]) == ("open_item", None, "2026-02-28")
    (account,) = found["accounts"]
    assert (account["opening_balance"], account["closing_balance"], account["movements"]) == (None, "137.50", [])
    assert account["items"][0] == {
        "kind": "invoice",
        "document_id": first["id"],
        "number": "A-1",
        "external_id": "X-1",
        "instalment_number": None,
        "dated_on": "2026-01-10",
        "due_on": "2026-01-31",
        "days_overdue": 28,
        "amount": "100.00",
        "paid": "35.00",
        "charges_open": "0.00",
        "open_amount": "65.00",
    }
    shown = [
        (item["kind"], item["number"], item["due_on"], item["days_overdue"], item["amount"], item["paid"],
         item["open_amount"])
        for item in account["items"][1:]
    ]  # fmt: skip
    assert shown == [
        ("invoice", "A-2", "2026-03-31", 0, "80.00", "0.00", "80.00"),
        ("payment", "SPEI 9", None, 0, "-7.50", "0.00", "-7.50"),
    ]


async def test_a_past_statement_does_not_change_as_it_was_known(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-01-10", "2026-01-31")
    asked = {"from": "2026-01-01", "to": "2026-01-31", "known_at": "2026-03-02T12:00:00Z"}
    before = [await statement(api, customer, kind=kind, **asked) for kind in ("open_item", "balance_forward")]
    await api.advance("2026-03-03T12:00:00Z")
    await api.pay(customer["id"], "100.00", "2026-01-20")
    after = [await statement(api, customer, kind=kind, **asked) for kind in ("open_item", "balance_forward")]
    assert after == before
    now = await statement(api, customer, **{"from": "2026-01-01", "to": "2026-01-31"})
    assert now["accounts"][0]["closing_balance"] == "0.00"


@pytest.mark.parametrize(
    ("params", "pointer", "code"),
    [
        ({"from": "2026-03-03"}, "?from", "date_order"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "?from", "date_order"),
        ({"kind": "everything"}, "?kind", "invalid_value"),
        ({"currency": "XXX"}, "?currency", "unknown_currency"),
    ],
)
async def test_what_makes_no_statement(api: Api, params: Any, pointer: str, code: str) -> None:
    customer = await api.customer()
    problem = await api.get(f"/customers/{customer['id']}/statement", expect=422, **params)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


async def test_every_way_of_settling_is_a_movement(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-03-01", "2026-03-31", number="A-1")
    fee = {"reason": "bank_fee", "amount": "3.00"}
    designated = {"invoice_id": invoice["id"], "amount": "95.00", "discount_taken": "2.00", "differences": [fee]}
    payment = await api.pay(customer["id"], "120.00", "2026-03-02", reference="SPEI", allocations=[designated])
    await api.post(f"/payments/{payment['id']}/refund", {"amount": "20.00"}, expect=200)
    (account,) = (await statement(api, customer))["accounts"]
    shown = [(row["kind"], row["document"], row["number"], row["amount"]) for row in account["movements"]]
    assert sorted(shown) == [
        ("difference_closed", "invoice", "A-1", "-3.00"),
        ("discount_taken", "invoice", "A-1", "-2.00"),
        ("invoice_issued", "invoice", "A-1", "100.00"),
        ("payment_received", "payment", "SPEI", "-120.00"),
        ("payment_refunded", "payment", "SPEI", "20.00"),
    ]
    assert (account["opening_balance"], account["closing_balance"]) == ("0.00", "-5.00")
    (account,) = (await statement(api, customer, kind="open_item"))["accounts"]
    (item,) = account["items"]
    assert (item["kind"], item["amount"], item["paid"], item["open_amount"]) == (
        "payment",
        "-120.00",
        "-115.00",
        "-5.00",
    )


async def test_paying_for_another_customer_moves_both_balances(api: Api) -> None:
    parent, child = await api.customer(), await api.customer()
    invoice = await api.invoice(child["id"], "100.00", "2026-03-01", "2026-03-31")
    allocations = [{"invoice_id": invoice["id"], "amount": "70.00"}]
    await api.pay(
        parent["id"], "80.00", "2026-03-02", reference="SPEI", allocations=allocations, for_other_customers=True
    )
    (payer,) = (await statement(api, parent))["accounts"]
    shown = [(row["kind"], row["number"], row["amount"], row["balance"]) for row in payer["movements"]]
    assert shown == [
        ("payment_received", "SPEI", "-80.00", "-80.00"), ("payment_allocated", "SPEI", "70.00", "-10.00"),
    ]  # fmt: skip
    (paid,) = (await statement(api, child))["accounts"]
    (_, moved) = paid["movements"]
    assert (moved["kind"], moved["number"], moved["amount"]) == ("payment_allocated", "SPEI", "-70.00")
    assert (payer["closing_balance"], paid["closing_balance"]) == ("-10.00", "30.00")


async def test_credit_notes_move_the_balance_when_they_are_issued(api: Api, unit_of_work: Begin) -> None:
    customer = await api.customer(credit_limit="75.00")
    invoice = await api.invoice(customer["id"], "100.00", "2026-03-01", "2026-03-31", number="A-1")
    note = await credit(api, unit_of_work, customer["id"], 3000, "2026-03-02", applied_to={invoice["id"]: 1000})
    (account,) = (await statement(api, customer))["accounts"]
    shown = [(row["kind"], row["document"], row["number"], row["amount"]) for row in account["movements"]]
    assert shown == [
        ("invoice_issued", "invoice", "A-1", "100.00"),
        ("credit_note_issued", "credit_note", "NC-1", "-30.00"),
    ]
    (account,) = (await statement(api, customer, kind="open_item"))["accounts"]
    shown = [(item["kind"], item["document_id"], item["amount"], item["open_amount"]) for item in account["items"]]
    assert shown == [
        ("invoice", invoice["id"], "100.00", "90.00"), ("credit_note", note, "-30.00", "-20.00"),
    ]  # fmt: skip
    assert account["closing_balance"] == "70.00"
    report = await api.get(f"/customers/{customer['id']}/balance")
    (found,) = report["balances"]
    assert (found["open_amount"], found["unapplied_credit"], found["net"]) == ("90.00", "20.00", "70.00")
    assert (await api.get(f"/customers/{customer['id']}"))["credit_state"] == "within_limit"
    (aged,) = (await api.get("/reports/aging"))["totals"]
    assert (aged["open_amount"], aged["unapplied_amount"]) == ("90.00", "20.00")
    (sold,) = (await api.get("/reports/dso"))["data"]
    assert (sold["receivables"], sold["sales"], sold["dso"]) == ("90.00", "90.00", "2.0")


@pytest.mark.parametrize("kind", ["balance_forward", "open_item"])
async def test_a_statement_too_long_is_asked_for_in_parts(api: Api, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(service, "MAX_ROWS", 2)
    customer = await api.customer()
    for day in (1, 2):
        await api.invoice(customer["id"], "10.00", f"2026-03-0{day}", "2026-03-31")
    assert len((await statement(api, customer, kind=kind))["accounts"]) == 1
    await api.invoice(customer["id"], "10", "2026-03-02", "2026-03-31", currency="JPY")
    problem = await api.get(f"/customers/{customer['id']}/statement", expect=422, kind=kind)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("?from", "out_of_range")]
    assert len((await statement(api, customer, kind=kind, currency="MXN"))["accounts"]) == 1
