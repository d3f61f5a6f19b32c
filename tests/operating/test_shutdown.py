"""Processes that are told to stop: they finish what they hold, in time, and the next one takes up the rest."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app.core.clock import monotonic_seconds
from tests.chaos.fleet import Fleet, fleet, portfolio, statuses, wait_for
from tests.contract.catalogue import engine_of

REMINDERS = 100
PATIENCE = 10.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def stop(process: asyncio.subprocess.Process) -> tuple[int, float]:
    """SIGTERM, and how the process ended and after how many seconds."""
    started = monotonic_seconds()
    process.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(process.wait(), 30)
    return code, monotonic_seconds() - started


async def test_a_worker_stopped_in_the_middle_loses_and_doubles_nothing(
    addresses: tuple[str, str], tmp_path: Path
) -> None:
    async with fleet(addresses, tmp_path, name="stop", api_count=1, delay_seconds=0.4, send_batch_size="8") as ships:
        await portfolio(ships, REMINDERS)
        first = await ships.worker()
        await ships.apis[0].patch("/tenant", {"sending": "live"})

        async def begun() -> bool:
            return len(ships.post.accepted) >= 10

        await wait_for(begun, seconds=60, what="some reminders at the server")
        code, seconds = await stop(first)
        assert code == 0
        assert seconds < PATIENCE
        # Everything the server accepted has been recorded, and nothing is left claimed.
        counts = await statuses(ships.apis[0])
        assert counts["sent"] == len(ships.post.accepted) < REMINDERS
        assert counts["sending"] == 0

        await ships.worker()

        async def finished() -> bool:
            return (await statuses(ships.apis[0]))["sent"] == REMINDERS

        await wait_for(finished, seconds=90, what="every reminder sent")
        assert set(ships.post.accepted.values()) == {1}
        assert len(ships.post.accepted) == REMINDERS
        assert await statuses(ships.apis[0]) == {"sent": REMINDERS}


async def test_a_worker_with_receivers_that_do_not_answer_stops_in_time(
    addresses: tuple[str, str], tmp_path: Path
) -> None:
    async with _silent() as port, fleet(addresses, tmp_path, name="silent", api_count=1) as ships:
        api = ships.apis[0]
        for _ in range(3):
            await api.post("/webhook-endpoints", {"url": f"http://127.0.0.1:{port}/"})
        await api.customer()
        worker = await ships.worker()

        async def under_way() -> bool:
            return await _count(ships, "SELECT count(*) FROM deliveries WHERE status = 'in_flight'") > 0

        await wait_for(under_way, seconds=30, what="an attempt")
        code, seconds = await stop(worker)
        assert (code, seconds < PATIENCE) == (0, True)


async def test_an_idle_worker_stops_at_once(addresses: tuple[str, str], tmp_path: Path) -> None:
    port = _free_port()
    async with fleet(
        addresses, tmp_path, name="idle", api_count=0, worker_metrics_port=str(port), check_interval_seconds="3600"
    ) as ships:
        worker = await ships.worker()
        async with httpx.AsyncClient() as client:

            async def serves() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.get(f"http://127.0.0.1:{port}/metrics")
                    return "puntual_jobs_total" in answer.text
                return False

            await wait_for(serves, seconds=30, what="the worker's metrics")
        code, seconds = await stop(worker)
        assert (code, seconds < 3) == (0, True)


async def test_an_api_that_is_told_to_stop_answers_first(addresses: tuple[str, str], tmp_path: Path) -> None:
    async with fleet(addresses, tmp_path, name="serve", api_count=1) as ships:
        api = ships.apis[0]
        customer = await api.customer()
        (process,) = ships.processes.values()
        async with engine_of(api.settings, admin=True) as admin, admin.connect() as outside:
            # Whoever changes the customer waits for this lock: a slow request.
            await outside.execute(text("SELECT FROM customers WHERE id = :id FOR UPDATE"), {"id": customer["id"]})
            invoice = asyncio.create_task(
                api.call(
                    "POST",
                    "/invoices",
                    json={
                        "customer_id": customer["id"],
                        "number": "F-1",
                        "currency": "MXN",
                        "total": "10.00",
                        "issued_on": "2026-01-01",
                        "due_on": "2026-01-31",
                    },
                )
            )
            await asyncio.sleep(1)
            stopping = asyncio.create_task(stop(process))
            await asyncio.sleep(1)
            assert not invoice.done()
            async with httpx.AsyncClient(base_url=api.client.base_url) as stranger:
                with pytest.raises(httpx.TransportError):
                    await stranger.get("/healthz")
        answer = await invoice
        assert answer.status_code == 201, answer.text
        code, seconds = await stopping
        assert code in {0, -signal.SIGTERM}
        assert seconds < PATIENCE
        assert await _count(ships, "SELECT count(*) FROM invoices") == 1


async def test_a_head_without_end_is_cut_off(addresses: tuple[str, str], tmp_path: Path) -> None:
    async with fleet(addresses, tmp_path, name="head", api_count=1) as ships:
        url = ships.apis[0].client.base_url
        for opening in (b"GET /", b"GET /healthz HTTP/1.1\r\nX-Long: "):
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(opening)
            received = b""
            with contextlib.suppress(ConnectionError):
                for _ in range(100):
                    writer.write(b"x" * 10_000)
                    await writer.drain()
                    await asyncio.sleep(0.002)
            with contextlib.suppress(ConnectionError):
                received = await asyncio.wait_for(reader.read(), 5)
            assert received.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")) or received == b"", received[:100]
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        # A head that is merely too large is told so in our words, and a large body is still read.
        async with httpx.AsyncClient(base_url=url) as client:
            answer = await client.get("/healthz", headers={"X-Long": "x" * 70_000})
            assert (answer.status_code, answer.json()["code"]) == (431, "payload_too_large")
            body = b'{"name": "A", "tax_id": "' + b"1" * 1_500_000 + b'"}'
            api = ships.apis[0]
            headers = {"Content-Type": "application/json"}
            await api.call("POST", "/customers", content=body, headers=headers, expect=422)

            async def pieces() -> AsyncIterator[bytes]:
                for start in range(0, len(body), 1000):
                    yield body[start : start + 1000]

            await api.call("POST", "/customers", content=pieces(), headers=headers, expect=422)


@contextlib.asynccontextmanager
async def _silent() -> AsyncIterator[int]:
    """A server that reads and never answers."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def _count(ships: Fleet, query: str) -> int:
    async with engine_of(ships.apis[0].settings, admin=True) as admin, admin.connect() as outside:
        return int(await outside.scalar(text(query)) or 0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
