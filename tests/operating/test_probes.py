"""Probes and metrics tell the truth, without a key and without waiting."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.clock import monotonic_seconds
from app.core.settings import Settings
from app.core.uow import Database
from app.health import readiness
from app.main import create_app
from app.runs import service as runs
from app.runs.working import RunWorker
from tests.conftest import Api, MakeApi, database_url, make_settings
from tests.contract.catalogue import engine_of

KINDS = {
    "event.relay", "dunning.tick", "reminder.send", "reminder.rescue", "webhook.deliver", "webhook.rescue",
    "import.run", "dunning.run",
}  # fmt: skip

HEAD = readiness._revisions()[1]


async def ask(settings: Settings, path: str) -> tuple[httpx.Response, float]:
    """One question to an application of its own, and how long the answer took."""
    application = create_app(settings)
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(app=application, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            started = monotonic_seconds()
            return await client.get(path), monotonic_seconds() - started


async def as_superuser(settings: Settings, statement: str, **values: Any) -> None:
    async with engine_of(settings, admin=True) as admin, admin.begin() as outside:
        await outside.execute(text(statement), values)


async def figures(client: httpx.AsyncClient) -> dict[str, float]:
    """Every series of `/metrics`, by its name and labels."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_a_process_that_lives_says_so_whatever_its_database_does(tmp_path: Path) -> None:
    answer, _ = await ask(make_settings("postgresql://127.0.0.1:9/none", tmp_path), "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_names_every_check(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    body = answer.json()
    assert {key: body["checks"][key] for key in ("database", "schema", "queue")} == {
        "database": "ok", "schema": "ok", "queue": "off",
    }  # fmt: skip
    assert set(body["lags"]) == KINDS
    assert set(body["checks"]) >= KINDS


async def test_without_a_database_nothing_is_ready(tmp_path: Path) -> None:
    answer, seconds = await ask(make_settings("postgresql://127.0.0.1:9/none", tmp_path), "/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert answer.json()["checks"]["database"] == "unreachable"
    assert seconds < 3


async def test_a_database_that_does_not_answer_is_told_in_time(tmp_path: Path) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = make_settings(f"postgresql://127.0.0.1:{port}/none", tmp_path, REDIS_URL=f"redis://127.0.0.1:{port}/0")
    for path, status in (("/readyz", 503), ("/metrics", 200), ("/healthz", 200)):
        answer, seconds = await ask(settings, path)
        assert answer.status_code == status, path
        assert seconds < 3, path
    server.close()


@pytest.mark.parametrize(
    ("revision", "state", "status"), [("'9999'", "newer", 200), ("NULL", "missing", 503), (f"'{HEAD}'", "ok", 200)]
)
async def test_the_schema_must_be_there_and_may_be_newer(
    settings: Settings, client: httpx.AsyncClient, revision: str, state: str, status: int
) -> None:
    async with engine_of(settings, admin=True) as admin:
        async with admin.begin() as outside:
            before = (await outside.execute(text("DELETE FROM alembic_version RETURNING version_num"))).scalar_one()
            if revision != "NULL":
                await outside.execute(text(f"INSERT INTO alembic_version VALUES ({revision})"))
        try:
            answer = await client.get("/readyz")
        finally:
            async with admin.begin() as outside:
                await outside.execute(text("DELETE FROM alembic_version"))
                await outside.execute(text("INSERT INTO alembic_version VALUES (:v)"), {"v": before})
    assert (answer.status_code, answer.json()["checks"]["schema"]) == (status, state)


async def test_a_schema_of_the_release_before_is_not_ready(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_revisions", lambda: (frozenset({HEAD, "next"}), "next"))
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["schema"]) == (503, "behind")


async def test_a_database_nothing_was_migrated_in_is_not_ready(addresses: tuple[str, str], tmp_path: Path) -> None:
    answer, _ = await ask(make_settings(database_url(addresses[0], "postgres"), tmp_path), "/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["schema"] == "missing"


async def test_a_queue_that_is_gone_degrades_and_no_more(settings: Settings) -> None:
    answer, seconds = await ask(settings.model_copy(update={"redis_url": "redis://127.0.0.1:9/0"}), "/readyz")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["checks"]["queue"]) == ("degraded", "unreachable")
    assert seconds < 3


async def test_a_queue_that_answers_is_ok(settings: Settings, addresses: tuple[str, str]) -> None:
    with_queue = settings.model_copy(update={"redis_url": addresses[1]})
    answer, _ = await ask(with_queue, "/readyz")
    assert answer.json()["checks"]["queue"] == "ok"
    metrics, _ = await ask(with_queue, "/metrics")
    assert re.search(r"^puntual_queue_depth \d", metrics.text, re.MULTILINE)
    assert "puntual_queue_up 1.0" in metrics.text


async def test_work_that_lags_is_told_by_kind_and_takes_nobody_out_of_service(
    make_api: MakeApi, settings: Settings, client: httpx.AsyncClient
) -> None:
    live = await make_api(is_test=False, clock_at=None)
    customer = await live.customer()
    before = await figures(client)
    overdue = datetime.now(UTC) - timedelta(hours=1)
    values = {"at": overdue, "id": customer["id"]}
    await as_superuser(settings, "UPDATE customers SET next_action_at = :at WHERE id = CAST(:id AS uuid)", **values)
    answer = await client.get("/readyz")
    body = answer.json()
    assert answer.status_code == 200
    assert (body["status"], body["checks"]["dunning.tick"]) == ("degraded", "lagging")
    assert 3600 <= body["lags"]["dunning.tick"]["oldest_seconds"] < 3660
    after = await figures(client)
    series = 'puntual_due_work{kind="dunning.tick"}'
    assert after[series] == before[series] + 1
    assert after['puntual_due_work_oldest_seconds{kind="dunning.tick"}'] >= 3600
    await as_superuser(
        settings, "UPDATE customers SET next_action_at = NULL WHERE id = CAST(:id AS uuid)", id=values["id"]
    )
    assert (await client.get("/readyz")).json()["checks"]["dunning.tick"] == "ok"


@pytest.mark.parametrize("is_test", [False, True])
async def test_a_run_that_nobody_goes_on_with_lags(
    make_api: MakeApi,
    settings: Settings,
    client: httpx.AsyncClient,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    is_test: bool,
) -> None:
    async def lag() -> tuple[int, int, str]:
        body = (await client.get("/readyz")).json()
        found = body["lags"]["dunning.run"]
        return found["waiting"], found["oldest_seconds"], body["checks"]["dunning.run"]

    monkeypatch.setattr(runs, "CUSTOMERS_AT_ONCE", 1)
    api = await make_api(**({} if is_test else {"is_test": False, "clock_at": None}))
    await api.policy([1])
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-01-01", "2026-01-31")
    before = await lag()
    run = await api.post("/dunning-runs", {})
    waiting, seconds, state = await lag()
    assert (run["status"], waiting, state) == ("planning", before[0] + 1, "ok")
    assert seconds < 60, "by a test tenant's clock: months"
    await as_superuser(
        settings,
        "UPDATE dunning_runs SET updated_at = updated_at - interval '1 hour' WHERE id = CAST(:id AS uuid)",
        id=run["id"],
    )
    assert (await lag())[2] == ("ok" if is_test else "lagging")
    worker = RunWorker(database, settings)
    while await worker.run(api.tenant_id):
        pass
    assert await lag() == before


async def test_a_test_tenants_own_time_is_no_lag(api: Api, client: httpx.AsyncClient) -> None:
    before = (await client.get("/readyz")).json()["lags"]
    # Its clock stands in March, and events and first deliveries alone are due outside an advance.
    customer = await api.customer()
    await api.policy([1])
    await api.invoice(customer["id"], "100.00", "2026-01-01", "2026-01-31")
    after = (await client.get("/readyz")).json()["lags"]
    assert after["event.relay"]["waiting"] > before["event.relay"]["waiting"]
    assert after["event.relay"]["oldest_seconds"] < 86_400, "as its clock would have it: months"
    assert after["dunning.tick"] == before["dunning.tick"]


async def test_a_paused_tenant_lags_with_nothing(
    make_api: MakeApi, settings: Settings, client: httpx.AsyncClient
) -> None:
    before = (await client.get("/readyz")).json()["lags"]["reminder.send"]["waiting"]
    live = await make_api(is_test=False, clock_at=None)
    await live.patch("/tenant", {"sending": "paused"})
    customer = await live.customer()
    await live.policy([1])
    insert = """
        INSERT INTO reminders (tenant_id, id, customer_id, policy_id, policy_version, currency, channel, language,
            template, status, is_shadow, nominal_on, scheduled_at, total_due_minor, attempt_count, next_attempt_at,
            version, created_at, updated_at)
        SELECT tenant_id, gen_random_uuid(), CAST(:customer AS uuid), gen_random_uuid(), 1, 'MXN', 'email', 'es', 't',
            'ready', false, '2026-01-01', now(), 1, 0, now() - interval '1 hour', 1, now(), now()
        FROM customers WHERE id = CAST(:customer AS uuid)
    """
    await as_superuser(settings, insert, customer=customer["id"])
    assert (await client.get("/readyz")).json()["lags"]["reminder.send"]["waiting"] == before
    await live.patch("/tenant", {"sending": "live"})
    assert (await client.get("/readyz")).json()["lags"]["reminder.send"]["waiting"] == before + 1
    await as_superuser(settings, "DELETE FROM reminders WHERE customer_id = CAST(:c AS uuid)", c=customer["id"])


async def test_requests_are_counted_by_route_and_never_by_path(api: Api, client: httpx.AsyncClient) -> None:
    def counted(found: dict[str, float], method: str, route: str, status: int) -> float:
        return found.get(f'puntual_http_requests_total{{method="{method}",route="{route}",status="{status}"}}', 0)

    before = await figures(client)
    customer = await api.customer()
    await api.get(f"/customers/{customer['id']}")
    await api.call("GET", "/galaxies/far/away", expect=404)
    await api.call("BREW", "/customers")
    after = await figures(client)
    route = "/v1/customers/{customer_id}"
    assert counted(after, "GET", route, 200) == counted(before, "GET", route, 200) + 1
    assert counted(after, "POST", "/v1/customers", 201) >= counted(before, "POST", "/v1/customers", 201) + 1
    assert counted(after, "GET", "unmatched", 404) >= counted(before, "GET", "unmatched", 404) + 1
    assert after[f'puntual_http_request_seconds_count{{method="GET",route="{route}"}}'] >= 1
    names = " ".join(after)
    assert customer["id"] not in names
    assert "galaxies" not in names
    assert "BREW" not in names


async def test_sends_webhooks_and_relays_are_counted(api: Api, client: httpx.AsyncClient) -> None:
    before = await figures(client)
    await api.always_open()
    await api.policy([1])
    await api.post("/webhook-endpoints", {"url": "http://127.0.0.1:9/hooks", "event_types": ["reminder.sent"]})
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-02-20")
    done = await api.advance("2026-03-02T18:00:00Z")
    assert done["reminders_sent"] == 1
    after = await figures(client)

    def more(series: str) -> float:
        return after[series] - before.get(series, 0)

    assert more('puntual_reminders_total{outcome="accepted"}') == 1
    assert more('puntual_webhook_attempts_total{outcome="connect"}') >= 1
    assert more("puntual_webhook_attempt_seconds_count") >= 1
    assert more("puntual_events_relayed_total") == done["events"]


async def test_metrics_name_the_pool(client: httpx.AsyncClient, app: FastAPI, settings: Settings) -> None:
    async with app.state.database.sessions() as session:
        await session.execute(text("SELECT 1"))
        found = await figures(client)
    assert found["puntual_database_up"] == 1
    assert found["puntual_database_connections_in_use"] >= 1
    assert found["puntual_database_connections_limit"] == settings.database_pool_size
    assert "puntual_queue_depth" not in found
