"""Payments through the API: what they settle, what they leave, and what a reversal brings back."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Api

ISSUED, DUE = "2026-02-01", "2026-02-15"


async def open_amounts(api: Api, invoices: list[dict[str, Any]]) -> list[str]:
    return [(await api.get(f"/invoices/{invoice['id']}"))["open_amount"] for invoice in invoices]


async def three_invoices(api: Api) -> tuple[str, list[dict[str, Any]]]:
    """100.00 due last, 50.00 due first, 30.00 due with the first but issued later."""
    customer = (await api.customer())["id"]
    return customer, [
        await api.invoice(customer, "100.00", "2026-01-01", "2026-03-20"),
        await api.invoice(customer, "50.00", "2026-01-02", "2026-01-31"),
        await api.invoice(customer, "30.00", "2026-01-10", "2026-01-31"),
    ]


@pytest.mark.parametrize(
    ("amount", "left", "unapplied"),
    [
        ("49.99", ["100.00", "0.01", "30.00"], "0.00"),
        ("50.00", ["100.00", "0.00", "30.00"], "0.00"),
        ("50.01", ["100.00", "0.00", "29.99"], "0.00"),
        ("80.00", ["100.00", "0.00", "0.00"], "0.00"),
        ("180.00", ["0.00", "0.00", "0.00"], "0.00"),
        ("180.01", ["0.00", "0.00", "0.00"], "0.01"),
    ],
)
async def test_without_designation_the_oldest_due_is_settled_first(
    api: Api, amount: str, left: list[str], unapplied: str
) -> None:
    customer, invoices = await three_invoices(api)
    payment = await api.pay(customer, amount, "2026-03-01")
    assert await open_amounts(api, invoices) == left
    assert payment["unapplied_amount"] == unapplied


@pytest.mark.parametrize(("rest", "left"), [(None, ["60.00", "50.00", "30.00"]), (True, ["60.00", "0.00", "20.00"])])
async def test_designated_first_and_the_rest_only_when_asked(api: Api, rest: bool | None, left: list[str]) -> None:
    customer, invoices = await three_invoices(api)
    fields = {"allocations": [{"invoice_id": invoices[0]["id"], "amount": "40.00"}], "auto_allocate": rest}
    payment = await api.pay(customer, "100.00", "2026-03-01", **fields)
    assert await open_amounts(api, invoices) == left
    assert payment["unapplied_amount"] == ("60.00" if rest is None else "0.00")


async def test_a_designation_among_the_oldest_leaves_enough_for_the_rest(api: Api) -> None:
    customer, invoices = await three_invoices(api)
    fields = {"allocations": [{"invoice_id": invoices[1]["id"], "amount": "50.00"}], "auto_allocate": True}
    await api.pay(customer, "110.00", "2026-03-01", **fields)
    assert await open_amounts(api, invoices) == ["70.00", "0.00", "0.00"]


async def test_a_payment_can_be_left_unapplied(api: Api) -> None:
    customer, invoices = await three_invoices(api)
    payment = await api.pay(customer, "100.00", "2026-03-01", auto_allocate=False)
    assert (payment["allocations"], payment["unapplied_amount"]) == ([], "100.00")
    assert await open_amounts(api, invoices) == ["100.00", "50.00", "30.00"]


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"amount": "0.00"}, "/amount", "out_of_range"),
        ({"amount": "-5.00"}, "/amount", "out_of_range"),
        ({"amount": "1.001"}, "/amount", "amount_decimals"),
        ({"amount": 10.5}, "/amount", "money_not_string"),
        ({"received_on": "2026-03-03"}, "/received_on", "date_in_future"),
        ({"currency": "XXX"}, "/currency", "unknown_currency"),
        ({"allocations": [{"invoice_external_id": "nobody", "amount": "1.00"}]}, "/allocations/0/invoice_external_id",
         "unknown_reference"),
        ({"allocations": [{"invoice_external_id": "F", "amount": "100.01"}]}, "/allocations/0/amount",
         "allocation_exceeds_open"),
        ({"allocations": [{"invoice_external_id": "F", "amount": "60.00"}] * 2}, "/allocations/1/amount",
         "allocation_exceeds_open"),
        ({"amount": "10.00", "allocations": [{"invoice_external_id": "F", "amount": "10.01"}]}, "/allocations",
         "allocation_exceeds_payment"),
        ({"currency": "EUR", "allocations": [{"invoice_external_id": "F", "amount": "1.00"}]},
         "/allocations/0/amount", "currency_mismatch"),
    ],
)  # fmt: skip
async def test_what_is_not_valid_names_its_field_and_writes_nothing(
    api: Api, fields: dict[str, Any], pointer: str, code: str
) -> None:
    customer = (await api.customer())["id"]
    await api.invoice(customer, "100.00", ISSUED, DUE, external_id="F")
    body = {"customer_id": customer, "currency": "MXN", "amount": "500.00", "received_on": "2026-03-02", **fields}
    problem = await api.post("/payments", body, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert await api.all("/payments") == []


async def test_a_payment_on_the_business_date_of_the_tenant_is_not_in_the_future(api: Api) -> None:
    """It is 06:00 on 2 March in Mexico; in Madrid it would be the same day, in Honolulu still the first."""
    customer = (await api.customer())["id"]
    assert (await api.pay(customer, "1.00", "2026-03-02"))["status"] == "posted"


async def test_a_reversal_restores_every_balance_and_the_case_goes_on(api: Api) -> None:
    await api.always_open()
    await api.policy([1, 8])
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, "2026-03-01")
    await api.advance("2026-03-02T20:00:00Z")
    payment = await api.pay(customer, "100.00", "2026-03-02")
    paid = await api.get(f"/invoices/{invoice['id']}")
    assert (paid["status"], paid["collection_state"]) == ("paid", "none")
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["blockers"][0]["code"] == "paid"

    await api.advance("2026-03-20T20:00:00Z")
    back = await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert (back["status"], back["reversed_on"], back["unapplied_amount"]) == ("reversed", "2026-03-20", "0.00")
    again = await api.get(f"/invoices/{invoice['id']}")
    assert (again["status"], again["open_amount"], again["collection_state"]) == ("open", "100.00", "dunning")
    await api.advance("2026-03-21T20:00:00Z")
    sent = [reminder["items"][0]["step_key"] for reminder in await api.all("/reminders", status="sent")]
    assert sorted(sent) == ["d+1", "d+8"], "the next step, never the first again"


async def test_a_second_reversal_and_a_date_before_the_payment_are_refused(api: Api) -> None:
    customer = (await api.customer())["id"]
    payment = await api.pay(customer, "5.00", "2026-03-01")
    path = f"/payments/{payment['id']}/reverse"
    early = await api.post(path, {"reason": "x", "reversed_on": "2026-02-28"}, expect=422)
    assert early["errors"][0]["pointer"] == "/reversed_on"
    await api.post(path, {"reason": "x", "reversed_on": "2026-03-01"}, expect=200)
    assert (await api.post(path, {"reason": "x"}, expect=409))["code"] == "state_conflict"


async def test_payments_that_race_for_one_invoice_settle_it_once(api: Api) -> None:
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, DUE)
    payments = await asyncio.gather(*(api.pay(customer, "30.00", "2026-03-01") for _ in range(8)))
    settled = sum(int(p["allocations"][0]["amount"].replace(".", "")) if p["allocations"] else 0 for p in payments)
    assert settled == 10_000
    assert (await api.get(f"/invoices/{invoice['id']}"))["status"] == "paid"


async def test_the_same_external_id_is_not_booked_twice(api: Api) -> None:
    customer = (await api.customer())["id"]
    await api.pay(customer, "5.00", "2026-03-01", external_id="P-1")
    body = {"customer_id": customer, "currency": "MXN", "amount": "5.00", "received_on": "2026-03-01"}
    problem = await api.post("/payments", {**body, "external_id": "P-1"}, expect=409)
    assert problem["code"] == "external_id_taken"
