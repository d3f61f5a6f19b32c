"""Steps that are passed over are recorded on their own days by the ladder clock, which holds stop (rules D3, D8)."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.models import CaseStep
from tests.conftest import Api
from tests.policies.steps import step

LADDER = [step(1), step(2), step(5), step(10), step(30)]


@pytest.mark.parametrize("ends", ["sent", "cancelled", "moved"])
async def test_a_passed_step_has_its_day_by_the_ladder_clock(
    api: Api, unit_of_work: Callable[..., Any], ends: str
) -> None:
    await api.always_open()
    await api.patch("/tenant", {"sending": "paused"})
    steps = [LADDER[0], *LADDER[3:]] if ends == "moved" else LADDER
    policy = await api.policy([], steps=[{**each, "requires_approval": ends == "cancelled"} for each in steps])
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-02")
    # The clock stands from the second day overdue through the fourth.
    stop = {"starts_on": "2026-03-04", "ends_on": "2026-03-06", "effects": ["escalation"]}
    await api.post("/holds", {"customer_id": customer["id"], "reason": "asked for time", **stop})
    await api.advance("2026-03-20T16:00:00Z")
    await api.patch("/tenant", {"sending": "live"})
    await api.advance("2026-03-20T16:00:01Z")
    (reminder,) = await api.all("/reminders")
    assert (reminder["items"][0]["step_key"], reminder["nominal_on"]) == ("d+10", "2026-03-15")
    if ends == "cancelled":
        await api.post(f"/reminders/{reminder['id']}/cancel", expect=200)
    elif ends == "moved":
        await api.patch(f"/dunning-policies/{policy['id']}", {"steps": LADDER})
        await api.post(f"/dunning-policies/{policy['id']}/publish", expect=200)
        await api.post(f"/dunning-policies/{policy['id']}/migrate", {"preview": False}, expect=200)
    async with unit_of_work(api.tenant_id) as uow:
        rows = await uow.session.scalars(select(CaseStep).where(CaseStep.tenant_id == api.tenant_id))
        days = {row.step_key: row.nominal_on.isoformat() for row in rows if row.reason == "superseded"}
    assert days == {
        "d+1": "2026-03-03",
        "d+2": "2026-03-07",
        "d+5": "2026-03-10",
    }


async def test_a_step_that_a_case_is_not_for_is_passed_over_on_its_day(
    api: Api, unit_of_work: Callable[..., Any]
) -> None:
    """Also where nothing else is to be done about the customer that day."""
    await api.always_open()
    await api.policy([], steps=[{**step(1), "conditions": {"kinds": ["consumer"]}}, step(30)])
    customer = await api.customer(kind="business")
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")
    await api.advance("2026-03-02T12:00:01Z")
    async with unit_of_work(api.tenant_id) as uow:
        rows = (await uow.session.scalars(select(CaseStep).where(CaseStep.tenant_id == api.tenant_id))).all()
    assert [(row.step_key, row.outcome, row.reason) for row in rows] == [("d+1", "skipped", "condition_not_met")]
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["next_step"]["key"] == "d+30"
