"""The worker process: arq's jobs, and beside them a direct poll of PostgreSQL that goes on when the queue is gone."""

import asyncio
import contextlib
import signal
from typing import ClassVar

from arq.worker import Worker

from app.core.db import create_engine
from app.core.log import configure_logging, get_logger
from app.core.queue import QUEUE_NAME, ArqDoorbell, SilentDoorbell, create_redis, deserialize, serialize
from app.core.settings import Settings, get_settings
from app.core.uow import Database
from app.core.work import Kind
from app.jobs.functions import FUNCTIONS
from app.jobs.runner import Runner
from app.outbox.writer import OutboxWriter
from app.reminders.sender import Sender, create_channels
from app.webhooks.delivery import Deliverer
from app.webhooks.transport import WebhookTransport

log = get_logger(__name__)

_QUEUE_RESTART_SECONDS = 2.0


class WorkerSettings:
    """What the `arq` command line would be told; `python -m app worker` is the way to run it, with the poll."""

    functions: ClassVar = FUNCTIONS
    queue_name = QUEUE_NAME
    max_tries = 1
    keep_result = 0


async def run_worker(settings: Settings | None = None) -> None:
    """Work until SIGTERM or SIGINT, then finish what is in flight, within the shutdown time."""
    settings = settings or get_settings()
    configure_logging(settings.log_level)
    engine = create_engine(settings)
    doorbell = ArqDoorbell(create_redis(settings.redis_url)) if settings.redis_url else SilentDoorbell()
    database = Database(engine=engine, events=OutboxWriter(), doorbell=doorbell)
    transport = WebhookTransport(
        allow_http=settings.webhook_allow_http,
        allow_loopback=settings.webhook_allow_loopback,
        total_timeout=settings.deliver_timeout_seconds,
    )
    sender = Sender(database, settings, create_channels(settings))
    runner = Runner(database, settings, sender, Deliverer(database, settings, transport))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runner.stopping.set)

    polls = [asyncio.create_task(_poll(runner, kind), name=f"poll {kind}") for kind in Kind]
    queue = asyncio.create_task(_serve_queue(runner, settings)) if settings.redis_url else None
    log.info("worker.started")
    try:
        await runner.stopping.wait()
        _, late = await asyncio.wait([*polls, *([queue] if queue else [])], timeout=settings.shutdown_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    finally:
        await sender.close()
        await transport.close()
        if isinstance(doorbell, ArqDoorbell):
            await doorbell.close()
        await engine.dispose()
        log.info("worker.stopped")


async def _poll(runner: Runner, kind: Kind) -> None:
    """Look for due work of a kind at a steady pace, whatever the queue says."""
    while not runner.stopping.is_set():
        try:
            await runner.run(kind)
        except Exception as error:
            log.error("poll.failed", job=str(kind), exc_info=error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(runner.stopping.wait(), runner.settings.poll_interval_seconds)


async def _serve_queue(runner: Runner, settings: Settings) -> None:
    """Serve arq's queue; when it fails, try again until stopped."""
    while not runner.stopping.is_set():
        redis = create_redis(settings.redis_url)
        worker = Worker(
            FUNCTIONS,
            queue_name=QUEUE_NAME,
            redis_pool=redis,
            handle_signals=False,
            max_jobs=len(Kind) * 2,
            max_tries=1,
            keep_result=0,
            poll_delay=0.02,
            retry_jobs=False,
            job_completion_wait=0,
            job_serializer=serialize,
            job_deserializer=deserialize,
            ctx={"runner": runner},
            log_results=False,
        )
        serving = asyncio.create_task(worker.async_run())
        stopping = asyncio.create_task(runner.stopping.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        if serving.done() and not runner.stopping.is_set():
            log.warning("queue.lost", exc_info=serving.exception())
        stopping.cancel()
        await _finish(worker, serving)
        with contextlib.suppress(Exception):
            await redis.aclose()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(runner.stopping.wait(), _QUEUE_RESTART_SECONDS)


async def _finish(worker: Worker, serving: "asyncio.Task[None]") -> None:
    """Let jobs in flight end: the runner stops claiming by itself once it is told to stop."""
    jobs = [task for task in worker.tasks.values() if not task.done()]
    if jobs:
        await asyncio.wait(jobs, timeout=worker_grace_seconds())
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await serving


def worker_grace_seconds() -> float:
    """How long jobs may go on after a stop, inside the shutdown time."""
    return get_settings().shutdown_seconds * 0.8
