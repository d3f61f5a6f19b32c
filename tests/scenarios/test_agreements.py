"""What is agreed while a debt is chased, in simulated days: a promise that is broken, and disputes."""

from typing import Any

from app.core.settings import Settings
from tests.conftest import Api
from tests.operating.test_checks import check

STEPS = [
    {"key": "friendly", "offset_days": 3, "channels": ["email"], "template": "first_notice"},
    {"key": "firm", "offset_days": 10, "channels": ["email"], "template": "second_notice"},
    {"key": "final", "offset_days": 20, "channels": ["email"], "template": "final_notice"},
]


async def office(api: Api, total: str = "1000.00") -> Any:
    """Due on Thursday 5 March, chased on weekdays from 9 to 18."""
    days = ["mon", "tue", "wed", "thu", "fri"]
    await api.patch("/tenant", {"send_window": {"start": "09:00", "end": "18:00", "days": days}})
    await api.policy([], steps=STEPS, catch_up="one_at_a_time")
    customer = await api.customer()
    return await api.invoice(customer["id"], total, "2026-02-03", "2026-03-05")


async def until(api: Api, day: str, time: str = "20:00:00") -> None:
    await api.advance(f"2026-{day}T{time}-06:00")


async def sent(api: Api) -> list[tuple[str, str, str]]:
    """Instant, step and amount of every message, in order."""
    rows = await api.all("/reminders", status="sent")
    return [(row["sent_at"][5:16], item["step_key"], item["amount"]) for row in reversed(rows) for item in row["items"]]


async def types(api: Api, *families: str) -> list[str]:
    return [event["type"] for event in await api.all("/events", types=",".join(families))]


async def test_a_friendly_reminder_a_promise_that_is_broken_and_on_it_goes(api: Api, settings: Settings) -> None:
    invoice = await office(api)
    await until(api, "03-09")
    friendly = ("03-09T15:00", "friendly", "1000.00")  # day 3 is a Sunday
    assert await sent(api) == [friendly]

    body = {"customer_id": invoice["customer_id"], "invoice_ids": [invoice["id"]], "promised_on": "2026-03-19"}
    promise = await api.post("/promises", {**body, "tolerance_days": 1})
    assert promise["amount"] == "1000.00"
    # The firm step comes due on 15 March, and the debtor is left in peace through the 20th, a Friday.
    await until(api, "03-20")
    assert await sent(api) == [friendly]
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "promised"
    await until(api, "03-21", "00:00:00")
    assert (await api.get(f"/promises/{promise['id']}"))["status"] == "broken"
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "dunning"
    await until(api, "03-22")
    assert await sent(api) == [friendly]
    # The next window is Monday's; the ladder has not stood still, so the last step follows on its own day.
    await until(api, "03-27")
    firm, final = ("03-23T15:00", "firm", "1000.00"), ("03-25T15:00", "final", "1000.00")
    assert await sent(api) == [friendly, firm, final]
    assert await types(api, "promise.*") == ["promise.created", "promise.broken"]

    # The bank tells late that the money had come in time.
    allocations = [{"invoice_id": invoice["id"], "amount": "1000.00"}]
    await api.pay(invoice["customer_id"], "1000.00", "2026-03-20", allocations=allocations)
    await until(api, "03-28")
    assert (await api.get(f"/promises/{promise['id']}"))["status"] == "kept"
    assert await types(api, "promise.*") == ["promise.created", "promise.broken", "promise.kept"]
    assert (await check(settings, api)).is_clean


async def test_a_partial_dispute_is_accepted(api: Api, settings: Settings) -> None:
    invoice = await office(api)
    await until(api, "03-09")
    body = {"invoice_id": invoice["id"], "amount": "400.00", "reason": "quantity", "respond_by_on": "2026-03-13"}
    dispute = await api.post("/disputes", body)
    await until(api, "03-16")
    # The rest is chased on its own ladder; day 10 is a Sunday.
    chased = [("03-09T15:00", "friendly", "1000.00"), ("03-16T15:00", "firm", "600.00")]
    assert await sent(api) == chased
    await api.post(f"/disputes/{dispute['id']}/resolve", {"outcome": "accepted"}, expect=200)
    found = await api.get(f"/invoices/{invoice['id']}")
    assert (found["open_amount"], found["disputed_amount"], found["status"]) == ("600.00", "0.00", "open")
    await until(api, "03-25")
    assert await sent(api) == [*chased, ("03-25T15:00", "final", "600.00")]
    told = await types(api, "dispute.*", "credit_note.*", "dunning.suspended")
    assert sorted(told) == ["credit_note.created", "dispute.opened", "dispute.overdue", "dispute.resolved"]
    assert told[:2] == ["dispute.opened", "dispute.overdue"]
    assert (await check(settings, api)).is_clean


async def test_a_whole_dispute_is_rejected_and_the_ladder_goes_on_where_it_stood(api: Api) -> None:
    invoice = await office(api)
    await until(api, "03-09")
    dispute = await api.post("/disputes", {"invoice_id": invoice["id"], "reason": "not_ordered"})
    await until(api, "04-08")
    assert len(await sent(api)) == 1
    await api.post(f"/disputes/{dispute['id']}/resolve", {"outcome": "rejected"}, expect=200)
    # Ladder day 3 was 8 March, day 4 is 8 April again, once the 30 days from 9 March on have been left out.
    await until(api, "04-13")
    assert len(await sent(api)) == 1
    await until(api, "04-14")
    assert (await sent(api))[1:] == [("04-14T15:00", "firm", "1000.00")]
    assert await types(api, "dunning.suspended", "dunning.resumed") == ["dunning.suspended", "dunning.resumed"]


async def test_a_promise_for_what_is_not_disputed(api: Api) -> None:
    """Facts may come in any order: the promise is judged by what is paid, the dispute by what is answered."""
    invoice = await office(api)
    dispute = await api.post("/disputes", {"invoice_id": invoice["id"], "amount": "400.00", "reason": "price"})
    body = {"customer_id": invoice["customer_id"], "invoice_ids": [invoice["id"]], "promised_on": "2026-03-12"}
    promise = await api.post("/promises", body)
    assert promise["amount"] == "600.00"
    await until(api, "03-10")
    assert await sent(api) == []
    allocations = [{"invoice_id": invoice["id"], "amount": "600.00"}]
    await api.pay(invoice["customer_id"], "600.00", "2026-03-10", allocations=allocations)
    assert (await api.get(f"/promises/{promise['id']}"))["status"] == "kept"
    await until(api, "03-20")
    assert await sent(api) == []
    await api.post(f"/disputes/{dispute['id']}/resolve", {"outcome": "withdrawn"}, expect=200)
    await until(api, "03-23")
    assert [step for _, step, _ in await sent(api)] == ["friendly"]
    assert (await sent(api))[0][2] == "400.00"
