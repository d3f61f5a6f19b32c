"""Moving running cases to another version: the preview tells what then happens, and no step goes out twice."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from app.models import Reminder
from app.policies.moving import service
from tests.conftest import Api
from tests.policies.steps import step

BEFORE_NOON = "T17:00:00Z"


async def newer(api: Api, made: Any, **changes: Any) -> str:
    """Publish another version of a policy; the path to move cases."""
    await api.patch(f"/dunning-policies/{made['id']}", changes)
    await api.post(f"/dunning-policies/{made['id']}/publish", expect=200)
    return f"/dunning-policies/{made['id']}/migrate"


async def debt(api: Api, due_on: str = "2026-03-02", **fields: Any) -> Any:
    customer = await api.customer()
    return await api.invoice(customer["id"], "100.00", "2026-02-01", due_on, **fields)


async def sent(api: Api, invoice: Any) -> list[str]:
    """Keys of the steps that went out about an invoice, oldest first."""
    reminders = await api.all("/reminders", status="sent")
    return [
        item["step_key"]
        for reminder in reversed(reminders)
        for item in reminder["items"]
        if item["invoice_id"] == invoice["id"]
    ]


async def test_a_preview_tells_what_then_happens(api: Api) -> None:
    made = await api.policy([5, 20, 40])
    begun, fresh = await debt(api), await debt(api, "2026-03-30")
    await api.advance("2026-03-10" + BEFORE_NOON)
    assert await sent(api, begun) == ["d+5"]
    move = await newer(api, made, steps=[step(3), step(10), step(40)])

    told = await api.post(move, {"preview": True}, expect=200)
    assert (told["preview"], told["to_version"], told["matched"], told["moved"]) == (True, 2, 2, 2)
    cases = {case["invoice_id"]: case for case in told["data"]}
    of_begun, of_fresh = cases[begun["id"]], cases[fresh["id"]]
    assert (of_begun["from_version"], of_begun["reached_offset_days"]) == (1, 5)
    assert [of_begun[name]["key"] for name in ("next_step_before", "next_step_after")] == ["d+20", "d+10"]
    assert [of_begun[name]["due_on"] for name in ("next_step_before", "next_step_after")] == [
        "2026-03-23", "2026-03-12",
    ]  # fmt: skip
    assert (of_fresh["next_step_after"]["key"], of_fresh["reached_offset_days"]) == ("d+3", None)
    for invoice in (begun, fresh):
        assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["policy_version"] == 1
    assert await api.all("/events", types="dunning.case_migrated") == []

    done = await api.post(move, {"preview": False}, expect=200)
    assert (done["preview"], done["matched"], done["moved"], done["in_flight"], done["data"]) == (False, 2, 2, 0, [])
    for invoice, case in ((begun, of_begun), (fresh, of_fresh)):
        outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
        assert (outlook["policy_version"], outlook["next_step"]) == (2, case["next_step_after"])
    again = await api.post(move, {"preview": False}, expect=200)
    assert (again["matched"], again["moved"]) == (0, 0)

    await api.advance("2026-04-20" + BEFORE_NOON)
    events = await api.all("/events", types="dunning.case_migrated")
    assert [event["previous"]["policy_version"] for event in events] == [1, 1]
    # What the new version has up to the offset that was reached is not sent, and says why.
    assert await sent(api, begun) == ["d+5", "d+10", "d+40"]
    assert await sent(api, fresh) == ["d+3", "d+10"]
    skipped = await api.all("/events", types="dunning.step_skipped")
    assert [(event["data"]["invoice_id"], event["data"]["step_key"], event["data"]["reason"]) for event in skipped] == [
        (begun["id"], "d+3", "superseded")
    ]


async def test_where_no_case_is_meant_the_preview_is_empty(api: Api) -> None:
    made = await api.policy([5])
    move = await newer(api, made, steps=[step(7)])
    told = await api.post(move, {"preview": True}, expect=200)
    assert (told["matched"], told["moved"], told["data"]) == (0, 0, [])


async def test_a_step_by_the_same_name_is_not_sent_twice(api: Api) -> None:
    made = await api.policy([5, 20])
    invoice = await debt(api)
    await api.advance("2026-03-10" + BEFORE_NOON)
    move = await newer(api, made, steps=[step(1), step(9, key="d+5"), step(12, key="otra")])
    await api.post(move, {"preview": False}, expect=200)
    await api.advance("2026-04-20" + BEFORE_NOON)
    assert await sent(api, invoice) == ["d+5", "otra"]
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["state"] == "exhausted"


async def test_what_waits_is_taken_back_and_planned_anew(api: Api) -> None:
    made = await api.policy([5], steps=[step(5, requires_approval=True), step(60)])
    invoice = await debt(api)
    await api.advance("2026-03-10" + BEFORE_NOON)
    (waiting,) = await api.all("/reminders", status="awaiting_approval")
    move = await newer(api, made, steps=[step(6), step(60)])
    await api.post(move, {"preview": False}, expect=200)
    taken_back = await api.get(f"/reminders/{waiting['id']}")
    assert (taken_back["status"], taken_back["skip_reason"]) == ("skipped", "policy_changed")
    await api.advance("2026-03-11" + BEFORE_NOON)
    assert await sent(api, invoice) == ["d+6"]


async def test_an_exhausted_case_goes_on_where_the_version_has_more(api: Api) -> None:
    made = await api.policy([5])
    invoice = await debt(api)
    await api.advance("2026-03-10" + BEFORE_NOON)
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["state"] == "exhausted"
    move = await newer(api, made, steps=[step(5), step(9)])
    told = await api.post(move, {"preview": True}, expect=200)
    assert [(case["state_before"], case["state_after"]) for case in told["data"]] == [("exhausted", "active")]
    await api.post(move, {"preview": False}, expect=200)
    await api.advance("2026-03-20" + BEFORE_NOON)
    assert await sent(api, invoice) == ["d+5", "d+9"]
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "dunning"


async def test_a_version_that_allows_no_more_exhausts_the_case(api: Api) -> None:
    made = await api.policy([5, 20, 40])
    invoice = await debt(api)
    await api.advance("2026-03-10" + BEFORE_NOON)
    move = await newer(api, made, max_count=1)
    await api.post(move, {"preview": False}, expect=200)
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert (outlook["state"], [blocker["code"] for blocker in outlook["blockers"]]) == ("exhausted", ["exhausted"])
    await api.advance("2026-05-20" + BEFORE_NOON)
    assert await sent(api, invoice) == ["d+5"]


async def test_cases_are_chosen_by_version_and_by_invoice(api: Api) -> None:
    made = await api.policy([5])
    first, second = await debt(api, "2026-03-20"), await debt(api, "2026-03-20")
    move = await newer(api, made, min_gap_days=1)
    third = await debt(api, "2026-03-20")
    await newer(api, made, min_gap_days=2)

    one = await api.post(move, {"preview": False, "invoice_ids": [first["id"]]}, expect=200)
    assert (one["to_version"], one["moved"]) == (3, 1)
    old = await api.post(move, {"preview": False, "from_versions": [1], "to_version": 2}, expect=200)
    assert old["moved"] == 1
    versions = [
        (await api.get(f"/invoices/{invoice['id']}/dunning"))["policy_version"] for invoice in (first, second, third)
    ]
    assert versions == [3, 2, 2]
    page = await api.post(f"{move}?limit=1", {"preview": True}, expect=200)
    assert (page["matched"], len(page["data"])) == (2, 1)
    rest = await api.post(f"{move}?limit=1&cursor={page['next_cursor']}", {"preview": True}, expect=200)
    found = [case["invoice_id"] for case in page["data"] + rest["data"]]
    assert (found, rest["next_cursor"]) == ([third["id"], second["id"]], None)


async def test_many_cases_are_moved_in_several_transactions(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CHUNK", 1)
    made = await api.policy([5])
    invoices = [await debt(api, "2026-03-20") for _ in range(3)]
    move = await newer(api, made, min_gap_days=1)
    done = await api.post(move, {"preview": False}, expect=200)
    assert (done["matched"], done["moved"]) == (3, 3)
    for invoice in invoices:
        assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["policy_version"] == 2


async def test_a_case_with_a_reminder_on_its_way_stays(api: Api, unit_of_work: Callable[[UUID], Any]) -> None:
    made = await api.policy([], steps=[step(5, requires_approval=True)])
    invoice = await debt(api)
    await api.advance("2026-03-10" + BEFORE_NOON)
    async with unit_of_work(api.tenant_id) as uow:
        await uow.session.execute(update(Reminder).where(Reminder.tenant_id == api.tenant_id).values(status="sending"))
    move = await newer(api, made, steps=[step(7)])
    told = await api.post(move, {"preview": True}, expect=200)
    assert (told["moved"], told["in_flight"], told["data"][0]["in_flight"]) == (0, 1, True)
    done = await api.post(move, {"preview": False}, expect=200)
    assert (done["matched"], done["moved"], done["in_flight"]) == (1, 0, 1)
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["policy_version"] == 1


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/preview", "missing"),
        ({"preview": True, "to_version": 9}, "/to_version", "unknown_reference"),
        ({"preview": True, "to_version": 2}, "/to_version", "unknown_reference"),
        ({"preview": True, "from_versions": [1]}, "/from_versions/0", "invalid_value"),
        ({"preview": True, "from_versions": []}, "/from_versions", "too_short"),
    ],
)
async def test_what_may_not_be_asked_for(api: Api, body: dict[str, Any], pointer: str, code: str) -> None:
    made = await api.policy([5])
    await api.patch(f"/dunning-policies/{made['id']}", {"min_gap_days": 1})  # a draft, version 2
    problem = await api.post(f"/dunning-policies/{made['id']}/migrate", body, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


async def test_a_policy_that_was_never_published_has_nothing_to_move_to(api: Api) -> None:
    made = await api.policy([5], publish=False)
    problem = await api.post(f"/dunning-policies/{made['id']}/migrate", {"preview": False}, expect=409)
    assert problem["code"] == "state_conflict"
    await api.post("/dunning-policies/0198d3b4-0000-7000-8000-000000000000/migrate", {"preview": True}, expect=404)
