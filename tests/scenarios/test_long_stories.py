"""Whole stories, told in simulated days through the API alone."""

from typing import Any

from tests.conftest import Api
from tests.operating.test_checks import check
from tests.plans.agreeing import accepted, instalments, standing


async def collection_state(api: Api, invoice: dict[str, Any]) -> str:
    found: str = (await api.get(f"/invoices/{invoice['id']}"))["collection_state"]
    return found


async def steps(api: Api) -> list[str]:
    """Steps of the invoice that went out, in order."""
    reminders = await api.all("/reminders", status="sent")
    return [item["step_key"] for reminder in reversed(reminders) for item in reminder["items"]]


async def owing(api: Api, offsets: list[int]) -> dict[str, Any]:
    await api.always_open()
    await api.policy(offsets)
    customer = await api.customer()
    invoice: dict[str, Any] = await api.invoice(customer["id"], "1000.00", "2026-03-01", "2026-03-10")
    return invoice


async def test_reminder_broken_promise_plan_one_miss_cured_completed(api: Api) -> None:
    invoice = await owing(api, [1, 15, 40])
    who = invoice["customer_id"]
    await api.advance("2026-03-11T23:00:00-06:00")
    assert await steps(api) == ["d+1"]
    word = {"customer_id": who, "invoice_ids": [invoice["id"]], "promised_on": "2026-03-20"}
    promise = await api.post("/promises", word)
    assert await collection_state(api, invoice) == "promised"
    await api.advance("2026-03-21T12:00:00-06:00")
    assert (await api.get(f"/promises/{promise['id']}"))["status"] == "broken"
    plan = await accepted(api, [invoice], instalment_count=2, first_due_on="2026-04-02", grace_days=3, allowed_misses=1)
    assert await collection_state(api, invoice) == "in_plan"
    await api.advance("2026-04-06T12:00:00-06:00")
    assert await instalments(api, plan, "status") == ["missed", "pending"]
    await api.pay(who, "500.00", "2026-04-06")
    assert await instalments(api, plan, "status") == ["paid", "pending"]
    await api.advance("2026-05-02T12:00:00-06:00")
    await api.pay(who, "500.00", "2026-05-02")
    assert (await standing(api, plan))["status"] == "completed"
    assert (await api.get(f"/invoices/{invoice['id']}"))["status"] == "paid"
    await api.advance("2026-06-30T12:00:00-06:00")
    assert await steps(api) == ["d+1"]
    assert (await check(api.settings, api)).is_clean


async def test_plan_default_final_notice_placement_recovery_after_write_off(api: Api) -> None:
    invoice = await owing(api, [1, 10])
    who = invoice["customer_id"]
    await api.advance("2026-03-11T23:00:00-06:00")
    plan = await accepted(api, [invoice], instalment_count=2, first_due_on="2026-04-02", grace_days=0)
    await api.advance("2026-04-04T12:00:00-06:00")
    assert (await standing(api, plan))["status"] == "defaulted"
    await api.advance("2026-04-30T12:00:00-06:00")
    assert await steps(api) == ["d+1", "d+10"]
    body = {"customer_id": who, "agency": "Norte", "commission_percent": "10"}
    placed = await api.post("/placements", body)
    assert await collection_state(api, invoice) == "with_agency"
    await api.post(f"/placements/{placed['id']}/return", {"reason": "moved away"}, expect=200)
    await api.post(f"/invoices/{invoice['id']}/write-off", {"reason": "insolvency"}, expect=200)
    allocations = [{"invoice_id": invoice["id"], "amount": "400.00"}]
    await api.pay(who, "400.00", "2026-04-30", allocations=allocations)
    found = await api.get(f"/invoices/{invoice['id']}")
    assert (found["status"], found["open_amount"], found["written_off_amount"]) == ("written_off", "0.00", "600.00")
    assert (await check(api.settings, api)).is_clean


async def test_a_payment_bounces_after_everything_was_closed(api: Api) -> None:
    invoice = await owing(api, [1, 10, 20])
    who = invoice["customer_id"]
    await api.advance("2026-03-11T23:00:00-06:00")
    plan = await accepted(api, [invoice], instalment_count=2, first_due_on="2026-04-02", grace_days=30)
    payment = await api.pay(who, "1000.00", "2026-03-11")
    assert (await standing(api, plan))["status"] == "completed"
    assert (await api.get(f"/invoices/{invoice['id']}"))["status"] == "paid"
    await api.advance("2026-03-20T12:00:00-06:00")
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    # The plan is alive again and keeps the ladder still; the invoice is open.
    assert (await standing(api, plan))["status"] == "active"
    found = await api.get(f"/invoices/{invoice['id']}")
    assert (found["open_amount"], found["collection_state"]) == ("1000.00", "in_plan")
    await api.post(f"/payment-plans/{plan['id']}/cancel", {"reason": "bounced"}, expect=200)
    await api.advance("2026-05-20T12:00:00-06:00")
    assert await steps(api) == ["d+1", "d+10", "d+20"]
    assert (await check(api.settings, api)).is_clean
