"""Commands on one plan at the same time: one after the other, whichever comes first."""

import asyncio
from decimal import Decimal

from tests.conftest import Api
from tests.plans.agreeing import accepted, balances, declining, owing, proposed, standing, told, word


async def test_one_of_two_acceptances(api: Api) -> None:
    plan = await proposed(api, await owing(api, "100.00"), interest=declining())
    path = f"/payment-plans/{plan['id']}/accept"
    answers = await asyncio.gather(
        *(api.call("POST", path, json=word(plan)) for _ in range(3)),
        api.client.post(plan["link"]["path"] + "/accept", json={"name": "Ana"}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert (await told(api)).count("accepted") == 1
    assert [row["amount"] for row in await api.all("/charges")] == ["2.50"]


async def test_one_of_two_plans_over_the_same_invoice(api: Api) -> None:
    invoices = await owing(api, "100.00")
    plans = [await proposed(api, invoices) for _ in range(3)]
    answers = await asyncio.gather(
        *(api.call("POST", f"/payment-plans/{plan['id']}/accept", json=word(plan)) for plan in plans)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert sorted([(await standing(api, plan))["status"] for plan in plans]) == ["active", "proposed", "proposed"]


async def test_a_payment_at_the_instant_of_default(api: Api) -> None:
    """Received in time, it saves the plan where it is recorded before the day begins; afterwards the plan is over."""
    invoices = await owing(api, "100.00")
    plan = await accepted(api, invoices)
    await api.advance("2026-04-03T05:59:59Z")
    await asyncio.gather(api.pay(plan["customer_id"], "25.00", "2026-04-02"), api.advance("2026-04-03T12:00:00Z"))
    found = await standing(api, plan)
    assert (found["status"], found["paid_amount"]) in (("active", "25.00"), ("defaulted", "0.00"))
    assert [row[1] for row in await balances(api, invoices)] == ["75.00"]
    state = (await api.get(f"/invoices/{invoices[0]['id']}"))["collection_state"]
    assert state == ("in_plan" if found["status"] == "active" else "none")


async def test_a_restructure_during_a_payment(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices, interest=declining())
    body = {"instalment_count": 6, "first_due_on": "2026-05-02", "propose": True}
    new = await api.post(f"/payment-plans/{plan['id']}/restructure", body)
    accept = api.call("POST", f"/payment-plans/{new['id']}/accept", json=word(new))
    payment, answer = await asyncio.gather(api.pay(plan["customer_id"], "100.00", "2026-03-02"), accept)
    old, found = await standing(api, plan), await standing(api, new)
    assert payment["unapplied_amount"] == "0.00"
    if answer.status_code == 200:
        assert (old["status"], found["status"]) == ("superseded", "active")
        assert (old["paid_amount"], found["paid_amount"]) == ("0.00", "100.00")
        live = found
    else:
        assert (answer.json()["code"], old["status"], found["status"]) == ("plan_changed", "active", "proposed")
        live = old
    # Counted once, by whichever plan is in force.
    open_amounts = [Decimal(row[1]) for row in await balances(api, invoices)]
    assert f"{sum(open_amounts):.2f}" == live["open_amount"]


async def test_payments_at_once_are_all_counted(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices)
    await asyncio.gather(*(api.pay(plan["customer_id"], "125.00", "2026-03-02") for _ in range(8)))
    found = await standing(api, plan)
    assert (found["status"], found["paid_amount"]) == ("completed", "1000.00")
    assert (await told(api)).count("completed") == 1
    assert [row[0] for row in await balances(api, invoices)] == ["paid", "paid"]
