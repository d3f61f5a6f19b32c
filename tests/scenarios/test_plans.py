"""Payment plans in simulated days, through the public API alone (rules P2 to P5, D11, M5)."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.plans.agreeing import accepted, balances, declining, instalments, standing, told


async def chased(api: Api, **terms: Any) -> tuple[list[Any], Any]:
    """Two invoices whose ladder has sent its first step, and a plan over them from the next day on."""
    await api.always_open()
    await api.policy([3, 8, 13])
    customer = await api.customer()
    invoices = [
        await api.invoice(customer["id"], total, "2026-02-10", due_on)
        for total, due_on in (("600.00", "2026-02-26"), ("400.00", "2026-03-20"))
    ]
    await api.advance("2026-03-02T20:00:00-06:00")
    plan = await accepted(api, invoices, **{"grace_days": 5, **terms})
    return invoices, plan


async def sent(api: Api, invoice: Any) -> list[str]:
    """Steps that went out about an invoice, the first one first."""
    reminders = await api.all("/reminders", status="sent")
    return [
        item["step_key"]
        for reminder in reversed(reminders)
        for item in reminder["items"]
        if item["invoice_id"] == invoice["id"]
    ]


async def test_two_are_paid_one_is_missed_and_cured_and_the_plan_is_completed(api: Api) -> None:
    invoices, plan = await chased(api, allowed_misses=1)
    who = plan["customer_id"]
    for day in ("2026-04-02", "2026-05-02"):
        await api.advance(f"{day}T18:00:00-06:00")
        assert (await api.pay(who, "250.00", day))["unapplied_amount"] == "0.00"
    # The third is due on 2 June and has grace through 7 June: missed from the 8th on.
    await api.advance("2026-06-07T23:00:00-06:00")
    assert await instalments(api, plan, "status") == ["paid", "paid", "due", "pending"]
    await api.advance("2026-06-08T00:00:00-06:00")
    assert await instalments(api, plan, "status", "missed_on") == [
        ["paid", None],
        ["paid", None],
        ["missed", "2026-06-08"],
        ["pending", None],
    ]
    assert (await standing(api, plan))["status"] == "active"
    await api.pay(who, "250.00", "2026-06-08")
    assert await instalments(api, plan, "status") == ["paid", "paid", "paid", "pending"]
    await api.advance("2026-07-02T18:00:00-06:00")
    await api.pay(who, "250.00", "2026-07-02")
    done = await standing(api, plan)
    assert (done["status"], done["ended_on"], done["open_amount"]) == ("completed", "2026-07-02", "0.00")
    assert [row[0] for row in await balances(api, invoices)] == ["paid", "paid"]
    assert await told(api) == [
        "proposed",
        "accepted",
        "instalment_due",
        "instalment_paid",
        "instalment_due",
        "instalment_paid",
        "instalment_due",
        "instalment_missed",
        "instalment_paid",
        "instalment_due",
        "instalment_paid",
        "completed",
    ]
    # Nothing was said about the invoices meanwhile.
    assert [await sent(api, invoice) for invoice in invoices] == [["d+3"], []]


async def test_one_that_is_paid_within_its_grace_is_not_missed(api: Api) -> None:
    _, plan = await chased(api)
    await api.advance("2026-04-07T23:00:00-06:00")
    await api.pay(plan["customer_id"], "249.99", "2026-04-07")
    assert (await instalments(api, plan, "status"))[0] == "partially_paid"
    await api.pay(plan["customer_id"], "0.01", "2026-04-07")
    await api.advance("2026-04-09T12:00:00-06:00")
    assert (await standing(api, plan))["status"] == "active"
    assert "instalment_missed" not in await told(api)


@pytest.mark.parametrize(("paid", "status"), [("250.00", "active"), ("249.99", "defaulted")])
async def test_a_cent_decides(api: Api, paid: str, status: str) -> None:
    _, plan = await chased(api)
    await api.advance("2026-04-07T12:00:00-06:00")
    await api.pay(plan["customer_id"], paid, "2026-04-07")
    await api.advance("2026-04-08T01:00:00-06:00")
    assert (await standing(api, plan))["status"] == status


async def test_default_resumes_dunning_at_the_step_where_it_stood(api: Api) -> None:
    invoices, plan = await chased(api, interest=declining())
    late, young = invoices
    assert await sent(api, late) == ["d+3"]
    await api.advance("2026-04-07T23:00:00-06:00")
    assert (await standing(api, plan))["status"] == "active"
    assert await sent(api, late) == ["d+3"]
    await api.advance("2026-04-08T08:00:00-06:00")
    ended = await standing(api, plan)
    assert (ended["status"], ended["ended_on"], ended["end_reason"]) == (
        "defaulted",
        "2026-04-08",
        "missed_instalments",
    )
    # 10.00 for the first month and a fifth of 7.54 for six days of the second; the rest is not owed any more.
    assert (ended["dropped_interest"], ended["total"]) == ("13.62", "1011.51")
    assert [row[1] for row in await balances(api, invoices)] == ["600.00", "411.51"]
    assert [(await api.get(f"/invoices/{row['id']}"))["collection_state"] for row in invoices] == ["dunning", "none"]
    # The first was taken up on its fourth day overdue, so that its ladder is one day late: of the nine days to its
    # second step three had passed before the plan, and 8 April is the fourth.
    await api.advance("2026-04-12T23:00:00-06:00")
    assert await sent(api, late) == ["d+3"]
    await api.advance("2026-04-13T12:00:00-06:00")
    assert await sent(api, late) == ["d+3", "d+8"]
    # The second had no ladder day before the plan; its days overdue under the plan do not count.
    assert (await api.get(f"/invoices/{young['id']}"))["days_overdue"] == 24
    assert await sent(api, young) == ["d+3"]
    kinds = await told(api)
    assert (kinds.count("instalment_missed"), kinds.count("defaulted")) == (1, 1)
    # What comes in now is no plan's any more.
    await api.pay(plan["customer_id"], "256.28", "2026-04-13")
    assert (await standing(api, plan))["paid_amount"] == "0.00"


async def test_a_plan_allows_as_many_misses_as_agreed(api: Api) -> None:
    _, plan = await chased(api, allowed_misses=1, grace_days=0)
    await api.advance("2026-05-02T23:00:00-06:00")
    assert (await standing(api, plan))["status"] == "active"
    assert await instalments(api, plan, "status") == ["missed", "due", "pending", "pending"]
    await api.advance("2026-05-03T00:00:00-06:00")
    assert (await standing(api, plan))["status"] == "defaulted"


async def test_early_payoff_drops_interest_and_a_reversal_brings_it_back(api: Api) -> None:
    invoices, plan = await chased(api, interest=declining())
    who = plan["customer_id"]
    await api.advance("2026-04-02T12:00:00-06:00")
    await api.pay(who, "256.28", "2026-04-02")
    await api.advance("2026-04-17T12:00:00-06:00")
    due = await api.get(f"/payment-plans/{plan['id']}/payoff")
    payment = await api.pay(who, due["amount"], "2026-04-17")
    done = await standing(api, plan)
    # Half of the second month was earned.
    assert (done["status"], done["dropped_interest"], done["paid_amount"]) == ("completed", "11.36", "1013.77")
    assert [row[0] for row in await balances(api, invoices)] == ["paid", "paid"]
    await api.advance("2026-04-20T12:00:00-06:00")
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    again = await standing(api, plan)
    assert (again["status"], again["dropped_interest"], again["open_amount"]) == ("active", "0.00", "768.85")
    assert [row[0] for row in await balances(api, invoices)] == ["partially_paid", "open"]
    await api.advance("2026-05-02T12:00:00-06:00")
    assert await instalments(api, plan, "status") == ["paid", "due", "pending", "pending"]
    await api.advance("2026-05-08T12:00:00-06:00")
    assert (await standing(api, plan))["status"] == "defaulted"
    kinds = await told(api)
    assert [kind for kind in kinds if not kind.startswith("instalment")] == [
        "proposed",
        "accepted",
        "completed",
        "reopened",
        "defaulted",
    ]


async def test_a_payment_that_turns_out_to_have_come_in_time(api: Api) -> None:
    """Backdated into the grace, recorded after it: the miss is taken back, as long as the plan has not ended."""
    _, plan = await chased(api, allowed_misses=1)
    await api.advance("2026-04-09T12:00:00-06:00")
    assert (await instalments(api, plan, "status"))[0] == "missed"
    await api.pay(plan["customer_id"], "250.00", "2026-04-07")
    assert (await instalments(api, plan, "status", "missed_on"))[0] == ["paid", None]


async def test_a_down_payment_is_due_on_its_own_date(api: Api) -> None:
    _, plan = await chased(api, down_payment="200.00", down_payment_on="2026-03-09", first_due_on="2026-04-02")
    assert (await instalments(api, plan, "number", "due_on", "total"))[:2] == [
        [0, "2026-03-09", "200.00"],
        [1, "2026-04-02", "200.00"],
    ]
    await api.advance("2026-03-09T12:00:00-06:00")
    assert (await instalments(api, plan, "status"))[0] == "due"
    await api.advance("2026-03-15T12:00:00-06:00")
    assert (await standing(api, plan))["status"] == "defaulted"


async def test_a_cancelled_plan_leaves_the_ladder_where_it_was(api: Api) -> None:
    (late, _), plan = await chased(api)
    await api.advance("2026-03-20T12:00:00-06:00")
    await api.post(f"/payment-plans/{plan['id']}/cancel", {"reason": "agreed"}, expect=200)
    # Three ladder days before the plan, the fourth on 20 March, and the ninth five days later.
    await api.advance("2026-03-24T23:00:00-06:00")
    assert await sent(api, late) == ["d+3"]
    await api.advance("2026-03-25T12:00:00-06:00")
    assert await sent(api, late) == ["d+3", "d+8"]
