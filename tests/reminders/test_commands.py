"""Reading reminders, approving, cancelling and resolving them."""

from typing import Any

from app.reminders.channels.base import Outcome
from app.reminders.claims import claim
from app.settlement.tick import tick
from tests.conftest import Api, MakeApi
from tests.reminders.conftest import Behind, ScriptedChannel, mail, overdue_invoice, reminders, step

APPROVED = [step(3, requires_approval=True), step(10)]
UNKNOWN_ID = "01a1ff00-0000-7000-8000-000000000000"


async def waiting_reminder(api: Api, **fields: Any) -> Any:
    """A reminder that waits for approval."""
    await overdue_invoice(api, [], steps=APPROVED, **fields)
    await api.advance("2026-03-05T16:00:01Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["attempts"]) == ("awaiting_approval", 0)
    return reminder


async def test_an_approved_reminder_goes_out(api: Api, behind: Behind) -> None:
    reminder = await waiting_reminder(api)
    assert (await api.advance("2026-03-06T17:00:00Z"))["reminders_sent"] == 0
    outlook = await api.get(f"/invoices/{reminder['items'][0]['invoice_id']}/dunning")
    assert [blocker["code"] for blocker in outlook["blockers"]] == ["awaiting_approval"]
    approved = await api.post(f"/reminders/{reminder['id']}/approve", expect=200)
    assert (approved["status"], approved["version"]) == ("ready", 2)
    assert (await api.advance("2026-03-06T17:00:00Z"))["reminders_sent"] == 1
    read = await api.get(f"/reminders/{reminder['id']}")
    assert (read["status"], read["sent_at"]) == ("sent", "2026-03-06T17:00:00Z")
    assert mail(api, read).exists()
    assert await behind.event_types(reminder["id"]) == ["reminder.awaiting_approval", "reminder.sent"]
    problem = await api.post(f"/reminders/{reminder['id']}/approve", expect=409)
    assert problem["code"] == "state_conflict"


async def test_approved_in_the_evening_it_waits_for_the_morning(api: Api) -> None:
    reminder = await waiting_reminder(api)
    await api.advance("2026-03-06T01:00:00Z")
    await api.post(f"/reminders/{reminder['id']}/approve", expect=200)
    assert (await api.advance("2026-03-06T14:59:59Z"))["reminders_sent"] == 0
    assert (await api.advance("2026-03-06T15:00:00Z"))["reminders_sent"] == 1


async def test_a_payment_ends_what_waits_for_approval(api: Api) -> None:
    reminder = await waiting_reminder(api)
    await api.pay(reminder["customer_id"], "1160.00", "2026-03-05")
    read = await api.get(f"/reminders/{reminder['id']}")
    assert (read["status"], read["skip_reason"]) == ("skipped", "paid")
    await api.post(f"/reminders/{reminder['id']}/approve", expect=409)


async def test_a_cancelled_reminder_is_not_made_up_for_and_the_ladder_goes_on(api: Api, behind: Behind) -> None:
    reminder = await waiting_reminder(api)
    cancelled = await api.post(f"/reminders/{reminder['id']}/cancel", expect=200)
    assert (cancelled["status"], cancelled["skip_reason"]) == ("cancelled", "cancelled")
    assert [item["step_key"] for item in cancelled["items"]] == ["d+3"]
    assert (await api.advance("2026-03-12T14:59:59Z"))["reminders_sent"] == 0
    assert (await api.advance("2026-03-12T15:00:00Z"))["reminders_sent"] == 1
    _, following = await reminders(api)
    assert [item["step_key"] for item in following["items"]] == ["d+10"]
    assert await behind.event_types(reminder["id"]) == ["reminder.awaiting_approval", "reminder.cancelled"]
    assert "dunning.step_skipped" in await behind.event_types(reminder["items"][0]["case_id"])
    problem = await api.post(f"/reminders/{reminder['id']}/cancel", expect=409)
    assert problem["code"] == "state_conflict"


async def test_cancelling_the_highest_step_does_not_bring_the_lower_ones_back(api: Api, behind: Behind) -> None:
    await api.patch("/tenant", {"sending": "paused"})
    steps = [step(1), step(2, requires_approval=True), step(30)]
    await api.policy([], steps=steps)
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-05T16:00:00Z")
    await api.patch("/tenant", {"sending": "live"})
    await api.advance("2026-03-05T16:00:01Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["items"][0]["step_key"]) == ("awaiting_approval", "d+2")
    await api.post(f"/reminders/{reminder['id']}/cancel", expect=200)
    await api.advance("2026-03-20T16:00:01Z")
    assert len(await reminders(api)) == 1
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert outlook["next_step"]["key"] == "d+30"
    assert (await behind.event_types(outlook["case_id"])).count("dunning.step_skipped") == 2


async def test_cancelling_the_last_step_exhausts_the_case(api: Api) -> None:
    invoice = await overdue_invoice(api, [], steps=[step(3, requires_approval=True)])
    await api.advance("2026-03-05T16:00:01Z")
    (reminder,) = await reminders(api)
    await api.post(f"/reminders/{reminder['id']}/cancel", expect=200)
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["state"] == "exhausted"


async def test_what_is_on_its_way_cannot_be_cancelled(api: Api, behind: Behind) -> None:
    invoice = await overdue_invoice(api, [3])
    async with behind.unit() as uow:
        await tick(uow, limit=10)
    async with behind.unit() as uow:
        (claimed,) = (await claim(uow, api.settings, limit=10)).claims
    problem = await api.post(f"/reminders/{claimed.reminder_id}/cancel", expect=409)
    assert problem["code"] == "in_flight"
    # A payment is told of it.
    payment = await api.pay(invoice["customer_id"], "1160.00", "2026-03-05")
    assert payment["in_flight"] == [
        {"reminder_id": str(claimed.reminder_id), "channel": "email", "invoice_ids": [invoice["id"]]}
    ]
    # The process died before it sent; the mailbox surely has nothing, and the invoice is paid.
    assert (await api.advance("2026-03-05T17:00:00Z"))["reminders_sent"] == 0
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["skip_reason"]) == ("skipped", "paid")
    assert not mail(api, reminder).exists()


async def test_before_the_claim_there_is_no_message(api: Api) -> None:
    reminder = await waiting_reminder(api)
    problem = await api.get(f"/reminders/{reminder['id']}/message", expect=409)
    assert (problem["code"], "claimed" in problem["detail"]) == ("state_conflict", True)


async def unknown_reminder(api: Api, scripted: ScriptedChannel) -> Any:
    """A reminder with a fee whose outcome stayed unknown."""
    scripted.script = [Outcome.unknown]
    steps = [step(3, fee={"kind": "flat", "amount": "50.00"}), step(10)]
    await overdue_invoice(api, [], steps=steps)
    await api.advance("2026-03-05T16:30:00Z")
    (reminder,) = await reminders(api)
    assert reminder["status"] == "outcome_unknown"
    return reminder


async def test_an_unknown_outcome_is_resolved_as_sent(api: Api, behind: Behind, scripted: ScriptedChannel) -> None:
    reminder = await unknown_reminder(api, scripted)
    await api.advance("2026-03-06T16:00:00Z")
    resolved = await api.post(f"/reminders/{reminder['id']}/resolve", {"outcome": "sent", "note": "log"}, expect=200)
    assert (resolved["status"], resolved["sent_at"]) == ("sent", "2026-03-06T16:00:00Z")
    assert (await behind.event_types(reminder["id"]))[-1] == "reminder.sent"
    invoice = await api.get(f"/invoices/{reminder['items'][0]['invoice_id']}")
    assert invoice["charges_open"] == "50.00"
    await api.advance("2026-03-31T16:00:00Z")
    assert [r["items"][0]["step_key"] for r in await reminders(api)] == ["d+3", "d+10"]
    assert len(scripted.sent) == 2
    await api.post(f"/reminders/{reminder['id']}/resolve", {"outcome": "failed"}, expect=409)


async def test_resolved_as_failed_it_is_not_sent_again_and_costs_nothing(
    api: Api, behind: Behind, scripted: ScriptedChannel
) -> None:
    reminder = await unknown_reminder(api, scripted)
    resolved = await api.post(f"/reminders/{reminder['id']}/resolve", {"outcome": "failed"}, expect=200)
    assert (resolved["status"], resolved["sent_at"]) == ("failed", None)
    assert (await behind.event_types(reminder["id"]))[-2:] == ["reminder.outcome_unknown", "reminder.failed"]
    invoice = await api.get(f"/invoices/{reminder['items'][0]['invoice_id']}")
    assert (invoice["charges_open"], invoice["open_amount"]) == ("0.00", "1160.00")
    await api.advance("2026-03-31T16:00:00Z")
    assert [r["items"][0]["step_key"] for r in await reminders(api)] == ["d+3", "d+10"]


async def test_only_a_known_outcome_resolves(api: Api) -> None:
    reminder = await waiting_reminder(api)
    path = f"/reminders/{reminder['id']}/resolve"
    await api.post(path, {"outcome": "sent"}, expect=409)
    problem = await api.post(path, {"outcome": "delivered"}, expect=422)
    assert problem["errors"][0]["pointer"] == "/outcome"
    problem = await api.post(path, {"outcome": "sent", "because": "x"}, expect=422)
    assert problem["errors"][0]["code"] == "unknown_field"


async def test_the_list_is_filtered_and_paged(api: Api) -> None:
    await api.always_open()
    invoice = await overdue_invoice(api, [3, 4, 5])
    other = await api.customer()
    await api.invoice(other["id"], "10.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-07T18:00:00Z")
    every = await api.all("/reminders")
    assert len(every) == 6
    assert [row["id"] for row in every] == sorted((row["id"] for row in every), reverse=True)
    assert len(await reminders(api, invoice_id=invoice["id"])) == 3
    assert {row["customer_id"] for row in await reminders(api, customer_id=other["id"])} == {other["id"]}
    assert len(await reminders(api, status="sent", channel="email")) == 6
    assert await reminders(api, status="skipped") == await reminders(api, channel="sms") == []
    first = await api.get("/reminders", limit=4)
    rest = await api.get("/reminders", limit=4, cursor=first["next_cursor"])
    assert [*first["data"], *rest["data"]] == every
    assert rest["next_cursor"] is None
    problem = await api.get("/reminders", status="lost", expect=422)
    assert problem["errors"][0]["pointer"] == "?status"


async def test_reminders_of_others_are_not_found(api: Api, make_api: MakeApi) -> None:
    reminder = await waiting_reminder(api)
    stranger = await make_api()
    for reminder_id in [reminder["id"], UNKNOWN_ID]:
        for method, path, body in [
            ("GET", "", None),
            ("GET", "/message", None),
            ("POST", "/approve", None),
            ("POST", "/cancel", None),
            ("POST", "/resolve", {"outcome": "sent"}),
        ]:
            await stranger.call(method, f"/reminders/{reminder_id}{path}", json=body, expect=404)
    assert await reminders(stranger) == []
    assert (await api.get(f"/reminders/{reminder['id']}"))["status"] == "awaiting_approval"
