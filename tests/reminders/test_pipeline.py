"""Batches overlap and stay apart: each its own reminders, each recorded, and a number of statements that is fixed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from app.core.settings import Settings
from app.core.uow import Database
from app.reminders.channels.base import Outcome, OutgoingMessage, SendResult
from app.reminders.pipeline import BATCHES_UNDER_WAY, Pipeline
from app.reminders.sender import Sender
from app.settlement.tick import tick
from tests.conftest import Api
from tests.reminders.conftest import THURSDAY, Behind, ScriptedChannel, reminders, step

FEE = {"kind": "flat", "amount": "50.00"}


class HeldChannel(ScriptedChannel):
    """A provider that has a message and does not answer before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Answer when let go."""
        result = await super().send(message)
        await self.go.wait()
        return result


async def make_due(api: Api, behind: Behind, count: int, **policy_fields: Any) -> None:
    """So many customers, each with a reminder that is ready."""
    await api.advance(THURSDAY)
    await api.policy([], steps=[step(1), step(3, **policy_fields)], catch_up="highest", late_entry="highest")
    for _ in range(count):
        await api.invoice((await api.customer())["id"], "1160.00", "2026-02-02", "2026-03-02")
    async with behind.unit() as uow:
        await tick(uow, limit=count)


async def statuses(api: Api) -> dict[str, int]:
    found: dict[str, int] = {}
    for reminder in await reminders(api):
        found[reminder["status"]] = found.get(reminder["status"], 0) + 1
    return found


async def handed_over(channel: ScriptedChannel, count: int) -> None:
    async with asyncio.timeout(5):
        while len(channel.sent) < count:  # noqa: ASYNC110  the channel is a plain script
            await asyncio.sleep(0.01)


@asynccontextmanager
async def pipeline(
    database: Database, settings: Settings, channel: ScriptedChannel, batch_size: int
) -> AsyncIterator[Pipeline]:
    small = settings.model_copy(update={"send_batch_size": batch_size})
    async with Pipeline(Sender(database, small, {"email": channel})) as made:
        yield made


async def test_the_next_batch_is_claimed_while_the_last_is_on_the_wire(
    api: Api, behind: Behind, database: Database, settings: Settings
) -> None:
    await make_due(api, behind, 8)
    channel = HeldChannel()
    async with pipeline(database, settings, channel, 2) as sending:
        for _ in range(BATCHES_UNDER_WAY):
            await asyncio.wait_for(sending.wait_for_turn(), 1)
            assert await sending.send(api.tenant_id) == 2
        await handed_over(channel, 6)
        assert await statuses(api) == {"sending": 6, "ready": 2}
        # Enough are under way.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sending.wait_for_turn(), 0.2)
        channel.go.set()
        await asyncio.wait_for(sending.wait_for_turn(), 5)
        assert await sending.send(api.tenant_id) == 2
    # Left in peace, everything that was claimed is sent once and recorded.
    assert await statuses(api) == {"sent": 8}
    assert len({message.message_key for message in channel.sent}) == len(channel.sent) == 8


async def test_a_channel_that_is_full_is_given_no_more(
    api: Api, behind: Behind, database: Database, settings: Settings
) -> None:
    await make_due(api, behind, 20)
    channel = HeldChannel()
    async with pipeline(database, settings, channel, 64) as sending:
        assert await sending.send(api.tenant_id) == 16
        await handed_over(channel, 16)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sending.wait_for_turn(), 0.2)
        channel.go.set()
        await asyncio.wait_for(sending.wait_for_turn(), 5)
        assert await sending.send(api.tenant_id) == 4
    assert await statuses(api) == {"sent": 20}


async def test_what_is_cut_off_on_the_wire_is_never_sent_again(
    api: Api, behind: Behind, database: Database, settings: Settings
) -> None:
    await make_due(api, behind, 3)
    channel = HeldChannel()

    async def work() -> None:
        async with pipeline(database, settings, channel, 2) as sending:
            await sending.send(api.tenant_id)
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await handed_over(channel, 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await statuses(api) == {"sending": 2, "ready": 1}
    channel.go.set()
    async with pipeline(database, settings, channel, 2) as sending:
        assert await sending.send(api.tenant_id) == 1
        assert await sending.send(api.tenant_id) == 0
    assert len({message.message_key for message in channel.sent}) == len(channel.sent) == 3


async def test_a_batch_that_cannot_be_recorded_leaves_the_others_alone(
    api: Api, behind: Behind, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_due(api, behind, 4)
    channel = ScriptedChannel()

    async def fail(*_: Any) -> int:
        raise ConnectionError("the database is gone")

    async with pipeline(database, settings, channel, 2) as sending:
        with monkeypatch.context() as patch:
            patch.setattr("app.reminders.sender.record", fail)
            await sending.send(api.tenant_id)
            await handed_over(channel, 2)
        await sending.send(api.tenant_id)
    assert await statuses(api) == {"sending": 2, "sent": 2}
    assert len(channel.sent) == 4


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("sending", ["live", "shadow"])
async def test_the_number_of_statements_does_not_grow_with_the_batch(
    api: Api, behind: Behind, database: Database, settings: Settings, sending: str
) -> None:
    await api.patch("/tenant", {"sending": sending})
    await make_due(api, behind, 14, fee=FEE)
    sender = Sender(database, settings, {"email": ScriptedChannel()})
    numbers = []
    for limit in (2, 4, 8):
        with counted(database) as seen:
            counts = await sender.finish_batch(await sender.claim_batch(api.tenant_id, limit=limit))
        assert counts.judged == limit
        numbers.append(len(seen))
    assert await statuses(api) == {"sent": 14}
    # The first batch may have found less in the process's memory.
    assert numbers[1] == numbers[2]


async def test_every_kind_of_outcome_in_one_batch_is_recorded_as_its_own(
    api: Api, behind: Behind, database: Database, settings: Settings
) -> None:
    await make_due(api, behind, 8, fee=FEE)
    outcomes: list[Outcome | Exception] = [Outcome.accepted, Outcome.not_sent, Outcome.refused, Outcome.unknown] * 2
    channel = ScriptedChannel(script=list(outcomes))
    await Sender(database, settings, {"email": channel}).send_batch(api.tenant_id)
    becomes = {
        Outcome.accepted: "sent",
        Outcome.not_sent: "ready",
        Outcome.refused: "skipped",
        Outcome.unknown: "sending",
    }
    expected = {
        message.message_key: becomes[Outcome(str(outcome))]
        for message, outcome in zip(channel.sent, outcomes, strict=True)
    }
    found = await reminders(api)
    assert {reminder["id"]: reminder["status"] for reminder in found} == expected
    for reminder in found:
        invoice = await api.get(f"/invoices/{reminder['items'][0]['invoice_id']}")
        # The fee of a letter that was refused is taken back, that of one which may have arrived stays.
        assert invoice["charges_open"] == ("0.00" if reminder["status"] == "skipped" else "50.00")
        assert invoice["collection_state"] == ("dunning" if reminder["status"] == "sent" else "none")
