"""Batches of payments: in their order, each by itself or all together, and once however often they are sent."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Api

Json = dict[str, Any]


def row(customer: str, amount: str, **fields: Any) -> Json:
    return {
        "customer_external_id": customer,
        "currency": "MXN",
        "amount": amount,
        "received_on": "2026-02-15",
        **fields,
    }


async def owing(api: Api, *totals: str, customer: str = "C-1") -> list[Json]:
    """A customer's invoices, the first due first."""
    made = (await api.customer(external_id=customer))["id"]
    return [
        await api.invoice(made, total, "2026-01-01", f"2026-01-{number + 10}", external_id=f"{customer}-{number}")
        for number, total in enumerate(totals)
    ]


async def left(api: Api, invoices: list[Json]) -> list[str]:
    return [(await api.get(f"/invoices/{invoice['id']}"))["open_amount"] for invoice in invoices]


async def test_payments_settle_in_the_order_of_the_batch(api: Api) -> None:
    invoices = await owing(api, "100.00", "100.00")
    answer = await api.post(
        "/payments/batch",
        {"payments": [row("C-1", "60.00", external_id="P-1"), row("C-1", "60.00"), row("C-1", "60.00")]},
        expect=200,
    )
    assert [(item["index"], item["status"]) for item in answer["results"]] == [
        (0, "created"), (1, "created"), (2, "created"),
    ]  # fmt: skip
    assert answer["created"] == 3
    assert await left(api, invoices) == ["0.00", "20.00"]
    paid = [(await api.get(f"/payments/{item['id']}"))["allocations"] for item in answer["results"]]
    assert [[part["amount"] for part in parts] for parts in paid] == [["60.00"], ["40.00", "20.00"], ["60.00"]]


async def test_each_event_tells_what_its_own_row_did(api: Api) -> None:
    await owing(api, "100.00")
    await api.post("/payments/batch", {"payments": [row("C-1", "30.00"), row("C-1", "70.00")]}, expect=200)
    await api.advance("2026-03-02T12:00:00Z")
    told = [
        (event["type"], event["data"]["open_amount"], event["previous"]["open_amount"])
        for event in await api.all("/events")
        if event["type"] in {"invoice.partially_paid", "invoice.paid"}
    ]
    assert told == [("invoice.partially_paid", "70.00", "100.00"), ("invoice.paid", "0.00", "70.00")]


async def test_a_row_that_fails_leaves_nothing_and_stops_nobody(api: Api) -> None:
    invoices = await owing(api, "100.00", "50.00")
    # It fails after the first allocation was found good.
    too_much = [
        {"invoice_external_id": "C-1-0", "amount": "90.00"}, {"invoice_external_id": "C-1-1", "amount": "50.01"},
    ]  # fmt: skip
    answer = await api.post(
        "/payments/batch",
        {
            "payments": [
                row("C-1", "10.00"),
                row("C-1", "200.00", allocations=too_much, external_id="P-bad"),
                row("C-404", "1.00"),
                {"amount": 5},
                row("C-1", "1.00", received_on="2027-01-01"),
                row("C-1", "20.00"),
            ]
        },
        expect=200,
    )
    assert [item["status"] for item in answer["results"]] == ["created", *["failed"] * 4, "created"]
    assert [item["code"] for item in answer["results"][1:5]] == ["validation_failed"] * 4
    assert answer["results"][1]["errors"][0]["pointer"] == "/allocations/1/amount"
    assert answer["results"][3]["external_id"] is None
    assert await left(api, invoices) == ["70.00", "50.00"]
    assert sorted(item["amount"] for item in await api.all("/payments")) == ["10.00", "20.00"]
    assert await api.all("/payments", external_id="P-bad") == []


async def test_what_is_known_is_unchanged_and_what_says_otherwise_fails(api: Api) -> None:
    await owing(api, "100.00")
    first = row("C-1", "40.00", external_id="P-1", reference="SPEI 1")
    made = await api.post("/payments", first)
    rows = [first, {**first, "amount": "40.01"}, {**first, "received_on": "2026-02-14"}, {**first, "reference": "X"}]
    answer = await api.post("/payments/batch", {"payments": [*rows, row("C-1", "1.00", external_id="P-2")]}, expect=200)
    assert [item["status"] for item in answer["results"]] == ["unchanged", "failed", "failed", "failed", "created"]
    assert {item["code"] for item in answer["results"][1:4]} == {"external_id_taken"}
    assert answer["results"][0]["id"] == made["id"]
    # A payment that was reversed meanwhile is not taken for a new one.
    await api.post(f"/payments/{made['id']}/reverse", {"reason": "bounced"}, expect=200)
    again = await api.post("/payments/batch", {"payments": [first, first]}, expect=200)
    assert (again["unchanged"], len(await api.all("/payments"))) == (2, 2)


async def test_one_id_twice_in_a_batch_is_one_payment(api: Api) -> None:
    await owing(api, "100.00")
    same = row("C-1", "40.00", external_id="P-1")
    answer = await api.post("/payments/batch", {"payments": [same, same, {**same, "amount": "1.00"}]}, expect=200)
    assert [item["status"] for item in answer["results"]] == ["created", "unchanged", "failed"]
    assert len(await api.all("/payments")) == 1


async def test_all_or_nothing_names_every_row_at_fault(api: Api) -> None:
    invoices = await owing(api, "100.00")
    rows = [row("C-1", "10.00"), row("C-404", "1.00"), row("C-1", "0.00"), {**row("C-1", "1.00"), "bogus": 1}]
    problem = await api.post("/payments/batch", {"payments": rows, "mode": "all"}, expect=422)
    assert problem["code"] == "validation_failed"
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [
        ("/payments/1/customer_external_id", "unknown_reference"),
        ("/payments/2/amount", "out_of_range"),
        ("/payments/3/bogus", "unknown_field"),
    ]
    assert await api.all("/payments") == []
    assert await left(api, invoices) == ["100.00"]
    await api.advance("2026-03-02T12:00:00Z")
    assert "payment.created" not in {event["type"] for event in await api.all("/events")}
    kept = await api.post("/payments/batch", {"payments": rows[:1], "mode": "all"}, expect=200)
    assert kept["created"] == 1


async def test_a_taken_id_is_a_fault_of_its_row(api: Api) -> None:
    await owing(api, "100.00")
    first = row("C-1", "40.00", external_id="P-1")
    await api.post("/payments", first)
    problem = await api.post(
        "/payments/batch", {"payments": [first, {**first, "amount": "1.00"}], "mode": "all"}, expect=422
    )
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [("/payments/1", "external_id_taken")]


async def test_batches_over_the_same_customers_in_opposite_orders_do_not_deadlock(api: Api) -> None:
    customers = [f"C-{number}" for number in range(8)]
    for customer in customers:
        await owing(api, "100.00", customer=customer)
    batches = [
        {"payments": [row(customer, "1.00") for customer in order]} for order in (customers, customers[::-1]) * 2
    ]
    answers = await asyncio.gather(*(api.post("/payments/batch", batch, expect=200) for batch in batches))
    assert [answer["created"] for answer in answers] == [8] * 4


@pytest.mark.parametrize(("count", "status"), [(0, 422), (1_000, 200), (1_001, 422)])
async def test_a_batch_has_one_to_a_thousand_rows(api: Api, count: int, status: int) -> None:
    # Rows that fail at once: what is counted is their number.
    await api.post("/payments/batch", {"payments": [{}] * count}, expect=status)


async def test_the_same_batch_with_its_key_is_recorded_once(api: Api) -> None:
    invoices = await owing(api, "100.00")
    body = {"payments": [row("C-1", "10.00")]}
    for _ in range(2):
        await api.post("/payments/batch", body, expect=200, headers={"Idempotency-Key": "bank file 7"})
    assert await left(api, invoices) == ["90.00"]
