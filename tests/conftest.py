"""Fixtures: real engines once a run, a migrated template database cloned for each worker, a tenant for each test."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.core.db import admin_session
from app.core.settings import Settings
from app.core.uow import Database, UnitOfWork
from app.embedded import EmbeddedEngines
from app.main import create_app
from app.tenants.accounts import TenantPlan, create_tenant

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "puntual_template"
SECRET_KEY = "tests only: a key of more than thirty-two characters"
NOON_UTC = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday, before office hours in Mexico

_engines: EmbeddedEngines | None = None
_folder: str | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Start the engines in the process that controls the run; its workers are told where they are."""
    global _engines, _folder  # noqa: PLW0603  pytest's hooks share nothing else before the first fixture
    if hasattr(config, "workerinput") or config.getoption("collectonly"):
        return
    _folder = tempfile.mkdtemp(prefix="puntual-tests-")
    _engines = EmbeddedEngines(Path(_folder) / "data", durable=False)
    engines = _engines.start()
    config.stash[_ADDRESSES] = (engines.database_url, engines.redis_url)
    asyncio.run(make_template(engines.database_url))


def pytest_configure_node(node: Any) -> None:
    """Hand the addresses to a worker of pytest-xdist."""
    node.workerinput["addresses"] = node.config.stash[_ADDRESSES]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started and leave nothing behind."""
    if _engines is not None:
        _engines.stop()
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)


_ADDRESSES = pytest.StashKey[tuple[str, str]]()


def database_url(server_url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


async def _execute(url: str, *statements: str) -> None:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


async def make_template(server_url: str) -> None:
    """A migrated database that others are cloned from."""
    await _execute(server_url, f"CREATE DATABASE {TEMPLATE}")
    engine = create_async_engine(database_url(server_url, TEMPLATE), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("path_separator", "os")
    async with engine.connect() as connection:

        def migrate(sync_connection: Any) -> None:
            config.attributes["connection"] = sync_connection
            command.upgrade(config, "head")

        await connection.run_sync(migrate)
    await engine.dispose()


@pytest.fixture(scope="session")
def addresses(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The URLs of PostgreSQL and Valkey."""
    worker = getattr(request.config, "workerinput", None)
    return tuple(worker["addresses"]) if worker else request.config.stash[_ADDRESSES]


@pytest.fixture(scope="session")
def own_database(addresses: tuple[str, str], worker_id: str) -> Iterator[str]:
    """This worker's own clone of the migrated template."""
    name = f"puntual_{worker_id}"
    asyncio.run(
        _execute(addresses[0], f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    )
    yield database_url(addresses[0], name)
    asyncio.run(_execute(addresses[0], f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def settings(own_database: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the application under test: a mailbox folder, no queue, loopback webhooks."""
    return make_settings(own_database, tmp_path_factory.mktemp("data"))


def make_settings(url: str, data_dir: Path, **changes: Any) -> Settings:
    """Settings for one database and folder."""
    values: dict[str, Any] = {
        "DATABASE_URL": url,
        "REDIS_URL": "",
        "secret_key": SECRET_KEY,
        "data_dir": data_dir,
        "log_level": "error",
        "webhook_allow_loopback": True,
        "database_pool_size": 10,
        # Tests ask as fast as they can, all from one address; those of the limits set their own.
        "rate_limit_per_second": 0,
        "unknown_key_limit_per_second": 0,
        **changes,
    }
    return Settings(**values)


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The application, started."""
    application = create_app(settings)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture(scope="session")
def database(app: FastAPI) -> Database:
    """The application's database."""
    found: Database = app.state.database
    return found


@dataclass(slots=True)
class Api:
    """One tenant as an ERP sees it: the HTTP API and nothing else."""

    client: httpx.AsyncClient
    tenant_id: UUID
    key: str
    settings: Settings
    _count: int = field(default=0)

    async def call(self, method: str, path: str, *, expect: int | None = None, **options: Any) -> httpx.Response:
        """One request under `/v1`; with `expect`, the status is asserted with the answer's text in the message."""
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        response = await self.client.request(method, f"/v1{path}", headers=headers, **options)
        if expect is not None:
            assert response.status_code == expect, f"{method} {path}: {response.status_code} {response.text}"
        return response

    async def get(self, path: str, *, expect: int = 200, **params: Any) -> Any:
        """GET and decode."""
        return (await self.call("GET", path, params=params, expect=expect)).json()

    async def post(self, path: str, body: Any = None, *, expect: int = 201, **options: Any) -> Any:
        """POST and decode."""
        return (await self.call("POST", path, json=body, expect=expect, **options)).json()

    async def patch(self, path: str, body: Any, *, expect: int = 200, **options: Any) -> Any:
        """PATCH and decode."""
        return (await self.call("PATCH", path, json=body, expect=expect, **options)).json()

    async def put(self, path: str, body: Any, *, expect: int = 200) -> Any:
        """PUT and decode."""
        return (await self.call("PUT", path, json=body, expect=expect)).json()

    async def advance(self, to: str) -> Any:
        """Advance the tenant's test clock."""
        return await self.post("/test-clock/advance", {"to": to}, expect=200)

    async def all(self, path: str, **params: Any) -> list[Any]:
        """Every page of a list."""
        rows: list[Any] = []
        cursor = None
        while True:
            page = await self.get(path, limit=200, **params, **({"cursor": cursor} if cursor else {}))
            rows += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows

    async def customer(self, **fields: Any) -> Any:
        """A customer with an e-mail address."""
        self._count += 1
        body = {
            "name": f"Cliente {self._count}",
            "contacts": [{"channels": [{"type": "email", "address": f"c{self._count}@example.com"}]}],
            **fields,
        }
        return await self.post("/customers", body)

    async def invoice(self, customer_id: str, total: str, issued_on: str, due_on: str, **fields: Any) -> Any:
        """An open invoice."""
        self._count += 1
        body = {
            "customer_id": customer_id,
            "number": f"F-{self._count}",
            "currency": "MXN",
            "total": total,
            "issued_on": issued_on,
            "due_on": due_on,
            **fields,
        }
        return await self.post("/invoices", body)

    async def pay(self, customer_id: str, amount: str, received_on: str, **fields: Any) -> Any:
        """A payment."""
        body = {"customer_id": customer_id, "currency": "MXN", "amount": amount, "received_on": received_on, **fields}
        return await self.post("/payments", body)

    async def policy(self, offsets: list[int], *, publish: bool = True, **fields: Any) -> Any:
        """A default policy with an e-mail step at each offset, published."""
        body = {
            "name": "Cobranza",
            "default": True,
            "grouping": "invoice",
            "steps": [
                {"key": f"d{offset:+d}", "offset_days": offset, "channels": ["email"], "template": "first_notice"}
                for offset in offsets
            ],
            **fields,
        }
        policy = await self.post("/dunning-policies", body)
        return await self.post(f"/dunning-policies/{policy['id']}/publish", expect=200) if publish else policy

    async def always_open(self) -> None:
        """Every day from 09:00 to midnight, without a cap on contacts."""
        days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        window = {"start": "09:00", "end": "24:00", "days": days}
        await self.patch("/tenant", {"send_window": window, "max_contacts_per_day": None})

    def mailbox(self) -> list[Path]:
        """Messages in the local mailbox (of all tenants of this worker)."""
        return sorted((Path(self.settings.data_dir) / "mailbox").glob("*.eml"))


@pytest.fixture(scope="session")
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application in this process."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=120) as made:
        yield made


MakeApi = Callable[..., Awaitable[Api]]


@pytest.fixture
def make_api(client: httpx.AsyncClient, settings: Settings) -> MakeApi:
    """Makes tenants; each test has its own, so that tests need no cleaning up."""

    async def make(**changes: Any) -> Api:
        values: dict[str, Any] = {"name": "Comercial Ñandú", "is_test": True, "clock_at": NOON_UTC, **changes}
        async with admin_session(settings) as session:
            made = await create_tenant(session, TenantPlan(**values))
        return Api(client, made.tenant_id, made.api_key, settings)

    return make


@pytest.fixture
async def api(make_api: MakeApi) -> Api:
    """A test tenant in Mexico whose clock stands at 06:00 on Monday 2026-03-02."""
    return await make_api()


@pytest.fixture
def unit_of_work(database: Database) -> Callable[[UUID], Any]:
    """Units of work, for tests that look behind the API."""

    def begin(tenant_id: UUID) -> Any:
        return database.unit_of_work(tenant_id)

    return begin


__all__ = ["Api", "MakeApi", "UnitOfWork"]
