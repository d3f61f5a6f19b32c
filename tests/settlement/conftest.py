"""Tenants that charge lateness."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import Api, MakeApi
from tests.settlement.lateness import TABLE

Tenant = Callable[..., Awaitable[Api]]


@pytest.fixture
def tenant(make_api: MakeApi) -> Tenant:
    """A tenant whose clock stands at noon UTC of a day, and how it charges lateness."""

    async def make(today: str = "2026-03-02", late_interest: Any = None) -> Api:
        api = await make_api(clock_at=datetime.fromisoformat(f"{today}T12:00:00").replace(tzinfo=UTC))
        await api.post("/rate-tables", TABLE)
        await api.patch("/tenant", {"late_interest": late_interest})
        return api

    return make
