"""Ladders in simulated days: steps that are not for a case, their end, and cases that wait for a person."""

from typing import Any

from tests.conftest import Api
from tests.policies.steps import step

NOON = "T18:00:00Z"


async def debt(api: Api, customer: Any, total: str = "100.00", due_on: str = "2026-03-02") -> Any:
    return await api.invoice(customer["id"], total, "2026-02-01", due_on)


async def sent(api: Api) -> list[tuple[str, str]]:
    """Day and step of every reminder, oldest first."""
    found = await api.all("/reminders", status="sent")
    return [(one["sent_at"][:10], item["step_key"]) for one in reversed(found) for item in one["items"]]


async def skipped(api: Api) -> list[tuple[str, str]]:
    events = await api.all("/events", types="dunning.step_skipped")
    return [(event["data"]["step_key"], event["data"]["reason"]) for event in events]


async def test_a_step_that_is_not_for_the_debtor_is_passed_over_on_its_day(api: Api) -> None:
    await api.policy([], steps=[step(1, conditions={"kinds": ["consumer"]}), step(3), step(8)])
    await debt(api, await api.customer(kind="business"))
    await api.advance("2026-03-02" + NOON)
    assert await skipped(api) == []
    await api.advance("2026-03-03" + NOON)
    assert await skipped(api) == [("d+1", "condition_not_met")]
    await api.advance("2026-03-31" + NOON)
    assert await sent(api) == [("2026-03-05", "d+3"), ("2026-03-10", "d+8")]
    assert await skipped(api) == [("d+1", "condition_not_met")]


async def test_a_ladder_whose_steps_are_all_for_others_ends(api: Api) -> None:
    await api.policy([], steps=[step(1, conditions={"tags": ["vip"]}), step(8, conditions={"tags": ["vip"]})])
    invoice = await debt(api, await api.customer())
    await api.advance("2026-03-09" + NOON)
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert (outlook["state"], [blocker["code"] for blocker in outlook["blockers"]]) == ("open", ["condition_not_met"])
    await api.advance("2026-03-10" + NOON)
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["state"] == "exhausted"
    assert await skipped(api) == [("d+1", "condition_not_met"), ("d+8", "condition_not_met")]
    assert await sent(api) == []


async def test_what_is_owed_when_its_day_comes_decides_about_a_step(api: Api) -> None:
    await api.policy([], steps=[step(1), step(8, conditions={"min_amount": {"MXN": "60"}}), step(15)])
    customer = await api.customer()
    await debt(api, customer)
    await api.advance("2026-03-05" + NOON)
    await api.pay(customer["id"], "40.01", "2026-03-05")
    await api.advance("2026-03-31" + NOON)
    assert [key for _, key in await sent(api)] == ["d+1", "d+15"]
    assert await skipped(api) == [("d+8", "condition_not_met")]


async def test_a_minimum_lets_the_lower_step_go_that_still_applies(api: Api) -> None:
    await api.policy([], late_entry="highest", steps=[step(1), step(8, min_amount={"MXN": "500"}), step(40)])
    customer = await api.customer()
    await debt(api, customer, due_on="2026-02-20")
    await debt(api, customer, "500.00", due_on="2026-02-20")
    await api.patch("/tenant", {"max_contacts_per_day": None})
    await api.advance("2026-03-31" + NOON)
    # The small one gets the first notice, and waits at the second until what is left would reach it.
    assert sorted(await sent(api)) == [("2026-03-02", "d+1"), ("2026-03-02", "d+8")]
    assert await skipped(api) == [("d+1", "superseded")]


async def test_a_policy_allows_so_many_reminders_and_a_task_follows(api: Api) -> None:
    await api.policy([], grouping="customer", max_count=2, steps=[step(1), step(3), step(8, on_exhausted="task")])
    customer = await api.customer()
    invoices = [await debt(api, customer), await debt(api, customer)]
    await api.advance("2026-03-31" + NOON)
    assert sorted(await sent(api)) == [("2026-03-03", "d+1")] * 2 + [("2026-03-05", "d+3")] * 2
    assert len(await api.all("/events", types="dunning.exhausted")) == 2
    (task,) = await api.all("/tasks")
    assert (task["kind"], task["due_on"], task["customer_id"]) == ("review", "2026-03-05", customer["id"])
    assert set(task["invoice_ids"]) == {invoice["id"] for invoice in invoices}
    (made,) = await api.all("/events", types="task.created")
    assert made["data"] == task


async def test_the_last_step_may_suggest_a_placement_once(api: Api) -> None:
    await api.policy([], steps=[step(1, on_exhausted="suggest_placement")])
    await debt(api, await api.customer())
    await api.advance("2026-03-31" + NOON)
    assert [task["kind"] for task in await api.all("/tasks")] == ["placement"]


async def test_a_case_first_seen_overdue_waits_until_somebody_starts_it(api: Api) -> None:
    await api.policy([5, 20], late_entry="hold")
    customer = await api.customer()
    late, punctual = await debt(api, customer, due_on="2026-02-20"), await debt(api, customer, due_on="2026-03-02")
    path = f"/invoices/{late['id']}/dunning"
    await api.advance("2026-03-20" + NOON)
    outlook = await api.get(path)
    assert [blocker["code"] for blocker in outlook["blockers"]] == ["hold"]
    # One that was not overdue yet goes its way.
    assert await sent(api) == [("2026-03-09", "d+5")]
    await api.post(f"/invoices/{punctual['id']}/dunning/start", {"mode": "restart"}, expect=409)

    started = await api.post(f"{path}/start", {"mode": "restart"}, expect=200)
    assert (started["next_step"]["key"], started["blockers"]) == ("d+5", [])
    await api.advance("2026-04-10" + NOON)
    # 15 days after the first: the spacing stays.
    assert await sent(api) == [
        ("2026-03-09", "d+5"), ("2026-03-20", "d+5"), ("2026-03-23", "d+20"), ("2026-04-06", "d+20"),
    ]  # fmt: skip
    (event,) = await api.all("/events", types="dunning.case_started")
    assert (event["data"]["invoice_id"], event["data"]["mode"]) == (late["id"], "restart")
    await api.post(f"{path}/start", {"mode": "highest"}, expect=409)


async def test_a_waiting_case_may_start_at_its_highest_step(api: Api) -> None:
    await api.policy([-3, 5, 20, 60], late_entry="hold", catch_up="one_at_a_time")
    invoice = await debt(api, await api.customer(), due_on="2026-02-02")
    await api.advance("2026-03-05" + NOON)
    assert await sent(api) == []
    await api.post(f"/invoices/{invoice['id']}/dunning/start", {"mode": "highest"}, expect=200)
    await api.advance("2026-03-31" + NOON)
    assert await sent(api) == [("2026-03-05", "d+20")]
    assert await skipped(api) == [("d-3", "missed"), ("d+5", "superseded")]
    problem = await api.post(f"/invoices/{invoice['id']}/dunning/start", {"mode": "later"}, expect=422)
    assert problem["errors"][0]["pointer"] == "/mode"
