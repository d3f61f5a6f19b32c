"""What can be done with a payment after it came: allocate, unallocate, refund, assign, confirm, and pay for others."""

from typing import Any

import pytest

from tests.conftest import Api

TODAY = "2026-03-02"


async def amounts(api: Api, *invoices: Any) -> list[str]:
    return [(await api.get(f"/invoices/{invoice['id']}"))["open_amount"] for invoice in invoices]


async def two_invoices(api: Api) -> tuple[str, Any, Any]:
    customer = (await api.customer())["id"]
    return (
        customer,
        await api.invoice(customer, "100.00", "2026-01-01", "2026-01-31"),
        await api.invoice(customer, "60.00", "2026-01-05", "2026-02-10"),
    )


async def ledger_balances(api: Api, invoice: Any) -> int:
    entries = await api.all(f"/invoices/{invoice['id']}/ledger")
    return sum(int(entry["amount"].replace(".", "")) for entry in entries)


async def test_unapplied_cash_is_allocated_later(api: Api) -> None:
    customer, first, second = await two_invoices(api)
    payment = await api.pay(customer, "130.00", "2026-02-20", auto_allocate=False)
    body = {"allocations": [{"invoice_id": second["id"], "amount": "20.00"}]}
    answer = await api.post(f"/payments/{payment['id']}/allocate", body, expect=200)
    assert answer["unapplied_amount"] == "110.00"
    assert answer["version"] == 2
    assert await amounts(api, first, second) == ["100.00", "40.00"]
    answer = await api.post(f"/payments/{payment['id']}/allocate", {}, expect=200)
    assert answer["unapplied_amount"] == "0.00"
    assert await amounts(api, first, second) == ["0.00", "30.00"]
    # Counted from the day it came, whenever it was applied.
    assert {item["effective_on"] for item in answer["allocations"]} == {"2026-02-20"}
    problem = await api.post(f"/payments/{payment['id']}/allocate", {}, expect=409)
    assert problem["code"] == "state_conflict"


async def test_a_payment_is_taken_off_one_invoice_and_put_on_another(api: Api) -> None:
    customer, first, second = await two_invoices(api)
    payment = await api.pay(customer, "60.00", "2026-02-20")
    assert await amounts(api, first, second) == ["40.00", "60.00"]
    answer = await api.post(f"/payments/{payment['id']}/unallocate", {"invoice_ids": [first["id"]]}, expect=200)
    assert (answer["allocations"], answer["unapplied_amount"]) == ([], "60.00")
    assert (await api.get(f"/invoices/{first['id']}"))["status"] == "open"
    body = {"allocations": [{"invoice_id": second["id"], "amount": "60.00"}]}
    await api.post(f"/payments/{payment['id']}/allocate", body, expect=200)
    assert await amounts(api, first, second) == ["100.00", "0.00"]
    assert await ledger_balances(api, first) == 10000
    assert await ledger_balances(api, second) == 0


async def test_only_what_it_settles_can_be_unallocated(api: Api) -> None:
    customer, first, second = await two_invoices(api)
    payment = await api.pay(customer, "60.00", "2026-02-20")
    problem = await api.post(f"/payments/{payment['id']}/unallocate", {"invoice_ids": [second["id"]]}, expect=422)
    assert problem["errors"][0]["pointer"] == "/invoice_ids"
    await api.post(f"/payments/{payment['id']}/unallocate", {}, expect=200)
    await api.post(f"/payments/{payment['id']}/unallocate", {}, expect=409)
    assert await amounts(api, first) == ["100.00"]


@pytest.mark.parametrize(("amount", "left"), [(None, "0.00"), ("30.00", "0.00"), ("29.99", "0.01")])
async def test_unapplied_cash_is_refunded(api: Api, amount: str | None, left: str) -> None:
    customer, first, _ = await two_invoices(api)
    allocations = [{"invoice_id": first["id"], "amount": "100.00"}]
    payment = await api.pay(customer, "130.00", "2026-02-20", allocations=allocations)
    answer = await api.post(f"/payments/{payment['id']}/refund", {"amount": amount} if amount else {}, expect=200)
    assert answer["unapplied_amount"] == left
    assert answer["refunded_amount"] == (amount or "30.00")
    problem = await api.post(f"/payments/{payment['id']}/refund", {"amount": "0.02"}, expect=422)
    assert problem["errors"][0]["pointer"] == "/amount"
    # What was refunded cannot bounce.
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=409)
    assert await amounts(api, first) == ["0.00"]


async def test_money_of_nobody_is_kept_until_it_is_assigned(api: Api) -> None:
    customer, first, second = await two_invoices(api)
    body = {"currency": "MXN", "amount": "120.00", "received_on": "2026-02-20", "reference": "SPEI 77"}
    payment = await api.post("/payments", body)
    assert (payment["customer_id"], payment["unapplied_amount"]) == (None, "120.00")
    await api.post(f"/payments/{payment['id']}/allocate", {}, expect=409)
    answer = await api.post(f"/payments/{payment['id']}/assign", {"customer_id": customer}, expect=200)
    assert (answer["customer_id"], answer["unapplied_amount"]) == (customer, "0.00")
    assert await amounts(api, first, second) == ["0.00", "40.00"]
    await api.post(f"/payments/{payment['id']}/assign", {"customer_id": customer}, expect=409)
    # And it bounces like any other.
    answer = await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert (answer["status"], answer["unapplied_amount"]) == ("reversed", "0.00")
    assert await amounts(api, first, second) == ["100.00", "60.00"]


async def test_money_of_nobody_settles_nothing(api: Api) -> None:
    _, first, _ = await two_invoices(api)
    body = {
        "currency": "MXN",
        "amount": "1.00",
        "received_on": "2026-02-20",
        "allocations": [{"invoice_id": first["id"], "amount": "1.00"}],
    }
    problem = await api.post("/payments", body, expect=422)
    assert problem["errors"][0]["pointer"] == "/allocations"
    assert await api.all("/payments") == []


async def test_one_customer_pays_for_another_when_it_says_so(api: Api) -> None:
    customer, first, _ = await two_invoices(api)
    parent = (await api.customer())["id"]
    allocations = [{"invoice_id": first["id"], "amount": "70.00"}]
    body = {"customer_id": parent, "currency": "MXN", "amount": "100.00", "received_on": "2026-02-20"}
    problem = await api.post("/payments", {**body, "allocations": allocations}, expect=422)
    assert problem["errors"][0]["pointer"] == "/allocations/0/invoice_id"
    assert "for_other_customers" in problem["errors"][0]["message"]
    payment = await api.pay(parent, "100.00", "2026-02-20", allocations=allocations, for_other_customers=True)
    assert payment["unapplied_amount"] == "30.00"
    assert await amounts(api, first) == ["30.00"]
    # The rest is the payer's, who may have it back; the debtor has none of it.
    assert (await api.get(f"/payments/{payment['id']}"))["customer_id"] == parent != customer
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert await amounts(api, first) == ["100.00"]


async def test_a_pending_instrument_settles_when_it_is_confirmed(api: Api) -> None:
    customer, first, second = await two_invoices(api)
    fields = {
        "status": "pending",
        "matures_on": "2026-03-10",
        "allocations": [{"invoice_id": second["id"], "amount": "60.00"}],
    }
    payment = await api.pay(customer, "75.00", "2026-02-20", **fields)
    assert (payment["status"], payment["allocations"], payment["unapplied_amount"]) == ("pending", [], "0.00")
    assert await amounts(api, first, second) == ["100.00", "60.00"]
    answer = await api.post(f"/payments/{payment['id']}/confirm", {"auto_allocate": True}, expect=200)
    assert (answer["status"], answer["received_on"]) == ("posted", TODAY)
    assert await amounts(api, first, second) == ["85.00", "0.00"]
    await api.post(f"/payments/{payment['id']}/confirm", {}, expect=409)


async def test_a_pending_instrument_that_comes_back_is_reversed(api: Api) -> None:
    customer, first, _ = await two_invoices(api)
    payment = await api.pay(customer, "75.00", "2026-02-20", status="pending", matures_on="2026-03-10")
    answer = await api.post(f"/payments/{payment['id']}/reverse", {"reason": "returned"}, expect=200)
    assert answer["status"] == "reversed"
    assert await amounts(api, first) == ["100.00"]
    await api.post(f"/payments/{payment['id']}/confirm", {}, expect=409)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"status": "pending"}, "/matures_on"),
        ({"matures_on": "2026-03-10"}, "/matures_on"),
        ({"status": "pending", "matures_on": "2026-02-19"}, "/matures_on"),
        ({"tendered": {"currency": "MXN", "amount": "1.00", "exchange_rate": "1"}}, "/tendered/currency"),
        ({"tendered": {"currency": "USD", "amount": "10.00", "exchange_rate": "17.00"}}, "/tendered/exchange_rate"),
        ({"tendered": {"currency": "USD", "amount": "10.001", "exchange_rate": "18.00"}}, "/tendered/amount"),
    ],
)
async def test_what_does_not_fit_together_names_its_field(api: Api, fields: Any, pointer: str) -> None:
    customer, _, _ = await two_invoices(api)
    body = {"customer_id": customer, "currency": "MXN", "amount": "180.00", "received_on": "2026-02-20", **fields}
    problem = await api.post("/payments", body, expect=422)
    assert problem["errors"][0]["pointer"] == pointer
    assert await api.all("/payments") == []


@pytest.mark.parametrize(
    ("currency", "amount", "tendered", "rate"),
    [("MXN", "182.55", "10.00", "18.2555"), ("JPY", "1499", "10.00", "149.92"), ("KWD", "3.071", "10.00", "0.3071")],
)
async def test_a_payment_in_another_currency_states_both_amounts(
    api: Api, currency: str, amount: str, tendered: str, rate: str
) -> None:
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, amount, "2026-01-01", "2026-01-31", currency=currency)
    stated = {"currency": "USD", "amount": tendered, "exchange_rate": rate}
    payment = await api.pay(customer, amount, "2026-02-20", currency=currency, tendered=stated)
    assert payment["tendered"] == stated
    assert (await api.get(f"/invoices/{invoice['id']}"))["status"] == "paid"


async def test_withholding_and_a_bank_fee_close_the_rest(api: Api) -> None:
    customer, first, _ = await two_invoices(api)
    differences = [{"reason": "withholding_tax", "amount": "10.00"}, {"reason": "bank_fee", "amount": "2.50"}]
    allocations = [{"invoice_id": first["id"], "amount": "87.50", "differences": differences}]
    payment = await api.pay(customer, "87.50", "2026-02-20", allocations=allocations)
    assert payment["allocations"][0]["differences"] == differences
    assert (await api.get(f"/invoices/{first['id']}"))["status"] == "paid"
    entries = await api.all(f"/invoices/{first['id']}/ledger")
    closed = {entry["amount"] for entry in entries if entry["kind"] == "difference_closed"}
    assert closed == {"-10.00", "-2.50"}
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert await amounts(api, first) == ["100.00"]


async def test_more_than_is_open_is_refused_with_differences_counted(api: Api) -> None:
    customer, first, _ = await two_invoices(api)
    differences = [{"reason": "rounding", "amount": "0.02"}]
    allocations = [{"invoice_id": first["id"], "amount": "99.99", "differences": differences}]
    body = {"customer_id": customer, "currency": "MXN", "amount": "99.99", "received_on": "2026-02-20"}
    problem = await api.post("/payments", {**body, "allocations": allocations}, expect=422)
    assert problem["errors"][0] == {
        "pointer": "/allocations/0/amount",
        "code": "allocation_exceeds_open",
        "message": "This is more than the invoice has open.",
    }


@pytest.mark.parametrize(
    ("amount", "status", "left"),
    [("99.01", "paid", "0.00"), ("99.00", "paid", "0.00"), ("98.99", "partially_paid", "1.01")],
)
async def test_a_short_payment_within_the_tolerance_closes_the_invoice(
    api: Api, amount: str, status: str, left: str
) -> None:
    await api.patch("/tenant", {"short_pay_tolerance": {"MXN": "1.00"}})
    customer, first, _ = await two_invoices(api)
    payment = await api.pay(customer, amount, "2026-02-20")
    found = await api.get(f"/invoices/{first['id']}")
    assert (found["status"], found["open_amount"]) == (status, left)
    reasons = [item["reason"] for item in payment["allocations"][0]["differences"]]
    assert reasons == (["short_payment"] if status == "paid" else [])


async def test_the_tolerance_is_of_one_currency(api: Api) -> None:
    await api.patch("/tenant", {"short_pay_tolerance": {"USD": "1.00"}})
    customer, first, _ = await two_invoices(api)
    await api.pay(customer, "99.99", "2026-02-20")
    assert await amounts(api, first) == ["0.01"]


async def test_a_confirmed_instrument_settles_what_is_still_open(api: Api) -> None:
    customer, first, second = await two_invoices(api)
    allocations = [{"invoice_id": second["id"], "amount": "60.00"}, {"invoice_id": first["id"], "amount": "10.00"}]
    fields = {"status": "pending", "matures_on": "2026-03-10", "allocations": allocations}
    payment = await api.pay(customer, "70.00", "2026-02-20", **fields)
    await api.pay(customer, "60.00", "2026-02-21", allocations=[{"invoice_id": second["id"], "amount": "60.00"}])
    answer = await api.post(f"/payments/{payment['id']}/confirm", {"auto_allocate": False}, expect=200)
    assert [item["amount"] for item in answer["allocations"]] == ["10.00"]
    assert answer["unapplied_amount"] == "60.00"


async def test_an_instrument_of_nobody_is_assigned_with_what_it_is_meant_for(api: Api) -> None:
    customer, _, second = await two_invoices(api)
    body = {"currency": "MXN", "amount": "60.00", "received_on": "2026-02-20", "matures_on": "2026-03-10"}
    payment = await api.post("/payments", {**body, "status": "pending"})
    allocations = [{"invoice_id": second["id"], "amount": "60.00"}]
    assigned = {"customer_id": customer, "allocations": allocations}
    await api.post(f"/payments/{payment['id']}/assign", assigned, expect=200)
    await api.post(f"/payments/{payment['id']}/confirm", {}, expect=200)
    assert (await api.get(f"/invoices/{second['id']}"))["status"] == "paid"


async def test_a_command_on_another_version_changes_nothing(api: Api) -> None:
    customer, first, _ = await two_invoices(api)
    payment = await api.pay(customer, "10.00", "2026-02-20", auto_allocate=False)
    for verb, body in (("allocate", {}), ("refund", {}), ("reverse", {"reason": "x"})):
        path = f"/payments/{payment['id']}/{verb}"
        problem = await api.post(path, body, headers={"If-Match": '"9"'}, expect=412)
        assert problem["code"] == "precondition_failed"
    assert await amounts(api, first) == ["100.00"]


async def test_a_payment_whose_charge_was_waived_can_still_bounce(api: Api) -> None:
    await api.patch("/tenant", {"allocation_order": ["principal", "interest", "fees"]})
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", "2026-01-01", "2026-01-31")
    charge = await api.post(
        "/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "10.00", "reason": "late"}
    )
    await api.pay(customer, "100.00", "2026-02-20")
    fee = await api.pay(customer, "10.00", "2026-02-21")
    await api.post(f"/charges/{charge['id']}/waive", {"reason": "good will"}, expect=200)
    assert (await api.get(f"/payments/{fee['id']}"))["unapplied_amount"] == "10.00"
    answer = await api.post(f"/payments/{fee['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert (answer["status"], answer["unapplied_amount"]) == ("reversed", "0.00")
    assert await amounts(api, invoice) == ["0.00"]
