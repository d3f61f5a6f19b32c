"""Limits: rates by key and by address, times and sizes, each with an answer that says what to do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.core.limits import Buckets
from app.core.settings import Settings
from app.main import create_app
from tests.conftest import Api, MakeApi

UNKNOWN = f"pun_test_{'0' * 16}_{'0' * 48}"


@asynccontextmanager
async def served(settings: Settings, **changes: Any) -> AsyncIterator[tuple[FastAPI, Callable[..., httpx.AsyncClient]]]:
    """The application with other settings, and clients of it by address."""
    application = create_app(settings.model_copy(update=changes))
    async with application.router.lifespan_context(application):

        def client(key: str, address: str = "192.0.2.1") -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app=application, client=(address, 4000))
            headers = {"Authorization": f"Bearer {key}"}
            return httpx.AsyncClient(transport=transport, base_url="http://test/v1", headers=headers)

        yield application, client


def statuses(answers: list[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


async def ask(client: httpx.AsyncClient, times: int) -> list[httpx.Response]:
    return [await client.get("/tenant") for _ in range(times)]


async def test_a_key_that_asks_too_fast_is_told_when_to_come_back(api: Api, settings: Settings) -> None:
    async with served(settings, rate_limit_per_second=0.5, rate_limit_burst=3) as (_, client):
        answers = await ask(client(api.key), 5)
        assert statuses(answers) == [200, 200, 200, 429, 429]
        problem = answers[-1].json()
        assert (problem["status"], problem["code"]) == (429, "rate_limited")
        assert answers[-1].headers["content-type"] == "application/problem+json"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 2


async def test_a_key_that_waits_is_let_in_again(api: Api, settings: Settings) -> None:
    async with served(settings, rate_limit_per_second=4.0, rate_limit_burst=1) as (_, client):
        assert statuses(await ask(client(api.key), 2)) == [200, 429]
        await asyncio.sleep(0.3)
        assert statuses(await ask(client(api.key), 1)) == [200]


async def test_keys_do_not_share_their_limits(make_api: MakeApi, settings: Settings) -> None:
    first, second = await make_api(), await make_api()
    async with served(settings, rate_limit_per_second=0.1, rate_limit_burst=2) as (_, client):
        assert statuses(await ask(client(first.key), 3)) == [200, 200, 429]
        assert statuses(await ask(client(second.key), 3)) == [200, 200, 429]


async def test_nobody_without_the_secret_empties_a_keys_bucket(api: Api, settings: Settings) -> None:
    async with served(settings, rate_limit_per_second=0.1, rate_limit_burst=2) as (_, client):
        guess = api.key[:-4] + ("0000" if api.key[-4:] != "0000" else "1111")
        assert set(statuses(await ask(client(guess, "192.0.2.66"), 10))) == {401}
        assert statuses(await ask(client(api.key), 2)) == [200, 200]


async def test_spaces_make_no_other_key(api: Api, settings: Settings) -> None:
    async with served(settings, rate_limit_per_second=0.1, rate_limit_burst=2) as (_, client):
        assert statuses(await ask(client(api.key), 2)) == [200, 200]
        assert statuses(await ask(client(f"   {api.key}  "), 1)) == [429]


async def test_a_flood_of_unknown_keys_is_stopped_by_address(api: Api, settings: Settings) -> None:
    async with served(settings, unknown_key_limit_per_second=3.0) as (_, client):
        assert statuses(await ask(client(api.key), 1)) == [200]
        answers = await ask(client(UNKNOWN), 6)
        assert statuses(answers)[:3] == [401, 401, 401]
        assert statuses(answers)[-1] == 429
        assert int(answers[-1].headers["retry-after"]) >= 1
        # A key known to be good goes on, though it comes from the same address; so do other addresses.
        assert statuses(await ask(client(api.key), 1)) == [200]
        assert statuses(await ask(client(UNKNOWN, "192.0.2.2"), 1)) == [401]


async def test_a_revoked_key_is_a_stranger(api: Api, settings: Settings) -> None:
    made = await api.post("/api-keys", {"name": "Otra", "scopes": ["read"]})
    async with served(settings, unknown_key_limit_per_second=2.0) as (_, client):
        assert statuses(await ask(client(made["key"]), 1)) == [200]
        await api.call("DELETE", f"/api-keys/{made['id']}")
        assert statuses(await ask(client(made["key"]), 4))[-1] == 429


async def test_limits_can_be_switched_off(api: Api, settings: Settings) -> None:
    changes = {"rate_limit_per_second": 0, "unknown_key_limit_per_second": 0, "rate_limit_burst": 1}
    async with served(settings, **changes) as (_, client):
        assert set(statuses(await ask(client(api.key), 20))) == {200}
        assert set(statuses(await ask(client(UNKNOWN), 20))) == {401}


def test_buckets_fill_with_time_and_not_over_the_brim() -> None:
    now = 100.0
    buckets = Buckets(per_second=2.0, burst=4.0, clock=lambda: now)
    assert [buckets.take(b"a") for _ in range(4)] == [0.0] * 4
    assert buckets.take(b"a") == pytest.approx(0.5)
    now += 0.5
    assert buckets.take(b"a") == 0.0
    assert buckets.wait_seconds(b"a") == pytest.approx(0.5)
    now += 3600
    assert [buckets.take(b"a") for _ in range(4)] == [0.0] * 4
    assert buckets.take(b"a") > 0


def test_buckets_that_are_full_again_are_dropped_when_there_are_many() -> None:
    now = 0.0
    buckets = Buckets(per_second=1.0, burst=2.0, most=100, clock=lambda: now)
    for number in range(100):
        buckets.take(str(number).encode())
    now += 10
    buckets.take(b"in use")
    assert b"0" not in buckets
    # And where every one is in use, memory still has its bound.
    for number in range(1000):
        buckets.take(str(number).encode())
        buckets.take(str(number).encode())
    assert sum(str(number).encode() in buckets for number in range(1000)) <= 100


async def test_a_request_over_its_time_is_ended_and_keeps_nothing(
    api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.customers import service

    create = service.create

    async def create_slowly(*arguments: Any, **options: Any) -> Any:
        made = await create(*arguments, **options)
        await arguments[0].flush()
        await asyncio.sleep(30)
        return made

    monkeypatch.setattr("app.customers.service.create", create_slowly)
    async with served(settings, request_timeout_seconds=0.5) as (_, client):
        headers = {"Idempotency-Key": "slow-1"}
        answer = await client(api.key).post("/customers", json={"name": "Lenta"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "timeout")
        assert answer.headers["content-type"] == "application/problem+json"
    monkeypatch.undo()
    assert await api.all("/customers") == []
    # The idempotency key was not kept either: the retry does the work.
    made = await api.call("POST", "/customers", json={"name": "Lenta"}, headers=headers, expect=201)
    assert "idempotency-replayed" not in made.headers


async def test_a_commit_is_not_cut_off_by_the_time_limit(
    api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.ext.asyncio import AsyncSessionTransaction

    leave = AsyncSessionTransaction.__aexit__

    async def leave_slowly(self: Any, *arguments: Any) -> Any:
        await asyncio.sleep(1.0)
        return await leave(self, *arguments)

    async with served(settings, request_timeout_seconds=0.6) as (_, client):
        monkeypatch.setattr(AsyncSessionTransaction, "__aexit__", leave_slowly)
        answer = await client(api.key).post("/customers", json={"name": "Casi"})
        monkeypatch.undo()
    assert answer.status_code == 201
    assert len(await api.all("/customers")) == 1


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"/customers?q={'x' * 20_000}", {}, 414),
        (f"/{'x' * 20_000}", {}, 414),
        ("/customers", {"X-Long": "x" * 70_000}, 431),
        ("/customers", {f"X-{number}": "x" * 1000 for number in range(80)}, 431),
    ],
)
async def test_a_head_that_is_too_large_is_a_problem(api: Api, path: str, headers: dict[str, str], status: int) -> None:
    answer = await api.call("GET", path, headers=headers, expect=status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "payload_too_large"
