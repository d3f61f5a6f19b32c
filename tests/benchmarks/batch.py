"""Rows a second of an invoice batch beside COPY of the same rows into a bare table."""

from typing import Any

from app.core.clock import monotonic_seconds
from tests.benchmarks.api import invoice_body
from tests.benchmarks.figures import Ratio, Report, median, ratio_of_rounds
from tests.benchmarks.stage import Stage, customers, post

_ROWS = 1000


async def run(stage: Stage) -> Report:
    """Measure in alternating rounds."""
    report = Report("batch", f"POST /v1/invoices/batch of {_ROWS:,} rows beside COPY")
    rounds = 3 if stage.quick else 5
    database = await stage.database("bench_batch")
    connection = await stage.connect(database)
    async with stage.tenant(database) as api:
        debtors = [str(item) for item in await customers(api, 200)]
        key = api.key
    await connection.execute("CREATE TABLE bare_invoices (LIKE invoices)")
    await connection.execute("VACUUM ANALYZE")
    service = await stage.api(database)
    written, copied = [], []
    for number in range(rounds + 1):
        rows = [invoice_body(number * _ROWS + row, debtors[row % len(debtors)]) for row in range(_ROWS)]
        answers = await stage.load(
            service, [post("/v1/invoices/batch", {"invoices": rows}, key=key)], seconds=60, connections=1
        )
        took = await _copy(connection, 0 if number == 0 else (number - 1) * _ROWS)
        if number:  # the first one warms up
            written.append(_ROWS / (answers.p50_ms / 1000))
            copied.append(_ROWS / took)
    await connection.close()
    service.stop()
    await stage.drop(database)
    report.add("POST /v1/invoices/batch", median(written), "rows/s", "invoice, entry, case and two events each")
    report.add("COPY", median(copied), "rows/s", "the invoice's row alone, no index, no check")
    report.ratios.append(Ratio("batch ÷ COPY", ratio_of_rounds(written, copied)))
    return report


async def _copy(connection: Any, offset: int) -> float:
    rows = await connection.fetch("SELECT * FROM invoices ORDER BY tenant_id, id OFFSET $1 LIMIT $2", offset, _ROWS)
    records = [tuple(row) for row in rows]
    started = monotonic_seconds()
    await connection.copy_records_to_table("bare_invoices", records=records)
    return monotonic_seconds() - started
