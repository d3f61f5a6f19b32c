"""What is looked up anew for each scrape: lags, the queue's depth, the connections in use."""

import asyncio

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.log import get_logger
from app.core.queue import Doorbell
from app.health.lags import DATABASE_SECONDS, QUEUE_SECONDS, Lag, read_lags

log = get_logger(__name__)


async def gather(engine: AsyncEngine, probe_engine: AsyncEngine, doorbell: Doorbell) -> CollectorRegistry:
    """Gauges of this instant; what cannot be found out is left out, and `…_up` says so."""
    lags, depth = await asyncio.gather(_lags(probe_engine), _depth(doorbell))
    registry = CollectorRegistry()
    _gauge(registry, "puntual_database_up", "Whether the database answered this scrape.", int(lags is not None))
    if isinstance(engine.pool, QueuePool):
        text = "Database connections of this process that are at work."
        _gauge(registry, "puntual_database_connections_in_use", text, engine.pool.checkedout())
        text = "Database connections that this process may have."
        _gauge(registry, "puntual_database_connections_limit", text, engine.pool.size())
    if depth is not None:
        _gauge(registry, "puntual_queue_up", "Whether the queue answered this scrape.", int(depth >= 0))
    if depth is not None and depth >= 0:
        _gauge(registry, "puntual_queue_depth", "Rings that wait for a worker.", depth)
    if lags is not None:
        waiting = Gauge("puntual_due_work", "Due work that waits, over all tenants.", ["kind"], registry=registry)
        oldest = Gauge(
            "puntual_due_work_oldest_seconds", "For how long the oldest has been due.", ["kind"], registry=registry
        )
        for kind, lag in lags.items():
            waiting.labels(kind).set(lag.waiting)
            oldest.labels(kind).set(lag.oldest_seconds)
    return registry


def _gauge(registry: CollectorRegistry, name: str, text: str, value: int) -> None:
    Gauge(name, text, registry=registry).set(value)


async def _lags(engine: AsyncEngine) -> dict[str, Lag] | None:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return await read_lags(engine)
    except Exception as error:
        # The other figures are still worth a scrape.
        log.error("scrape.database_failed", exc_info=error)
        return None


async def _depth(doorbell: Doorbell) -> int | None:
    """The depth; -1 when the queue cannot be reached, None without one."""
    try:
        async with asyncio.timeout(QUEUE_SECONDS):
            return await doorbell.depth()
    except Exception as error:
        # The other figures are still worth a scrape.
        log.warning("scrape.queue_failed", exc_info=error)
        return -1
