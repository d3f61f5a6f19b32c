"""Deliveries batch after batch, as a worker makes them: none waits for another's receiver."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest

from app.core.settings import Settings
from app.webhooks.claims import Parcel, claim
from app.webhooks.delivery import Deliverer
from app.webhooks.flow import Flow
from tests.conftest import Api
from tests.webhooks.erp import Receiver, Worker, answer_when, attempts, deliveries, listen, receiver


@pytest.fixture
async def released() -> AsyncIterator[asyncio.Event]:
    """Lets the answers go that are held back; at the end of the test in any case."""
    event = asyncio.Event()
    yield event
    event.set()


def flow_of(worker: Worker, settings: Settings, *, batch: int = 50) -> Flow:
    changed = settings.model_copy(update={"deliver_batch_size": batch})
    return Flow(Deliverer(worker.simulation.database, changed, worker.deliverer.transport))


async def relayed(api: Api, worker: Worker, count: int = 1) -> None:
    for _ in range(count):
        await api.customer()
    await worker.relay()


async def states(api: Api, endpoint: Any) -> list[str]:
    return [delivery["status"] for delivery in await deliveries(api, endpoint)]


async def until_states(api: Api, endpoint: Any, expected: list[str]) -> None:
    for _ in range(300):
        if sorted(await states(api, endpoint)) == sorted(expected):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{await states(api, endpoint)} instead of {expected}")


async def take(flow: Flow, api: Api) -> int:
    return await flow.deliver(api.tenant_id, first_attempts_only=True)


async def test_a_slow_receiver_keeps_nobody_waiting(
    api: Api, erp: Receiver, worker: Worker, settings: Settings, released: asyncio.Event
) -> None:
    async with receiver() as slow, flow_of(worker, settings) as flow:
        slow.answers.append(answer_when(released))
        sluggish, quick = await listen(api, slow.url), await listen(api, erp.url)
        await relayed(api, worker)
        assert await take(flow, api) == 2
        await until_states(api, quick, ["delivered"])
        assert await states(api, sluggish) == ["in_flight"]
        await asyncio.sleep(1.1)
        await relayed(api, worker)
        assert await take(flow, api) == 1, "the slow one was not left alone"
        await until_states(api, quick, ["delivered"] * 2)
        assert (len(erp.messages), len(slow.messages)) == (2, 1)
        released.set()
        await flow.drain()
        assert await take(flow, api) == 1
        await flow.drain()
        assert await states(api, sluggish) == ["delivered"] * 2


async def test_the_next_batch_is_claimed_while_one_is_posted_and_not_before_there_is_room(
    api: Api, erp: Receiver, worker: Worker, settings: Settings, released: asyncio.Event
) -> None:
    one = asyncio.Event()
    erp.answers.extend([answer_when(released), answer_when(one)])
    endpoint = await listen(api, erp.url)
    await relayed(api, worker, 6)
    async with flow_of(worker, settings, batch=2) as flow:
        assert await take(flow, api) == 2
        room = asyncio.create_task(flow.wait_for_room())
        await asyncio.sleep(0.2)
        assert not room.done()
        one.set()
        await asyncio.wait_for(room, 0.5)
        assert await take(flow, api) == 2
        await until_states(api, endpoint, ["in_flight", "pending", "pending", *["delivered"] * 3])
        released.set()


async def test_a_batch_that_is_not_answered_makes_room_after_a_second(
    api: Api, erp: Receiver, worker: Worker, settings: Settings, released: asyncio.Event
) -> None:
    async with receiver() as slow, flow_of(worker, settings, batch=1) as flow:
        slow.answers.append(answer_when(released))
        await listen(api, slow.url)
        await relayed(api, worker)
        assert await take(flow, api) == 1
        quick = await listen(api, erp.url)
        await relayed(api, worker)
        await asyncio.wait_for(flow.wait_for_room(), 3)
        assert await take(flow, api) == 1
        await until_states(api, quick, ["delivered"])
        released.set()


async def test_left_in_peace_it_ends_with_everything_recorded(
    api: Api, erp: Receiver, worker: Worker, settings: Settings, released: asyncio.Event
) -> None:
    erp.answers.append(answer_when(released, 500))
    endpoint = await listen(api, erp.url)
    await relayed(api, worker, 3)
    async with flow_of(worker, settings) as flow:
        assert await take(flow, api) == 3
        asyncio.get_running_loop().call_later(0.5, released.set)
    assert sorted(await states(api, endpoint)) == ["delivered", "delivered", "retry_scheduled"]
    for delivery in await deliveries(api, endpoint):
        assert len(await attempts(api, delivery)) == 1


async def test_cut_off_it_records_what_was_answered_and_leaves_the_rest_to_its_lease(
    api: Api, erp: Receiver, worker: Worker, settings: Settings, released: asyncio.Event
) -> None:
    erp.answers.append(answer_when(released))
    endpoint = await listen(api, erp.url)
    await relayed(api, worker, 3)

    async def serve() -> None:
        async with flow_of(worker, settings) as flow:
            assert await take(flow, api) == 3

    serving = asyncio.create_task(serve())
    # Two have been answered, and none is recorded before the third one or its slice of time.
    await asyncio.sleep(0.15)
    assert len(erp.messages) == 3
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert sorted(await states(api, endpoint)) == ["delivered", "delivered", "in_flight"]


async def test_an_outcome_that_cannot_be_recorded_costs_the_later_ones_nothing(
    api: Api, erp: Receiver, worker: Worker, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = await listen(api, erp.url)
    await relayed(api, worker)
    flow = flow_of(worker, settings)

    async def fail(*_: Any) -> int:
        raise ConnectionError

    async with flow:
        with monkeypatch.context() as patch:
            patch.setattr(Deliverer, "record_batch", fail)
            assert await take(flow, api) == 1
            await flow.drain()
        assert await states(api, endpoint) == ["in_flight"]
        await relayed(api, worker)
        assert await take(flow, api) == 1
    assert await states(api, endpoint) == ["in_flight", "delivered"]


async def test_a_batch_is_no_greater_for_many_endpoints_and_each_has_its_turn(
    api: Api, worker: Worker, settings: Settings, unit_of_work: Callable[[UUID], Any]
) -> None:
    for _ in range(5):
        await listen(api, "http://127.0.0.1:9/hooks")
    await relayed(api, worker, 2)
    small = settings.model_copy(update={"deliver_batch_size": 2, "deliver_lease_seconds": 60.0})

    async def claimed(**changes: Any) -> list[Parcel]:
        async with unit_of_work(api.tenant_id) as uow:
            return await claim(uow, small.model_copy(update=changes))

    # Those of a worker that died are taken up first.
    lost = await claimed(deliver_lease_seconds=0.0)
    batches = [await claimed() for _ in range(5)]
    assert [len(batch) for batch in (lost, *batches)] == [2] * 6
    assert [parcel.delivery_id for parcel in batches[0]] == [parcel.delivery_id for parcel in lost]
    turns = [parcel.endpoint_id for batch in batches for parcel in batch]
    assert len(set(turns[:5])) == len(set(turns[5:])) == 5
    assert await claimed() == []
