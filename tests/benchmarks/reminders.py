"""Reminders a second, due → accepted by an SMTP server, beside the same SMTP client with prepared messages."""

import asyncio
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import uvloop

from app.core.clock import monotonic_seconds
from app.core.queue import ArqDoorbell, create_redis
from app.reminders.channels.base import Outcome, OutgoingMessage
from app.reminders.channels.smtp import SmtpChannel
from tests.benchmarks.figures import Ratio, Report, median, ratio_of_rounds
from tests.benchmarks.load import read_requests, write_requests
from tests.benchmarks.portfolio import fill
from tests.benchmarks.stage import BenchmarkError, Peer, Stage, wait_until
from tests.conftest import ROOT

_AIM = 0.7
_DATABASE = "bench_reminders"
_WARM_UP = 100
# A relay in the same building answers after about so long; then the aim is what overlapping makes of it.
_DELAY_MS = 3.0
_ALL_RECORDED = "SELECT count(*) = 0 FROM reminders WHERE status <> 'sent'"


@dataclass(slots=True)
class _Wave:
    """Customers who are made due together."""

    prefix: str
    count: int


async def run(stage: Stage) -> Report:
    """Measure in alternating rounds, against a server that answers at once and against one a little away."""
    rounds, each = (1, 300) if stage.quick else (3, 1000)
    report = Report("reminders", "reminders/s of one worker, due → accepted, beside the bare SMTP client")
    for delay_ms in (0.0, _DELAY_MS):
        name = f"{_DATABASE}_{delay_ms:.0f}"
        await _measure(stage, report, name, delay_ms, rounds if not delay_ms else 1, each)
    return report


async def _measure(stage: Stage, report: Report, name: str, delay_ms: float, rounds: int, each: int) -> None:
    await stage.database(name)
    async with stage.tenant(name) as api:
        tenant_id = api.tenant_id
    connection = await stage.connect(name)
    waves = [_Wave("W", _WARM_UP), *(_Wave(f"R{number}-", each) for number in range(rounds))]
    for wave in waves:
        # One overdue invoice each, due when the wave is.
        await fill(
            connection, tenant_id, customers=wave.count, due=wave.count, open_each=1, due_in_seconds=80_000,
            prefix=wave.prefix,
        )  # fmt: skip
    post = await stage.peer("smtp", delay_ms=delay_ms)
    worker = stage.worker(name, smtp_host="127.0.0.1", smtp_port=str(post.port))
    await _send(stage, connection, tenant_id, post, waves[0])
    rows = await connection.fetch("SELECT content FROM reminders WHERE content IS NOT NULL")
    messages = [bytes(row["content"]) for row in rows]
    settings = stage.settings(name)
    sent, bare = [], []
    for wave in waves[1:]:
        worker.check()
        sent.append(await _send(stage, connection, tenant_id, post, wave))
        bare.append(await _send_bare(stage, post, messages, each, settings.smtp_pool_size))
    worker.stop()
    await connection.close()
    await stage.drop(name)
    where = f"server answers after {delay_ms:.0f} ms" if delay_ms else "server answers at once"
    size = sum(map(len, messages)) / len(messages)
    report.add(f"worker, {delay_ms:.0f} ms", median(sent), "reminders/s", where)
    report.add(f"SMTP client, {delay_ms:.0f} ms", median(bare), "messages/s", f"{size:,.0f} bytes each")
    report.ratios.append(
        Ratio(f"worker ÷ client, {delay_ms:.0f} ms", ratio_of_rounds(sent, bare), None if delay_ms else _AIM)
    )


async def _send(stage: Stage, connection: Any, tenant_id: UUID, post: Peer, wave: _Wave) -> float:
    """Make a wave due and wait until all of it was accepted and recorded; accepted a second."""
    await post.tell()
    started = monotonic_seconds()
    made_due = await connection.execute(
        "UPDATE customers SET next_action_at = now() WHERE tenant_id = $1 AND external_id LIKE $2", tenant_id,
        f"{wave.prefix}%",
    )  # fmt: skip
    if made_due != f"UPDATE {wave.count}":
        raise BenchmarkError(f"{made_due} of {wave.count} customers")
    await ring(stage, "dunning.tick")
    arrived = await post.wait_for(wave.count, seconds=120)
    await wait_until(lambda: connection.fetchval(_ALL_RECORDED), seconds=30, what="every reminder is recorded")
    return wave.count / (float(arrived["last_at"]) - started)


async def ring(stage: Stage, job: str) -> None:
    """Tell the worker, as the application does after a commit."""
    doorbell = ArqDoorbell(create_redis(stage.environment("puntual")["REDIS_URL"]))
    await doorbell.ring([job])
    await doorbell.close()


async def _send_bare(stage: Stage, post: Peer, messages: list[bytes], count: int, pool_size: int) -> float:
    await post.tell()
    kept = stage.folder / "messages.bin"
    write_requests(kept, messages)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.reminders", str(kept), str(post.port), str(count), str(pool_size),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    arrived = await post.tell()
    if process.returncode != 0 or arrived["count"] != count:
        raise BenchmarkError(f"the bare client sent {arrived['count']} of {count}")
    return float(orjson.loads(output))


async def bare_client(path: str, port: str, count: str, pool_size: str) -> None:
    """The bare client: as many senders as connections, over messages that are ready."""
    messages = read_requests(Path(path))
    channel = SmtpChannel("127.0.0.1", int(port), tls="none", pool_size=int(pool_size), messages_per_connection=500)
    numbers = iter(range(int(count)))
    loop = asyncio.get_running_loop()

    async def work() -> None:
        for number in numbers:
            message = OutgoingMessage(
                message_key=str(number),
                sender="cobranza@example.com",
                recipient=f"c{number}@example.com",
                content=messages[number % len(messages)],
                deadline=loop.time() + timedelta(minutes=1).total_seconds(),
            )
            result = await channel.send(message)
            if result.outcome is not Outcome.accepted:
                raise BenchmarkError(result.detail)

    started = monotonic_seconds()
    await asyncio.gather(*(work() for _ in range(int(pool_size))))
    ended = monotonic_seconds()
    await channel.close()
    sys.stdout.write(str(int(count) / (ended - started)))


if __name__ == "__main__":
    uvloop.run(bare_client(*sys.argv[1:5]))
