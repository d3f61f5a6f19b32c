"""What the benchmarks run on: embedded engines, durable as in production, and the processes of the application.

Everything lives in one temporary folder and on loopback, and is gone when the stage is closed.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import asyncpg
import httpx
import orjson
from redis.asyncio import Redis
from sqlalchemy.engine import make_url

from app.core.clock import monotonic_seconds
from app.core.db import admin_session
from app.core.settings import Settings
from app.embedded import EmbeddedEngines, Engines
from app.embedded.process import end, spawn, tail
from app.main import create_app
from app.tenants.accounts import TenantPlan, create_tenant
from tests.benchmarks.load import write_requests
from tests.conftest import ROOT, Api, database_url, make_settings

_TEMPLATE = "puntual"
_SECRET_KEY = "benchmarks only: a key of more than thirty-two characters"
_READY_SECONDS = 60.0
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class BenchmarkError(RuntimeError):
    """Something did not work, so that there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a load generator has measured."""

    done: int
    per_second: float
    p50_ms: float
    p99_ms: float
    late: int
    answers: list[tuple[str, float]]


@dataclass(slots=True)
class Peer:
    """A server of `tests.benchmarks.peers`."""

    process: asyncio.subprocess.Process
    port: int

    async def tell(self, command: str = "") -> dict[str, Any]:
        """What has arrived; anything but `count` also starts anew, and `keep` keeps the bodies from then on."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise BenchmarkError("the peer has no pipes")
        stdin.write(f"{command}\n".encode())
        answer: dict[str, Any] = orjson.loads(await stdout.readline())
        return answer

    async def wait_for(self, count: int, *, seconds: float) -> dict[str, Any]:
        """Wait until `count` messages have arrived, and report on them."""
        until = monotonic_seconds() + seconds
        while (await self.tell("count"))["count"] < count:
            if monotonic_seconds() > until:
                raise BenchmarkError(f"only {(await self.tell('count'))['count']} of {count} came in {seconds:.0f} s")
            await asyncio.sleep(0.05)
        return await self.tell()


@dataclass(slots=True)
class Service:
    """A process of the application, with where it logs."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int = 0

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}"

    def memory_mb(self) -> float:
        """Resident memory, where the system tells."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        return 0.0

    def check(self) -> None:
        """Raise if it has ended by itself."""
        if self.process.poll() is not None:
            raise BenchmarkError(f"a process has ended (code {self.process.returncode}):\n{tail(self.log)}")

    def stop(self) -> None:
        """Stop it as a deployment would."""
        end(self.process, (signal.SIGTERM, 15.0))


@dataclass(slots=True)
class Stage:
    """Engines, databases and processes of one run."""

    quick: bool
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="puntual-bench-")))
    _engines: EmbeddedEngines = field(init=False)
    _addresses: Engines = field(init=False)
    _services: list[Service] = field(default_factory=list)
    _peers: list[Peer] = field(default_factory=list)
    _count: int = 0

    async def __aenter__(self) -> Self:
        self._engines = EmbeddedEngines(self.folder / "data", durable=True)
        try:
            self._addresses = self._engines.start()
            await self._migrate()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for peer in self._peers:
            with contextlib.suppress(ProcessLookupError):
                peer.process.kill()
            await peer.process.wait()
        self.close()

    async def _migrate(self) -> None:
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", "migrate", cwd=ROOT, env=self.environment(_TEMPLATE)
        )
        if await done.wait() != 0:
            raise BenchmarkError("the migrations failed")

    def close(self) -> None:
        """Stop everything and remove the folder."""
        for service in self._services:
            service.stop()
        self._engines.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Databases ---------------------------------------------------------------------------------------------------

    @property
    def socket_folder(self) -> str:
        """Where PostgreSQL's socket is."""
        return str(make_url(self._addresses.database_url).query["host"])

    async def connect(self, database: str, **options: Any) -> Any:
        """A bare asyncpg connection as the superuser."""
        return await asyncpg.connect(host=self.socket_folder, user="postgres", database=database, **options)

    async def database(self, name: str) -> str:
        """A fresh migrated database, and an empty queue: nothing of an earlier benchmark rings in this one."""
        async with Redis.from_url(self._addresses.redis_url) as redis:
            await redis.flushall()
        admin = await self.connect("postgres")
        try:
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        finally:
            await admin.close()
        return name

    async def drop(self, *names: str) -> None:
        """Drop databases, so that their size and their autovacuum do not reach into what is measured next."""
        admin = await self.connect("postgres")
        try:
            for name in names:
                await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        finally:
            await admin.close()

    def settings(self, database: str, **changes: Any) -> Settings:
        """Settings of the application in this process."""
        url = database_url(self._addresses.database_url, database)
        values = {"secret_key": _SECRET_KEY, "database_pool_size": 20, **changes}
        return make_settings(url, self.folder, **values)

    def environment(self, database: str, **settings: str) -> dict[str, str]:
        """The environment of a process of the application."""
        kept = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "LD_LIBRARY_PATH"}}
        return {
            **kept,
            "DATABASE_URL": database_url(self._addresses.database_url, database),
            "REDIS_URL": self._addresses.redis_url,
            "PUNTUAL_SECRET_KEY": _SECRET_KEY,
            "PUNTUAL_DATA_DIR": str(self.folder),
            "PUNTUAL_LOG_LEVEL": "warning",
            "PUNTUAL_RATE_LIMIT_PER_SECOND": "0",
            "PUNTUAL_WEBHOOK_ALLOW_LOOPBACK": "true",
            **{f"PUNTUAL_{key.upper()}": value for key, value in settings.items()},
        }

    # Processes ---------------------------------------------------------------------------------------------------

    def _spawn(self, name: str, arguments: Sequence[str], environment: dict[str, str], port: int = 0) -> Service:
        self._count += 1
        log = self.folder / f"{name}-{self._count}.log"
        process = spawn([sys.executable, *arguments], log=log, env=environment, cwd=ROOT)
        service = Service(process, log, port)
        self._services.append(service)
        return service

    async def api(self, database: str, **settings: str) -> Service:
        """One API process as in production."""
        port = free_port()
        service = self._spawn(
            "api", ["-m", "app", "serve", "--port", str(port)], self.environment(database, **settings), port
        )
        await until_up(service)
        return service

    def worker(self, database: str, **settings: str) -> Service:
        """One worker process as in production."""
        return self._spawn("worker", ["-m", "app", "worker"], self.environment(database, **settings))

    async def bare_api(self, database: str) -> Service:
        """The floor: `tests.benchmarks.baseline` in a process like the API's."""
        port = free_port()
        environment = self.environment(database) | {"BARE_HOST": self.socket_folder, "BARE_DATABASE": database}
        service = self._spawn("bare", ["-m", "tests.benchmarks.baseline", str(port)], environment, port)
        await until_up(service)
        return service

    async def peer(self, kind: str, *, delay_ms: float = 0.0) -> Peer:
        """An SMTP server (`smtp`) or a webhook receiver (`http`)."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.benchmarks.peers", kind, str(delay_ms),
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=2**26,
        )  # fmt: skip
        if process.stdout is None:
            raise BenchmarkError("the peer has no pipes")
        peer = Peer(process, int(await asyncio.wait_for(process.stdout.readline(), 30)))
        self._peers.append(peer)
        return peer

    async def load(
        self,
        service: Service,
        requests: list[bytes],
        *,
        seconds: float,
        connections: int = 24,
        rate: float | None = None,
        keeps_ids: bool = False,
    ) -> Answers:
        """Send requests from a process of their own; an answer that is an error fails the benchmark."""
        service.check()
        self._count += 1
        order, kept = self.folder / f"order-{self._count}.json", self.folder / f"requests-{self._count}.bin"
        write_requests(kept, requests)
        order.write_bytes(
            orjson.dumps({
                "requests": str(kept), "port": service.port, "connections": connections, "seconds": seconds,
                "rate": rate, "keeps_ids": keeps_ids,
            })
        )  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.benchmarks.load", str(order), cwd=ROOT, stdout=subprocess.PIPE
        )
        output, _ = await process.communicate()
        kept.unlink()
        service.check()
        if process.returncode != 0 or not output:
            raise BenchmarkError(f"the load generator failed; the service says:\n{tail(service.log)}")
        found = orjson.loads(output)
        if found["refused"] or not found["done"]:
            raise BenchmarkError(f"answers {found['statuses']}: {found['refused']}")
        names = Answers.__slots__
        return Answers(**{name: found[name] for name in names})

    # Tenants -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def tenant(self, database: str, *, always_open: bool = True, **fields: Any) -> AsyncIterator[Api]:
        """A live tenant that sends, with a published default policy, reached in this process."""
        settings = self.settings(database)
        async with admin_session(settings) as session:
            made = await create_tenant(session, TenantPlan(name="Comercial Ñandú", is_test=False))
        app = create_app(settings)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bench", timeout=120) as client,
        ):
            api = Api(client, made.tenant_id, made.api_key, settings)
            if always_open:
                window = {"start": "00:00", "end": "24:00", "days": EVERY_DAY}
                await api.patch("/tenant", {"send_window": window, "max_contacts_per_day": None})
            await api.policy([1, 15, 30], grouping="customer")
            await api.patch("/tenant", {"sending": "live", **fields})
            yield api


async def wait_until(condition: Callable[[], Awaitable[Any]], *, seconds: float, what: str) -> Any:
    """Wait until a condition holds, and answer what it answered."""
    until = monotonic_seconds() + seconds
    while not (found := await condition()):
        if monotonic_seconds() > until:
            raise BenchmarkError(f"not in {seconds:.0f} s: {what}")
        await asyncio.sleep(0.1)
    return found


async def until_up(service: Service) -> float:
    """Wait until `/healthz` answers; how long that took."""
    started = monotonic_seconds()
    async with httpx.AsyncClient(timeout=2) as client:
        while monotonic_seconds() - started < _READY_SECONDS:
            service.check()
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"{service.url}/healthz")).status_code == 200:
                    return monotonic_seconds() - started
            await asyncio.sleep(0.01)
    raise BenchmarkError(f"a process does not get ready:\n{tail(service.log)}")


def post(path: str, body: Any, *, key: str = "", idempotency_key: str = "") -> bytes:
    """The bytes of one POST."""
    content = orjson.dumps(body)
    headers = [
        f"POST {path} HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"content-length: {len(content)}",
        *([f"authorization: Bearer {key}"] if key else []),
        *([f"idempotency-key: {idempotency_key}"] if idempotency_key else []),
    ]
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + content


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def customers(api: Api, count: int) -> list[UUID]:
    """Customers with an e-mail address each, made through the API."""
    limit = asyncio.Semaphore(8)

    async def one() -> UUID:
        async with limit:
            return UUID((await api.customer())["id"])

    return list(await asyncio.gather(*(one() for _ in range(count))))
