"""Tasks through the API: made by hand or by a step by phone, and done with what came of them."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.plans.agreeing import accepted
from tests.policies.steps import step


async def a_task(api: Api, customer: Any, **fields: Any) -> Any:
    return await api.post("/tasks", {"customer_id": customer["id"], "kind": "call", "title": "Ask about F-1", **fields})


async def phoned(api: Api, *channels: str) -> tuple[Any, Any, Any]:
    """A customer whom a step has somebody call: the customer, the invoice and the task."""
    await api.always_open()
    step = {"key": "call", "offset_days": 1, "channels": ["call", *channels], "template": "first_notice"}
    await api.policy([], steps=[step])
    channels_of = [
        {"type": "phone", "address": "+525512345678"}, {"type": "email", "address": "ana@example.com"},
    ]  # fmt: skip
    customer = await api.customer(contacts=[{"name": "Ana", "channels": channels_of}])
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")
    await api.advance("2026-03-02T16:00:00Z")
    (task,) = await api.all("/tasks", status="open")
    return customer, invoice, task


async def test_a_task_is_made_changed_and_listed(api: Api) -> None:
    customer = await api.customer()
    task = await a_task(api, customer, due_on="2026-03-05", assignee="Marta", external_id="T-1")
    other = await a_task(api, customer, kind="review", title="Look at the credit limit")
    assert (task["status"], other["due_on"]) == ("open", "2026-03-02")
    path = f"/tasks/{task['id']}"
    changed = await api.patch(path, {"assignee": "Luis", "due_on": "2026-03-06", "title": "Ask again"})
    assert (changed["assignee"], changed["due_on"], changed["title"]) == ("Luis", "2026-03-06", "Ask again")
    assert await api.get(path) == changed
    assert await api.all("/tasks", kind="review") == [other]
    assert await api.all("/tasks", assignee="Luis") == [changed]
    assert await api.all("/tasks", due_on_to="2026-03-05") == [other]
    assert await api.all("/tasks", due_on_from="2026-03-06", due_on_to="2026-03-06") == [changed]
    assert await api.all("/tasks", external_id="T-1", customer_id=customer["id"]) == [changed]
    stale = await api.call("PATCH", path, json={"title": "x"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412


async def test_a_call_that_was_made_is_kept_as_an_activity(api: Api) -> None:
    customer = await api.customer()
    task = await a_task(api, customer)
    contact = {"occurred_at": "2026-03-02T11:00:00Z", "contact_name": "Ana", "author": "Marta"}
    body = {"outcome": "reached", "note": "Pays on Friday.", "contact": contact}
    done = await api.post(f"/tasks/{task['id']}/complete", body, expect=200)
    assert (done["status"], done["outcome"], done["completed_at"]) == ("done", "reached", "2026-03-02T12:00:00Z")
    (activity,) = await api.all("/activities", customer_id=customer["id"])
    assert activity == done["activity"]
    assert (activity["task_id"], activity["kind"], activity["note"]) == (task["id"], "call", "Pays on Friday.")
    assert (activity["contacted_on"], activity["is_conversation"]) == ("2026-03-02", True)
    assert (await api.post(f"/tasks/{task['id']}/complete", body, expect=409))["code"] == "state_conflict"
    await api.patch(f"/tasks/{task['id']}", {"title": "x"}, expect=409)
    await api.post(f"/tasks/{task['id']}/cancel", {}, expect=409)


async def test_what_was_promised_on_the_phone_is_a_promise(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")
    task = await a_task(api, customer, invoice_ids=[invoice["id"]])
    body = {"outcome": "promised", "note": "On Friday.", "promise": {"promised_on": "2026-03-06", "amount": "60.00"}}
    done = await api.post(f"/tasks/{task['id']}/complete", body, expect=200)
    promise = await api.get(f"/promises/{done['promise_id']}")
    assert (promise["amount"], promise["promised_on"], promise["note"]) == ("60.00", "2026-03-06", "On Friday.")
    assert promise["invoice_ids"] == [invoice["id"]]
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "promised"


async def test_what_was_disputed_on_the_phone_is_a_dispute(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")
    task = await a_task(api, customer, invoice_ids=[invoice["id"]])
    body = {"outcome": "disputed", "dispute": {"amount": "25.00", "reason": "quality"}}
    done = await api.post(f"/tasks/{task['id']}/complete", body, expect=200)
    assert (await api.get(f"/disputes/{done['dispute_id']}"))["amount"] == "25.00"
    assert (await api.get(f"/invoices/{invoice['id']}"))["disputed_amount"] == "25.00"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"outcome": "done"}, "/outcome"),
        ({"outcome": "reached", "promise": {"promised_on": "2026-03-06"}}, ""),
        ({"outcome": "disputed", "dispute": {"reason": "quality"}}, "/dispute/invoice_id"),
        ({"outcome": "reached", "contact": {"occurred_at": "2026-03-03T00:00:00Z"}}, "/contact/occurred_at"),
    ],
)
async def test_what_does_not_fit_is_refused_and_the_task_stays_open(
    api: Api, body: dict[str, Any], pointer: str
) -> None:
    task = await a_task(api, await api.customer())
    refused = await api.post(f"/tasks/{task['id']}/complete", body, expect=422)
    assert [error["pointer"] for error in refused["errors"]] == [pointer]
    assert (await api.get(f"/tasks/{task['id']}"))["status"] == "open"
    assert await api.all("/activities") == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"outcome": "promised", "promise": {"promised_on": "2026-02-01"}}, "/promise/promised_on"),
        ({"outcome": "promised", "promise": {"promised_on": "2026-03-06", "amount": "100.01"}}, "/promise/amount"),
        ({"outcome": "disputed", "dispute": {"reason": "price", "amount": "100.01"}}, "/dispute/amount"),
    ],
)
async def test_what_is_wrong_with_what_came_of_a_task_is_named_where_it_stands(
    api: Api, body: dict[str, Any], pointer: str
) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")
    task = await a_task(api, customer, invoice_ids=[invoice["id"]])
    refused = await api.post(f"/tasks/{task['id']}/complete", body, expect=422)
    assert [error["pointer"] for error in refused["errors"]] == [pointer]


async def test_the_call_of_a_step_takes_it_when_somebody_is_reached(api: Api) -> None:
    customer, invoice, task = await phoned(api, "email")
    assert (task["amount"], task["invoice_ids"]) == ("100.00", [invoice["id"]])
    done = await api.post(f"/tasks/{task['id']}/complete", {"outcome": "reached"}, expect=200)
    reminder = await api.get(f"/reminders/{task['reminder_id']}")
    assert reminder["status"] == "sent"
    # The reminder is the contact: it is not counted twice.
    assert done["activity"]["contacted_on"] is None
    assert done["activity"]["is_conversation"] is True
    await api.advance("2026-03-02T20:00:00Z")
    assert len(await api.all("/reminders", customer_id=customer["id"])) == 1


async def test_a_call_is_written_anew_when_a_part_of_what_it_is_about_is_paid(api: Api) -> None:
    await api.always_open()
    await api.policy([], grouping="customer", steps=[step(1, channels=["call"])])
    customer = await api.customer(contacts=[{"channels": [{"type": "phone", "address": "+525512345678"}]}])
    paid, owed = [await api.invoice(customer["id"], total, "2026-02-01", "2026-03-01") for total in ("70.00", "30.00")]
    await api.advance("2026-03-02T16:00:00Z")
    (task,) = await api.all("/tasks")
    assert (task["amount"], set(task["invoice_ids"])) == ("100.00", {paid["id"], owed["id"]})
    assert paid["number"] in task["script"]
    await api.pay(customer["id"], "70.00", "2026-03-02", allocations=[{"invoice_id": paid["id"], "amount": "70.00"}])
    await api.advance("2026-03-02T17:00:00Z")
    (now,) = await api.all("/tasks")
    assert (now["id"], now["status"], now["amount"]) == (task["id"], "open", "30.00")
    assert now["invoice_ids"] == [owed["id"]]
    assert now["title"].endswith("30.00 MXN")
    assert owed["number"] in now["script"]
    assert paid["number"] not in now["script"]
    told = [event["type"] for event in await api.all("/events", types="task.*")]
    assert told == ["task.created", "task.updated"]


async def test_what_becomes_of_a_call_is_told_by_its_task(api: Api) -> None:
    customer, _, task = await phoned(api, "email")
    event = {"kind": "delivered", "provider_event_id": "call-7"}
    refused = await api.post(f"/reminders/{task['reminder_id']}/delivery-events", event, expect=409)
    assert refused["code"] == "state_conflict"
    await api.post(f"/tasks/{task['id']}/complete", {"outcome": "reached"}, expect=200)
    (reminder,) = await api.all("/reminders", customer_id=customer["id"])
    assert (reminder["channel"], reminder["status"]) == ("call", "sent")


async def test_parts_of_one_invoice_that_end_together_are_one_task(api: Api) -> None:
    await api.always_open()
    await api.policy([], grouping="customer", steps=[step(1, on_exhausted="task")])
    await api.patch("/tenant", {"sending": "paused"})
    customer = await api.customer()
    parts = [{"percent": "50", "days": 1}, {"percent": "50", "days": 2}]
    body = {"customer_id": customer["id"], "number": "F-7", "currency": "MXN", "total": "100.00"}
    terms = {"issued_on": "2026-03-02", "terms": {"kind": "net", "instalments": parts}}
    invoice = await api.post("/invoices", {**body, **terms})
    await api.advance("2026-03-06T12:00:00Z")
    await api.patch("/tenant", {"sending": "live"})
    await api.advance("2026-03-06T20:00:00Z")
    sent = await api.all("/reminders", status="sent")
    assert sum(len(reminder["items"]) for reminder in sent) == 2
    (task,) = await api.all("/tasks")
    assert (task["kind"], task["invoice_ids"]) == ("review", [invoice["id"]])
    assert [event["type"] for event in await api.all("/events", types="task.*")] == ["task.created"]


@pytest.mark.parametrize("ends", ["no_answer", "cancel"])
async def test_the_step_goes_on_by_its_next_channel_when_nobody_is(api: Api, ends: str) -> None:
    _, _, task = await phoned(api, "email")
    if ends == "cancel":
        gone = await api.post(f"/tasks/{task['id']}/cancel", {"note": "no time"}, expect=200)
        assert (gone["status"], gone["note"]) == ("cancelled", "no time")
    else:
        done = await api.post(f"/tasks/{task['id']}/complete", {"outcome": ends}, expect=200)
        assert done["activity"]["contacted_on"] is None
    await api.advance("2026-03-02T20:00:00Z")
    assert [reminder["channel"] for reminder in await api.all("/reminders", status="sent")] == ["email"]


@pytest.mark.parametrize("between", [[], [("1000.00", 0)]])
async def test_ladders_that_end_in_one_batch_are_one_task(api: Api, between: list[tuple[str, int]]) -> None:
    """A payment of the batch that is refused takes nothing back of what those before it have done."""
    steps = [step(1), step(20)]
    await api.always_open()
    await api.patch("/tenant", {"allocation_order": ["principal", "interest", "fees"]})
    policy = await api.policy([], steps=steps)
    customer = await api.customer(external_id="C-1")
    invoices = [await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01") for _ in range(2)]
    await api.advance("2026-03-02T16:00:00Z")
    for invoice in invoices:
        await api.post("/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "5.00", "reason": "notice"})
        await accepted(api, [invoice], include_charges=False)
    # Meanwhile the policy has come to allow no second reminder.
    changed = {"max_count": 1, "steps": [steps[0], {**steps[1], "on_exhausted": "task"}]}
    await api.patch(f"/dunning-policies/{policy['id']}", changed)
    await api.post(f"/dunning-policies/{policy['id']}/publish", expect=200)
    await api.post(f"/dunning-policies/{policy['id']}/migrate", {"preview": False}, expect=200)
    assert await api.all("/tasks") == []
    # Each fulfils a plan, and nothing more is to be said about what its invoice owes beside it.
    payments = [
        {
            "customer_external_id": "C-1",
            "currency": "MXN",
            "amount": amount,
            "received_on": "2026-03-02",
            "allocations": [{"invoice_id": invoices[place]["id"], "amount": amount}],
        }
        for amount, place in [("100.00", 0), *between, ("100.00", 1)]
    ]
    answer = await api.post("/payments/batch", {"payments": payments}, expect=200)
    assert [item["status"] for item in answer["results"]] == ["created", *["failed"] * len(between), "created"]
    (task,) = await api.all("/tasks")
    assert (task["kind"], task["invoice_ids"]) == ("review", [invoice["id"] for invoice in invoices])
    await api.advance("2026-03-02T16:00:00Z")
    told = await api.all("/events", types="task.*")
    assert [(event["type"], event["data"]["invoice_ids"]) for event in told] == [
        ("task.created", task["invoice_ids"][:1]), ("task.updated", task["invoice_ids"]),
    ]  # fmt: skip
    assert told[1]["data"] == task
