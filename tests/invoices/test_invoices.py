"""Invoices through the API: drafts, issue, upserts, batches, ledger and outlook."""

from typing import Any

import pytest

from tests.conftest import Api


def body_of(customer_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "number": "F-1",
        "currency": "MXN",
        "total": "1160.00",
        "issued_on": "2026-02-01",
        "due_on": "2026-03-03",
        **fields,
    }


@pytest.mark.parametrize(
    ("currency", "total", "shown"),
    [("MXN", "1160", "1160.00"), ("JPY", "1160", "1160"), ("KWD", "1160.5", "1160.500"), ("CLF", "1.2345", "1.2345")],
)
async def test_amounts_are_exact_in_every_currency(api: Api, currency: str, total: str, shown: str) -> None:
    customer = (await api.customer())["id"]
    invoice = await api.post("/invoices", body_of(customer, currency=currency, total=total))
    assert (invoice["total"], invoice["open_amount"]) == (shown, shown)


@pytest.mark.parametrize(
    ("to", "due_state", "days"),
    [
        ("2026-03-03T05:59:59Z", "not_due", 0),
        ("2026-03-03T06:00:00Z", "due", 0),
        ("2026-03-04T05:59:59Z", "due", 0),
        ("2026-03-04T06:00:00Z", "overdue", 1),
        ("2026-03-05T06:00:00Z", "overdue", 2),
    ],
)
async def test_overdue_begins_at_midnight_after_the_due_date_in_the_tenants_zone(
    api: Api, to: str, due_state: str, days: int
) -> None:
    customer = (await api.customer())["id"]
    invoice = await api.post("/invoices", body_of(customer))
    await api.advance(to)
    read = await api.get(f"/invoices/{invoice['id']}")
    assert (read["due_state"], read["days_overdue"]) == (due_state, days)
    told = [event for event in await api.all("/events") if event["type"] == "invoice.overdue"]
    assert len(told) == (due_state == "overdue")


async def test_a_draft_owes_nothing_until_it_is_issued(api: Api) -> None:
    await api.policy([1])
    customer = (await api.customer())["id"]
    draft = await api.post("/invoices", body_of(customer, status="draft"))
    assert (draft["status"], draft["open_amount"]) == ("draft", "0.00")
    changed = await api.patch(f"/invoices/{draft['id']}", {"total": "10.00", "due_on": "2026-03-05"})
    assert (changed["total"], changed["due_on"]) == ("10.00", "2026-03-05")
    issued = await api.post(f"/invoices/{draft['id']}/issue", expect=200)
    assert (issued["status"], issued["open_amount"]) == ("open", "10.00")
    assert (await api.post(f"/invoices/{draft['id']}/issue", expect=409))["code"] == "state_conflict"
    assert (await api.get(f"/invoices/{draft['id']}/dunning"))["next_step"]["key"] == "d+1"


async def test_an_issued_invoice_keeps_its_money_and_dates(api: Api) -> None:
    customer = (await api.customer())["id"]
    body = body_of(customer)
    await api.put("/invoices/by-external-id/E1", body, expect=201)
    same = await api.put("/invoices/by-external-id/E1", body)
    assert same["version"] == 1, "saying the same changes nothing"
    told = await api.put("/invoices/by-external-id/E1", {**body, "reference": "PO 7"})
    assert (told["reference"], told["version"]) == ("PO 7", 2)
    for change in ({"total": "1160.01"}, {"due_on": "2026-03-04"}, {"currency": "EUR"}):
        problem = await api.put("/invoices/by-external-id/E1", {**body, **change}, expect=409)
        assert problem["code"] == "issued_invoice_is_fixed"
        assert next(iter(change)) in problem["detail"]
    assert (await api.get(f"/invoices/{told['id']}"))["total"] == "1160.00"


async def test_each_row_of_a_batch_succeeds_or_fails_by_itself(api: Api) -> None:
    customer = await api.customer(external_id="C1")
    rows = [
        body_of(customer["id"], external_id="A"),
        body_of(customer["id"], external_id="B", total="12.345"),
        {**body_of(customer["id"], external_id="C"), "customer_id": None, "customer_external_id": "C1"},
        {**body_of(customer["id"]), "customer_id": "01890000-0000-7000-8000-000000000000"},
        {"number": "F"},
        body_of(customer["id"], external_id="A", reference="again"),
    ]
    answer = await api.post("/invoices/batch", {"invoices": rows}, expect=200)
    assert [row["status"] for row in answer["results"]] == [
        "created", "failed", "created", "failed", "failed", "updated",
    ]  # fmt: skip
    assert answer["results"][1]["errors"][0]["pointer"] == "/total"
    assert answer["results"][3]["errors"][0]["pointer"] == "/customer_id"
    assert {error["pointer"] for error in answer["results"][4]["errors"]} >= {"/currency", "/total", "/issued_on"}
    again = await api.post("/invoices/batch", {"invoices": [rows[2]]}, expect=200)
    assert again["results"][0]["status"] == "unchanged"
    assert len(await api.all("/invoices")) == 2


async def test_the_ledger_adds_up_to_what_is_open(api: Api) -> None:
    customer = (await api.customer())["id"]
    invoice = await api.post("/invoices", body_of(customer, opening_paid="160.00"))
    payment = await api.pay(customer, "400.00", "2026-03-01")
    await api.pay(customer, "100.00", "2026-03-02")
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    entries = await api.all(f"/invoices/{invoice['id']}/ledger")
    assert [entry["amount"] for entry in entries] == ["1160.00", "-160.00", "-400.00", "-100.00", "400.00"]
    assert entries[4]["reverses_id"] == entries[2]["id"]
    read = await api.get(f"/invoices/{invoice['id']}")
    assert (read["open_amount"], read["status"]) == ("900.00", "partially_paid")


async def test_two_small_debts_reach_a_minimum_together(api: Api) -> None:
    await api.always_open()
    await api.policy([1], min_amount={"MXN": "50.99"}, grouping="customer")
    customer = (await api.customer())["id"]
    first = await api.invoice(customer, "50.00", "2026-01-01", "2026-02-01")
    await api.advance("2026-03-03T20:00:00Z")
    assert [b["code"] for b in (await api.get(f"/invoices/{first['id']}/dunning"))["blockers"]] == ["min_amount"]
    await api.invoice(customer, "1.00", "2026-01-01", "2026-02-02")
    await api.advance("2026-03-04T20:00:00Z")
    reminders = await api.all("/reminders", status="sent")
    assert [len(reminder["items"]) for reminder in reminders] == [2]


async def test_two_reminders_approved_together_respect_one_contact_a_day(api: Api) -> None:
    await api.always_open()
    await api.patch("/tenant", {"max_contacts_per_day": 1})
    steps = [
        {"key": "a", "offset_days": 1, "channels": ["email"], "template": "first_notice", "requires_approval": True}
    ]
    await api.policy([], steps=steps, grouping="customer")
    customer = (await api.customer())["id"]
    await api.invoice(customer, "10.00", "2026-01-01", "2026-02-01")
    await api.advance("2026-03-03T20:00:00Z")
    await api.invoice(customer, "20.00", "2026-01-01", "2026-02-02", currency="EUR")
    await api.advance("2026-03-04T20:00:00Z")
    waiting = await api.all("/reminders", status="awaiting_approval")
    assert len(waiting) == 2
    for reminder in waiting:
        await api.post(f"/reminders/{reminder['id']}/approve", expect=200)
    await api.advance("2026-03-04T21:00:00Z")
    assert len(await api.all("/reminders", status="sent")) == 1
    await api.advance("2026-03-05T21:00:00Z")
    assert len(await api.all("/reminders", status="sent")) == 2
