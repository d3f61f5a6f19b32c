"""Jobs that one worker does for all, at the same instants everywhere: the check of the invariants, and tidying up.

Workers come to each instant together, and the first one takes an advisory lock, which it keeps for a while although it
may be done sooner: a worker whose clock runs behind must not do it again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.checks.check import Report, check_all, checking_database
from app.core.clock import monotonic_seconds, system_now
from app.core.log import get_logger
from app.core.metrics import IDEMPOTENCY_KEYS_DELETED, INVARIANT_VIOLATIONS, INVARIANTS_CHECKED_AT, observe_job
from app.core.settings import Settings
from app.core.uow import Database
from app.jobs.housekeeping import delete_abandoned_imports, delete_erased_messages, delete_expired_keys

log = get_logger(__name__)

CHECK: Final = "invariants.check"
HOUSEKEEPING: Final = "idempotency.purge"
_HOLD_SECONDS: Final = 30.0


def periodic_jobs(database: Database, settings: Settings) -> list[Coroutine[Any, Any, None]]:
    """The loops to run, each until it is cancelled."""

    async def check() -> None:
        await run_check(settings)

    async def tidy() -> None:
        IDEMPOTENCY_KEYS_DELETED.inc(await delete_expired_keys(database, hours=settings.idempotency_hours))
        await delete_abandoned_imports(database)
        await delete_erased_messages(database, settings)

    jobs = []
    if settings.check_interval_seconds > 0:
        jobs.append(_every(settings.check_interval_seconds, CHECK, check, database.engine, missed=_forget_check))
    if settings.housekeeping_interval_seconds > 0:
        jobs.append(_every(settings.housekeeping_interval_seconds, HOUSEKEEPING, tidy, database.engine))
    return jobs


async def run_check(settings: Settings) -> Report:
    """Check every tenant, and tell the result as metrics and in the log."""
    report = Report()
    async with checking_database(settings) as database:
        async for _ in check_all(database, report):
            pass
    for invariant, count in report.counts().items():
        INVARIANT_VIOLATIONS.labels(invariant).set(count)
    INVARIANTS_CHECKED_AT.set(system_now().timestamp())
    log.info("check.done", count=report.tenants_checked)
    return report


def _forget_check() -> None:
    # Another worker has made the last check; what this one found before would be shown for ever.
    INVARIANT_VIOLATIONS.clear()


async def _every(
    seconds: float,
    name: str,
    job: Callable[[], Awaitable[None]],
    engine: AsyncEngine,
    *,
    missed: Callable[[], None] = lambda: None,
) -> None:
    """Do a job at every multiple of an interval, in one of the processes that come to it."""
    while True:
        await asyncio.sleep(seconds - system_now().timestamp() % seconds)
        try:
            async with _lock(engine, name) as is_ours:
                if is_ours:
                    await _do(name, job, hold_seconds=min(_HOLD_SECONDS, seconds / 2))
                else:
                    missed()
        except Exception as error:
            # Tried again at the next turn; the worker goes on.
            log.error("job.failed", job=name, exc_info=error)


async def _do(name: str, job: Callable[[], Awaitable[None]], *, hold_seconds: float) -> None:
    started = monotonic_seconds()
    succeeded = False
    try:
        await job()
        succeeded = True
    except Exception as error:
        # Tried again at the next turn; the worker goes on.
        log.error("job.failed", job=name, exc_info=error)
    finally:
        observe_job(name, succeeded=succeeded, seconds=monotonic_seconds() - started)
    await asyncio.sleep(started + hold_seconds - monotonic_seconds())


@asynccontextmanager
async def _lock(engine: AsyncEngine, name: str) -> AsyncIterator[bool]:
    """An advisory lock, tried and not waited for; it goes with the connection, so that no process dies with it."""
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        key = {"key": f"puntual {name}"}
        is_ours = bool(await connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"), key))
        try:
            yield is_ours
        finally:
            if is_ours:
                await connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), key)
