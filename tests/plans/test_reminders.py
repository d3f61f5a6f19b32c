"""Instalments are reminded of under a policy of their own, for what is open of them and nothing else (rule D11)."""

from typing import Any

from tests.conftest import Api
from tests.plans.agreeing import accepted, owing, standing, told


async def sent(api: Api) -> list[tuple[str, Any, str]]:
    """Step, instalment and amount of every item that went out, the first one first."""
    reminders = await api.all("/reminders", status="sent")
    return [
        (item["step_key"], item["instalment_number"], item["amount"])
        for reminder in reversed(reminders)
        for item in reminder["items"]
    ]


async def chased(api: Api, *totals: str, **terms: Any) -> tuple[list[Any], Any]:
    """Invoices whose own ladder has begun, and a plan over them whose instalments are reminded of."""
    await api.always_open()
    await api.policy([1, 60])
    reminders = await api.policy([-3, 0, 2], default=False, name="Plan")
    invoices = await owing(api, *totals)
    plan = await accepted(api, invoices, dunning_policy_id=reminders["id"], grace_days=10, **terms)
    return invoices, plan


async def test_before_on_and_after_the_due_date(api: Api) -> None:
    invoices, plan = await chased(api, "600.00", "400.00")
    await api.advance("2026-03-30T12:00:00-06:00")
    assert await sent(api) == [("d-3", 1, "250.00")]
    await api.advance("2026-04-02T12:00:00-06:00")
    assert (await sent(api))[1:] == [("d+0", 1, "250.00")]
    await api.pay(plan["customer_id"], "100.00", "2026-04-02")
    await api.advance("2026-04-04T12:00:00-06:00")
    # What is open of the instalment, and not of the invoice that it lies on.
    assert (await sent(api))[2:] == [("d+2", 1, "150.00")]
    [reminder] = [row for row in await api.all("/reminders", status="sent") if row["items"][0]["step_key"] == "d+2"]
    assert reminder["items"][0]["plan_id"] == plan["id"]
    assert reminder["items"][0]["invoice_id"] == invoices[0]["id"]
    assert reminder["total_due"] == "150.00"
    await api.pay(plan["customer_id"], "150.00", "2026-04-04")
    await api.advance("2026-04-30T12:00:00-06:00")
    assert (await sent(api))[3:] == [("d-3", 2, "250.00")]


async def test_what_is_paid_ahead_is_not_reminded_of(api: Api) -> None:
    _, plan = await chased(api, "600.00", "400.00", surplus="next")
    await api.pay(plan["customer_id"], "300.00", "2026-03-02")
    await api.advance("2026-05-01T12:00:00-06:00")
    assert await sent(api) == [("d-3", 2, "200.00")]
    await api.pay(plan["customer_id"], "200.00", "2026-05-01")
    await api.advance("2026-05-05T12:00:00-06:00")
    assert await sent(api) == [("d-3", 2, "200.00")]


async def test_it_goes_on_when_the_oldest_invoice_is_paid(api: Api) -> None:
    invoices, plan = await chased(api, "100.00", "900.00")
    await api.pay(plan["customer_id"], "150.00", "2026-03-02")
    assert (await api.get(f"/invoices/{invoices[0]['id']}"))["status"] == "paid"
    await api.advance("2026-03-30T12:00:00-06:00")
    assert await sent(api) == [("d-3", 1, "100.00")]
    assert (await api.all("/reminders", status="sent"))[0]["items"][0]["invoice_id"] == invoices[1]["id"]


async def test_a_reversal_takes_the_reminders_up_where_they_stood(api: Api) -> None:
    _, plan = await chased(api, "1000.00")
    await api.advance("2026-03-30T12:00:00-06:00")
    payment = await api.pay(plan["customer_id"], "250.00", "2026-03-30")
    await api.advance("2026-04-02T12:00:00-06:00")
    assert await sent(api) == [("d-3", 1, "250.00")]
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    await api.advance("2026-04-03T12:00:00-06:00")
    assert (await sent(api))[1:] == [("d+0", 1, "250.00")]
    assert (await standing(api, plan))["instalments"][0]["status"] == "due"


async def test_a_hold_stops_them_and_unapplied_cash_covers_them(api: Api) -> None:
    _, plan = await chased(api, "1000.00")
    hold = await api.post("/holds", {"customer_id": plan["customer_id"], "reason": "fair"})
    await api.advance("2026-03-30T12:00:00-06:00")
    assert await sent(api) == []
    await api.post(f"/holds/{hold['id']}/release", {}, expect=200)
    await api.pay(plan["customer_id"], "250.00", "2026-03-30", auto_allocate=False)
    await api.advance("2026-04-03T12:00:00-06:00")
    assert await sent(api) == []


async def test_they_end_with_the_plan(api: Api) -> None:
    _, plan = await chased(api, "1000.00")
    await api.advance("2026-03-30T12:00:00-06:00")
    await api.post(f"/payment-plans/{plan['id']}/cancel", {"reason": "moved"}, expect=200)
    await api.advance("2026-04-05T12:00:00-06:00")
    steps = [step for step, number, _ in await sent(api) if number is not None]
    assert steps == ["d-3"]
    cases = [event for event in await told(api, "dunning") if event == "dunning.closed"]
    assert len(cases) == 3


async def test_the_outlook_of_an_invoice_tells_of_its_plan(api: Api) -> None:
    invoices, _ = await chased(api, "600.00", "400.00")
    outlook = await api.get(f"/invoices/{invoices[0]['id']}/dunning")
    assert (outlook["state"], outlook["next_step"]) == ("suspended", None)
    assert "plan" in [blocker["code"] for blocker in outlook["blockers"]]


async def test_without_a_policy_nobody_is_reminded(api: Api) -> None:
    await api.always_open()
    await api.policy([1])
    await accepted(api, await owing(api, "100.00"))
    await api.advance("2026-04-02T23:00:00-06:00")
    assert await sent(api) == []


async def letter(api: Api) -> tuple[Any, str]:
    """The last message that went out, and its text."""
    reminder = (await api.all("/reminders", status="sent"))[0]
    return reminder, (await api.get(f"/reminders/{reminder['id']}/message"))["text"]


async def test_what_a_plan_covers_is_not_listed_beside_another_invoice(api: Api) -> None:
    await api.always_open()
    await api.policy([1, 60], grouping="customer")
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices)
    other = await api.invoice(plan["customer_id"], "77.00", "2026-03-02", "2026-03-04")
    await api.advance("2026-03-05T12:00:00-06:00")
    reminder, text = await letter(api)
    assert reminder["items"][0]["invoice_id"] == other["id"]
    assert not any(invoice["number"] in text for invoice in invoices)


async def test_a_plan_that_failed_is_not_spoken_of_with_another_invoice(api: Api) -> None:
    await api.always_open()
    templates = {1: "instalment_missed", 40: "plan_default"}
    await api.policy(
        [],
        steps=[
            {"key": f"d+{days}", "offset_days": days, "channels": ["email"], "template": template}
            for days, template in templates.items()
        ],
    )
    invoices = await owing(api, "1000.00")
    plan = await accepted(api, invoices, grace_days=0)
    await api.advance("2026-04-06T12:00:00-06:00")
    assert (await standing(api, plan))["status"] == "defaulted"
    await api.pay(plan["customer_id"], "1000.00", "2026-04-06")
    other = await api.invoice(plan["customer_id"], "77.00", "2026-04-02", "2026-04-10")
    await api.advance("2026-04-13T12:00:00-06:00")
    reminder, text = await letter(api)
    assert reminder["items"][0]["invoice_id"] == other["id"]
    assert "plan de pagos" not in text
