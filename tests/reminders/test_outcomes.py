"""What becomes of a claimed reminder: accepted, not sent, refused, unknown; and its fee in each case."""

from datetime import timedelta
from typing import Any

import pytest

from app.core.settings import Settings
from app.core.uow import Database, UnitOfWork
from app.models import Reminder
from app.reminders.channels.base import Outcome, SendResult
from app.reminders.claims import claim
from app.reminders.composing import encode
from app.reminders.recording import record
from app.reminders.sender import Sender
from app.settlement.tick import tick
from tests.conftest import Api
from tests.reminders.conftest import Behind, ScriptedChannel, overdue_invoice, reminders, step, text_of

FEE = {"kind": "flat", "amount": "50.00"}
DENIED = [{"channels": [{"type": "email", "address": "a@example.com", "consent": "denied"}]}]
GRANTED = [{"channels": [{"type": "email", "address": "a@example.com", "consent": "granted"}]}]


async def charges(api: Api, invoice: Any) -> list[tuple[str, str]]:
    """What the ledger of an invoice says about charges."""
    entries = await api.all(f"/invoices/{invoice['id']}/ledger")
    return [(entry["kind"], entry["amount"]) for entry in entries if entry["account"] == "fees"]


async def read(api: Api, invoice: Any) -> Any:
    return await api.get(f"/invoices/{invoice['id']}")


async def test_a_fee_posts_with_the_claim_and_the_letter_asks_for_it(
    api: Api, behind: Behind, scripted: ScriptedChannel
) -> None:
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE), step(10)])
    await api.advance("2026-03-05T16:00:01Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["total_due"], reminder["items"][0]["amount"]) == (
        "sent",
        "1210.00",
        "1210.00",
    )
    assert (reminder["provider_message_id"], reminder["attempts"], reminder["last_error"]) == ("provider-1", 1, None)
    (letter,) = scripted.letters()
    assert "$1,210.00 MXN" in text_of(letter)
    now = await read(api, invoice)
    assert (now["open_amount"], now["principal_open"], now["charges_open"]) == ("1210.00", "1160.00", "50.00")
    assert await charges(api, invoice) == [("charge_posted", "50.00")]
    # The next step has no fee and asks for what is open with it.
    await api.advance("2026-03-31T00:00:00Z")
    assert (await reminders(api))[1]["total_due"] == "1210.00"
    assert await charges(api, invoice) == [("charge_posted", "50.00")]
    assert "invoice.updated" in await behind.event_types(invoice["id"])


async def test_a_percent_fee_keeps_its_bounds(api: Api, scripted: ScriptedChannel) -> None:
    fee = {"kind": "percent", "percent": "3.5", "min": "10.00", "max": "30.00", "currency": "MXN"}
    invoice = await overdue_invoice(api, [], total="714.29", steps=[step(3, fee=fee)])
    small = await api.invoice((await api.customer())["id"], "1.00", "2026-02-02", "2026-03-02")
    large = await api.invoice((await api.customer())["id"], "99999.00", "2026-02-02", "2026-03-02")
    yen = await api.invoice((await api.customer())["id"], "99999", "2026-02-02", "2026-03-02", currency="JPY")
    await api.advance("2026-03-05T16:00:01Z")
    # 25.00015 rounds to 25.00.
    assert [(await read(api, one))["charges_open"] for one in [invoice, small, large, yen]] == [
        "25.00",
        "10.00",
        "30.00",
        "0",
    ]


async def test_what_was_not_sent_is_tried_again_and_charged_once(api: Api, scripted: ScriptedChannel) -> None:
    scripted.script = [Outcome.not_sent, Outcome.not_sent, Outcome.accepted]
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE), step(10)])
    await api.advance("2026-03-05T16:00:30Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["attempts"], reminder["last_error"]) == ("ready", 1, "scripted not_sent")
    await api.advance("2026-03-05T16:05:59Z")
    assert len(scripted.sent) == 2
    await api.advance("2026-03-05T16:06:00Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["attempts"], reminder["total_due"]) == ("sent", 3, "1210.00")
    assert await charges(api, invoice) == [("charge_posted", "50.00")]
    assert {message.message_key for message in scripted.sent} == {reminder["id"]}
    assert {letter["Message-ID"] for letter in scripted.letters()} == {f"<{reminder['id']}@puntual.invalid>"}


async def test_a_retry_after_hours_waits_for_the_window_and_charges_nothing_more(
    api: Api, scripted: ScriptedChannel
) -> None:
    scripted.script = [Outcome.not_sent] * 2
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE, requires_approval=True)])
    await api.advance("2026-03-05T23:58:00Z")
    (reminder,) = await reminders(api)
    await api.post(f"/reminders/{reminder['id']}/approve", expect=200)
    # 17:58, 17:59 and then after 18:00, when the window has closed.
    await api.advance("2026-03-06T14:59:59Z")
    assert len(scripted.sent) == 2
    await api.advance("2026-03-06T15:00:00Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["sent_at"]) == ("sent", "2026-03-06T15:00:00Z")
    assert await charges(api, invoice) == [("charge_posted", "50.00")]


async def test_a_retry_that_may_not_go_out_is_skipped_and_its_fee_taken_back(
    api: Api, behind: Behind, scripted: ScriptedChannel
) -> None:
    scripted.script = [Outcome.not_sent]
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE), step(10)])
    await api.advance("2026-03-05T16:00:01Z")
    assert (await read(api, invoice))["open_amount"] == "1210.00"
    await api.patch(f"/customers/{invoice['customer_id']}", {"contacts": DENIED})
    await api.advance("2026-03-05T16:01:00Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["skip_reason"]) == ("skipped", "no_consent")
    assert await charges(api, invoice) == [("charge_posted", "50.00"), ("charge_reversed", "-50.00")]
    assert (await read(api, invoice))["open_amount"] == "1160.00"
    assert "charge.reversed" in await behind.event_types(await charge_id(api, invoice))


async def test_a_fee_that_was_waived_is_not_charged_again_with_the_retry(api: Api, scripted: ScriptedChannel) -> None:
    scripted.script = [Outcome.not_sent]
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE), step(10)])
    await api.advance("2026-03-05T16:00:01Z")
    await api.post(f"/charges/{await charge_id(api, invoice)}/waive", {"reason": "Acuerdo"}, expect=200)
    await api.advance("2026-03-05T16:10:00Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["total_due"]) == ("sent", "1160.00")
    assert [charge["status"] for charge in await api.all("/charges")] == ["waived"]


async def charge_id(api: Api, invoice: Any) -> str:
    entries = await api.all(f"/invoices/{invoice['id']}/ledger")
    return str(next(entry["charge_id"] for entry in entries if entry["charge_id"]))


async def test_an_invoice_that_only_owed_the_fee_is_paid_when_it_is_taken_back(
    api: Api, scripted: ScriptedChannel
) -> None:
    scripted.script = [Outcome.not_sent]
    await api.patch("/tenant", {"allocation_order": ["interest", "principal", "fees"]})
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE, min_amount={"MXN": "100.00"}), step(10)])
    await api.advance("2026-03-05T16:00:01Z")
    await api.pay(invoice["customer_id"], "1160.00", "2026-03-05")
    assert (await read(api, invoice))["open_amount"] == "50.00"
    await api.advance("2026-03-05T16:05:00Z")
    now = await read(api, invoice)
    assert (now["status"], now["open_amount"]) == ("paid", "0.00")
    assert len(scripted.sent) == 1


async def test_a_hold_that_takes_the_fee_back_leaves_nothing_owed(api: Api, scripted: ScriptedChannel) -> None:
    scripted.script = [Outcome.not_sent]
    await api.patch("/tenant", {"allocation_order": ["interest", "principal", "fees"]})
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE), step(10)])
    await api.advance("2026-03-05T16:00:01Z")
    await api.pay(invoice["customer_id"], "1160.00", "2026-03-05")
    await api.post("/holds", {"customer_id": invoice["customer_id"], "reason": "asked for time"})
    now = await read(api, invoice)
    assert (now["status"], now["open_amount"]) == ("paid", "0.00")
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert outlook["state"] == "closed"


async def test_of_two_fees_only_the_unsent_one_is_taken_back(api: Api, scripted: ScriptedChannel) -> None:
    scripted.script = [Outcome.accepted, Outcome.not_sent]
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE), step(10, fee=FEE)])
    await api.advance("2026-03-12T15:00:00Z")
    assert (await read(api, invoice))["charges_open"] == "100.00"
    await api.patch(f"/customers/{invoice['customer_id']}", {"contacts": DENIED})
    await api.advance("2026-03-12T15:01:00Z")
    assert (await reminders(api))[1]["status"] == "skipped"
    assert (await read(api, invoice))["charges_open"] == "50.00"


async def test_a_fee_that_was_partly_paid_stays_and_is_not_posted_again(api: Api, scripted: ScriptedChannel) -> None:
    scripted.script = [Outcome.not_sent]
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE), step(30)])
    await api.advance("2026-03-05T16:00:01Z")
    await api.pay(invoice["customer_id"], "30.00", "2026-03-05")
    await api.patch(f"/customers/{invoice['customer_id']}", {"contacts": DENIED})
    await api.advance("2026-03-05T16:05:00Z")
    assert (await read(api, invoice))["charges_open"] == "20.00"
    await api.patch(f"/customers/{invoice['customer_id']}", {"contacts": GRANTED})
    await api.advance("2026-03-05T16:06:00Z")
    assert [reminder["status"] for reminder in await reminders(api)] == ["skipped", "sent"]
    assert await charges(api, invoice) == [("charge_posted", "50.00"), ("payment_allocated", "-30.00")]


async def test_a_refused_address_skips_the_step_and_the_ladder_goes_on(
    api: Api, behind: Behind, scripted: ScriptedChannel
) -> None:
    scripted.script = [Outcome.refused]
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE), step(10)])
    await api.advance("2026-03-05T16:00:01Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["skip_reason"]) == ("skipped", "address_rejected")
    assert await behind.event_types(reminder["id"]) == ["reminder.failed"]
    assert await charges(api, invoice) == [("charge_posted", "50.00"), ("charge_reversed", "-50.00")]
    assert "dunning.step_skipped" in await behind.event_types(reminder["items"][0]["case_id"])
    await api.advance("2026-03-31T00:00:00Z")
    following = (await reminders(api))[1]
    assert (following["items"][0]["step_key"], following["status"], following["total_due"]) == (
        "d+10",
        "sent",
        "1160.00",
    )


async def test_a_message_of_a_run_that_the_provider_refuses_has_drifted(api: Api, scripted: ScriptedChannel) -> None:
    await api.patch("/tenant", {"dunning_mode": "runs"})
    refused = await overdue_invoice(api, [3, 10])
    taken = await api.invoice((await api.customer())["id"], "10.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-05T16:00:01Z")
    run = await api.post("/dunning-runs", {})
    await api.post(f"/dunning-runs/{run['id']}/approve", expect=200)
    path = f"/dunning-runs/{run['id']}/items"
    assert [item["status"] for item in await api.all(path)] == ["made", "made"]
    scripted.script = [Outcome.refused]
    await api.advance("2026-03-05T16:00:02Z")
    told = {item["customer_id"]: (item["status"], item["drift_reason"]) for item in await api.all(path)}
    assert told == {refused["customer_id"]: ("drifted", "address_rejected"), taken["customer_id"]: ("made", None)}


async def test_a_refused_step_answers_for_the_lower_ones_too(
    api: Api, behind: Behind, scripted: ScriptedChannel
) -> None:
    scripted.script = [Outcome.refused]
    await api.patch("/tenant", {"sending": "paused"})
    await api.policy([1, 2, 30])
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-05T16:00:00Z")
    await api.patch("/tenant", {"sending": "live"})
    await api.advance("2026-03-20T16:00:00Z")
    assert len(scripted.sent) == 1
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert outlook["next_step"]["key"] == "d+30"
    assert (await behind.event_types(outlook["case_id"])).count("dunning.step_skipped") == 2


async def test_an_unknown_outcome_is_told_after_the_quarantine_and_never_sent_again(
    api: Api, behind: Behind, scripted: ScriptedChannel, settings: Settings
) -> None:
    scripted.script = [Outcome.unknown]
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE), step(10)])
    wait = timedelta(seconds=settings.send_lease_seconds + settings.send_quarantine_seconds)
    assert wait == timedelta(minutes=16)
    await api.advance("2026-03-05T16:15:59Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["last_error"]) == ("sending", "scripted unknown")
    await api.advance("2026-03-05T16:16:00Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["sent_at"]) == ("outcome_unknown", None)
    assert await behind.event_types(reminder["id"]) == ["reminder.outcome_unknown"]
    # It may have been read, so its fee stays, it counts as a contact and its step as taken.
    assert await charges(api, invoice) == [("charge_posted", "50.00")]
    await api.advance("2026-03-31T00:00:00Z")
    assert [(r["items"][0]["step_key"], r["status"]) for r in await reminders(api)] == [
        ("d+3", "outcome_unknown"),
        ("d+10", "sent"),
    ]
    assert len(scripted.sent) == 2


async def test_a_provider_that_can_tell_settles_an_unknown_outcome(
    api: Api, behind: Behind, scripted: ScriptedChannel
) -> None:
    scripted.script, scripted.known = [Outcome.unknown], True
    await overdue_invoice(api, [3])
    await api.advance("2026-03-05T16:16:00Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], len(scripted.sent)) == ("sent", 1)
    assert await behind.event_types(reminder["id"]) == ["reminder.sent"]


async def test_what_surely_never_left_is_sent_after_all(api: Api, behind: Behind, scripted: ScriptedChannel) -> None:
    scripted.script, scripted.known = [Outcome.unknown], False
    await overdue_invoice(api, [3])
    await api.advance("2026-03-05T16:16:00Z")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["attempts"], len(scripted.sent)) == ("sent", 2, 2)


async def test_a_channel_that_breaks_leaves_the_others_outcomes_alone(api: Api, scripted: ScriptedChannel) -> None:
    scripted.script = [RuntimeError("broken"), Outcome.accepted]
    await overdue_invoice(api, [3])
    await api.invoice((await api.customer())["id"], "10.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-05T16:00:01Z")
    assert sorted(reminder["status"] for reminder in await reminders(api)) == ["sending", "sent"]
    await api.advance("2026-03-05T16:20:00Z")
    assert sorted(reminder["status"] for reminder in await reminders(api)) == ["outcome_unknown", "sent"]


async def test_a_step_sent_while_its_payment_came_in_is_not_sent_again_after_a_reversal(
    api: Api, behind: Behind
) -> None:
    invoice = await overdue_invoice(api, [3, 10])
    async with behind.unit() as uow:
        await tick(uow, limit=10)
    async with behind.unit() as uow:
        (claimed,) = (await claim(uow, api.settings, limit=10)).claims
    payment = await api.pay(invoice["customer_id"], "1160.00", "2026-03-05")
    assert len(payment["in_flight"]) == 1
    async with behind.unit() as uow:
        sent = SendResult(Outcome.accepted, "p-1", "")
        assert await record(uow, {claimed.reminder_id: (claimed.lease_token, sent)}) == 1
    await api.advance("2026-03-06T16:00:00Z")
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    await api.advance("2026-03-31T00:00:00Z")
    assert [(r["items"][0]["step_key"], r["status"]) for r in await reminders(api)] == [
        ("d+3", "sent"),
        ("d+10", "sent"),
    ]


async def test_a_late_answer_under_an_old_lease_writes_nothing(api: Api, behind: Behind) -> None:
    await overdue_invoice(api, [3])
    async with behind.unit() as uow:
        await tick(uow, limit=10)
    async with behind.unit() as uow:
        (claimed,) = (await claim(uow, api.settings, limit=10)).claims
    # Rescued by the mailbox's word, sent by another worker: the first one's answer comes too late.
    await api.advance("2026-03-05T16:20:00Z")
    (before,) = await reminders(api)
    assert (before["status"], before["attempts"]) == ("sent", 2)
    async with behind.unit() as uow:
        refused = SendResult(Outcome.refused, None, "late")
        assert await record(uow, {claimed.reminder_id: (claimed.lease_token, refused)}) == 0
    assert await reminders(api) == [before]


async def test_a_channel_that_is_not_configured_sends_nothing_and_says_so(
    api: Api, behind: Behind, database: Database, settings: Settings
) -> None:
    await overdue_invoice(api, [3])
    async with behind.unit() as uow:
        await tick(uow, limit=10)
    counts = await Sender(database, settings, {}).send_batch(api.tenant_id)
    assert counts.outcomes == {"not_sent": 1}
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["last_error"]) == ("ready", "channel not configured")


async def test_a_reminder_that_cannot_be_made_out_does_not_hold_up_the_others(
    api: Api, scripted: ScriptedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = await overdue_invoice(api, [3])
    await api.invoice((await api.customer())["id"], "10.00", "2026-02-02", "2026-03-02")

    def encode_all_but_one(uow: UnitOfWork, reminder: Reminder, *args: Any, **options: Any) -> bytes:
        if str(reminder.customer_id) == broken["customer_id"]:
            raise ValueError("no such header")
        return encode(uow, reminder, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr("app.reminders.claims.encode", encode_all_but_one)
        await api.advance("2026-03-05T16:04:59Z")
        waiting, sent = await reminders(api)
        assert (waiting["status"], waiting["attempts"]) == ("ready", 0)
        assert waiting["last_error"] == "could not be made out: ValueError"
        assert sent["status"] == "sent"
    await api.advance("2026-03-05T16:05:00Z")
    assert [reminder["status"] for reminder in await reminders(api)] == ["sent", "sent"]
