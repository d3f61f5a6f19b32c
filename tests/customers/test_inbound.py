"""What customers answer: opt-outs are honoured at once, other words are kept for people."""

from typing import Any

import pytest

from tests.conftest import Api

EMAIL, MOBILE = "ana@example.com", "+525512345678"


def channels(customer: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The consent by type and address."""
    return {
        (channel["type"], channel["address"]): channel["consent"]
        for contact in customer["contacts"]
        for channel in contact["channels"]
    }


async def a_customer(api: Api) -> Any:
    contacts = [
        {
            "name": "Ana",
            "channels": [
                {"type": "email", "address": EMAIL},
                {"type": "sms", "address": MOBILE, "consent": "granted"},
                {"type": "whatsapp", "address": MOBILE},
            ],
        },
        {"name": "Luis", "channels": [{"type": "email", "address": "luis@example.com"}]},
    ]
    return await api.customer(contacts=contacts)


@pytest.mark.parametrize(
    ("channel", "sender", "text", "word"),
    [
        ("email", "Ana@Example.com", "Baja.", "baja"),
        ("sms", "+52 55 1234 5678", " STOP ", "stop"),
        ("whatsapp", MOBILE, "¡No molestar!", "no molestar"),
    ],
)
async def test_an_opt_out_denies_that_address_and_nothing_else(
    api: Api, channel: str, sender: str, text: str, word: str
) -> None:
    customer = await a_customer(api)
    before = channels(customer)
    told = await api.post(
        f"/customers/{customer['id']}/inbound-messages", {"channel": channel, "from": sender, "text": text}
    )
    assert (told["outcome"], told["opt_out_word"], told["text"]) == ("opted_out", word, text.strip())
    assert (told["received_at"], told["in_flight"]) == ("2026-03-02T12:00:00Z", [])
    key = (channel, EMAIL if channel == "email" else MOBILE)
    read = await api.get(f"/customers/{customer['id']}")
    assert channels(read) == {**before, key: "denied"}
    assert [contact["id"] for contact in read["contacts"]] == [contact["id"] for contact in customer["contacts"]]
    await api.advance("2026-03-02T12:00:01Z")
    events = await api.all("/events", types="customer.*")
    assert [event["type"] for event in events] == ["customer.created", "customer.updated", "customer.opted_out"]
    assert events[1]["previous"] == {"contacts": customer["contacts"]}
    assert events[2]["data"]["activity_id"] == told["id"]


@pytest.mark.parametrize("text", ["Ya pagué el lunes", "please stop by", "", "stop the presses"])
async def test_other_words_are_only_recorded(api: Api, text: str) -> None:
    customer = await a_customer(api)
    told = await api.post(
        f"/customers/{customer['id']}/inbound-messages", {"channel": "email", "from": EMAIL, "text": text}
    )
    assert (told["outcome"], told["opt_out_word"]) == ("recorded", None)
    assert await api.get(f"/customers/{customer['id']}") == customer


async def test_what_cannot_be_denied_is_said(api: Api) -> None:
    customer = await a_customer(api)
    path = f"/customers/{customer['id']}/inbound-messages"
    stranger = await api.post(path, {"channel": "sms", "from": "+525500000000", "text": "STOP"})
    assert stranger["outcome"] == "unknown_address"
    # A number has no country here, as a short code has none.
    assert (await api.post(path, {"channel": "sms", "from": "72345", "text": "STOP"}))["outcome"] == "unknown_address"
    await api.post(path, {"channel": "email", "from": EMAIL, "text": "STOP"})
    assert (await api.post(path, {"channel": "email", "from": EMAIL, "text": "stop"}))["outcome"] == "already_opted_out"


async def test_a_message_that_comes_twice_is_taken_once(api: Api) -> None:
    customer = await a_customer(api)
    path = f"/customers/{customer['id']}/inbound-messages"
    body = {"channel": "email", "from": EMAIL, "text": "STOP", "external_id": "SM-1"}
    first = await api.post(path, body)
    assert await api.post(path, body, expect=200) == first
    other = await api.customer()
    assert (await api.post(f"/customers/{other['id']}/inbound-messages", body))["outcome"] == "unknown_address"


async def test_what_makes_no_sense_is_refused(api: Api) -> None:
    customer = await a_customer(api)
    path = f"/customers/{customer['id']}/inbound-messages"
    body = {"channel": "email", "from": EMAIL, "text": "STOP"}
    problem = await api.post(path, {**body, "received_at": "2026-03-02T12:05:01Z"}, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/received_at", "date_in_future")]
    assert (await api.post(path, {**body, "received_at": "2026-03-02T12:05:00Z"}))["outcome"] == "opted_out"
    problem = await api.post(path, {"channel": "email", "text": "STOP"}, expect=422)
    assert problem["errors"][0]["pointer"] == "/from"
    await api.post("/customers/019abc5e-7d00-7000-8000-000000000001/inbound-messages", body, expect=404)


async def test_nothing_is_sent_after_an_opt_out_and_the_next_address_takes_its_place(api: Api) -> None:
    await api.always_open()
    await api.policy([1, 2])
    customer = await a_customer(api)
    invoice = await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01")
    path = f"/customers/{customer['id']}/inbound-messages"
    await api.post(path, {"channel": "email", "from": EMAIL, "text": "STOP"})
    await api.advance("2026-03-02T18:00:00Z")
    assert [reminder["to"] for reminder in await api.all("/reminders")] == ["luis@example.com"]
    await api.post(path, {"channel": "email", "from": "luis@example.com", "text": "baja"})
    await api.advance("2026-03-03T18:00:00Z")
    assert len(await api.all("/reminders")) == 1
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert [blocker["code"] for blocker in outlook["blockers"]] == ["no_consent"]
