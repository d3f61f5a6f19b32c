"""What providers tell after they have taken a message: arrivals, bounces, complaints, and what follows."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from app.core.settings import Settings
from app.reminders.callbacks.service import signature
from app.reminders.tokens import CallbackTarget, callback_token, callback_url, read_token
from tests.channels.fake_twilio import HANG, TOKEN
from tests.conftest import Api
from tests.reminders.channels import MOBILE, owed, provider, reachable
from tests.reminders.conftest import Behind, needs_letters, reminders, step
from tests.reminders.test_channels import short_wait

SOON = "2026-03-05T16:00:01Z"
PUBLIC = "https://puntual.example.com"
FEE = {"kind": "flat", "amount": "50.00"}


async def tell(api: Api, reminder: Any, kind: str, event_id: str = "e-1", *, expect: int = 201, **more: Any) -> Any:
    body = {"kind": kind, "provider_event_id": event_id, **more}
    return await api.post(f"/reminders/{reminder['id']}/delivery-events", body, expect=expect)


async def sent(api: Api, channels: list[str], *addresses: str, **more: Any) -> Any:
    await owed(api, channels, addresses or ("email", "sms", "phone", "post"), **more)
    await api.advance(SOON)
    (reminder,) = await reminders(api)
    assert reminder["status"] == "sent"
    return reminder


async def test_an_arrival_is_told_once(api: Api, behind: Behind) -> None:
    reminder = await sent(api, ["email"])
    first = await tell(api, reminder, "delivered", occurred_at="2026-03-05T16:00:05Z", detail="250 OK")
    assert (first["reminder_status"], first["replaced_by"], first["detail"]) == ("delivered", [], "250 OK")
    again = await tell(api, reminder, "delivered", expect=200)
    assert (again["id"], again["occurred_at"]) == (first["id"], "2026-03-05T16:00:05Z")
    now = await api.get(f"/reminders/{reminder['id']}")
    assert (now["status"], now["delivered_at"], now["read_at"]) == ("delivered", "2026-03-05T16:00:05Z", None)
    assert await behind.event_types(reminder["id"]) == ["reminder.sent", "reminder.delivered"]
    listed = await api.get(f"/reminders/{reminder['id']}/delivery-events")
    assert [item["id"] for item in listed["data"]] == [first["id"]]


async def test_what_was_read_has_arrived(api: Api, behind: Behind) -> None:
    reminder = await sent(api, ["email"])
    await tell(api, reminder, "read")
    await tell(api, reminder, "delivered", "e-2")
    now = await api.get(f"/reminders/{reminder['id']}")
    assert (now["status"], now["read_at"], now["delivered_at"]) == ("delivered", SOON, SOON)
    assert await behind.event_types(reminder["id"]) == ["reminder.sent", "reminder.delivered", "reminder.read"]


async def test_nothing_is_told_of_what_has_not_left_or_not_happened(api: Api) -> None:
    await owed(api, ["email"], requires_approval=True)
    await api.advance(SOON)
    (waiting,) = await reminders(api)
    await tell(api, waiting, "delivered", expect=409)
    await api.post(f"/reminders/{waiting['id']}/approve", expect=200)
    await api.advance("2026-03-05T16:00:02Z")
    refused = await tell(api, waiting, "delivered", occurred_at="2026-03-05T16:06:00Z", expect=422)
    assert refused["errors"][0]["pointer"] == "/occurred_at"


async def test_in_shadow_nothing_has_left(api: Api) -> None:
    await api.patch("/tenant", {"sending": "shadow"})
    reminder = await sent(api, ["email"])
    await tell(api, reminder, "delivered", expect=409)


async def test_a_bounce_marks_the_address_and_takes_the_next_channel_under_the_caps(api: Api, behind: Behind) -> None:
    async with provider(api) as fake:
        reminder = await sent(api, ["email", "sms"], fee=FEE)
        told = await tell(api, reminder, "bounced", detail="550 5.1.1")
        (replacement,) = told["replaced_by"]
        assert told["reminder_status"] == "failed"
        assert await behind.event_types(reminder["id"]) == ["reminder.sent", "reminder.failed"]
        customer = await api.get(f"/customers/{reminder['customer_id']}")
        marks = {entry["type"]: entry["bounced_at"] for entry in customer["contacts"][0]["channels"]}
        assert (marks["email"], marks["sms"]) == (SOON, None)
        # The message that came back was today's contact.
        await api.advance("2026-03-06T14:59:59Z")
        assert fake.messages == []
        await api.advance("2026-03-06T15:00:00Z")
    assert [message["To"] for message in fake.messages] == [MOBILE]
    second = await api.get(f"/reminders/{replacement}")
    assert (second["status"], second["replaces_id"], second["items"][0]["step_key"]) == ("sent", reminder["id"], "d+3")
    # It is one step, and one fee.
    invoice = await api.get(f"/invoices/{reminder['items'][0]['invoice_id']}")
    assert (invoice["charges_open"], second["total_due"]) == ("50.00", "1210.00")
    # The same bounce again does nothing.
    await tell(api, reminder, "bounced", expect=200)
    assert len(await reminders(api)) == 2


async def test_a_bounced_address_is_not_used_until_its_contact_is_edited(api: Api) -> None:
    await owed(api, ["email"])
    await api.policy([], steps=[step(3), step(5), step(7)])
    customer = await api.customer(contacts=reachable("email"))
    invoice = await api.invoice(customer["id"], "90.00", "2026-02-02", "2026-03-02")
    await api.advance(SOON)
    first = next(item for item in await reminders(api) if item["customer_id"] == customer["id"])
    assert (await tell(api, first, "bounced"))["replaced_by"] == []
    # What is sent again as it was keeps the mark.
    body = {"name": customer["name"], "contacts": reachable("email")}
    await api.patch(f"/customers/{customer['id']}", body)
    await api.advance("2026-03-08T18:00:00Z")
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert "no_address" in [blocker["code"] for blocker in outlook["blockers"]]
    contacts = reachable("email")
    contacts[0]["name"] = "Pedro"
    changed = await api.patch(f"/customers/{customer['id']}", {"contacts": contacts})
    assert changed["contacts"][0]["channels"][0]["bounced_at"] is None
    await api.advance("2026-03-13T18:00:00Z")
    own = [item["status"] for item in await reminders(api) if item["customer_id"] == customer["id"]]
    assert own == ["failed", "sent"]


async def test_the_last_step_is_tried_by_its_next_channel_too(api: Api) -> None:
    async with provider(api) as fake:
        await api.advance("2026-03-05T16:00:00Z")
        await api.policy([], steps=[step(3, channels=["email", "sms"])])
        customer = await api.customer(contacts=reachable("email", "sms"))
        await api.invoice(customer["id"], "90.00", "2026-02-02", "2026-03-02")
        await api.advance(SOON)
        (reminder,) = await reminders(api)
        await tell(api, reminder, "failed")
        await api.advance("2026-03-06T16:00:00Z")
    assert len(fake.messages) == 1
    customer = await api.get(f"/customers/{customer['id']}")
    # It could not be delivered, which is not the address's fault.
    assert customer["contacts"][0]["channels"][0]["bounced_at"] is None


async def test_what_was_paid_meanwhile_is_not_tried_by_another_channel(api: Api) -> None:
    async with provider(api) as fake:
        reminder = await sent(api, ["email", "sms"])
        await tell(api, reminder, "bounced")
        await api.pay(reminder["customer_id"], "1160.00", "2026-03-05", auto_allocate=True)
        await api.advance("2026-03-10T16:00:00Z")
    assert fake.messages == []
    assert [item["status"] for item in await reminders(api)] == ["failed", "skipped"]


@needs_letters
async def test_a_later_step_takes_the_place_of_one_that_is_tried_again(api: Api) -> None:
    async with provider(api) as fake:
        await api.advance("2026-03-05T16:00:00Z")
        steps = [step(3, channels=["email", "sms"]), step(4, channels=["letter"])]
        await api.policy([], steps=steps)
        customer = await api.customer(contacts=reachable("email", "sms", "post"))
        await api.invoice(customer["id"], "90.00", "2026-02-02", "2026-03-02")
        await api.advance(SOON)
        (reminder,) = await reminders(api)
        await tell(api, reminder, "bounced")
        await api.advance("2026-03-06T18:00:00Z")
    assert fake.messages == []
    found = [(item["channel"], item["status"], item["skip_reason"]) for item in await reminders(api)]
    assert found == [("email", "failed", None), ("sms", "skipped", "superseded"), ("letter", "sent", None)]


async def test_a_complaint_denies_the_address(api: Api, behind: Behind) -> None:
    reminder = await sent(api, ["email"])
    told = await tell(api, reminder, "complained")
    assert told["reminder_status"] == "delivered"
    customer = await api.get(f"/customers/{reminder['customer_id']}")
    assert customer["contacts"][0]["channels"][0]["consent"] == "denied"
    expected = ["customer.created", "customer.updated", "customer.opted_out"]
    assert await behind.event_types(customer["id"]) == expected
    # Said once more, it changes nothing more.
    await tell(api, reminder, "complained", "e-2")
    assert await behind.event_types(customer["id"]) == expected


async def test_a_receipt_decides_what_was_unknown(api: Api, behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(api, script=[HANG], shows_tags=False):
        invoice = await owed(api, ["sms"])
        await short_wait(api, monkeypatch)
        await api.advance(SOON)
        (claimed,) = await reminders(api)
        assert claimed["status"] == "sending"
        told = await tell(api, claimed, "delivered")
        assert told["reminder_status"] == "delivered"
        await api.advance("2026-03-05T17:00:00Z")
    assert await behind.event_types(claimed["id"]) == ["reminder.sent", "reminder.delivered"]
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "dunning"


REPORT = """From: MAILER-DAEMON@mx.example.com
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"
MIME-Version: 1.0

--b
Content-Type: text/plain

Sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; cuentas@example.com
Action: {action}
Status: {status}

--b
Content-Type: text/rfc822-headers

From: cobranza@example.com
Message-ID: <{key}@puntual.invalid>

--b--
"""


@pytest.mark.parametrize(
    ("action", "status", "expect", "becomes", "is_marked"),
    [
        ("failed", "5.1.1", 201, "failed", True),
        ("failed", "5.2.2", 201, "failed", False),
        ("failed", "4.4.7", 201, "failed", False),
        ("delivered", "2.0.0", 201, "delivered", False),
        ("delayed", "4.4.1", 409, "sent", False),
    ],
)
async def test_a_report_is_read_for_what_it_says(
    api: Api, action: str, status: str, expect: int, becomes: str, is_marked: bool
) -> None:
    reminder = await sent(api, ["email"])
    report = REPORT.format(action=action, status=status, key=reminder["id"])
    await api.post("/reminders/bounces", {"report": report}, expect=expect)
    now = await api.get(f"/reminders/{reminder['id']}")
    customer = await api.get(f"/customers/{reminder['customer_id']}")
    assert (now["status"], customer["contacts"][0]["channels"][0]["bounced_at"] is not None) == (becomes, is_marked)
    if expect == 201:
        again = await api.post("/reminders/bounces", {"report": report}, expect=200)
        assert again["reminder_id"] == reminder["id"]


NESTED = "Content-Type: multipart/mixed; boundary=b{0}\n\n--b{0}\n"


@pytest.mark.parametrize(
    "report",
    [
        "Content-Type: message/rfc822\n\n" * 2000,
        "".join(NESTED.format(depth) for depth in range(100)) + "--x\n" * 200_000,
        f"Content-Type: multipart/report; {';' * 900_000}\n\n",
    ],
    ids=["deep", "deep and long", "parameters"],
)
async def test_a_report_that_is_made_to_take_long_is_none(api: Api, report: str) -> None:
    started = time.perf_counter()
    problem = await api.post("/reminders/bounces", {"report": report}, expect=422)
    assert time.perf_counter() - started < 2
    assert problem["errors"][0]["pointer"] == "/report"


async def test_a_message_id_is_enough(api: Api) -> None:
    reminder = await sent(api, ["email"])
    message = await api.get(f"/reminders/{reminder['id']}/message")
    told = await api.post("/reminders/bounces", {"message_id": message["message_id"], "detail": "550 5.1.1"})
    assert (told["reminder_id"], told["kind"], told["reminder_status"]) == (reminder["id"], "bounced", "failed")
    for unknown, expect in (("<x@puntual.invalid>", 422), (message["message_id"].replace("@", "@other."), 422)):
        await api.post("/reminders/bounces", {"message_id": unknown}, expect=expect)
    nobody = f"<{UUID(int=7)}@puntual.invalid>"
    await api.post("/reminders/bounces", {"message_id": nobody}, expect=404)
    await api.post("/reminders/bounces", {"message_id": nobody, "report": "x"}, expect=422)


@pytest.fixture
def public(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The service is reached from outside."""
    transport: Any = api.client._transport
    state = transport.app.state
    before: Settings = state.settings
    settings = before.model_copy(update={"public_url": PUBLIC})
    state.settings = settings
    monkeypatch.setattr(state.simulation.sender, "settings", settings)
    yield settings
    state.settings = before


async def call_back(api: Api, url: str, fields: dict[str, str], *, secret: str = TOKEN) -> int:
    """What the provider does, signed."""
    headers = {"X-Twilio-Signature": signature(secret, url, fields)}
    answer = await api.client.post(url.removeprefix(PUBLIC), data=fields, headers=headers)
    return answer.status_code


async def test_the_provider_tells_by_itself(api: Api, behind: Behind, public: Settings) -> None:
    async with provider(api) as fake:
        reminder = await sent(api, ["sms", "email"])
        (message,) = fake.messages
        url = message["StatusCallback"]
        fields = {"MessageSid": message["sid"], "MessageStatus": "delivered", "To": MOBILE}
        assert await call_back(api, url, {**fields, "MessageStatus": "sent"}) == 204
        assert (await api.get(f"/reminders/{reminder['id']}"))["status"] == "sent"
        assert await call_back(api, url, fields, secret="another-secret") == 403
        assert (await api.get(f"/reminders/{reminder['id']}"))["status"] == "sent"
        assert await call_back(api, url, fields) == 204
        assert await call_back(api, url, fields) == 204
    assert await behind.event_types(reminder["id"]) == ["reminder.sent", "reminder.delivered"]


@pytest.mark.parametrize(
    ("error", "is_marked", "consent"),
    [("30005", True, "unknown"), ("30003", False, "unknown"), ("21610", False, "denied")],
)
async def test_a_number_that_does_not_work_is_marked(
    api: Api, public: Settings, error: str, is_marked: bool, consent: str
) -> None:
    async with provider(api) as fake:
        reminder = await sent(api, ["sms", "email"])
        fields = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": error}
        assert await call_back(api, fake.messages[0]["StatusCallback"], fields) == 204
    failed, instead = await reminders(api)
    customer = await api.get(f"/customers/{reminder['customer_id']}")
    entry = next(entry for entry in customer["contacts"][0]["channels"] if entry["type"] == "sms")
    assert (failed["status"], failed["last_error"]) == (
        "failed",
        f"{'bounced' if is_marked else 'failed'}: error {error}",
    )
    assert (entry["bounced_at"] is not None, entry["consent"]) == (is_marked, consent)
    assert (instead["channel"], instead["status"]) == ("email", "ready")


async def test_a_callback_settles_what_nobody_had_recorded(
    api: Api, behind: Behind, public: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with provider(api, script=[HANG], shows_tags=False) as fake:
        await owed(api, ["sms"])
        await short_wait(api, monkeypatch)
        await api.advance("2026-03-05T17:00:00Z")
        (reminder,) = await reminders(api)
        assert reminder["status"] == "outcome_unknown"
        fields = {"MessageSid": "SM77", "MessageStatus": "queued"}
        assert await call_back(api, fake.messages[0]["StatusCallback"], fields) == 204
    now = await api.get(f"/reminders/{reminder['id']}")
    assert (now["status"], now["provider_message_id"]) == ("sent", "SM77")


@pytest.mark.parametrize(("told", "status"), [("queued", "sent"), ("delivered", "delivered"), ("failed", "failed")])
async def test_a_message_that_a_provider_took_after_all_is_not_sent_again(
    api: Api, public: Settings, told: str, status: str
) -> None:
    """It said that it was too busy, and had the message."""
    async with provider(api, script=[503]) as fake:
        await owed(api, ["sms"])
        await api.advance("2026-03-05T16:00:01Z")
        (reminder,) = await reminders(api)
        assert (reminder["status"], reminder["attempts"]) == ("ready", 1)
        url = callback_url(public, CallbackTarget(api.tenant_id, UUID(reminder["id"])))
        assert await call_back(api, str(url), {"MessageSid": "SM77", "MessageStatus": told}) == 204
        await api.advance("2026-03-06T20:00:00Z")
        assert fake.messages == []
    (now,) = await reminders(api)
    assert (now["status"], now["sent_at"], now["provider_message_id"]) == (status, "2026-03-05T16:00:01Z", "SM77")


async def test_an_address_that_we_did_not_make_is_nobodys(api: Api, public: Settings) -> None:
    target = CallbackTarget(api.tenant_id, UUID(int=1))
    token = callback_token(public, target)
    assert read_token(public, token) == target
    for forged in (token[:-1] + ("A" if token[-1] != "A" else "B"), token.replace("0000", "0001", 1), "x", ""):
        assert read_token(public, forged) is None
        answer = await api.client.post(f"/v1/provider-callbacks/twilio/{forged}", data={"a": "b"})
        assert answer.status_code == 404
    assert callback_url(public.model_copy(update={"public_url": ""}), target) is None
    # Of a reminder that is not there.
    assert await call_back(api, str(callback_url(public, target)), {"MessageStatus": "sent"}) == 404


def test_the_signature_is_the_published_one() -> None:
    url = "https://example.com/myapp.php?foo=1&bar=2"
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675310",
        "Digits": "1234",
        "From": "+14158675310",
        "To": "+18005551212",
    }
    assert signature("12345", url, fields) == "L/OH5YylLD5NRKLltdqwSvS0BnU="
