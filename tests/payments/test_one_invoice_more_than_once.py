"""One invoice that a payment serves in several ways: named twice, or by the parts of a plan."""

from typing import Any

import pytest

from tests.conftest import Api

TERMS = [{"percent": "2", "until": "2026-02-20"}]


async def invoice_of(api: Api, total: str = "100.00", **fields: Any) -> tuple[str, Any]:
    customer = (await api.customer())["id"]
    return customer, await api.invoice(customer, total, "2026-02-01", "2026-03-10", external_id="F", **fields)


def named_twice(invoice: Any, first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"invoice_id": invoice["id"], **first}, {"invoice_external_id": "F", **second}]


async def found(api: Api, invoice: Any) -> tuple[str, str]:
    now = await api.get(f"/invoices/{invoice['id']}")
    return now["status"], now["open_amount"]


async def test_one_discount_is_worked_out_of_what_is_named_in_two_places(api: Api) -> None:
    customer, invoice = await invoice_of(api, discount_terms=TERMS)
    named = named_twice(invoice, {"amount": "97.00"}, {"amount": "1.00"})
    payment = await api.pay(customer, "98.00", "2026-02-20", allocations=named)
    assert [(item["amount"], item["discount_taken"]) for item in payment["allocations"]] == [("98.00", "2.00")]
    assert await found(api, invoice) == ("paid", "0.00")


async def test_the_second_place_is_no_rest_to_be_given_up(api: Api) -> None:
    await api.patch("/tenant", {"short_pay_tolerance": {"MXN": "5.00"}})
    customer, invoice = await invoice_of(api)
    named = named_twice(invoice, {"amount": "97.00"}, {"amount": "3.00"})
    payment = await api.pay(customer, "100.00", "2026-02-20", allocations=named)
    assert [(item["amount"], item["differences"]) for item in payment["allocations"]] == [("100.00", [])]
    assert await found(api, invoice) == ("paid", "0.00")


async def test_stated_discounts_are_no_more_than_the_principal_together(api: Api) -> None:
    customer, invoice = await invoice_of(api)
    await api.post("/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "50.00"})
    named = named_twice(
        invoice, {"amount": "0.00", "discount_taken": "100.00"}, {"amount": "0.00", "discount_taken": "50.00"}
    )
    body = {"customer_id": customer, "currency": "MXN", "amount": "1.00", "received_on": "2026-02-20"}
    problem = await api.post("/payments", {**body, "allocations": named}, expect=422)
    assert problem["errors"][0]["pointer"] == "/allocations/1/discount_taken"
    assert await found(api, invoice) == ("open", "150.00")


@pytest.mark.parametrize(
    ("allocation", "status", "left"),
    [
        ({"amount": "0.00", "discount_taken": "8.00"}, "partially_paid", "92.00"),
        ({"amount": "92.00", "discount_taken": "8.00"}, "paid", "0.00"),
        ({"amount": "0.00", "differences": [{"reason": "bank_fee", "amount": "8.00"}]}, "partially_paid", "92.00"),
    ],
)
async def test_what_was_booked_beside_an_instrument_is_booked_when_it_is_paid(
    api: Api, allocation: dict[str, Any], status: str, left: str
) -> None:
    customer, invoice = await invoice_of(api)
    named = [{"invoice_id": invoice["id"], **allocation}]
    pending = {"status": "pending", "matures_on": "2026-03-10", "allocations": named}
    payment = await api.pay(customer, "92.00", "2026-02-20", **pending)
    await api.post(f"/payments/{payment['id']}/confirm", {}, expect=200)
    assert await found(api, invoice) == (status, left)


async def test_an_instrument_named_for_more_than_is_left_gives_up_nothing(api: Api) -> None:
    customer, invoice = await invoice_of(api)
    named = named_twice(invoice, {"amount": "60.00", "discount_taken": "8.00"}, {"amount": "32.00"})
    pending = {"status": "pending", "matures_on": "2026-03-10", "allocations": named}
    payment = await api.pay(customer, "92.00", "2026-02-20", **pending)
    await api.pay(customer, "30.00", "2026-02-20")
    answer = await api.post(f"/payments/{payment['id']}/confirm", {}, expect=200)
    assert [(item["amount"], item["discount_taken"]) for item in answer["allocations"]] == [("70.00", "0.00")]
    assert answer["unapplied_amount"] == "22.00"


@pytest.mark.parametrize(
    ("amount", "left", "unapplied"), [("99.50", "0.50", "0.00"), ("100.00", "0.00", "0.00"), ("103.00", "0.00", "3.00")]
)
async def test_what_a_plan_asks_for_later_is_not_short_paid(api: Api, amount: str, left: str, unapplied: str) -> None:
    await api.patch("/tenant", {"short_pay_tolerance": {"MXN": "1.00"}})
    customer, invoice = await invoice_of(api)
    terms = {"invoice_ids": [invoice["id"]], "instalment_amount": "99.50", "first_due_on": "2026-03-02"}
    plan = await api.post("/payment-plans", {**terms, "propose": True})
    assert [part["total"] for part in plan["instalments"]] == ["99.50", "0.50"]
    word = {"accepted_by": "Ana", "method": "letter", "terms_hash": plan["terms_hash"]}
    await api.post(f"/payment-plans/{plan['id']}/accept", word, expect=200)
    payment = await api.pay(customer, amount, "2026-03-02")
    assert [item["differences"] for item in payment["allocations"] if item["differences"]] == []
    assert (await found(api, invoice))[1] == left
    assert payment["unapplied_amount"] == unapplied
