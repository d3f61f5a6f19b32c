"""An application with an event loop of its own, for state machines, whose rules are plain functions."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import httpx

from app.checks.check import Report, check_all, checking_database
from app.core.db import admin_session
from app.core.settings import Settings
from app.domain.money import parse_amount
from app.main import create_app
from app.tenants.accounts import TenantPlan, create_tenant
from tests.conftest import Api

START = datetime(2026, 3, 2, 6, tzinfo=UTC)  # midnight in Mexico


class Office:
    """An application with an event loop of its own, since the machine's rules are plain functions."""

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.client = self.run(self._open())

    async def _open(self) -> httpx.AsyncClient:
        app = create_app(self.config)
        await self.stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app=app)
        return await self.stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run one coroutine to its end."""
        return self.runner.run(work)

    def close(self) -> None:
        """Close the application and its loop."""
        self.run(self.stack.aclose())
        self.runner.close()

    async def tenant(self) -> Api:
        """A fresh test tenant that may send every day around the clock."""
        async with admin_session(self.config) as session:
            made = await create_tenant(session, TenantPlan(name="Azar", is_test=True, clock_at=START))
        return Api(self.client, made.tenant_id, made.api_key, self.config)

    async def rows(self, api: Api, statement: Any) -> list[Any]:
        """Rows behind the API."""
        async with admin_session(self.config) as session:
            return list((await session.execute(statement, {"tenant": api.tenant_id})).all())

    async def check(self, api: Api) -> Report:
        """Every invariant that production checks, over one tenant."""
        report = Report()
        async with checking_database(self.config) as database:
            async for _ in check_all(database, report, tenant_ids=[api.tenant_id]):
                pass
        return report


def parse(invoice: dict[str, Any]) -> int:
    """What an invoice has open, in minor units."""
    return parse_amount(invoice["open_amount"], invoice["currency"])
