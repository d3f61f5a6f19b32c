"""What the processes take: memory, time to start, time to import."""

import asyncio
import sys

from app.core.clock import monotonic_seconds
from tests.benchmarks.api import invoice_body
from tests.benchmarks.figures import Report, median
from tests.benchmarks.portfolio import fill
from tests.benchmarks.stage import Stage, customers, post, wait_until
from tests.conftest import ROOT


async def run(stage: Stage) -> Report:
    """Measure start, import and memory, before and after some work."""
    report = Report("footprint", "memory and start-up of API and worker")
    turns, invoices, reminders = (2, 500, 100) if stage.quick else (3, 3_000, 500)
    name = await stage.database("bench_footprint")
    connection = await stage.connect(name)
    async with stage.tenant(name) as api:
        debtors = [str(item) for item in await customers(api, 50)]
        await fill(connection, api.tenant_id, customers=reminders, due=reminders, open_each=1)
        key = api.key

    starts, imports, nothing = [], [], []
    for _ in range(turns):
        started = monotonic_seconds()
        service = await stage.api(name)
        starts.append(monotonic_seconds() - started)
        service.stop()
        imports.append(await _python("import app.main, app.worker"))
        nothing.append(await _python("pass"))
    report.add("start → /healthz", median(starts), "s", "`python -m app serve`, code compiled already")
    report.add("import of the application", median(imports) - median(nothing), "s")

    service = await stage.api(name)
    await asyncio.sleep(1)
    report.add("API after start", service.memory_mb(), "MB")
    rows = [
        post("/v1/invoices", invoice_body(number, debtors[number % len(debtors)]), key=key)
        for number in range(invoices)
    ]
    await stage.load(service, rows, seconds=60)
    report.add(f"API after {invoices:,} invoices", service.memory_mb(), "MB")
    service.stop()

    post_office = await stage.peer("smtp")
    worker = stage.worker(name, smtp_host="127.0.0.1", smtp_port=str(post_office.port))
    await asyncio.sleep(0.2)
    before = 0.0

    async def has_begun() -> bool:
        nonlocal before
        worker.check()
        begun = bool((await post_office.tell("count"))["count"])
        # The last look before the first message is the worker as it starts.
        before = before if begun else worker.memory_mb()
        return begun

    await wait_until(has_begun, seconds=60, what="the worker sends")
    await post_office.wait_for(reminders, seconds=120)
    report.add("worker after start", before, "MB")
    report.add(f"worker after {reminders:,} reminders", worker.memory_mb(), "MB")
    worker.stop()
    await connection.close()
    await stage.drop(name)
    return report


async def _python(statement: str) -> float:
    started = monotonic_seconds()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", statement, cwd=ROOT)
    await process.wait()
    return monotonic_seconds() - started
