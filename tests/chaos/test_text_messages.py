"""Workers are killed while text messages are on their way: none doubled, none lost, and each one's end is known."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.channels.fake_twilio import ACCOUNT, TOKEN, FakeTwilio, fake_twilio
from tests.chaos.fleet import Fleet, fleet, statuses, wait_for

CUSTOMERS = 72
PAYERS = 6
KILLS = 3
# What the provider says nothing about when it is asked: every third number.
NUMBERS = [f"+52551234{number:04}" for number in range(CUSTOMERS)]
SILENT = frozenset(NUMBERS[::3])

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(180)]


async def test_killed_workers_double_and_lose_no_text_message(addresses: tuple[str, str], tmp_path: Path) -> None:
    async with (
        fake_twilio(delay_seconds=0.25, silent_about=SILENT) as provider,
        fleet(
            addresses,
            tmp_path,
            name="texts",
            api_count=1,
            # On a busy machine a new worker needs a while for its first connection.
            send_permit_seconds="5",
            send_lease_seconds="6",
            send_quarantine_seconds="1",
            send_batch_size="8",
        ) as ships,
    ):
        api = ships.apis[0]
        customers = await _portfolio(ships, provider)
        async with asyncio.TaskGroup() as storm:
            storm.create_task(_kill_in_the_middle(ships, provider))
            storm.create_task(_pay_meanwhile(ships, customers[-PAYERS:]))
            await api.patch("/tenant", {"sending": "live"})

        async def all_ended() -> bool:
            counts = await statuses(api)
            gone = counts["sent"] + counts["outcome_unknown"]
            return gone >= CUSTOMERS - PAYERS and not set(counts) - {"sent", "skipped", "outcome_unknown"}

        await wait_for(all_ended, seconds=60, what="every text message ended")
        taken = Counter(json.loads(message["Tags"])["puntual_key"] for message in provider.messages)
        ended: dict[str, dict[str, Any]] = {row["id"]: row for row in await api.all("/reminders")}
        assert provider.cut_off, "nobody was killed in the middle of a message"
        assert set(taken.values()) == {1}, "the provider was handed a message again that it had"
        sent = {key for key, row in ended.items() if row["status"] == "sent"}
        unknown = {key for key, row in ended.items() if row["status"] == "outcome_unknown"}
        assert sent <= set(taken), "a reminder is recorded as sent that the provider never took"
        assert set(taken) <= sent | unknown, "the provider took a message that is not recorded as gone"
        assert {ended[key]["to"] for key in unknown} <= SILENT, "asked, the provider would have told"
        assert provider.cut_off & SILENT <= {ended[key]["to"] for key in unknown}
        reached = Counter(row["customer_id"] for key, row in ended.items() if key in sent | unknown)
        assert set(reached.values()) == {1}
        assert set(customers[:-PAYERS]) <= set(reached), "somebody who owes was left out"

        async def all_told() -> bool:
            told = {
                name: {event["data"]["id"] for event in ships.receiver.of(f"reminder.{name}")}
                for name in ("sent", "outcome_unknown")
            }
            return told["sent"] >= sent and told["outcome_unknown"] >= unknown

        await wait_for(all_told, seconds=30, what="no webhook lost")
        assert {event["data"]["id"] for event in ships.receiver.of("reminder.sent")} == sent


async def _portfolio(ships: Fleet, provider: FakeTwilio) -> list[str]:
    """Customers who can be written to by text message only, each of whom owes one overdue invoice."""
    api = ships.apis[0]
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    account = {"base_url": provider.url, "account_id": ACCOUNT, "token": TOKEN, "from": "+525500000000"}
    window = {"start": "00:00", "end": "24:00", "days": days}
    await api.patch("/tenant", {"send_window": window, "channels": {"sms": account}})
    endpoint = await api.post("/webhook-endpoints", {"url": f"http://127.0.0.1:{ships.receiver.port}/"})
    ships.receiver.secret = endpoint["secret"]
    step = {"key": "d+1", "offset_days": 1, "channels": ["sms"], "template": "first_notice"}
    await api.policy([], steps=[step])
    limit = asyncio.Semaphore(8)

    async def customer(number: str) -> str:
        async with limit:
            made = await api.customer(contacts=[{"channels": [{"type": "sms", "address": number}]}])
            return str(made["id"])

    ids = await asyncio.gather(*(customer(number) for number in NUMBERS))
    rows = [
        {
            "number": f"F{place}",
            "customer_id": customer_id,
            "currency": "MXN",
            "total": "100.00",
            "issued_on": "2026-01-01",
            "due_on": "2026-01-31",
        }
        for place, customer_id in enumerate(ids)
    ]
    answer = await api.post("/invoices/batch", {"invoices": rows}, expect=200)
    assert answer["created"] == CUSTOMERS, answer
    return ids


async def _kill_in_the_middle(ships: Fleet, provider: FakeTwilio) -> None:
    """Two workers; whenever the provider has a message in hand, one of them is killed, and then another one starts."""
    workers = [await ships.worker(), await ships.worker()]
    for number in range(KILLS):
        before = len(provider.messages)
        async with asyncio.timeout(60):
            while provider.in_hand == 0 or len(provider.messages) < before + 3:  # noqa: ASYNC110  a plain script
                await asyncio.sleep(0.01)
        await ships.kill(workers[number % 2])
        workers[number % 2] = await ships.worker()


async def _pay_meanwhile(ships: Fleet, customer_ids: list[str]) -> None:
    """Payments race with sends; after the answer only what it lists as in flight may still go out."""
    api = ships.apis[0]
    for customer_id in customer_ids:
        paid = await api.pay(customer_id, "100.00", "2026-02-01")
        listed = {item["reminder_id"] for item in paid["in_flight"]}
        rows = (await api.get("/reminders", customer_id=customer_id))["data"]
        assert all(row["id"] in listed for row in rows if row["status"] == "sending")
        await asyncio.sleep(0.1)
