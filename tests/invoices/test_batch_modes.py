"""The two ways to take a batch of invoices: row by row, or all of it."""

from typing import Any

from tests.conftest import Api

Json = dict[str, Any]


def row(number: str, **fields: Any) -> Json:
    return {
        "external_id": number, "number": number, "customer_external_id": "C-1", "currency": "MXN", "total": "100.00",
        "issued_on": "2026-02-01", "due_on": "2026-03-03", **fields,
    }  # fmt: skip


async def test_one_fault_and_nothing_is_kept(api: Api) -> None:
    await api.policy([1])
    await api.customer(external_id="C-1")
    rows = [
        row("F-1"),
        row("F-2", due_on="2026-01-01"),
        row("F-3", total="1.234"),
        row("F-4", customer_external_id="X"),
    ]
    problem = await api.post("/invoices/batch", {"invoices": rows, "mode": "all"}, expect=422)
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [
        ("/invoices/1", "date_order"),
        ("/invoices/2/total", "amount_decimals"),
        ("/invoices/3/customer_external_id", "unknown_reference"),
    ]
    assert await api.all("/invoices") == []
    await api.advance("2026-03-02T12:00:00Z")
    assert {event["type"] for event in await api.all("/events")} == {"customer.created"}


async def test_all_good_rows_are_kept_together(api: Api) -> None:
    await api.customer(external_id="C-1")
    answer = await api.post("/invoices/batch", {"invoices": [row("F-1"), row("F-2")], "mode": "all"}, expect=200)
    assert (answer["created"], [item["status"] for item in answer["results"]]) == (2, ["created", "created"])
    again = await api.post("/invoices/batch", {"invoices": [row("F-1"), row("F-3")], "mode": "all"}, expect=200)
    assert (again["created"], again["unchanged"]) == (1, 1)


async def test_a_change_of_a_known_invoice_is_taken_back_with_the_rest(api: Api) -> None:
    await api.customer(external_id="C-1")
    await api.post("/invoices/batch", {"invoices": [row("F-1", reference="old")]}, expect=200)
    rows = [row("F-1", reference="new"), row("F-2", currency="XXX")]
    await api.post("/invoices/batch", {"invoices": rows, "mode": "all"}, expect=422)
    (invoice,) = await api.all("/invoices")
    assert (invoice["reference"], invoice["version"]) == ("old", 1)


async def test_row_by_row_is_the_default(api: Api) -> None:
    await api.customer(external_id="C-1")
    for mode in ({}, {"mode": "per_row"}):
        answer = await api.post("/invoices/batch", {"invoices": [row("F-1"), {}], **mode}, expect=200)
        assert answer["failed"] == 1
    assert len(await api.all("/invoices")) == 1
    await api.post("/invoices/batch", {"invoices": [row("F-1")], "mode": "some"}, expect=422)


async def test_a_draft_that_a_row_cannot_change_stays_as_it_was(api: Api) -> None:
    await api.customer(external_id="C-1")
    draft = row("F-1", status="draft")
    await api.post("/invoices/batch", {"invoices": [draft]}, expect=200)
    before = await api.all("/invoices")
    bad = {**draft, "currency": "JPY", "total": "10.50", "issued_on": "2026-02-02"}
    answer = await api.post("/invoices/batch", {"invoices": [bad, {**draft, "opening_paid": "100.01"}]}, expect=200)
    assert answer["failed"] == 2
    assert await api.all("/invoices") == before
