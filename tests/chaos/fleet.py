"""A fleet of real processes around real servers: API and worker processes, an SMTP server, a webhook receiver."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx
import orjson
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from standardwebhooks import Webhook

from app.core.db import admin_session
from app.tenants.accounts import TenantPlan, create_tenant
from tests.conftest import ROOT, SECRET_KEY, TEMPLATE, Api, database_url, make_settings


@dataclass(slots=True)
class Post:
    """An SMTP server that remembers what it accepted, slowly enough for kills to come in the middle."""

    delay_seconds: float = 0.0
    accepted: Counter[str] = field(default_factory=Counter)
    recipients: dict[str, list[str]] = field(default_factory=dict)
    port: int = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Accept one message."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        key = str(message_from_bytes(content)["Message-ID"]).strip("<>").partition("@")[0]
        # Accepted from here on, whether or not the client lives to read the answer.
        self.accepted[key] += 1
        for recipient in envelope.rcpt_tos:
            self.recipients.setdefault(recipient, []).append(key)
        await asyncio.sleep(self.delay_seconds)
        return "250 OK"


@dataclass(slots=True)
class Receiver:
    """An ERP's webhook receiver that verifies every signature."""

    secret: str = ""
    port: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    ids: Counter[str] = field(default_factory=Counter)

    async def handle(self, request: web.Request) -> web.Response:
        """Verify and keep one event."""
        body = await request.read()
        Webhook(self.secret).verify(body, dict(request.headers))
        event = orjson.loads(body)
        self.ids[request.headers["webhook-id"]] += 1
        self.events.append(event)
        return web.Response()

    def of(self, event_type: str) -> list[dict[str, Any]]:
        """Events of a type."""
        return [event for event in self.events if event["type"] == event_type]


@dataclass(slots=True)
class Fleet:
    """Processes under test and what they are connected to."""

    environment: dict[str, str]
    post: Post
    receiver: Receiver
    apis: list[Api] = field(default_factory=list)
    processes: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    logs: Path = field(default_factory=Path)

    async def start(self, *command: str) -> asyncio.subprocess.Process:
        """Start one process of the application."""
        with (self.logs / f"{command[-1].lstrip('-')}-{len(self.processes)}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self.processes[process.pid] = process
        return process

    async def worker(self, module: str = "app") -> asyncio.subprocess.Process:
        """Start a worker."""
        return await self.start("-m", module, "worker")

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        """`kill -9`."""
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
        self.processes.pop(process.pid, None)

    async def stop(self) -> None:
        """Stop everything that still runs."""
        for process in list(self.processes.values()):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in list(self.processes.values()):
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                await self.kill(process)

    async def flush_queue(self) -> None:
        """Empty Valkey, as an operator might."""
        async with Redis.from_url(self.environment["REDIS_URL"]) as redis:
            await redis.flushall()


@asynccontextmanager
async def fleet(
    addresses: tuple[str, str],
    folder: Path,
    *,
    name: str,
    api_count: int = 2,
    delay_seconds: float = 0.0,
    **settings: str,
) -> AsyncIterator[Fleet]:
    """A live tenant in a database of its own, API processes, an SMTP server and a receiver; workers are the test's."""
    database = f"puntual_{name}_{os.getpid()}"
    await _execute(addresses[0], f"CREATE DATABASE {database} TEMPLATE {TEMPLATE}")
    url = database_url(addresses[0], database)
    post, receiver = Post(delay_seconds=delay_seconds), Receiver()
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: SMTP(post, hostname="test", enable_SMTPUTF8=False), "127.0.0.1", 0)
    post.port = smtp.sockets[0].getsockname()[1]
    runner = web.AppRunner(_receiver_app(receiver), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.port = runner.addresses[0][1]
    environment = {
        **{key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}},
        "DATABASE_URL": url,
        "REDIS_URL": addresses[1],
        "PUNTUAL_SECRET_KEY": SECRET_KEY,
        "PUNTUAL_DATA_DIR": str(folder),
        "PUNTUAL_LOG_LEVEL": "warning",
        "PUNTUAL_SMTP_HOST": "127.0.0.1",
        "PUNTUAL_SMTP_PORT": str(post.port),
        "PUNTUAL_WEBHOOK_ALLOW_LOOPBACK": "true",
        "PUNTUAL_POLL_INTERVAL_SECONDS": "0.3",
        "PUNTUAL_DATABASE_POOL_SIZE": "8",
        "PUNTUAL_RATE_LIMIT_PER_SECOND": "0",
        **{f"PUNTUAL_{key.upper()}": value for key, value in settings.items()},
    }
    made = Fleet(environment, post, receiver, logs=folder)
    ports = [_free_port() for _ in range(api_count)]
    try:
        for port in ports:
            await made.start("-m", "app", "serve", "--port", str(port))
        own = make_settings(url, folder)
        async with admin_session(own) as session:
            tenant = await create_tenant(session, TenantPlan(name="Flota", is_test=False))
        async with contextlib.AsyncExitStack() as clients:
            for port in ports:
                client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)
                await clients.enter_async_context(client)
                await _until_up(client)
                made.apis.append(Api(client, tenant.tenant_id, tenant.api_key, own))
            yield made
    finally:
        await made.stop()
        await runner.cleanup()
        smtp.close()
        await smtp.wait_closed()
        await _execute(addresses[0], f"DROP DATABASE {database} WITH (FORCE)")


async def portfolio(fleet: Fleet, count: int) -> dict[str, str]:
    """A portfolio of customers with one overdue invoice each, chased as soon as sending goes live.

    Returns:
        The invoice's id by customer's id.
    """
    api = fleet.apis[0]
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    await api.patch("/tenant", {"send_window": {"start": "00:00", "end": "24:00", "days": days}})
    endpoint = await api.post("/webhook-endpoints", {"url": f"http://127.0.0.1:{fleet.receiver.port}/"})
    fleet.receiver.secret = endpoint["secret"]
    await api.policy([1], grouping="customer")
    limit = asyncio.Semaphore(8)

    async def customer(number: int) -> str:
        async with limit:
            made = await fleet.apis[number % len(fleet.apis)].customer(external_id=f"C{number}")
            return str(made["id"])

    ids = await asyncio.gather(*(customer(number) for number in range(count)))
    rows = [
        {
            "number": f"F{number}",
            "external_id": f"F{number}",
            "customer_id": customer_id,
            "currency": "MXN",
            "total": "100.00",
            "issued_on": "2026-01-01",
            "due_on": "2026-01-31",
        }
        for number, customer_id in enumerate(ids)
    ]
    answer = await api.post("/invoices/batch", {"invoices": rows}, expect=200)
    assert answer["created"] == count, answer
    return {row["customer_id"]: result["id"] for row, result in zip(rows, answer["results"], strict=True)}


async def wait_for(condition: Any, *, seconds: float, what: str) -> None:
    """Wait until an async condition holds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not await condition():
        assert loop.time() < end, f"not in {seconds} seconds: {what}"
        await asyncio.sleep(0.2)


async def statuses(api: Api) -> Counter[str]:
    """Reminders by status."""
    return Counter(reminder["status"] for reminder in await api.all("/reminders"))


def shuffled(items: list[str], seed: int) -> list[str]:
    """The same order in every run."""
    copy = list(items)
    random.Random(seed).shuffle(copy)
    return copy


def _receiver_app(receiver: Receiver) -> web.Application:
    application = web.Application()
    application.router.add_post("/", receiver.handle)
    return application


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_up(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/healthz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)


async def _execute(url: str, statement: str) -> None:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()
