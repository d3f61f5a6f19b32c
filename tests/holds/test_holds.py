"""Holds through the API: what they stop, from which day to which day, and how chasing goes on afterwards."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import Api


async def sent_steps(api: Api) -> list[str]:
    """Steps that went out, in order."""
    reminders = await api.all("/reminders", status="sent")
    return [item["step_key"] for reminder in reversed(reminders) for item in reminder["items"]]


async def chased(api: Api, offsets: list[int], *, due_on: str = "2026-03-10") -> Any:
    await api.always_open()
    await api.policy(offsets)
    customer = await api.customer()
    return await api.invoice(customer["id"], "100.00", "2026-03-01", due_on)


async def test_a_contact_hold_stops_messages_and_not_the_ladder(api: Api) -> None:
    """Levels at 5, 20 and 40 days: level 1 on day 5, held meanwhile, on day 30 after the release level 2."""
    invoice = await chased(api, [5, 20, 40])
    await api.advance("2026-03-14T23:00:00-06:00")
    assert await sent_steps(api) == []
    await api.advance("2026-03-15T23:00:00-06:00")
    assert await sent_steps(api) == ["d+5"]
    hold = await api.post("/holds", {"invoice_id": invoice["id"], "reason": "asked for time", "effects": ["contact"]})
    assert (hold["status"], hold["in_flight"]) == ("active", [])
    await api.advance("2026-04-09T12:00:00-06:00")
    assert await sent_steps(api) == ["d+5"]
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert "hold" in [blocker["code"] for blocker in outlook["blockers"]]
    await api.post(f"/holds/{hold['id']}/release", {"reason": "agreed"}, expect=200)
    await api.advance("2026-04-09T20:00:00-06:00")
    assert await sent_steps(api) == ["d+5", "d+20"]
    await api.pay(invoice["customer_id"], "100.00", "2026-04-09")
    await api.advance("2026-04-29T20:00:00-06:00")
    assert await sent_steps(api) == ["d+5", "d+20"]


@pytest.mark.parametrize(
    ("day", "steps"),
    # Due on 10-01 and held from 10-06 through 10-30: on 10-31 it is 30 days overdue, and at ladder day 5.
    [("2026-10-30", []), ("2026-10-31", ["d+5"]), ("2026-11-01", ["d+5", "d+6"])],
)
async def test_the_ladder_clock_stands_and_legal_lateness_does_not(api: Api, day: str, steps: list[str]) -> None:
    invoice = await chased(api, [5, 6], due_on="2026-10-01")
    await api.advance("2026-10-05T12:00:00-06:00")
    body = {"invoice_id": invoice["id"], "reason": "inventory", "starts_on": "2026-10-06", "ends_on": "2026-10-30"}
    hold = await api.post("/holds", body)
    assert hold["status"] == "scheduled"
    await api.advance(f"{day}T23:00:00-06:00")
    assert await sent_steps(api) == steps
    found = await api.get(f"/invoices/{invoice['id']}")
    assert found["days_overdue"] == {"2026-10-30": 29, "2026-10-31": 30, "2026-11-01": 31}[day]
    assert (await api.get(f"/holds/{hold['id']}"))["status"] == ("active" if day == "2026-10-30" else "expired")


async def test_a_hold_begins_and_expires_by_itself_and_says_so(api: Api) -> None:
    invoice = await chased(api, [30])
    body = {"invoice_id": invoice["id"], "reason": "fair", "starts_on": "2026-03-04", "ends_on": "2026-03-05"}
    hold = await api.post("/holds", body)
    states = {}
    for day in ("03", "04", "05", "06"):
        await api.advance(f"2026-03-{day}T12:00:00-06:00")
        found = await api.get(f"/invoices/{invoice['id']}")
        states[day] = ((await api.get(f"/holds/{hold['id']}"))["status"], found["collection_state"])
    assert states == {
        "03": ("scheduled", "none"),
        "04": ("active", "on_hold"),
        "05": ("active", "on_hold"),
        "06": ("expired", "none"),
    }
    types = [event["type"] for event in await api.all("/events", types="hold.placed,hold.expired,hold.released")]
    assert types == ["hold.placed", "hold.expired"]


async def test_a_hold_that_nobody_saw_in_force_has_expired_all_the_same(
    api: Api, unit_of_work: Callable[[UUID], Any]
) -> None:
    """No worker ran while its days passed."""
    invoice = await chased(api, [1, 30], due_on="2026-03-01")
    await api.advance("2026-03-02T12:00:00-06:00")
    body = {"invoice_id": invoice["id"], "reason": "fair", "starts_on": "2026-03-04", "ends_on": "2026-03-05"}
    hold = await api.post("/holds", {**body, "effects": ["escalation"]})
    async with unit_of_work(api.tenant_id) as uow:
        tenant = await uow.lock_tenant()
        tenant.clock_at = datetime(2026, 3, 9, 18, tzinfo=UTC)
    await api.advance("2026-03-09T18:00:01Z")
    found = await api.get(f"/holds/{hold['id']}")
    assert (found["status"], found["released_on"]) == ("expired", None)
    assert [event["type"] for event in await api.all("/events", types="hold.*")] == ["hold.placed", "hold.expired"]
    # The clock stood for two days, which nobody had to see.
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert outlook["next_step"]["due_on"] == "2026-04-02"


async def test_a_customers_hold_covers_all_invoices_and_new_ones(api: Api) -> None:
    first = await chased(api, [1])
    await api.post("/holds", {"customer_id": first["customer_id"], "reason": "insolvency proceedings"})
    second = await api.invoice(first["customer_id"], "50.00", "2026-03-02", "2026-03-09")
    await api.advance("2026-03-20T23:00:00-06:00")
    assert await sent_steps(api) == []
    for invoice in (first, second):
        assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "on_hold"


async def test_overlapping_holds_stop_the_clock_once(api: Api) -> None:
    invoice = await chased(api, [5])
    for starts_on, ends_on in (("2026-03-11", "2026-03-14"), ("2026-03-13", "2026-03-16")):
        body = {"invoice_id": invoice["id"], "reason": "x", "starts_on": starts_on, "ends_on": ends_on}
        await api.post("/holds", body)
    # Ladder day 1 is 03-17, so day 5 is 03-21.
    await api.advance("2026-03-20T23:00:00-06:00")
    assert await sent_steps(api) == []
    await api.advance("2026-03-21T23:00:00-06:00")
    assert await sent_steps(api) == ["d+5"]


@pytest.mark.parametrize(
    ("seen", "first", "second"),
    # Held from 03-06 through 03-12: what is first seen meanwhile begins on the day after, what is seen later at once.
    [
        ("2026-03-12", "2026-03-13", "2026-03-28"),
        ("2026-03-13", "2026-03-13", "2026-03-28"),
        ("2026-03-14", "2026-03-14", "2026-03-29"),
    ],
)
async def test_days_on_which_the_clock_stood_do_not_delay_an_invoice_first_seen_late(
    api: Api, seen: str, first: str, second: str
) -> None:
    await api.always_open()
    await api.policy([5, 20])
    customer = await api.customer()
    body = {"customer_id": customer["id"], "reason": "x", "starts_on": "2026-03-06", "ends_on": "2026-03-12"}
    await api.post("/holds", body)
    await api.advance(f"{seen}T12:00:00-06:00")
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-02-20")
    await api.advance(f"{seen}T23:00:00-06:00")
    assert await sent_steps(api) == ([] if seen < first else ["d+5"])
    await api.advance(f"{first}T23:00:01-06:00")
    assert await sent_steps(api) == ["d+5"]
    await api.advance(f"{date.fromisoformat(second) - timedelta(days=1)}T23:00:00-06:00")
    assert await sent_steps(api) == ["d+5"]
    await api.advance(f"{second}T23:00:00-06:00")
    assert await sent_steps(api) == ["d+5", "d+20"]


async def test_days_on_which_the_clock_stood_do_not_delay_an_invoice_that_is_moved_into_the_past(api: Api) -> None:
    invoice = await chased(api, [5, 20], due_on="2026-04-30")
    body = {"invoice_id": invoice["id"], "reason": "x", "starts_on": "2026-03-06", "ends_on": "2026-03-12"}
    await api.post("/holds", body)
    await api.advance("2026-03-20T12:00:00-06:00")
    moved = {"due_on": "2026-03-01", "reason": "wrong terms"}
    await api.post(f"/invoices/{invoice['id']}/reschedule", moved, expect=200)
    await api.advance("2026-03-20T23:00:00-06:00")
    assert await sent_steps(api) == ["d+5"]
    await api.advance("2026-04-03T23:00:00-06:00")
    assert await sent_steps(api) == ["d+5"]
    await api.advance("2026-04-04T23:00:00-06:00")
    assert await sent_steps(api) == ["d+5", "d+20"]


async def test_a_case_is_suspended_and_resumed(api: Api) -> None:
    invoice = await chased(api, [1, 10])
    await api.advance("2026-03-11T23:00:00-06:00")
    hold = await api.post("/holds", {"invoice_id": invoice["id"], "reason": "audit"})
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["state"] == "suspended"
    await api.post(f"/holds/{hold['id']}/release", {}, expect=200)
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["state"] == "active"
    await api.advance("2026-03-11T23:01:00-06:00")
    types = [event["type"] for event in await api.all("/events", types="dunning.suspended,dunning.resumed")]
    assert types == ["dunning.suspended", "dunning.resumed"]


async def test_breathing_space_is_sixty_days_without_contact_and_charges(api: Api) -> None:
    invoice = await chased(api, [1])
    body = {"customer_id": invoice["customer_id"], "reason": "moratorium", "preset": "uk_breathing_space"}
    hold = await api.post("/holds", body)
    assert (hold["starts_on"], hold["ends_on"]) == ("2026-03-02", "2026-04-30")
    assert hold["effects"] == ["contact", "charges"]


@pytest.mark.parametrize(
    ("fields", "pointer", "status"),
    [
        ({}, "", 422),
        ({"invoice_id": "01a20000-0000-7000-8000-000000000000"}, "/invoice_id", 422),
        ({"customer_external_id": "nobody"}, "/customer_external_id", 422),
        ({"customer_external_id": "C-9", "effects": ["contact", "contact"]}, "/effects", 422),
        ({"customer_external_id": "C-9", "starts_on": "2026-03-05", "ends_on": "2026-03-04"}, "", 422),
        ({"customer_external_id": "C-9", "starts_on": "2026-02-01", "ends_on": "2026-03-01"}, "/ends_on", 422),
        ({"customer_external_id": "C-9", "preset": "uk_breathing_space", "ends_on": "2026-05-01"}, "", 422),
    ],
)
async def test_what_is_not_valid_names_its_field(api: Api, fields: Any, pointer: str, status: int) -> None:
    await api.customer(external_id="C-9")
    problem = await api.post("/holds", {"reason": "x", **fields}, expect=status)
    assert problem["errors"][0]["pointer"] == pointer
    assert await api.all("/holds") == []


async def test_an_ended_hold_is_not_released_again(api: Api) -> None:
    customer = await api.customer()
    hold = await api.post("/holds", {"customer_id": customer["id"], "reason": "x", "external_id": "H-1"})
    await api.post(f"/holds/{hold['id']}/release", {}, expect=200)
    await api.post(f"/holds/{hold['id']}/release", {}, expect=409)
    again = {"customer_id": customer["id"], "reason": "x", "external_id": "H-1"}
    assert (await api.post("/holds", again, expect=409))["code"] == "external_id_taken"
    listed = await api.get("/holds", customer_id=customer["id"], status="released")
    assert [row["id"] for row in listed["data"]] == [hold["id"]]
