"""Rows a second of a file of invoices, sent over HTTP and worked off by one worker, beside COPY of the same rows."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from app.core.clock import monotonic_seconds, system_now
from tests.benchmarks.figures import Ratio, Report
from tests.benchmarks.stage import BenchmarkError, Service, Stage, customers

_CUSTOMERS = 1_000
_LINES_AT_ONCE = 2_000
_MOST_COPIED = 100_000
_AIM = 0.25
_HEADER = "external_id,number,customer_id,currency,total,issued_on,due_on,reference\n"
_FOREIGN_KEYS = """
SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'f'
"""
_TABLES = ("invoices", "ledger_entries", "dunning_cases", "events")


async def run(stage: Stage) -> Report:
    """Import once, then copy what was written."""
    rows = 20_000 if stage.quick else 1_000_000
    report = Report("imports", f"a file of {rows:,} invoices beside COPY")
    database = await stage.database("bench_imports")
    connection = await stage.connect(database)
    async with stage.tenant(database) as api:
        debtors = [str(item) for item in await customers(api, _CUSTOMERS)]
        key = api.key
    await connection.execute("VACUUM ANALYZE")
    service, worker = await stage.api(database), stage.worker(database)
    async with httpx.AsyncClient(
        base_url=service.url, headers={"Authorization": f"Bearer {key}"}, timeout=None
    ) as client:
        started = monotonic_seconds()
        found = await _send(client, rows, debtors)
        sent = monotonic_seconds() - started
        api_mb = service.memory_mb()
        seconds, highest_mb = await _until_done(client, found["id"], worker, rows)
    for item in (service, worker):
        item.stop()
    megabytes = found["bytes_total"] / 1e6
    report.add("upload", megabytes / sent, "MB/s", f"{megabytes:.0f} MB in {sent:.1f} s")
    report.add("import", rows / seconds, "rows/s", "invoice, entry, case and two events each; relay and tick beside it")
    report.add("worker's memory at its highest", highest_mb, "MB")
    report.add("API's memory after the upload", api_mb, "MB")
    copied = min(rows, _MOST_COPIED)
    all_tables, bare = await _copy(connection, copied)
    await connection.close()
    await stage.drop(database)
    report.add("COPY", copied / all_tables, "rows/s", "the same rows of all four tables, with their indexes and keys")
    report.add("COPY, bare", copied / bare, "rows/s", "the invoices' rows alone, no index, no check")
    report.ratios.append(Ratio("import ÷ COPY of the same rows", (rows / seconds) / (copied / all_tables), _AIM))
    report.ratios.append(Ratio("import ÷ bare COPY", (rows / seconds) / (copied / bare)))
    return report


async def _lines(rows: int, debtors: list[str]) -> AsyncIterator[bytes]:
    # None is overdue yet: what a tick makes of them is measured elsewhere.
    due = [system_now().date() + timedelta(days=day) for day in range(5, 65)]
    yield _HEADER.encode()
    for first in range(0, rows, _LINES_AT_ONCE):
        yield "".join(
            f"F-{row},F-{row},{debtors[row % len(debtors)]},MXN,{100 + row % 9000}.{row % 100:02d},"
            f"{due[row % 60] - timedelta(days=30)},{due[row % 60]},OC-{row}\n"
            for row in range(first, min(first + _LINES_AT_ONCE, rows))
        ).encode()


async def _send(client: httpx.AsyncClient, rows: int, debtors: list[str]) -> dict[str, Any]:
    answer = await client.post(
        "/v1/imports?kind=invoices", content=_lines(rows, debtors), headers={"Content-Type": "text/csv"}
    )
    if answer.status_code != 202:
        raise BenchmarkError(f"the file was refused: {answer.text}")
    found: dict[str, Any] = answer.json()
    return found


async def _until_done(client: httpx.AsyncClient, import_id: str, worker: Service, rows: int) -> tuple[float, float]:
    started = monotonic_seconds()
    highest_mb = 0.0
    while True:
        worker.check()
        highest_mb = max(highest_mb, worker.memory_mb())
        found = (await client.get(f"/v1/imports/{import_id}")).json()
        if found["status"] not in {"queued", "running"}:
            break
        if found["status"] == "queued":
            # The worker is still starting, which the footprint is about.
            started = monotonic_seconds()
        await asyncio.sleep(0.1)
    if (found["status"], found["created"]) != ("completed", rows):
        raise BenchmarkError(f"the import ended as {found}")
    return monotonic_seconds() - started, highest_mb


async def _copy(connection: Any, count: int) -> tuple[float, float]:
    """Seconds to copy what belongs to some invoices into tables like theirs, and the invoices alone into a bare one."""
    await connection.execute("CREATE TABLE bare (LIKE invoices)")
    for table in _TABLES:
        await connection.execute(f"CREATE TABLE twin_{table} (LIKE {table} INCLUDING ALL EXCLUDING IDENTITY)")
        for row in await connection.fetch(_FOREIGN_KEYS, table):
            await connection.execute(f"ALTER TABLE twin_{table} ADD {row['definition']}")
    await connection.execute(
        "CREATE TEMPORARY TABLE wanted AS SELECT i.tenant_id, i.id, c.id AS case_id FROM invoices i "
        "JOIN dunning_cases c ON c.tenant_id = i.tenant_id AND c.invoice_id = i.id ORDER BY i.id LIMIT $1",
        count,
    )
    joins = {
        "invoices": "t.id = w.id",
        "ledger_entries": "t.invoice_id = w.id",
        "dunning_cases": "t.id = w.case_id",
        "events": "t.object_id IN (w.id, w.case_id)",
    }
    with tempfile.TemporaryDirectory() as folder:
        files = {table: Path(folder) / table for table in _TABLES}
        for table, on in joins.items():
            query = f"SELECT t.* FROM {table} t JOIN wanted w ON t.tenant_id = w.tenant_id AND {on}"
            await connection.copy_from_query(query, output=files[table], format="binary")
        await connection.execute("CHECKPOINT")
        started = monotonic_seconds()
        for table, file in files.items():
            await connection.copy_to_table(f"twin_{table}", source=file, format="binary")
        all_tables = monotonic_seconds() - started
        started = monotonic_seconds()
        await connection.copy_to_table("bare", source=files["invoices"], format="binary")
        return all_tables, monotonic_seconds() - started
