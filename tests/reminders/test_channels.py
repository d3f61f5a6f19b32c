"""Reminders by every channel: what leaves, what is kept, and what people are asked to do."""

from typing import Any

import pytest

from tests.channels.fake_twilio import HANG
from tests.conftest import Api
from tests.reminders.channels import ADDRESS, LANDLINE, MOBILE, OWN, accounts, owed, provider, reachable
from tests.reminders.conftest import THURSDAY, Behind, needs_letters, reminders, step

FEE = {"kind": "flat", "amount": "50.00"}
SOON = "2026-03-05T16:00:01Z"
NEXT_DAY = "2026-03-06T16:00:00Z"


async def events(api: Api, *types: str) -> list[Any]:
    await api.advance((await api.get("/test-clock"))["now"])
    return [event for event in await api.all("/events") if event["type"] in types]


async def test_an_sms_leaves_through_the_tenants_account(api: Api) -> None:
    async with provider(api) as fake:
        await owed(api, ["sms"])
        await api.advance(SOON)
    (message,) = fake.messages
    (reminder,) = await reminders(api)
    assert (message["From"], message["To"]) == (OWN, MOBILE)
    assert "1,160.00" in message["Body"]
    assert (reminder["status"], reminder["channel"], reminder["to"]) == ("sent", "sms", MOBILE)
    assert reminder["provider_message_id"] == message["sid"]
    said = await api.get(f"/reminders/{reminder['id']}/message")
    assert (said["text"], said["subject"], said["html"]) == (message["Body"], None, None)


async def test_the_secret_of_an_account_is_taken_and_never_shown(api: Api, behind: Behind) -> None:
    async with provider(api) as fake:
        shown = (await api.get("/tenant"))["channels"]["sms"]
        assert shown == {
            "base_url": fake.url,
            "account_id": accounts(fake)["sms"]["account_id"],
            "from": OWN,
            "paused_until": None,
        }
        without = {name: value for name, value in accounts(fake)["sms"].items() if name != "token"}
        changed = await api.patch("/tenant", {"channels": {"sms": {**without, "from": "PUNTUAL"}}})
        assert changed["channels"]["sms"]["from"] == "PUNTUAL"
        assert changed["channels"]["whatsapp"]["from"] == OWN
        # Another address does not get the secret of this one.
        moved = {**without, "base_url": f"{fake.url}/elsewhere"}
        refused = await api.patch("/tenant", {"channels": {"sms": moved}}, expect=422)
        assert refused["errors"][0]["pointer"] == "/channels/sms/token"
        gone = await api.patch("/tenant", {"channels": {"whatsapp": None}})
        assert (gone["channels"]["whatsapp"], gone["channels"]["sms"]["from"]) == (None, "PUNTUAL")
        async with behind.unit() as uow:
            assert accounts(fake)["sms"]["token"] not in str(uow.tenant.settings)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1", "https://169.254.169.254", "http://api.twilio.com", "https://user@example.com", "x"]
)
async def test_an_account_lies_at_an_address_that_may_be_called(api: Api, url: str) -> None:
    account = {"base_url": url, "account_id": "AC1", "token": "secret-secret", "from": OWN}
    refused = await api.patch("/tenant", {"channels": {"sms": account}}, expect=422)
    assert (refused["errors"][0]["pointer"], refused["errors"][0]["code"]) == (
        "/channels/sms/base_url",
        "url_not_allowed",
    )


@needs_letters
async def test_a_policy_names_channels_that_there_are(api: Api) -> None:
    body = {"name": "x", "steps": [step(1, channels=["sms", "letter", "call", "erp", "email"])]}
    found = await api.post("/dunning-policies/validate", body, expect=200)
    assert [(fault["pointer"], fault["code"]) for fault in found["errors"]] == [
        ("/steps/0/channels/0", "channel_not_available")
    ]
    async with provider(api):
        found = await api.post("/dunning-policies/validate", body, expect=200)
    assert found["errors"] == []


async def test_letters_are_refused_where_they_cannot_be_made(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.policies.service.letters_available", lambda: False)
    body = {"name": "x", "steps": [step(1, channels=["letter"])]}
    found = await api.post("/dunning-policies/validate", body, expect=200)
    assert [fault["code"] for fault in found["errors"]] == ["channel_not_available"]


async def test_channels_are_alternatives_in_order(api: Api) -> None:
    async with provider(api) as fake:
        await owed(api, ["whatsapp", "sms", "email"], ("email", "sms"))
        await api.advance(SOON)
    assert [message["To"] for message in fake.messages] == [MOBILE]


async def test_a_channel_whose_account_was_taken_away_is_passed_over(api: Api) -> None:
    async with provider(api) as fake:
        await owed(api, ["sms", "email"])
        await api.patch("/tenant", {"channels": {"sms": None}})
        await api.advance(SOON)
    (reminder,) = await reminders(api)
    assert (fake.messages, reminder["channel"], reminder["status"]) == ([], "email", "sent")


async def test_whatsapp_says_any_text_for_a_day_after_the_customer_wrote(api: Api) -> None:
    template = {"key": "first_notice", "language": "es-MX", "channel": "whatsapp", "name": "Aviso"}
    async with provider(api) as fake:
        await api.post("/templates", {**template, "body": "Debe {{ total }}.", "provider_template": "HX0123"})
        await owed(api, ["whatsapp"])
        await api.advance(SOON)
        (first,) = fake.messages
        assert (first["ContentSid"], "Body" in first) == ("HX0123", False)
        assert '"3": "$1,160.00 MXN"' in first["ContentVariables"].replace("\\u00a0", " ").replace(
            "\N{NO-BREAK SPACE}", " "
        )
        other = await api.customer(contacts=reachable("whatsapp"))
        told = {"channel": "whatsapp", "from": MOBILE, "text": "¿Cuánto debo?"}
        await api.post(f"/customers/{other['id']}/inbound-messages", told)
        await api.invoice(other["id"], "90.00", "2026-02-02", "2026-03-02")
        await api.advance("2026-03-05T16:00:02Z")
    second, _ = fake.messages
    assert (second["Body"].replace("\N{NO-BREAK SPACE}", " ")[:12], "ContentSid" in second) == ("Debe $90.00 ", False)


async def test_whatsapp_without_a_template_goes_on_by_the_next_channel(api: Api) -> None:
    async with provider(api) as fake:
        await owed(api, ["whatsapp", "sms"])
        await api.advance(SOON)
    first, second = await reminders(api)
    assert (first["status"], first["skip_reason"], first["channel"]) == ("skipped", "address_rejected", "whatsapp")
    assert (second["status"], second["channel"], second["replaces_id"]) == ("sent", "sms", first["id"])
    assert [message["To"] for message in fake.messages] == [MOBILE]


@needs_letters
async def test_a_letter_is_a_document_to_be_posted(api: Api, behind: Behind) -> None:
    invoice = await owed(api, ["letter"])
    await api.advance(SOON)
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["channel"], reminder["to"]) == ("sent", "letter", ADDRESS)
    answer = await api.call("GET", f"/reminders/{reminder['id']}/document", expect=200)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    again = await api.call("GET", f"/reminders/{reminder['id']}/document", expect=200)
    assert again.content == answer.content
    said = await api.get(f"/reminders/{reminder['id']}/message")
    assert ADDRESS.splitlines()[0] in said["text"]
    assert await behind.event_types(reminder["id"]) == ["reminder.sent"]
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "dunning"


async def test_only_letters_have_a_document(api: Api) -> None:
    await owed(api, ["email"])
    await api.advance(SOON)
    (reminder,) = await reminders(api)
    await api.call("GET", f"/reminders/{reminder['id']}/document", expect=409)


@needs_letters
async def test_in_shadow_a_letter_can_be_looked_at_and_nothing_else_happens(api: Api) -> None:
    await api.patch("/tenant", {"sending": "shadow"})
    await owed(api, ["letter"], fee=FEE)
    await api.advance(SOON)
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["shadow"]) == ("sent", True)
    answer = await api.call("GET", f"/reminders/{reminder['id']}/document", expect=200)
    assert answer.content.startswith(b"%PDF-")


async def test_the_tenants_own_system_is_asked_to_write(api: Api) -> None:
    await owed(api, ["erp"], addresses=("post",))
    await api.advance(SOON)
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["channel"], reminder["to"]) == ("sent", "erp", None)
    requested, sent = await events(api, "reminder.requested", "reminder.sent")
    assert (requested["type"], sent["type"]) == ("reminder.requested", "reminder.sent")
    assert requested["data"]["items"][0]["amount"] == "1160.00"
    assert "1,160.00" in requested["data"]["message"]["text"]
    assert requested["data"]["message"]["subject"]


@pytest.mark.parametrize("channel", ["erp", "call"])
async def test_in_shadow_nobody_is_asked_for_anything(api: Api, behind: Behind, channel: str) -> None:
    await api.patch("/tenant", {"sending": "shadow"})
    await owed(api, [channel], fee=FEE)
    await api.advance(SOON)
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["shadow"]) == ("sent", True)
    assert await behind.event_types(reminder["id"]) == ["reminder.sent"]
    assert await api.all("/tasks") == []


async def call_of(api: Api) -> Any:
    (task,) = await api.all("/tasks")
    assert (task["kind"], task["status"], task["due_on"]) == ("call", "open", "2026-03-05")
    return task


async def test_a_call_is_a_task_and_is_sent_once_somebody_was_reached(api: Api, behind: Behind) -> None:
    invoice = await owed(api, ["call", "email"], fee=FEE)
    await api.advance(SOON)
    task = await call_of(api)
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["to"], reminder["sent_at"]) == ("ready", LANDLINE, None)
    assert (task["reminder_id"], task["amount"], task["invoice_ids"]) == (reminder["id"], "1210.00", [invoice["id"]])
    assert "1,210.00" in task["script"].replace("\N{NO-BREAK SPACE}", " ")
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert "awaiting_call" in [blocker["code"] for blocker in outlook["blockers"]]
    await api.advance(NEXT_DAY)
    await api.post(f"/tasks/{task['id']}/complete", {"outcome": "reached"}, expect=200)
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["sent_at"]) == ("sent", NEXT_DAY)
    assert await behind.event_types(reminder["id"]) == ["reminder.sent"]
    assert (await api.get(f"/invoices/{invoice['id']}"))["charges_open"] == "50.00"


async def test_a_call_that_reaches_nobody_goes_on_by_the_next_channel(api: Api) -> None:
    invoice = await owed(api, ["call", "email"], fee=FEE)
    await api.advance(SOON)
    task = await call_of(api)
    await api.post(f"/tasks/{task['id']}/complete", {"outcome": "no_answer"}, expect=200)
    call, mail = await reminders(api)
    assert (call["status"], call["skip_reason"]) == ("skipped", "not_reached")
    assert (mail["status"], mail["channel"], mail["replaces_id"]) == ("ready", "email", call["id"])
    # Nobody was contacted, so the cap of one contact a day leaves room.
    await api.advance("2026-03-05T16:00:02Z")
    assert [reminder["status"] for reminder in await reminders(api)] == ["skipped", "sent"]
    assert (await api.get(f"/invoices/{invoice['id']}"))["charges_open"] == "50.00"
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["last_step"] == "d+3"


async def test_a_call_that_reaches_nobody_and_has_no_other_channel_is_skipped(api: Api, behind: Behind) -> None:
    invoice = await owed(api, ["call"], fee=FEE)
    await api.advance(SOON)
    task = await call_of(api)
    await api.post(f"/tasks/{task['id']}/complete", {"outcome": "no_answer"}, expect=200)
    (call,) = await reminders(api)
    assert (call["status"], call["skip_reason"]) == ("skipped", "not_reached")
    now = await api.get(f"/invoices/{invoice['id']}")
    assert (now["charges_open"], now["collection_state"]) == ("0.00", "none")
    skipped = await events(api, "dunning.step_skipped")
    assert [event["data"]["reason"] for event in skipped] == ["not_reached"]


async def test_a_payment_takes_the_task_back(api: Api) -> None:
    invoice = await owed(api, ["call"], fee=FEE)
    await api.advance(SOON)
    await call_of(api)
    paid = await api.pay(invoice["customer_id"], "1210.00", "2026-03-05", auto_allocate=True)
    assert paid["in_flight"] == []
    (task,) = await api.all("/tasks")
    (reminder,) = await reminders(api)
    assert (task["status"], reminder["status"], reminder["skip_reason"]) == ("cancelled", "skipped", "paid")
    await api.advance(NEXT_DAY)
    told = [event["type"] for event in await api.all("/events", types="task.*")]
    assert told == ["task.created", "task.cancelled"]


async def test_a_call_that_nobody_makes_gives_way_to_the_next_step(api: Api) -> None:
    await api.advance(THURSDAY)
    await api.policy([], steps=[step(3, channels=["call"]), step(5, channels=["email"])])
    customer = await api.customer(contacts=reachable("phone", "email"))
    await api.invoice(customer["id"], "1160.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-12T18:00:00Z")
    call, mail = await reminders(api)
    assert (call["status"], call["skip_reason"]) == ("skipped", "superseded")
    assert (mail["channel"], mail["status"]) == ("email", "sent")
    assert [task["status"] for task in await api.all("/tasks")] == ["cancelled"]


async def test_an_answer_that_never_came_is_looked_up_after_the_quarantine(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with provider(api, script=[HANG]) as fake:
        await owed(api, ["sms"], fee=FEE)
        await short_wait(api, monkeypatch)
        await api.advance("2026-03-05T17:00:00Z")
        (reminder,) = await reminders(api)
        # The provider has it, and it went once.
        assert (reminder["status"], len(fake.messages)) == ("sent", 1)


async def test_what_the_provider_never_had_is_sent_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(api, script=[HANG], keeps=False) as fake:
        await owed(api, ["sms"])
        await short_wait(api, monkeypatch)
        await api.advance("2026-03-05T17:00:00Z")
        (reminder,) = await reminders(api)
        assert (reminder["status"], reminder["attempts"], len(fake.messages)) == ("sent", 2, 1)


async def test_what_nobody_can_tell_is_told_and_can_be_resolved(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(api, script=[HANG], shows_tags=False):
        await owed(api, ["sms"])
        await short_wait(api, monkeypatch)
        await api.advance("2026-03-05T17:00:00Z")
    (reminder,) = await reminders(api)
    assert reminder["status"] == "outcome_unknown"
    resolved = await api.post(f"/reminders/{reminder['id']}/resolve", {"outcome": "sent"}, expect=200)
    assert resolved["status"] == "sent"


async def short_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for a provider that hangs."""
    transport: Any = api.client._transport
    for channel in transport.app.state.simulation.sender.channels.values():
        client = getattr(channel, "_client", None)
        if client is not None:
            monkeypatch.setattr(client, "_answer_seconds", 0.3)
