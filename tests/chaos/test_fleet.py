"""Several processes at once, killed and flushed in the middle: nothing lost, nothing twice, nobody who has paid."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.db import create_engine
from app.core.queue import SilentDoorbell
from app.core.uow import Database
from app.outbox.writer import OutboxWriter
from app.settlement.tick import tick
from tests.chaos.fleet import Fleet, fleet, portfolio, shuffled, statuses, wait_for

CUSTOMERS = 500
FINAL = {"sent", "skipped", "outcome_unknown"}

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(240)]


async def test_two_apis_and_two_workers_send_each_reminder_once(addresses: tuple[str, str], tmp_path: Path) -> None:
    async with fleet(addresses, tmp_path, name="once") as ships:
        await portfolio(ships, CUSTOMERS)
        await ships.worker()
        await ships.worker()
        await ships.apis[0].patch("/tenant", {"sending": "live"})

        async def all_told() -> bool:
            return len(ships.receiver.of("reminder.sent")) >= CUSTOMERS

        await wait_for(all_told, seconds=120, what="a webhook for each reminder")
        await asyncio.sleep(1)
        assert await statuses(ships.apis[1]) == {"sent": CUSTOMERS}
        assert sum(ships.post.accepted.values()) == len(ships.post.accepted) == CUSTOMERS
        told = [event["data"]["id"] for event in ships.receiver.of("reminder.sent")]
        assert len(told) == len(set(told)) == CUSTOMERS
        assert set(ships.receiver.ids.values()) == {1}


async def test_kills_and_flushes_double_and_lose_nothing(addresses: tuple[str, str], tmp_path: Path) -> None:
    async with fleet(
        addresses,
        tmp_path,
        name="kills",
        delay_seconds=0.05,
        send_lease_seconds="3",
        send_quarantine_seconds="2",
        deliver_lease_seconds="3",
    ) as ships:
        invoices = await portfolio(ships, CUSTOMERS)
        async with asyncio.TaskGroup() as storm:
            storm.create_task(_kill_workers(ships, kills=8))
            storm.create_task(_flush_twice(ships))
            storm.create_task(_pay_in_the_middle(ships, list(invoices), count=40))
            await ships.apis[0].patch("/tenant", {"sending": "live"})
        await ships.worker()

        async def all_ended() -> bool:
            counts = await statuses(ships.apis[0])
            unpaid_without = CUSTOMERS - 40 - sum(counts[status] for status in ("sent", "outcome_unknown"))
            return unpaid_without <= 0 and not set(counts) - FINAL

        await wait_for(all_ended, seconds=120, what="every reminder ended")
        assert max(ships.post.accepted.values()) == 1
        counts = await statuses(ships.apis[0])
        assert counts["sent"] > CUSTOMERS / 2
        sent = {r["id"] for r in await ships.apis[0].all("/reminders", status="sent")}
        assert sent <= set(ships.post.accepted), "a reminder is recorded as sent that the server never accepted"

        async def all_told() -> bool:
            return {event["data"]["id"] for event in ships.receiver.of("reminder.sent")} >= sent

        await wait_for(all_told, seconds=60, what="no webhook lost")


@pytest.mark.parametrize("module", ["app", "tests.chaos.careless"])
async def test_a_lease_that_runs_out_is_never_answered_by_sending_again(
    module: str, addresses: tuple[str, str], tmp_path: Path
) -> None:
    """A server so slow that leases run out while it answers: the careful worker stops at `outcome_unknown`.

    The same watch over a worker that sends again instead finds doubles, so it can fail.
    """
    async with fleet(
        addresses,
        tmp_path,
        name="lease",
        api_count=1,
        delay_seconds=1.5,
        send_lease_seconds="0.3",
        send_quarantine_seconds="0",
    ) as ships:
        await portfolio(ships, 40)
        ships.environment["CARELESS"] = "lease"
        await ships.worker(module)
        await ships.worker(module)
        await ships.apis[0].patch("/tenant", {"sending": "live"})
        await until(lambda: len(ships.post.accepted) > 0, seconds=40)
        await asyncio.sleep(7)
        doubles = sum(count > 1 for count in ships.post.accepted.values())
        assert len(ships.post.accepted) > 0
        assert doubles == 0 if module == "app" else doubles > 0
        if module == "app":
            assert (await statuses(ships.apis[0]))["outcome_unknown"] > 0


@pytest.mark.parametrize("module", ["app", "tests.chaos.careless"])
async def test_a_payer_gets_no_letter_that_was_planned_before(
    module: str, addresses: tuple[str, str], tmp_path: Path
) -> None:
    """Planned, then paid, then claimed: the recheck drops it; a worker without the recheck is caught writing."""
    async with fleet(addresses, tmp_path, name="recheck", api_count=1) as ships:
        invoices = await portfolio(ships, 40)
        ships.environment["CARELESS"] = "recheck"
        letters = await _pay_between_plan_and_send(ships, list(invoices)[:20], module=module)
        assert letters == 0 if module == "app" else letters > 0
        assert sum(ships.post.accepted.values()) == 20 + letters


async def until(holds: Callable[[], bool], *, seconds: float) -> None:
    """Wait for something to come about; a busy machine takes longer to start a worker."""
    for _ in range(int(seconds / 0.2)):
        if holds():
            return
        await asyncio.sleep(0.2)


async def _pay_between_plan_and_send(ships: Fleet, payers: list[str], *, module: str) -> int:
    """Let the careful plan, pay behind its back, and see whether the careless one writes to the payers."""
    api = ships.apis[0]
    await api.patch("/tenant", {"sending": "live"})
    engine = create_engine(api.settings)
    database = Database(engine=engine, events=OutboxWriter(), doorbell=SilentDoorbell())
    async with database.unit_of_work(api.tenant_id) as uow:
        assert (await tick(uow, limit=1000)).reminders == 40
    await engine.dispose()
    for customer_id in payers:
        # Left unapplied: no reminder is pruned, only the recheck sees that the cash covers the invoice.
        await api.pay(customer_id, "100.00", "2026-02-01", auto_allocate=False)
    await ships.worker(module)
    await until(lambda: sum(ships.post.accepted.values()) >= 20, seconds=40)
    await asyncio.sleep(3)
    addresses = {c["contacts"][0]["channels"][0]["address"] for c in await api.all("/customers") if c["id"] in payers}
    return sum(address in addresses for address in ships.post.recipients)


async def _kill_workers(ships: Fleet, *, kills: int) -> None:
    """Two workers at a time; one of them is killed again and again at a random moment."""
    rng = random.Random(7)
    workers = [await ships.worker(), await ships.worker()]
    await asyncio.sleep(2.5)
    for number in range(kills):
        await asyncio.sleep(rng.uniform(0.2, 0.7))
        await ships.kill(workers[number % 2])
        workers[number % 2] = await ships.worker()
        if number % 2:
            await asyncio.sleep(2)


async def _flush_twice(ships: Fleet) -> None:
    for _ in range(2):
        await asyncio.sleep(3)
        await ships.flush_queue()


async def _pay_in_the_middle(ships: Fleet, customer_ids: list[str], *, count: int) -> None:
    """Payments race with sends; after the answer only what it lists as in flight may still go out."""
    for number, customer_id in enumerate(shuffled(customer_ids, seed=3)[:count]):
        api = ships.apis[number % 2]
        paid = await api.pay(customer_id, "100.00", "2026-02-01")
        listed = {item["reminder_id"] for item in paid["in_flight"]}
        before = set(ships.post.accepted)
        await asyncio.sleep(0.05)
        mine = {r["id"] for r in (await api.get("/reminders", customer_id=customer_id))["data"]}
        late = (set(ships.post.accepted) - before) & mine
        assert late <= listed, "a reminder was claimed after the payment was acknowledged"
