"""Webhooks: how fast a backlog drains beside the bare client, and how soon an event arrives at a steady pace."""

import asyncio
import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import uvloop

from app.core.clock import monotonic_seconds, system_now
from app.domain.signing import sign
from app.webhooks.transport import WebhookTransport
from tests.benchmarks.api import invoice_body
from tests.benchmarks.figures import Ratio, Report, median, percentile, ratio_of_rounds
from tests.benchmarks.load import read_requests, write_requests
from tests.benchmarks.reminders import ring
from tests.benchmarks.stage import BenchmarkError, Peer, Stage, customers, post, wait_until
from tests.conftest import ROOT

_AIM = 0.7
_LATENCY_AIM_MS = 250.0
_RATE = 100.0
_CONCURRENCY = 20  # connections to one host, the transport's own limit
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the published example

# Deliveries of events that are in the outbox already, all under the body of one real event.
_EVENTS = """
INSERT INTO events (tenant_id, id, sequence, type, created_at, object_type, object_id, object_version, data)
SELECT tenant_id, uuidv7(), sequence + n + $3, type, created_at, object_type, object_id, object_version, data
FROM events, generate_series(1, $2) AS n WHERE tenant_id = $1 AND id = $4
RETURNING id
"""
_DELIVERIES = """
INSERT INTO deliveries (tenant_id, id, endpoint_id, event_id, event_type, status, body, attempt_count, next_attempt_at,
                        created_at, updated_at)
SELECT tenant_id, uuidv7(), endpoint_id, unnest($2::uuid[]), event_type, 'pending', body, 0, now() + interval '1 day',
       now(), now()
FROM deliveries WHERE tenant_id = $1 AND event_id = $3
"""
_DELIVERED = """
SELECT event_id, body FROM deliveries WHERE tenant_id = $1 AND event_type = 'invoice.created' AND status = 'delivered'
"""
_ALL_RECORDED = "SELECT count(*) = 0 FROM deliveries WHERE status <> 'delivered'"
_START = "UPDATE deliveries SET next_attempt_at = now() WHERE tenant_id = $1 AND status = 'pending'"


async def run(stage: Stage) -> Report:
    """Measure the backlog in alternating rounds, then the latency."""
    report = Report("webhooks", "webhooks of one worker to one local receiver beside the bare client")
    await _backlog(stage, report)
    await _latency(stage, report)
    return report


async def _backlog(stage: Stage, report: Report) -> None:
    rounds, count = (3, 1_000) if stage.quick else (3, 5_000)
    name = await stage.database("bench_webhooks")
    receiver = await stage.peer("http")
    connection = await stage.connect(name)
    async with stage.tenant(name) as api:
        debtor = (await customers(api, 1))[0]
        await api.post("/webhook-endpoints", {"url": f"http://127.0.0.1:{receiver.port}/hook"})
        await api.post("/invoices", invoice_body(1, str(debtor)))
        tenant_id = api.tenant_id
    worker = stage.worker(name)
    model = await wait_until(
        lambda: connection.fetchrow(_DELIVERED, tenant_id), seconds=30, what="the first webhook is delivered"
    )
    sent, bare = [], []
    for number in range(rounds + 1):
        most = count if number else 200  # the first round warms up
        await _fill(connection, tenant_id, model["event_id"], most, number * 1_000_000)
        await receiver.tell()
        started = monotonic_seconds()
        await connection.execute(_START, tenant_id)
        await ring(stage, "webhook.deliver")
        arrived = await receiver.wait_for(most, seconds=120)
        await wait_until(lambda: connection.fetchval(_ALL_RECORDED), seconds=30, what="every outcome is recorded")
        rate = await _post_bare(stage, receiver, bytes(model["body"]), most)
        if number:
            sent.append(most / (float(arrived["last_at"]) - started))
            bare.append(rate)
    worker.stop()
    await connection.close()
    await stage.drop(name)
    report.add("worker, backlog", median(sent), "webhooks/s", f"{count:,} pending, {len(model['body']):,} bytes each")
    report.add("webhook client", median(bare), "requests/s", f"{_CONCURRENCY} at a time")
    report.ratios.append(Ratio("worker ÷ client", ratio_of_rounds(sent, bare), _AIM))


async def _fill(connection: Any, tenant_id: UUID, model_id: UUID, count: int, base: int) -> None:
    async with connection.transaction():
        rows = await connection.fetch(_EVENTS, tenant_id, count, 1_000_000 + base, model_id)
        await connection.execute(_DELIVERIES, tenant_id, [row["id"] for row in rows], model_id)
    await connection.execute("VACUUM (ANALYZE) events, deliveries, delivery_attempts")


async def _post_bare(stage: Stage, receiver: Peer, body: bytes, count: int) -> float:
    await receiver.tell()
    kept = stage.folder / "body.bin"
    write_requests(kept, [body])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.webhooks", str(kept), str(receiver.port), str(count),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    arrived = await receiver.tell()
    if process.returncode != 0 or arrived["count"] != count:
        raise BenchmarkError(f"the bare client sent {arrived['count']} of {count}")
    return float(orjson.loads(output))


async def bare_client(path: str, port: str, count: str) -> None:
    """The bare client: bodies that are ready and signed, as many at a time as the transport lets through."""
    body = read_requests(Path(path))[0]
    transport = WebhookTransport(allow_loopback=True)
    event_id, timestamp = str(uuid4()), int(system_now().timestamp())
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign([_SECRET], event_id, timestamp, body),
    }
    numbers = iter(range(int(count)))

    async def work() -> None:
        for _ in numbers:
            result = await transport.post(f"http://127.0.0.1:{port}/hook", body, headers)
            if not result.is_success:
                raise BenchmarkError(str(result))

    started = monotonic_seconds()
    await asyncio.gather(*(work() for _ in range(_CONCURRENCY)))
    ended = monotonic_seconds()
    await transport.close()
    sys.stdout.write(str(int(count) / (ended - started)))


async def _latency(stage: Stage, report: Report) -> None:
    """Customers made through the API at a steady pace; from the answer, which follows the commit, to the receiver."""
    seconds = 6.0 if stage.quick else 20.0
    name = await stage.database("bench_latency")
    receiver = await stage.peer("http")
    async with stage.tenant(name) as api:
        await api.post("/webhook-endpoints", {"url": f"http://127.0.0.1:{receiver.port}/hook"})
        key = api.key
    worker, service = stage.worker(name), await stage.api(name)
    await asyncio.sleep(2)
    latencies: list[float] = []
    late = 0
    for length in (2.0, seconds):  # the first one warms up
        await receiver.tell("keep")
        requests = [_customer(number, length, key) for number in range(int(length * _RATE))]
        answers = await stage.load(service, requests, seconds=length + 1, rate=_RATE, keeps_ids=True)
        arrivals = dict((await receiver.wait_for(len(requests), seconds=60))["arrivals"])
        # Arrived before its answer did: the worker was quicker than the client.
        latencies = [max(0.0, arrivals[item] - at) for item, at in answers.answers]
        late = answers.late
    for process in (worker, service):
        process.stop()
    await stage.drop(name)
    p50, p99 = (percentile(latencies, share) * 1000 for share in (0.50, 0.99))
    report.add("committed → received, p50", p50, "ms", f"{len(latencies):,} events at {_RATE:.0f} a second")
    report.add("committed → received, most", max(latencies) * 1000, "ms", f"{late} requests began late")
    report.ratios.append(Ratio("committed → received, p99", p99, _LATENCY_AIM_MS, "lower", unit="ms"))


def _customer(number: int, length: float, key: str) -> bytes:
    body = {"name": f"Cliente {number}", "external_id": f"L{length:.0f}-{number}"}
    return post("/v1/customers", body, key=key, idempotency_key=str(uuid4()))


if __name__ == "__main__":
    uvloop.run(bare_client(*sys.argv[1:4]))
