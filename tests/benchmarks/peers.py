"""The other side: an SMTP server and a webhook receiver, each in a process of its own and as cheap as can be.

`python -m tests.benchmarks.peers smtp|http DELAY_MS` prints its port, then answers each line on standard input with one
JSON line and starts counting anew. It ends with its standard input, so it never outlives whoever started it.
"""

import asyncio
import sys
from typing import Any, cast

import orjson
import uvloop

from app.core.clock import monotonic_seconds

_HEADER_END = b"\r\n\r\n"


class Tally:
    """What has arrived, and when."""

    def __init__(self, delay_seconds: float) -> None:
        self.delay_seconds = delay_seconds
        self.times: list[float] = []
        self.bodies: list[bytes] = []
        self.keeps_bodies = False

    def arrived(self, body: bytes) -> None:
        """Count one message."""
        self.times.append(monotonic_seconds())
        if self.keeps_bodies:
            self.bodies.append(body)

    def report(self, command: str) -> dict[str, Any]:
        """Tell and start anew."""
        count = len(self.times)
        if command == "count":
            return {"count": count}
        answer = {
            "count": count,
            "first_at": self.times[0] if count else 0.0,
            "last_at": self.times[-1] if count else 0.0,
            "arrivals": [
                (orjson.loads(body)["data"]["id"], at) for body, at in zip(self.bodies, self.times, strict=False)
            ],
        }
        self.times, self.bodies = [], []
        self.keeps_bodies = command == "keep"
        return answer


class Peer(asyncio.Protocol):
    """A connection of either kind."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def answer(self, text: bytes) -> None:
        """Answer at once, or after the delay of a server far away."""
        if self._tally.delay_seconds:
            asyncio.get_running_loop().call_later(self._tally.delay_seconds, self._transport.write, text)
        else:
            self._transport.write(text)


class SmtpPeer(Peer):
    """Accepts everything."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally)
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        super().connection_made(transport)
        self.answer(b"220 bench ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer every whole line or message."""
        self._buffer += data
        while True:
            end = b"\r\n.\r\n" if self._in_data else b"\r\n"
            part, found, rest = self._buffer.partition(end)
            if not found:
                return
            self._buffer = rest
            if self._in_data:
                self._in_data = False
                self._tally.arrived(b"")
                self.answer(b"250 2.0.0 Ok: queued as 4Zbench001\r\n")
            else:
                self._command(part[:4].upper())

    def _command(self, verb: bytes) -> None:
        if verb == b"EHLO":
            self.answer(b"250-bench\r\n250-8BITMIME\r\n250 PIPELINING\r\n")
        elif verb == b"DATA":
            self._in_data = True
            self.answer(b"354 go on\r\n")
        elif verb == b"QUIT":
            self._transport.close()
        else:
            self.answer(b"250 2.1.0 Ok\r\n")


class HttpPeer(Peer):
    """Answers every POST with 200."""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(_HEADER_END)
            if not found:
                return
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or b"0")
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._tally.arrived(rest[:length])
            self.answer(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok")


async def main(kind: str, delay_ms: str) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    tally = Tally(float(delay_ms) / 1000)
    make = SmtpPeer if kind == "smtp" else HttpPeer
    server = await loop.create_server(lambda: make(tally), "127.0.0.1", 0)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    while line := await orders.readline():
        sys.stdout.buffer.write(orjson.dumps(tally.report(line.decode().strip())) + b"\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2]))
