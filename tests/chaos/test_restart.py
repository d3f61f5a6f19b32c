"""PostgreSQL is stopped hard and started again under a working fleet: it goes on, and nothing is lost or doubled."""

import asyncio
from pathlib import Path

import pytest

from app.embedded import EmbeddedEngines
from tests.chaos.fleet import fleet, portfolio, statuses, wait_for
from tests.conftest import make_template

CUSTOMERS = 120

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(180)]


async def test_a_restart_of_the_database_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with EmbeddedEngines(tmp_path / "data") as engines:
        started = engines.start()
        await make_template(started.database_url)
        async with fleet(
            (started.database_url, started.redis_url),
            tmp_path,
            name="restart",
            delay_seconds=0.05,
            send_lease_seconds="3",
            send_quarantine_seconds="2",
        ) as ships:
            await portfolio(ships, CUSTOMERS)
            await ships.worker()
            await ships.worker()
            await ships.apis[0].patch("/tenant", {"sending": "live"})
            for _ in range(2):
                await asyncio.sleep(1.5)
                await asyncio.to_thread(engines.restart_postgres)

            async def all_ended() -> bool:
                counts = await statuses(ships.apis[1])
                return sum(counts[status] for status in ("sent", "outcome_unknown")) == CUSTOMERS

            await wait_for(all_ended, seconds=90, what="every reminder ended after the restarts")
            assert max(ships.post.accepted.values()) == 1

            async def all_told() -> bool:
                sent = {reminder["id"] for reminder in await ships.apis[0].all("/reminders", status="sent")}
                return {event["data"]["id"] for event in ships.receiver.of("reminder.sent")} >= sent

            await wait_for(all_told, seconds=60, what="no webhook lost")
