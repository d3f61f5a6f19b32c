"""Moving the due date of an issued invoice: a command with a reason (rule D12)."""

from typing import Any

import pytest

from app.core.settings import Settings
from tests.conftest import Api
from tests.operating.test_checks import check
from tests.reminders.channels import MOBILE, provider
from tests.reminders.test_receipts import sent, tell

HALVES = {"kind": "net", "instalments": [{"percent": "50", "days": 10}, {"percent": "50", "days": 40}]}


async def chased(api: Api, offsets: list[int], *, due_on: str = "2026-03-10", **fields: Any) -> dict[str, Any]:
    """An invoice of 2 March under a policy with these steps."""
    await api.always_open()
    await api.policy(offsets)
    customer = await api.customer()
    invoice: dict[str, Any] = await api.invoice(customer["id"], "100.00", "2026-03-02", due_on, **fields)
    return invoice


async def reschedule(api: Api, invoice: dict[str, Any], *, expect: int = 200, **fields: Any) -> Any:
    body = {"reason": "Agreed by phone", **fields}
    return await api.post(f"/invoices/{invoice['id']}/reschedule", body, expect=expect)


async def sent_on(api: Api) -> list[tuple[str, str]]:
    rows = await api.all("/reminders", status="sent")
    return [(row["sent_at"][:10], item["step_key"]) for row in reversed(rows) for item in row["items"]]


async def noon(api: Api, day: str) -> None:
    await api.advance(f"{day}T18:00:00Z")


async def test_what_was_not_sent_follows_the_new_date(api: Api, settings: Settings) -> None:
    invoice = await chased(api, [-1, 1])
    moved = await reschedule(api, invoice, due_on="2026-03-20")
    assert (moved["due_on"], moved["due_state"], moved["version"]) == ("2026-03-20", "not_due", 2)
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert outlook["next_step"]["due_on"] == "2026-03-19"
    for day, expected, state in (
        ("2026-03-18", [], "not_due"),
        ("2026-03-19", [("2026-03-19", "d-1")], "not_due"),
        ("2026-03-20", [("2026-03-19", "d-1")], "due"),
        ("2026-03-21", [("2026-03-19", "d-1"), ("2026-03-21", "d+1")], "overdue"),
    ):
        await noon(api, day)
        assert await sent_on(api) == expected
        assert (await api.get(f"/invoices/{invoice['id']}"))["due_state"] == state
    assert (await check(settings, api)).violations == []


async def test_the_event_tells_the_reason_and_what_was_before(api: Api) -> None:
    invoice = await chased(api, [1], discount_terms=[{"percent": "2", "until": "2026-03-08"}])
    moved = await reschedule(api, invoice, due_on="2026-03-20")
    assert moved["discount_terms"] == invoice["discount_terms"], "discounts do not move"
    await noon(api, "2026-03-02")
    events = [event for event in await api.all("/events") if event["type"] == "invoice.rescheduled"]
    assert [(event["data"]["due_on"], event["data"]["reason"], event["previous"]) for event in events] == [
        ("2026-03-20", "Agreed by phone", {"due_on": "2026-03-10"})
    ]


async def test_the_same_date_is_no_change(api: Api) -> None:
    invoice = await chased(api, [1])
    assert await reschedule(api, invoice, due_on="2026-03-10") == invoice
    await noon(api, "2026-03-02")
    assert not [event for event in await api.all("/events") if event["type"] == "invoice.rescheduled"]


async def test_what_was_sent_stays_history(api: Api, settings: Settings) -> None:
    invoice = await chased(api, [1, 8])
    await noon(api, "2026-03-12")
    path = f"/invoices/{invoice['id']}"
    assert (await api.get(path))["collection_state"] == "dunning"
    moved = await reschedule(api, invoice, due_on="2026-03-25")
    assert (moved["due_state"], moved["days_overdue"], moved["collection_state"]) == ("not_due", 0, "none")
    await noon(api, "2026-04-01")
    assert await sent_on(api) == [("2026-03-11", "d+1")], "the first step is not sent again"
    await noon(api, "2026-04-02")
    assert await sent_on(api) == [("2026-03-11", "d+1"), ("2026-04-02", "d+8")]
    assert (await api.get(path))["collection_state"] == "dunning"
    assert (await check(settings, api)).violations == []


async def test_a_reminder_that_waits_is_taken_back(api: Api) -> None:
    await api.always_open()
    step = {"key": "d+1", "offset_days": 1, "channels": ["email"], "template": "first_notice"}
    await api.policy([], steps=[{**step, "requires_approval": True}])
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-03-02", "2026-03-10")
    await noon(api, "2026-03-12")
    (waiting,) = await api.all("/reminders")
    assert waiting["status"] == "awaiting_approval"
    await reschedule(api, invoice, due_on="2026-03-11")
    assert (await api.get(f"/reminders/{waiting['id']}"))["status"] == "awaiting_approval", "still due, on the 12th"
    await reschedule(api, invoice, due_on="2026-03-12")
    ended = await api.get(f"/reminders/{waiting['id']}")
    assert (ended["status"], ended["skip_reason"]) == ("skipped", "not_due")
    await noon(api, "2026-03-12")
    assert len(await api.all("/reminders")) == 1
    await noon(api, "2026-03-13")
    assert [row["status"] for row in await api.all("/reminders")] == ["awaiting_approval", "skipped"]


async def test_what_is_tried_again_by_another_channel_stays(api: Api) -> None:
    """Its step has been taken: it is not judged by the new date, and goes out once sending is resumed."""
    async with provider(api) as fake:
        reminder = await sent(api, ["email", "sms"])
        await api.patch("/tenant", {"sending": "paused"})
        (again,) = (await tell(api, reminder, "bounced"))["replaced_by"]
        await reschedule(api, {"id": reminder["items"][0]["invoice_id"]}, due_on="2026-03-01")
        assert (await api.get(f"/reminders/{again}"))["status"] == "ready"
        await api.patch("/tenant", {"sending": "live"})
        await noon(api, "2026-03-06")
    assert [message["To"] for message in fake.messages] == [MOBILE]
    assert (await api.get(f"/reminders/{again}"))["status"] == "sent"


async def test_a_date_that_has_passed_enters_the_ladder_gently(api: Api) -> None:
    await api.always_open()
    await api.policy([1, 8])
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-01-02", "2026-03-20")
    moved = await reschedule(api, invoice, due_on="2026-02-10")
    assert (moved["due_state"], moved["days_overdue"]) == ("overdue", 20)
    await noon(api, "2026-03-02")
    assert await sent_on(api) == [("2026-03-02", "d+1")], "the lowest step now, not the one for so late a debt"
    events = [event["type"] for event in await api.all("/events")]
    assert events.count("invoice.overdue") == 1
    await noon(api, "2026-03-08")
    assert len(await sent_on(api)) == 1
    await noon(api, "2026-03-09")
    assert (await sent_on(api))[1:] == [("2026-03-09", "d+8")], "the next one keeps its spacing"


async def test_instalments_are_moved_by_number(api: Api, settings: Settings) -> None:
    await api.always_open()
    await api.policy([1])
    customer = await api.customer()
    invoice = await api.post(
        "/invoices",
        {"customer_id": customer["id"], "number": "F-1", "currency": "MXN", "total": "100.00",
         "issued_on": "2026-03-02", "terms": HALVES},
    )  # fmt: skip
    moved = await reschedule(api, invoice, instalments=[{"number": 1, "due_on": "2026-03-20"}])
    assert [part["due_on"] for part in moved["instalments"]] == ["2026-03-20", "2026-04-11"]
    assert moved["due_on"] == "2026-04-11"
    moved = await reschedule(api, invoice, instalments=[{"number": 2, "due_on": "2026-05-11"}])
    assert (moved["due_on"], moved["terms"]) == ("2026-05-11", invoice["terms"])
    await noon(api, "2026-03-20")
    assert await sent_on(api) == []
    await noon(api, "2026-03-21")
    assert await sent_on(api) == [("2026-03-21", "d+1")]
    for parts, pointer, code in (
        ([{"number": 3, "due_on": "2026-05-11"}], "/instalments/0/number", "unknown_reference"),
        ([{"number": 2, "due_on": "2026-05-11"}] * 2, "/instalments/1/number", "duplicate_value"),
        ([{"number": 1, "due_on": "2026-05-12"}], "/instalments", "date_order"),
        ([{"number": 1, "due_on": "2026-03-01"}], "/instalments/0/due_on", "date_order"),
    ):
        problem = await reschedule(api, invoice, expect=422, instalments=parts)
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    await reschedule(api, invoice, instalments=[{"number": 1, "due_on": "2026-05-11"}])
    problem = await reschedule(api, invoice, expect=422, due_on="2026-05-20")
    assert [error["pointer"] for error in problem["errors"]] == ["/due_on"]
    assert (await check(settings, api)).violations == []


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"due_on": "2026-03-01"}, "/due_on", "date_order"),
        ({"due_on": "2026-03-20", "reason": ""}, "/reason", "too_short"),
        ({"due_on": "2026-03-20", "instalments": [{"number": 1, "due_on": "2026-03-20"}]}, "", "missing"),
        ({}, "", "missing"),
        ({"instalments": [{"number": 1, "due_on": "2026-03-20"}]}, "/instalments", "invalid_value"),
    ],
)
async def test_dates_that_do_not_fit_are_refused(api: Api, fields: dict[str, Any], pointer: str, code: str) -> None:
    invoice = await chased(api, [1])
    problem = await reschedule(api, invoice, expect=422, **fields)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert invoice.items() <= (await api.get(f"/invoices/{invoice['id']}")).items()
    # The day of issue is the earliest.
    assert (await reschedule(api, invoice, due_on="2026-03-02"))["due_state"] == "due"


async def test_only_what_is_owed_can_be_moved(api: Api) -> None:
    customer = await api.customer()
    draft = await api.invoice(customer["id"], "100.00", "2026-03-02", "2026-03-10", status="draft")
    paid = await api.invoice(customer["id"], "100.00", "2026-03-02", "2026-03-10", opening_paid="100.00")
    for invoice in (draft, paid):
        assert (await reschedule(api, invoice, expect=409, due_on="2026-03-20"))["code"] == "state_conflict"
    unknown = {"id": "01890000-0000-7000-8000-000000000000"}
    await reschedule(api, unknown, expect=404, due_on="2026-03-20")


async def test_a_version_that_is_not_the_latest_is_refused(api: Api) -> None:
    invoice = await chased(api, [1])
    body = {"due_on": "2026-03-20", "reason": "Agreed"}
    path = f"/invoices/{invoice['id']}/reschedule"
    await api.post(path, body, expect=412, headers={"If-Match": '"9"'})
    await api.post(path, body, expect=200, headers={"If-Match": '"1"'})
