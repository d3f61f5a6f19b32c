"""The outbox from write to feed: every event once, in order, without gaps."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.core.uow import Database
from app.domain.events import EVENT_TYPES, is_subscribable, matches
from app.models import Customer, Event
from app.outbox.relay import relay
from tests.conftest import Api

ROOT = Path(__file__).resolve().parents[2]


async def relay_all(database: Database, api: Api) -> None:
    while True:
        async with database.unit_of_work(api.tenant_id) as uow:
            if await relay(uow, limit=3, wait=True) == (0, 0):
                return


async def test_an_event_is_in_the_feed_once_it_has_its_sequence(api: Api, database: Database) -> None:
    customer = await api.post("/customers", {"name": "uno"}, headers={"Idempotency-Key": "k-1", "X-Request-Id": "r-1"})
    assert await api.get("/events") == {"data": [], "next_after": 0, "has_more": False, "next_cursor": None}
    await relay_all(database, api)
    feed = await api.get("/events")
    (event,) = feed["data"]
    assert feed["next_after"] == 1
    assert event["object"] == {"type": "customer", "id": customer["id"], "version": 1}
    assert (event["type"], event["sequence"], event["data"]) == ("customer.created", 1, customer)
    assert (event["previous"], event["idempotency_key"], event["request_id"]) == (None, "k-1", "r-1")
    assert await api.get(f"/events/{event['id']}") == event


async def test_an_event_without_sequence_is_not_shown(api: Api, unit_of_work: Callable[[UUID], Any]) -> None:
    await api.customer()
    async with unit_of_work(api.tenant_id) as uow:
        event_id = await uow.session.scalar(select(Event.id).where(Event.tenant_id == api.tenant_id))
    await api.get(f"/events/{event_id}", expect=404)


async def test_the_feed_is_read_page_by_page_without_end(api: Api, database: Database) -> None:
    for _ in range(7):
        await api.customer()
    await relay_all(database, api)
    first = await api.get("/events", limit=3)
    assert ([event["sequence"] for event in first["data"]], first["next_after"]) == ([1, 2, 3], 3)
    assert (first["has_more"], first["next_cursor"]) == (True, "3")
    second = await api.get("/events", limit=4, after=3)
    assert ([event["sequence"] for event in second["data"]], second["next_after"]) == ([4, 5, 6, 7], 7)
    assert (second["has_more"], second["next_cursor"]) == (False, None)
    assert (await api.get("/events", after=7))["data"] == []
    assert [event["sequence"] for event in await api.all("/events")] == list(range(1, 8))
    assert (await api.get("/events", limit=3, cursor="3"))["data"] == second["data"][:3]


async def test_types_filter_and_the_position_passes_what_they_leave_out(api: Api, database: Database) -> None:
    customers = [await api.customer() for _ in range(3)]
    await api.patch(f"/customers/{customers[0]['id']}", {"name": "Otro"})
    await api.customer()
    await relay_all(database, api)
    updated = await api.get("/events", types="customer.updated,payment.*")
    assert [event["sequence"] for event in updated["data"]] == [4]
    assert (updated["next_after"], updated["has_more"]) == (5, False)
    assert (await api.get("/events", types="invoice.*"))["next_after"] == 5
    family = await api.get("/events", types="invoice.paid, customer.*", limit=2, after=1)
    assert [event["sequence"] for event in family["data"]] == [2, 3]
    assert (family["next_after"], family["has_more"]) == (3, True)
    assert len((await api.get("/events", types="*"))["data"]) == 5


async def test_a_long_stretch_of_other_types_is_passed_in_steps(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.webhooks.events.feed.WINDOW", 2)
    customers = [await api.customer() for _ in range(5)]
    await api.patch(f"/customers/{customers[0]['id']}", {"name": "Otro"})
    await relay_all(database, api)
    after, seen, calls = 0, [], 0
    while True:
        part = await api.get("/events", types="customer.updated", after=after)
        seen += [event["sequence"] for event in part["data"]]
        after, calls = part["next_after"], calls + 1
        if not part["has_more"]:
            break
    assert (seen, after, calls) == ([6], 6, 3)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"after": -1}, "?after"),
        ({"after": "x"}, "?after"),
        ({"after": 2**63}, "?after"),
        ({"limit": 201}, "?limit"),
        ({"limit": 0}, "?limit"),
        ({"types": "invoice.lost"}, "?types"),
        ({"types": "invoice.paid,"}, "?types"),
        ({"cursor": "x"}, "?cursor"),
        ({"cursor": "9" * 100}, "?cursor"),
    ],
)
async def test_a_bad_query_names_itself(api: Api, query: dict[str, Any], pointer: str) -> None:
    problem = await api.get("/events", expect=422, **query)
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]


async def test_a_reader_sees_every_event_once_while_eight_write_and_two_relay(api: Api, database: Database) -> None:
    each, writers = 15, 8
    written = asyncio.Event()
    seen: list[Any] = []

    async def write() -> list[str]:
        return [(await api.customer())["id"] for _ in range(each)]

    async def keep_relaying() -> None:
        while True:
            done = written.is_set()
            async with database.unit_of_work(api.tenant_id) as uow:
                found = await relay(uow, limit=7)
            if done and found == (0, 0):
                return
            await asyncio.sleep(0.002)

    async def follow() -> None:
        after = 0
        while len(seen) < each * writers:
            part = await api.get("/events", after=after, limit=10)
            seen.extend(part["data"])
            after = part["next_after"]
            await asyncio.sleep(0.001)

    relays = [asyncio.create_task(keep_relaying()) for _ in range(2)]
    reader = asyncio.create_task(follow())
    made = await asyncio.gather(*(write() for _ in range(writers)))
    written.set()
    await asyncio.wait_for(asyncio.gather(reader, *relays), 60)
    assert [event["sequence"] for event in seen] == list(range(1, each * writers + 1))
    assert sorted(event["object"]["id"] for event in seen) == sorted(id_ for ids in made for id_ in ids)
    assert (await api.get("/events", after=len(seen)))["data"] == []


async def test_an_event_that_is_written_first_and_committed_last_is_not_lost(api: Api, database: Database) -> None:
    await api.customer(name="early")
    async with database.unit_of_work(api.tenant_id) as slow:
        row = await slow.session.scalar(select(Customer).where(Customer.tenant_id == api.tenant_id))
        assert row is not None
        slow.emit("customer.updated", row)
        await slow.finish()  # written, and given its position, but not committed
        await api.customer(name="late")
        await relay_all(database, api)
        before = await api.get("/events")
        assert [event["data"]["name"] for event in before["data"]] == ["early", "late"]
    await relay_all(database, api)
    rest = await api.get("/events", after=before["next_after"])
    assert [(event["sequence"], event["type"]) for event in rest["data"]] == [(3, "customer.updated")]
    async with database.unit_of_work(api.tenant_id) as uow:
        positions = await uow.session.scalars(
            select(Event.position).where(Event.tenant_id == api.tenant_id).order_by(Event.sequence)
        )
        early, late, slow_one = positions
    assert early < slow_one < late, "the event came in order, so this has shown nothing"


async def test_a_second_relay_leaves_the_work_to_the_first(api: Api, database: Database) -> None:
    await api.customer()
    async with database.unit_of_work(api.tenant_id) as one, database.unit_of_work(api.tenant_id) as two:
        assert await relay(one, limit=10) == (1, 0)
        assert await relay(two, limit=10) == (0, 0)
    assert (await api.get("/events"))["next_after"] == 1


async def test_a_relay_that_fails_leaves_no_gap(api: Api, database: Database) -> None:
    await api.customer()

    async def be_killed() -> None:
        async with database.unit_of_work(api.tenant_id) as uow:
            assert await relay(uow, limit=10) == (1, 0)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await be_killed()
    assert (await api.get("/events"))["data"] == []
    await relay_all(database, api)
    assert [event["sequence"] for event in (await api.get("/events"))["data"]] == [1]


async def test_what_is_rolled_back_is_not_announced(api: Api, database: Database) -> None:
    await api.post("/customers", {"name": "A", "external_id": "C-1"})
    await api.post("/customers", {"name": "B", "external_id": "C-1"}, expect=409)
    await relay_all(database, api)
    assert [event["data"]["name"] for event in (await api.get("/events"))["data"]] == ["A"]


def test_every_event_that_the_code_emits_is_in_the_catalogue() -> None:
    emitted = {
        name
        for path in (ROOT / "app").rglob("*.py")
        for name in re.findall(r"emit\(\s*\"([a-z_.]+)\"", path.read_text(encoding="utf-8"))
    }
    assert "invoice.overdue" in emitted
    assert emitted <= EVENT_TYPES.keys()


@pytest.mark.parametrize("pattern", ["*", "invoice.*", "invoice.paid", "webhook_endpoint.*"])
def test_what_may_be_subscribed_to(pattern: str) -> None:
    assert is_subscribable(pattern)


@pytest.mark.parametrize("pattern", ["", "**", ".*", "invoice", "invoice.", "invoice*", "inv.*", "*.paid", "Invoice.*"])
def test_what_may_not_be_subscribed_to(pattern: str) -> None:
    assert not is_subscribable(pattern)


def test_a_family_covers_its_own_types_and_no_others() -> None:
    assert matches(["invoice.*"], "invoice.paid")
    assert not matches(["invoice.*"], "invoice_note.paid")
    assert not matches(["invoice.paid"], "invoice.paid_twice")
    assert matches(["payment.created", "*"], "invoice.paid")
