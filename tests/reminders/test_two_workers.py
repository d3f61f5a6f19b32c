"""Two workers over one provider, one of them cut off: every message goes once, and what was cut off is looked up."""

import asyncio

from app.core.settings import Settings
from app.core.uow import Database
from app.reminders.sender import Sender, create_channels
from app.settlement.tick import tick
from tests.channels.fake_twilio import HANG
from tests.conftest import Api
from tests.reminders.channels import owed, provider, reachable
from tests.reminders.conftest import Behind, reminders

COUNT = 40


async def drain(sender: Sender, api: Api) -> None:
    while (await sender.send_batch(api.tenant_id)).judged:
        pass


async def test_every_message_goes_once(api: Api, behind: Behind, database: Database, settings: Settings) -> None:
    async with provider(api, script=[HANG]) as fake:
        await owed(api, ["sms"])
        for _ in range(COUNT - 1):
            customer = await api.customer(contacts=reachable("sms"))
            await api.invoice(customer["id"], "90.00", "2026-02-02", "2026-03-02")
        async with behind.unit() as uow:
            await tick(uow, limit=COUNT)
        small = settings.model_copy(update={"send_batch_size": 8})
        workers = [Sender(database, small, create_channels(small)) for _ in range(3)]
        first = asyncio.create_task(drain(workers[0], api))
        while fake.requests == 0:  # noqa: ASYNC110  the provider is a plain script
            await asyncio.sleep(0.01)
        # Cut off with a batch on the wire; one message of it was taken and not answered.
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.gather(drain(workers[1], api), drain(workers[2], api))
        # On a busy machine a permit runs out before its message begins: that one is ready again.
        assert {reminder["status"] for reminder in await reminders(api)} - {"ready"} == {"sent", "sending"}
        await api.advance("2026-03-05T17:00:00Z")
        found = await reminders(api)
        for worker in workers:
            await worker.close()
    assert [reminder["status"] for reminder in found] == ["sent"] * COUNT
    keys = [message["Tags"] for message in fake.messages]
    assert len(keys) == len(set(keys)) == COUNT
