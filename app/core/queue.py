"""The doorbell: arq tells a worker that there is work; the work itself is rows in PostgreSQL.

Nothing is lost when a ring is: the worker also polls PostgreSQL. So a ring never fails a request, never waits long,
and is never per row.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

import orjson
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool

from app.core.log import get_logger

log = get_logger(__name__)

# Arguments are opaque and few; pickle, arq's default, would run whatever a stranger puts into Redis.
QUEUE_NAME = "puntual:jobs"
_COALESCE_SECONDS = 0.01
_RING_TIMEOUT_SECONDS = 1.0


class Doorbell(Protocol):
    """Rings for kinds of work."""

    async def ring(self, jobs: Iterable[str]) -> None:
        """Ask for each named job to run soon."""
        ...

    async def depth(self) -> int | None:
        """How many rings wait for a worker; None without a queue."""
        ...


class SilentDoorbell:
    """For programs and tests without a queue; the poll does the work."""

    async def ring(self, jobs: Iterable[str]) -> None:
        """Do nothing."""

    async def depth(self) -> int | None:
        """Tell that there is none."""
        return None


def serialize(job: dict[str, Any]) -> bytes:
    """Job → JSON."""
    # arq puts exceptions into the results of jobs that expired; their text is enough.
    return orjson.dumps(job, default=str)


def deserialize(data: bytes) -> dict[str, Any]:
    """JSON → job."""
    job: dict[str, Any] = orjson.loads(data)
    return job


def create_redis(redis_url: str) -> ArqRedis:
    """A pool that gives up on a half-open connection instead of waiting for ever."""
    pool: ConnectionPool = ConnectionPool.from_url(
        redis_url, socket_timeout=5, socket_connect_timeout=2, health_check_interval=15
    )
    return ArqRedis(
        connection_pool=pool,
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=QUEUE_NAME,
        expires_extra_ms=60_000,
    )


class ArqDoorbell:
    """Rings through arq, at most once each hundredth of a second for each kind of work."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._waiting: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ring(self, jobs: Iterable[str]) -> None:
        """Ring soon, in the background: a request is not slowed by the queue."""
        for job in jobs:
            if job not in self._waiting:
                self._waiting.add(job)
                task = asyncio.create_task(self._ring_soon(job))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def depth(self) -> int | None:
        """How many rings wait for a worker; fails when the queue cannot be reached."""
        return int(await self._redis.zcard(QUEUE_NAME))

    async def _ring_soon(self, job: str) -> None:
        await asyncio.sleep(_COALESCE_SECONDS)
        self._waiting.discard(job)
        try:
            await asyncio.wait_for(self._redis.enqueue_job(job), _RING_TIMEOUT_SECONDS)
        except Exception as error:
            # A queue that is down must not fail the caller; the poll finds the work.
            log.warning("queue.ring_failed", job=job, exc_info=error)

    async def close(self) -> None:
        """Let the last rings out and close the connections."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_RING_TIMEOUT_SECONDS)
        await self._redis.aclose(close_connection_pool=True)
