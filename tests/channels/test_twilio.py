"""Text messages over a provider's interface: what is known after each way in which a send can end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from app.core.clock import system_now
from app.reminders.channels.base import Account, Channel, Inquiry, Outcome, OutgoingMessage
from app.reminders.channels.http import ProviderClient
from app.reminders.channels.twilio import TwilioChannel, template_content, text_content
from tests.channels.fake_twilio import ACCOUNT, HANG, HANG_UP, TOKEN, FakeTwilio, fake_twilio

NUMBER = "+525512345678"
OWN = "+525500000000"
CALLBACK = "https://puntual.example.com/v1/provider-callbacks/twilio/token"


def account(url: str, **changes: str) -> Account:
    return Account(**{"base_url": url, "account_id": ACCOUNT, "token": TOKEN, "sender": OWN, **changes})


def message(fake: FakeTwilio, key: str = "k-1", *, seconds: float = 2.0, **changes: Any) -> OutgoingMessage:
    values = {"content": text_content("Hola, Núñez"), "account": account(fake.url), "callback_url": None, **changes}
    deadline = asyncio.get_running_loop().time() + seconds
    return OutgoingMessage(message_key=key, sender="", recipient=NUMBER, deadline=deadline, **values)


@asynccontextmanager
async def channel(**options: Any) -> AsyncIterator[TwilioChannel]:
    made = TwilioChannel(
        ProviderClient(allow_loopback=True, answer_seconds=options.pop("answer_seconds", 0.3)), **options
    )
    yield made
    await made.close()


async def test_a_message_is_taken_with_its_key_and_its_callback() -> None:
    async with fake_twilio() as fake, channel() as sms:
        used: Channel = sms
        result = await used.send(message(fake, callback_url=CALLBACK))
    assert (result.outcome, result.provider_message_id) == (Outcome.accepted, f"SM{0:032x}")
    (taken,) = fake.messages
    del taken["sid"], taken["created"]
    assert taken == {
        "From": OWN,
        "To": NUMBER,
        "Body": "Hola, Núñez",
        "Tags": '{"puntual_key": "k-1"}',
        "StatusCallback": CALLBACK,
    }


async def test_whatsapp_takes_a_text_or_a_template() -> None:
    template = template_content("HX1", {"1": "Marta", "2": "$1,160.00 MXN"})
    async with fake_twilio() as fake, channel(prefix="whatsapp:") as whatsapp:
        await whatsapp.send(message(fake))
        await whatsapp.send(message(fake, "k-2", content=template))
        result = await whatsapp.send(message(fake, "k-3", content=b"{}"))
    second, first = fake.messages
    assert (first["From"], first["To"], first["Body"]) == (f"whatsapp:{OWN}", f"whatsapp:{NUMBER}", "Hola, Núñez")
    assert json.loads(second["ContentVariables"]) == {"1": "Marta", "2": "$1,160.00 MXN"}
    assert (second["ContentSid"], "Body" in second) == ("HX1", False)
    # There is nothing that may be said, so nothing is asked of the provider.
    assert (result.outcome, fake.requests) == (Outcome.refused, 2)


async def test_a_pool_of_numbers_sends_by_its_id() -> None:
    pool = "MG0123456789abcdef0123456789abcdef"
    async with fake_twilio() as fake, channel() as sms:
        await sms.send(message(fake, account=account(fake.url, sender=pool)))
    assert (fake.messages[0]["MessagingServiceSid"], "From" in fake.messages[0]) == (pool, False)


@pytest.mark.parametrize(
    ("told", "outcome", "pause", "is_fault"),
    [
        (400, Outcome.refused, None, False),
        (401, Outcome.not_sent, 60.0, True),
        (408, Outcome.not_sent, 60.0, True),
        (429, Outcome.not_sent, 7.0, True),
        (503, Outcome.not_sent, 7.0, True),
        (500, Outcome.unknown, None, False),
        (302, Outcome.unknown, None, False),
        (HANG, Outcome.unknown, None, False),
        (HANG_UP, Outcome.unknown, None, False),
    ],
)
async def test_what_each_answer_says(told: int | str, outcome: Outcome, pause: float | None, is_fault: bool) -> None:
    async with fake_twilio(script=[told]) as fake, channel() as sms:
        result = await sms.send(message(fake))
    assert (result.outcome, result.retry_after_seconds, result.is_provider_fault) == (outcome, pause, is_fault)
    assert NUMBER not in result.detail


async def test_a_wrong_secret_is_the_accounts_fault_and_not_the_customers() -> None:
    async with fake_twilio() as fake, channel() as sms:
        result = await sms.send(message(fake, account=account(fake.url, token="another-one")))
    assert (result.outcome, result.is_provider_fault, fake.messages) == (Outcome.not_sent, True, [])


async def test_nothing_left_where_nobody_listens() -> None:
    async with fake_twilio() as fake:
        pass
    async with channel() as sms:
        result = await sms.send(message(fake))
    assert (result.outcome, result.is_provider_fault) == (Outcome.not_sent, True)


async def test_nothing_begins_after_the_permit() -> None:
    async with fake_twilio() as fake, channel() as sms:
        result = await sms.send(message(fake, seconds=-0.001))
    assert (result.outcome, result.detail, result.is_provider_fault) == (Outcome.not_sent, "permit expired", False)
    assert fake.requests == 0


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1", "https://169.254.169.254", "http://metadata.internal", "ftp://x.example"]
)
async def test_inner_addresses_are_never_called(url: str) -> None:
    async with fake_twilio() as fake, channel() as sms:
        result = await sms.send(message(fake, account=account(url)))
    assert (result.outcome, result.detail.partition(":")[0]) == (Outcome.not_sent, "address")


async def test_a_name_that_leads_inside_is_not_called() -> None:
    client = ProviderClient(allow_http=True, lookup=lambda _: ["10.0.0.1"])
    async with fake_twilio() as fake:
        result = await TwilioChannel(client).send(message(fake, account=account("http://provider.example")))
    await client.close()
    assert (result.outcome, result.is_provider_fault, fake.connections) == (Outcome.not_sent, True, 0)


async def test_connections_are_kept() -> None:
    async with fake_twilio() as fake, channel() as sms:
        for number in range(5):
            assert (await sms.send(message(fake, f"k-{number}"))).outcome is Outcome.accepted
    assert (fake.requests, fake.connections) == (5, 1)


async def test_a_message_that_was_not_answered_is_found_by_its_key() -> None:
    async with fake_twilio(script=[HANG, HANG]) as fake, channel() as sms:
        assert (await sms.send(message(fake, "k-1"))).outcome is Outcome.unknown
        fake.keeps = False
        assert (await sms.send(message(fake, "k-2"))).outcome is Outcome.unknown
        assert await sms.look_up(inquiry(fake, "k-1")) is True
        assert await sms.look_up(inquiry(fake, "k-2")) is False


async def test_without_tags_what_was_said_and_when_decides() -> None:
    async with fake_twilio(shows_tags=False) as fake, channel() as sms:
        # Nothing at all went to the number.
        assert await sms.look_up(inquiry(fake, "k-1")) is False
        await sms.send(message(fake, "k-1"))
        assert await sms.look_up(inquiry(fake, "k-1")) is True
        # Something went, and it cannot be told what it was.
        other = text_content("Something else")
        assert await sms.look_up(inquiry(fake, "k-2", content=other)) is None
        # It went long before the attempt.
        later = system_now() + timedelta(hours=1)
        assert await sms.look_up(inquiry(fake, "k-2", content=other, attempted_at=later)) is False
        # What it makes of a template of its own is not known here.
        made = template_content("HX0123", {"1": "Núñez"})
        await sms.send(message(fake, "k-3", content=made))
        assert await sms.look_up(inquiry(fake, "k-2", content=made)) is None
        # By a clock of one's own nothing can be compared.
        assert await sms.look_up(inquiry(fake, "k-2", attempted_at=None)) is None


async def test_nobody_to_ask_is_no_answer() -> None:
    async with fake_twilio() as fake:
        pass
    async with channel() as sms:
        assert await sms.look_up(inquiry(fake, "k-1")) is None
        assert await sms.look_up(Inquiry("k-1", NUMBER)) is None


def inquiry(fake: FakeTwilio, key: str, **changes: Any) -> Inquiry:
    values = {"content": text_content("Hola, Núñez"), "attempted_at": system_now(), **changes}
    return Inquiry(key, NUMBER, account=account(fake.url), **values)
