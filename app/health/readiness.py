"""Whether this process can do its work, told so that a balancer and an operator each learn what they need.

Only what a restart or another process could change makes it unready: an unreachable database, or one without the
schema this process was built for. Work that lags, and a queue that is gone, are told but take no process out of
service: the API answers all the same, and the worker polls.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.log import get_logger
from app.core.queue import Doorbell
from app.health.lags import DATABASE_SECONDS, QUEUE_SECONDS, Lag, ask, read_lags

log = get_logger(__name__)

_REVISION = text("SELECT version_num FROM alembic_version")
_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

State = Literal["ok", "off", "lagging", "newer", "behind", "missing", "unreachable", "unknown"]
_FATAL: frozenset[State] = frozenset({"behind", "missing"})
_GOOD: frozenset[State] = frozenset({"ok", "off", "newer"})


@dataclass(slots=True)
class Readiness:
    """What was found, by check."""

    checks: dict[str, State] = field(default_factory=dict)
    lags: Mapping[str, Lag] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether requests can be answered."""
        return self.checks["database"] == "ok" and self.checks["schema"] not in _FATAL

    @property
    def status(self) -> str:
        """`ok`, `degraded` or `unavailable`."""
        if not self.is_ready:
            return "unavailable"
        return "ok" if all(state in _GOOD for state in self.checks.values()) else "degraded"


async def check_readiness(engine: AsyncEngine, doorbell: Doorbell, *, max_lag_seconds: int) -> Readiness:
    """Look at database, schema, queue and lags, all within three seconds.

    Args:
        engine: connections of the probes' own: those of the requests may all be at work.
        doorbell: the queue.
        max_lag_seconds: work that has been due for longer lags.
    """
    found = Readiness(checks={"database": "unreachable", "schema": "unknown"})
    queue = asyncio.create_task(_within(QUEUE_SECONDS, doorbell.depth))
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            found.checks["schema"] = await _check_schema(engine)
            found.checks["database"] = "ok"
            if found.is_ready:
                found.lags = await read_lags(engine)
    except Exception as error:
        # Whatever it is, the answer is that the process is not ready.
        log.error("probe.database_failed", exc_info=error)
    for kind, lag in found.lags.items():
        found.checks[kind] = "ok" if lag.oldest_seconds <= max_lag_seconds else "lagging"
    if found.is_ready and not found.lags:
        found.checks["lags"] = "unknown"
    found.checks["queue"] = await queue
    return found


async def _check_schema(engine: AsyncEngine) -> State:
    try:
        rows = await ask(engine, _REVISION)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in {"42P01", "42501"}:
            # No such table, or none that this role was given: nothing was migrated here.
            return "missing"
        raise
    revision = rows[0].version_num if rows else None
    known, head = await asyncio.to_thread(_revisions)
    if revision == head:
        return "ok"
    if revision is None:
        return "missing"
    # Migrations come before the processes that need them: those of the release before go on working meanwhile.
    return "behind" if revision in known else "newer"


@lru_cache(maxsize=1)
def _revisions() -> tuple[frozenset[str], str | None]:
    scripts = ScriptDirectory(str(_MIGRATIONS))
    return frozenset(script.revision for script in scripts.walk_revisions()), scripts.get_current_head()


async def _within(seconds: float, look: Callable[[], Awaitable[int | None]]) -> State:
    try:
        async with asyncio.timeout(seconds):
            return "off" if await look() is None else "ok"
    except Exception as error:
        # Whatever it is, the queue is not to be had.
        log.warning("probe.queue_failed", exc_info=error)
        return "unreachable"
