"""A load generator in a process of its own: keep-alive HTTP/1.1 with next to no cost per request.

Started with the path of a JSON order; answers with one JSON object on standard output. Requests come ready-made from a
file, so that the generator takes as little of the machine as it can from what is measured.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import orjson
import uvloop

from app.core.clock import monotonic_seconds
from tests.benchmarks.figures import percentile

_HEADER_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_STARTUP_SECONDS = 5.0


class Load:
    """What is shared by the connections of one run.

    Args:
        requests: bytes of whole requests.
        seconds: no request is begun after this.
        rate: requests a second over all connections; as fast as the answers come if None.
        keeps_ids: note the `id` of each answer and when it came.
    """

    def __init__(self, requests: list[bytes], *, seconds: float, rate: float | None, keeps_ids: bool) -> None:
        self._requests: Iterator[bytes] = iter(requests)
        self._seconds = seconds
        self._rate = rate
        self.keeps_ids = keeps_ids
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.answers: list[tuple[str, float]] = []
        self.refused = ""
        self.idle: list[Connection] = []
        self.busy = 0
        self.finished = asyncio.Event()
        self._freed = asyncio.Event()
        self._until = 0.0
        self._late = 0

    async def run(self, host: str, port: int, connections: int) -> dict[str, Any]:
        """Send until the time or the requests are over."""
        loop = asyncio.get_running_loop()
        opened = []
        for _ in range(connections):
            _, protocol = await loop.create_connection(lambda: Connection(self), host, port)
            opened.append(protocol)
        started = monotonic_seconds()
        self._until = started + self._seconds
        if self._rate is None:
            for connection in opened:
                self.go_on(connection)
        else:
            self.idle = list(opened)
            await self._pace(started, self._rate)
        await asyncio.wait_for(self._drained(), self._seconds + 60)
        ended = monotonic_seconds()
        for connection in opened:
            connection.transport.close()
        done = len(self.latencies)
        return {
            "seconds": ended - started,
            "done": done,
            "per_second": done / (ended - started),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "p50_ms": percentile(self.latencies, 0.50) * 1000,
            "p99_ms": percentile(self.latencies, 0.99) * 1000,
            "late": self._late,
            "refused": self.refused,
            "answers": self.answers,
        }

    def go_on(self, connection: "Connection") -> None:
        """Send a connection's next request, or let it rest."""
        if self._rate is not None:
            self.idle.append(connection)
            self._freed.set()
        elif monotonic_seconds() < self._until and (request := next(self._requests, None)) is not None:
            self.busy += 1
            connection.send(request)
            return
        if not self.busy:
            self.finished.set()

    async def _pace(self, started: float, rate: float) -> None:
        for number, request in enumerate(self._requests):
            at = started + number / rate
            if at > self._until:
                break
            await asyncio.sleep(max(0.0, at - monotonic_seconds()))
            self._late += not self.idle
            while not self.idle:
                self._freed.clear()
                await self._freed.wait()
            self.busy += 1
            # The one that has rested longest: a server closes those that rest for some seconds.
            self.idle.pop(0).send(request)

    async def _drained(self) -> None:
        if self.busy:
            self.finished.clear()
            await self.finished.wait()


class Connection(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = b""
        self._length = -1
        self._sent_at = 0.0
        self._is_waiting = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes) -> None:
        """Begin a request."""
        self._sent_at = monotonic_seconds()
        self._is_waiting = True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Collect the answer; when it is whole, note it and go on."""
        self._buffer += data
        if self._length < 0:
            end = self._buffer.find(_HEADER_END)
            if end < 0:
                return
            head = self._buffer[:end].lower()
            at = head.find(_LENGTH)
            length = head[at + len(_LENGTH) :].split(b"\r\n", 1)[0] if at >= 0 else b"0"
            self._length = end + len(_HEADER_END) + int(length)
        if len(self._buffer) < self._length:
            return
        answer, self._buffer, self._length = self._buffer, b"", -1
        load, now = self._load, monotonic_seconds()
        self._is_waiting = False
        load.latencies.append(now - self._sent_at)
        status = int(answer[9:12])
        load.statuses[status] += 1
        if status >= 400 and not load.refused:
            load.refused = answer.partition(_HEADER_END)[2][:500].decode(errors="replace")
        if load.keeps_ids:
            load.answers.append((id_of(answer), now))
        load.busy -= 1
        load.go_on(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up on a request ends the run: what follows would measure nothing."""
        if self._is_waiting:
            self._load.refused = "the connection was lost"
            self._load.finished.set()


def id_of(answer: bytes) -> str:
    """The first `id` of a JSON answer."""
    at = answer.find(b'"id":"')
    return answer[at + 6 : at + 42].decode(errors="replace") if at >= 0 else ""


def write_requests(path: Path, requests: list[bytes]) -> None:
    """Keep requests in a file, each after its length."""
    with path.open("wb") as file:
        for request in requests:
            file.write(len(request).to_bytes(4, "big") + request)


def read_requests(path: Path) -> list[bytes]:
    """What `write_requests` has kept."""
    content = path.read_bytes()
    ends = [0]
    while ends[-1] < len(content):
        ends.append(ends[-1] + 4 + int.from_bytes(content[ends[-1] : ends[-1] + 4], "big"))
    return [content[start + 4 : end] for start, end in pairwise(ends)]


async def main(order: dict[str, Any]) -> None:
    """Do one order."""
    load = Load(
        read_requests(Path(order["requests"])),
        seconds=order["seconds"],
        rate=order["rate"],
        keeps_ids=order["keeps_ids"],
    )
    answer = await load.run("127.0.0.1", order["port"], order["connections"])
    sys.stdout.buffer.write(orjson.dumps(answer))


if __name__ == "__main__":
    uvloop.run(main(orjson.loads(Path(sys.argv[1]).read_bytes())))
