"""Answers and events of plans have the documented form, and an acceptance says what it came too late for."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import jsonschema_rs

from app.core.settings import Settings
from app.main import create_app
from app.plans.links.schemas import LinkOutput
from app.plans.schemas import (
    PayoffOutput,
    PlanAnswer,
    PlanInstalmentList,
    PlanOutput,
    PlanPage,
    PlanProposalOutput,
    PlanTermsOutput,
)
from tests.conftest import Api
from tests.plans.agreeing import accepted, declining, over, owing, proposed, word
from tests.settlement.stories import claimed_reminder

Begin = Callable[[UUID], Any]


async def test_answers_have_their_form(api: Api) -> None:
    invoices = await owing(api, "600.00", "400.00")
    terms = {"interest": declining(), "down_payment": "100.00", "setup_fee": "5.00", "preferred_day": 31}
    PlanTermsOutput.model_validate(await api.post("/payment-plans/quote", over(invoices, **terms), expect=200))
    draft = await api.post("/payment-plans", over(invoices, **terms))
    PlanProposalOutput.model_validate(draft)
    offer = await api.post(f"/payment-plans/{draft['id']}/propose", {}, expect=200)
    PlanProposalOutput.model_validate(offer)
    LinkOutput.model_validate((await api.client.get(offer["link"]["path"])).json())
    plan = await api.post(f"/payment-plans/{draft['id']}/accept", word(offer), expect=200)
    PlanAnswer.model_validate(plan)
    PayoffOutput.model_validate(await api.get(f"/payment-plans/{plan['id']}/payoff"))
    PlanInstalmentList.model_validate(await api.get(f"/payment-plans/{plan['id']}/instalments"))
    PlanPage.model_validate(await api.get("/payment-plans"))
    ended = await api.post(f"/payment-plans/{plan['id']}/cancel", {"reason": "moved"}, expect=200)
    PlanOutput.model_validate(ended)
    # All but the interest, of which none was earned on the first day.
    assert ended["total"] == "1005.00"


async def test_events_have_their_form(api: Api) -> None:
    document = create_app(Settings(DATABASE_URL="postgresql://nowhere/none")).openapi()
    invoices = await owing(api, "600.00", "400.00")
    plan = await accepted(api, invoices)
    await api.advance("2026-04-02T18:00:00Z")
    payment = await api.pay(plan["customer_id"], "1000.00", "2026-04-02")
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    await api.advance("2026-04-04T18:00:00Z")
    seen = set()
    for event in await api.all("/events", types="payment_plan.*"):
        form = document["webhooks"][event["type"]]["post"]["requestBody"]["content"]["application/json"]["schema"]
        schema = {**form, "components": document["components"]}
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(event)
        seen.add(event["type"].removeprefix("payment_plan."))
        if "instalment_" in event["type"]:
            assert event["data"]["instalment_number"] in {1, 2, 3, 4}
    assert seen == {
        "proposed", "accepted", "instalment_due", "instalment_paid", "instalment_missed", "completed", "reopened",
        "defaulted",
    }  # fmt: skip


async def test_a_reminder_that_was_claimed_is_told(api: Api, unit_of_work: Begin) -> None:
    invoice = await claimed_reminder(api, unit_of_work)
    plan = await proposed(api, [invoice])
    answer = await api.post(f"/payment-plans/{plan['id']}/accept", word(plan), expect=200)
    assert [item["invoice_ids"] for item in answer["in_flight"]] == [[invoice["id"]]]


async def test_a_reminder_that_waits_does_not_go_out(api: Api) -> None:
    await api.always_open()
    step = {"key": "a", "offset_days": 1, "channels": ["email"], "template": "first_notice"}
    await api.policy([], steps=[{**step, "requires_approval": True}])
    invoices = await owing(api, "100.00")
    await api.advance("2026-03-03T18:00:00Z")
    [waiting] = await api.all("/reminders", status="awaiting_approval")
    plan = await accepted(api, invoices)
    assert plan["in_flight"] == []
    found = await api.get(f"/reminders/{waiting['id']}")
    assert (found["status"], found["skip_reason"]) == ("skipped", "plan")
