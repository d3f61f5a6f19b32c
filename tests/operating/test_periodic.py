"""What one worker does for all: the check of the invariants and the tidying up."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from app.core.metrics import INVARIANT_VIOLATIONS, REGISTRY
from app.core.settings import Settings
from app.core.uow import Database
from app.jobs import periodic
from app.jobs.housekeeping import delete_expired_keys
from app.jobs.periodic import periodic_jobs, run_check
from tests.conftest import Api
from tests.contract.catalogue import engine_of


async def as_superuser(settings: Settings, statement: str, **values: Any) -> Any:
    async with engine_of(settings, admin=True) as admin, admin.begin() as outside:
        return await outside.execute(text(statement), values)


def violations(invariant: str) -> float | None:
    return REGISTRY.get_sample_value("puntual_invariant_violations", {"invariant": invariant})


async def test_a_check_tells_its_result_as_metrics(api: Api, settings: Settings) -> None:
    customer = (await api.customer())["id"]
    await api.invoice(customer, "10.00", "2026-02-01", "2026-06-30")
    await run_check(settings)
    before = violations("forgotten_due_dates")
    assert before is not None
    forget = "UPDATE customers SET next_action_at = NULL WHERE id = CAST(:id AS uuid)"
    await as_superuser(settings, forget, id=customer)
    report = await run_check(settings)
    assert violations("forgotten_due_dates") == before + 1
    assert [v.count for v in report.violations if v.tenant_id == api.tenant_id] == [1]
    checked_at = REGISTRY.get_sample_value("puntual_invariants_checked_timestamp_seconds")
    assert checked_at is not None
    assert checked_at > 1_700_000_000


async def test_one_of_several_workers_does_it(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def note(_settings: Settings) -> None:
        done.append("check")
        INVARIANT_VIOLATIONS.labels("invoice_balances").set(7)

    monkeypatch.setattr(periodic, "run_check", note)
    often = settings.model_copy(update={"check_interval_seconds": 1.0, "housekeeping_interval_seconds": 0})
    workers = [asyncio.create_task(job) for _ in range(3) for job in periodic_jobs(database, often)]
    assert len(workers) == 3
    await asyncio.sleep(2.9)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert 2 <= len(done) <= 3, "once at each full second"
    # Whoever did not make the last check shows nothing of an earlier one.
    assert violations("invoice_balances") is None


async def test_a_check_that_fails_is_tried_again_next_time(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def fail(_settings: Settings) -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError

    monkeypatch.setattr(periodic, "run_check", fail)
    often = settings.model_copy(update={"check_interval_seconds": 0.5, "housekeeping_interval_seconds": 0})
    (job,) = periodic_jobs(database, often)
    task = asyncio.create_task(job)
    await asyncio.sleep(1.4)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert tries >= 2
    labels = {"kind": "invariants.check", "outcome": "failed"}
    assert (REGISTRY.get_sample_value("puntual_jobs_total", labels) or 0) >= 2


def test_jobs_can_be_left_out(database: Database, settings: Settings) -> None:
    none = settings.model_copy(update={"check_interval_seconds": 0, "housekeeping_interval_seconds": 0})
    assert periodic_jobs(database, none) == []


async def test_idempotency_keys_are_kept_for_their_time_and_no_longer(
    api: Api, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.housekeeping._BATCH", 2)
    for number in range(6):
        await api.post("/customers", {"name": "Uno"}, headers={"Idempotency-Key": f"k-{number}"})
    # Five are old, one is a minute short of it.
    age = """
        UPDATE idempotency_keys SET created_at = clock_timestamp()
            - CASE key WHEN 'k-5' THEN interval '23 hours 59 minutes' ELSE interval '24 hours 1 minute' END
        WHERE tenant_id = :id
    """
    await as_superuser(settings, age, id=api.tenant_id)
    assert await delete_expired_keys(database, hours=24) == 5
    left = await as_superuser(settings, "SELECT key FROM idempotency_keys WHERE tenant_id = :id", id=api.tenant_id)
    assert [row.key for row in left] == ["k-5"]
    again = await api.call("POST", "/customers", json={"name": "Uno"}, headers={"Idempotency-Key": "k-5"}, expect=201)
    assert again.headers["idempotency-replayed"] == "true"
    assert await delete_expired_keys(database, hours=24) == 0
