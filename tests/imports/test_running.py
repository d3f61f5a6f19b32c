"""Imports while they run: killed, doubled, cancelled, held up, and one after the other."""

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core.batches import Outcome
from app.core.settings import Settings
from app.core.uow import Database, UnitOfWork
from app.core.work import Kind, due_tenants
from app.imports import running
from app.imports.writing import write_records
from app.jobs.housekeeping import delete_abandoned_imports
from app.jobs.runner import Runner
from app.main import create_app
from app.reminders.sender import Sender, create_channels
from app.webhooks.delivery import Deliverer
from app.webhooks.transport import WebhookTransport
from tests.conftest import Api
from tests.imports.conftest import INVOICE_HEADER, MakeImporter, Office, counts, invoice_lines, send, table


class KilledError(BaseException):
    """A worker that is gone, as after `kill -9`: nothing of its own comes after it."""


def dies_after(monkeypatch: pytest.MonkeyPatch, batches: int, *, writes: bool) -> None:
    """Have the worker die in its next batch, before or after that batch was written, but before it was committed."""
    write = write_records
    left = batches

    async def deadly(uow: UnitOfWork, layout: Any, records: Any) -> Sequence[Outcome]:
        nonlocal left
        left -= 1
        if left < 0:
            if writes:
                await write(uow, layout, records)
                await uow.flush()
            raise KilledError
        return await write(uow, layout, records)

    monkeypatch.setattr(running, "write_records", deadly)


async def expire_lease(office: Office) -> None:
    async with office.importer.database.unit_of_work(office.api.tenant_id) as uow:
        await uow.session.execute(
            text("UPDATE imports SET lease_expires_at = clock_timestamp() WHERE tenant_id = :id"),
            {"id": office.api.tenant_id},
        )


async def assert_written_once(office: Office, count: int) -> None:
    """Every invoice of the file, with one entry, one case and its events each, and no more."""
    invoices = await office.api.all("/invoices")
    assert sorted(row["external_id"] for row in invoices) == sorted(f"F-{number}" for number in range(count))
    told = [event["type"] for event in await office.events()]
    assert told.count("invoice.created") == told.count("dunning.case_opened") == count
    assert told.count("import.completed") == 1
    async with office.importer.database.unit_of_work(office.api.tenant_id) as uow:
        for name in ("ledger_entries", "dunning_cases"):
            found = await uow.session.scalar(
                text(f"SELECT count(*) FROM {name} WHERE tenant_id = :id"), {"id": office.api.tenant_id}
            )
            assert found == count, name
        chunks = text("SELECT count(*) FROM import_chunks WHERE tenant_id = :id")
        assert await uow.session.scalar(chunks, {"id": office.api.tenant_id}) == 0


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("batches", [0, 2])
async def test_a_worker_that_dies_doubles_nothing_and_loses_nothing(
    api: Api, make_importer: MakeImporter, monkeypatch: pytest.MonkeyPatch, batches: int, writes: bool
) -> None:
    office = Office(api, make_importer(import_batch_size=10))
    await api.policy([1])
    await api.customer(external_id="C-1")
    sent = await send(api, "invoices", table(INVOICE_HEADER, *invoice_lines(45)))
    with monkeypatch.context() as patch:
        dies_after(patch, batches, writes=writes)
        with pytest.raises(KilledError):
            await office.run()
    stopped = await office.read(sent["id"])
    assert (stopped["status"], stopped["rows"], stopped["created"]) == ("running", batches * 10, batches * 10)
    assert len(await api.all("/invoices")) == batches * 10
    await office.run()
    assert (await office.read(sent["id"]))["rows"] == batches * 10, "its lease has not ended"
    await expire_lease(office)
    await office.run()
    done = await office.read(sent["id"])
    assert (done["status"], counts(done)) == ("completed", (45, 0, 0, 0))
    await assert_written_once(office, 45)


async def test_a_worker_thought_dead_does_not_go_on_beside_its_successor(api: Api, make_importer: MakeImporter) -> None:
    office = Office(api, make_importer())
    await api.policy([1])
    await api.customer(external_id="C-1")
    sent = await send(api, "invoices", table(INVOICE_HEADER, *invoice_lines(40)))
    slow, quick = make_importer(), make_importer()
    late = await slow._claim(api.tenant_id)
    assert late is not None
    assert await slow._batch(api.tenant_id, late, 10)
    assert await quick._claim(api.tenant_id) is None
    await expire_lease(office)
    claim = await quick._claim(api.tenant_id)
    assert claim is not None
    assert await quick._batch(api.tenant_id, claim, 10)
    assert not await slow._batch(api.tenant_id, late, 10)
    assert (await office.read(sent["id"]))["rows"] == 20
    assert await quick._batch(api.tenant_id, claim, 10)
    assert not await quick._batch(api.tenant_id, claim, 10)
    done = await office.read(sent["id"])
    assert (done["status"], done["rows"], counts(done)) == ("completed", 40, (40, 0, 0, 0))
    await assert_written_once(office, 40)


async def test_many_workers_at_once_write_a_file_once(api: Api, make_importer: MakeImporter) -> None:
    workers = [Office(api, make_importer(import_batch_size=7)) for _ in range(4)]
    await api.policy([1])
    await api.customer(external_id="C-1")
    sent = await send(api, "invoices", table(INVOICE_HEADER, *invoice_lines(60)))
    await asyncio.gather(*(worker.run() for worker in workers))
    done = await workers[0].read(sent["id"])
    assert (done["status"], done["rows"], counts(done)) == ("completed", 60, (60, 0, 0, 0))
    await assert_written_once(workers[0], 60)


async def test_files_of_a_tenant_are_worked_off_in_their_order(office: Office) -> None:
    sent = [
        await send(office.api, "customers", table("external_id,name", "C-1,Uno")),
        await send(office.api, "invoices", table(INVOICE_HEADER, *invoice_lines(2))),
        await send(
            office.api,
            "payments",
            table("external_id,customer_external_id,currency,amount,received_on", "P-1,C-1,MXN,201.00,2026-02-02"),
        ),
    ]
    await office.run()
    assert [counts(await office.read(item["id"]))[3] for item in sent] == [0, 0, 0]
    assert {row["status"] for row in await office.api.all("/invoices")} == {"paid"}


async def test_the_workers_own_loop_finds_imports_of_test_tenants(
    office: Office, database: Database, settings: Settings
) -> None:
    api = office.api
    sent = await send(api, "customers", table("external_id,name", "C-1,Uno"))
    assert api.tenant_id in {tenant.id for tenant in await due_tenants(database, Kind.import_run, most=10_000)}
    transport = WebhookTransport.of(settings)
    runner = Runner(
        database,
        settings,
        Sender(database, settings, create_channels(settings)),
        Deliverer(database, settings, transport),
    )
    await runner.run(Kind.import_run)
    await transport.close()
    assert (await office.read(sent["id"]))["status"] == "completed"
    assert api.tenant_id not in {tenant.id for tenant in await due_tenants(database, Kind.import_run, most=10_000)}


async def test_a_cancelled_import_keeps_what_it_has_taken_and_takes_no_more(
    api: Api, make_importer: MakeImporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(api, make_importer(import_batch_size=10))
    await api.customer(external_id="C-1")
    sent = await send(api, "invoices", table(INVOICE_HEADER, *invoice_lines(40)))
    with monkeypatch.context() as patch:
        dies_after(patch, 1, writes=True)
        with pytest.raises(KilledError):
            await office.run()
    cancelled = await api.post(f"/imports/{sent['id']}/cancel", expect=200)
    assert (cancelled["status"], cancelled["created"], cancelled["finished_at"] is not None) == ("cancelled", 10, True)
    await expire_lease(office)
    await office.run()
    assert len(await api.all("/invoices")) == 10
    assert (await api.post(f"/imports/{sent['id']}/cancel", expect=409))["code"] == "state_conflict"
    told = [event["data"]["status"] for event in await office.events() if event["type"] == "import.completed"]
    assert told == ["cancelled"]


async def test_one_row_that_breaks_the_code_is_left_out(
    api: Api, make_importer: MakeImporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(api, make_importer(import_batch_size=100))
    await api.customer(external_id="C-1")
    write = write_records

    async def brittle(uow: UnitOfWork, layout: Any, records: Any) -> Sequence[Outcome]:
        if any(record.value[0] == "F-57" for record in records):
            raise ZeroDivisionError
        return await write(uow, layout, records)

    monkeypatch.setattr(running, "write_records", brittle)
    done = await office.take("invoices", table(INVOICE_HEADER, *invoice_lines(120)))
    assert (done["status"], done["rows"], counts(done)) == ("completed", 120, (119, 0, 0, 1))
    (fault,) = await office.errors(done)
    assert (fault["row"], fault["external_id"], fault["code"]) == (58, "F-57", "internal_error")


async def test_a_customer_held_by_somebody_else_puts_the_import_off(
    api: Api, make_importer: MakeImporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(api, make_importer())
    customer = await api.customer(external_id="C-1")
    sent = await send(api, "invoices", table(INVOICE_HEADER, *invoice_lines(3)))
    async with office.importer.database.unit_of_work(api.tenant_id) as uow:
        await uow.lock_customers([customer["id"]])
        write = write_records

        async def impatient(inner: UnitOfWork, layout: Any, records: Any) -> Sequence[Outcome]:
            await inner.driver.execute("SET LOCAL lock_timeout = '50ms'")
            return await write(inner, layout, records)

        with monkeypatch.context() as patch:
            patch.setattr(running, "write_records", impatient)
            await office.run()
        held = await office.read(sent["id"])
        assert (held["status"], held["rows"]) == ("running", 0)
    monkeypatch.setattr(running, "_RETRY_SECONDS", 0.0)
    async with office.importer.database.unit_of_work(api.tenant_id) as uow:
        await uow.driver.execute("UPDATE imports SET next_attempt_at = clock_timestamp()")
    await office.run()
    assert counts(await office.read(sent["id"])) == (3, 0, 0, 0)


async def test_the_same_request_sent_twice_makes_one_import(office: Office) -> None:
    content = table("external_id,name", "C-1,Uno")
    key = {"Idempotency-Key": "nightly"}
    first = await send(office.api, "customers", content, headers=key)
    second = await send(office.api, "customers", content, headers=key)
    assert second["id"] == first["id"]
    assert [row["id"] for row in await office.api.all("/imports")] == [first["id"]]
    problem = await send(office.api, "customers", content + b"C-2,Dos\r\n", headers=key, expect=422)
    assert problem["code"] == "idempotency_key_reused"
    assert [row["id"] for row in await office.api.all("/imports")] == [first["id"]]


async def test_a_file_may_be_larger_than_other_bodies_up_to_its_own_limit(api: Api, settings: Settings) -> None:
    small = settings.model_copy(update={"request_max_bytes": 1_000, "import_max_bytes": 200_000})
    app = create_app(small)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client,
    ):
        limited = Api(client, api.tenant_id, api.key, small)
        await send(limited, "customers", table("external_id,name", *[f"C-{n},{'x' * 90}" for n in range(1_000)]))
        await limited.post("/customers", {"name": "x" * 190, "metadata": {"a": "x" * 450, "b": "x" * 450}}, expect=413)

        async def endless() -> AsyncIterator[bytes]:
            yield table("external_id,name")
            for _ in range(10_000):
                yield b"C-1,Uno\r\n" * 1000

        assert (await send(limited, "customers", endless(), expect=413))["code"] == "payload_too_large"
        assert len(await limited.all("/imports")) == 1


async def test_an_import_cancelled_during_its_upload_stays_cancelled(office: Office) -> None:
    api = office.api

    async def cancelling() -> AsyncIterator[bytes]:
        yield table("external_id,name")
        for number in range(400):
            yield table(*[f"C-{number}-{row},{'x' * 90}" for row in range(100)])
            if number == 200:
                (receiving,) = await api.all("/imports", status="receiving")
                await api.post(f"/imports/{receiving['id']}/cancel", expect=200)

    assert (await send(api, "customers", cancelling(), expect=409))["code"] == "state_conflict"
    await office.run()
    assert [row["status"] for row in await api.all("/imports")] == ["cancelled"]
    assert await api.all("/customers") == []


async def test_a_sender_who_vanished_is_cleared_up_after(office: Office) -> None:
    database = office.importer.database
    sent = await send(office.api, "customers", table("external_id,name", "C-1,Uno"))
    async with database.unit_of_work(office.api.tenant_id) as uow:
        # As a process leaves it that was killed during the upload.
        await uow.driver.execute("UPDATE imports SET status = 'receiving', lease_expires_at = clock_timestamp()")
    await office.run()
    assert (await office.read(sent["id"]))["status"] == "receiving"
    assert await delete_abandoned_imports(database) >= 1
    await office.api.call("GET", f"/imports/{sent['id']}", expect=404)


# A hundred thousand take minutes on two cores that have other tests to run; a fifth of them shows as much growth.
ROWS = 100_000 if os.environ.get("PUNTUAL_SLOW") else 20_000


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_many_invoices_take_no_more_memory_than_a_few(office: Office) -> None:
    await office.api.policy([1])
    for number in range(100):
        await office.api.customer(external_id=f"C-{number}")

    async def lines() -> AsyncIterator[bytes]:
        yield table(INVOICE_HEADER)
        for first in range(0, ROWS, 1_000):
            rows = [line for n in range(10) for line in invoice_lines(100, first=first + 100 * n, customer=f"C-{n}")]
            yield table(*rows)

    await office.take("invoices", table(INVOICE_HEADER, *invoice_lines(5_000, first=900_000)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = await office.take("invoices", lines())
    assert done["status"] == "completed"
    assert (done["rows"], done["failed"]) == (ROWS, 0)
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 80, f"{grown_mb:.0f} MB more at its highest"
