"""The worker process: loops over PostgreSQL for each kind of work, rung awake by arq, which may as well be gone.

Told to stop, it takes up nothing more, finishes what it has claimed, and is gone within the shutdown time.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Iterable, Iterator

from arq.typing import WorkerSettingsBase
from arq.worker import create_worker
from prometheus_client import start_http_server

from app.core.clock import monotonic_seconds
from app.core.db import create_engine
from app.core.heap import keep_what_is_there
from app.core.log import configure_logging, get_logger
from app.core.metrics import REGISTRY
from app.core.queue import QUEUE_NAME, ArqDoorbell, SilentDoorbell, create_redis, deserialize, serialize
from app.core.settings import Settings, get_settings
from app.core.uow import Database
from app.core.work import Kind
from app.jobs.functions import FUNCTIONS
from app.jobs.periodic import periodic_jobs
from app.jobs.runner import Runner
from app.outbox.writer import OutboxWriter
from app.reminders.sender import Sender, create_channels
from app.webhooks.delivery import Deliverer
from app.webhooks.transport import WebhookTransport

if sys.platform == "win32":
    from asyncio import new_event_loop
else:
    from uvloop import new_event_loop

log = get_logger(__name__)

_QUEUE_RESTART_SECONDS = 2.0
_CANCEL_AGAIN_SECONDS = 0.25
# Of the shutdown time; the rest is for recording what was cut off and for closing connections.
_FINISHING_SHARE = 0.8


class WorkerSettings(WorkerSettingsBase):
    """How arq serves the queue: the signals are the process's own, and no ring is tried twice."""

    functions = FUNCTIONS
    queue_name = QUEUE_NAME
    handle_signals = False
    max_jobs = len(Kind) * 2
    max_tries = 1
    keep_result = 0
    poll_delay = 0.02
    retry_jobs = False
    job_completion_wait = 0
    job_serializer = serialize
    job_deserializer = deserialize
    log_results = False


def work() -> None:
    """Run a worker process, on uvloop where there is one."""
    keep_what_is_there()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run_worker())


async def run_worker(settings: Settings | None = None) -> None:
    """Work until SIGTERM or SIGINT, then finish what is in flight, within the shutdown time."""
    settings = settings or get_settings()
    configure_logging(settings.log_level)
    engine = create_engine(settings)
    doorbell = ArqDoorbell(create_redis(settings.redis_url)) if settings.redis_url else SilentDoorbell()
    database = Database(engine=engine, events=OutboxWriter(), doorbell=doorbell)
    transport = WebhookTransport.of(settings)
    sender = Sender(database, settings, create_channels(settings))
    runner = Runner(database, settings, sender, Deliverer(database, settings, transport))
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    with _metrics_server(settings):
        work = [asyncio.create_task(runner.serve(kind), name=str(kind)) for kind in Kind]
        side = [asyncio.create_task(job) for job in periodic_jobs(database, settings)]
        if settings.redis_url:
            side.append(asyncio.create_task(_serve_queue(runner, settings)))
        log.info("worker.started")
        await stopping.wait()
        log.info("worker.stopping")
        stopped_at = monotonic_seconds()
        finish_by = stopped_at + settings.shutdown_seconds * _FINISHING_SHARE
        runner.stop()
        # Neither holds anything that must be finished: rings are hints, and a check or a purge begins again elsewhere.
        await _cancel(side, finish_by)
        await _finish([*work, *side], finish_by)
        closing: list[Awaitable[object]] = [sender.close(), transport.close()]
        if isinstance(doorbell, ArqDoorbell):
            closing.append(doorbell.close())
        await _close([*closing, engine.dispose()], stopped_at + settings.shutdown_seconds)
    log.info("worker.stopped")


async def _cancel(tasks: Iterable["asyncio.Task[None]"], until: float) -> None:
    """Cancel tasks, again where it was lost: Python 3.11's `wait_for` drops one that comes along with its result."""
    while (running := [task for task in tasks if not task.done()]) and monotonic_seconds() < until:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_CANCEL_AGAIN_SECONDS)


async def _finish(tasks: Iterable["asyncio.Task[None]"], until: float) -> None:
    """Wait for work in flight; what takes too long is cut off, and its lease tells another worker."""
    _, late = await asyncio.wait(tasks, timeout=until - monotonic_seconds())
    for task in late:
        log.warning("worker.cut_off", job=task.get_name())
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _close(steps: Iterable[Awaitable[object]], until: float) -> None:
    """Close one after the other, each in what is left of the time, and the later ones all the same."""
    for step in steps:
        try:
            await asyncio.wait_for(step, max(0.2, until - monotonic_seconds() - 0.5))
        except Exception as error:
            # What is left must be closed all the same.
            log.warning("worker.close_failed", exc_info=error)


@contextlib.contextmanager
def _metrics_server(settings: Settings) -> Iterator[None]:
    if not settings.worker_metrics_port:
        yield
        return
    server, thread = start_http_server(settings.worker_metrics_port, settings.worker_metrics_host, REGISTRY)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(1)


async def _serve_queue(runner: Runner, settings: Settings) -> None:
    """Serve arq's queue; when it fails, try again."""
    while not runner.is_stopping:
        redis = create_redis(settings.redis_url)
        worker = create_worker(WorkerSettings, redis_pool=redis, ctx={"runner": runner})
        try:
            await worker.async_run()
        except Exception as error:
            # Whatever ended it, it is started again; the poll works meanwhile.
            log.warning("queue.lost", exc_info=error)
        finally:
            # It is thrown away; what is wrong with it has been told, or is nobody's concern any more.
            with contextlib.suppress(Exception):
                await redis.aclose(close_connection_pool=True)
        if not runner.is_stopping:
            await asyncio.sleep(_QUEUE_RESTART_SECONDS)
