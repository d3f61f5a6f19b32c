"""A provider of text messages on this machine: answers as it is told, and lists what it has taken."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from app.core.clock import system_now

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "a secret of the provider".replace(" ", "-")
# What the server does with a message instead of taking it: an HTTP status, or no answer at all.
Answer = int | str
HANG, HANG_UP = "hang", "hang up"


@dataclass(slots=True)
class FakeTwilio:
    """Takes messages; `script` holds what it does with the next ones instead.

    Attributes:
        keeps: Whether a message that is not answered has been taken all the same.
        shows_tags: Whether its list tells the tags.
        delay_seconds: How long after it has taken a message it answers.
        silent_about: Numbers whose messages it does not list.
        in_hand: How many messages it has taken and not answered yet.
        cut_off: Numbers whose messages it has taken, and nobody was there any more for the answer.
    """

    script: list[Answer] = field(default_factory=list)
    keeps: bool = True
    shows_tags: bool = True
    delay_seconds: float = 0.0
    silent_about: frozenset[str] = frozenset()
    in_hand: int = 0
    cut_off: set[str] = field(default_factory=set)
    messages: list[dict[str, str]] = field(default_factory=list)
    requests: int = 0
    connections: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests += 1
                answer = self._answer(first, headers, body)
                if answer is None:
                    break
                if self.delay_seconds and first.startswith("POST"):
                    await self._dawdle(reader, self.messages[0]["To"])
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _dawdle(self, reader: asyncio.StreamReader, to: str) -> None:
        self.in_hand += 1
        await asyncio.sleep(self.delay_seconds)
        self.in_hand -= 1
        if reader.at_eof():
            self.cut_off.add(to)

    def _answer(self, first: str, headers: dict[str, str], body: bytes) -> bytes | None:
        method, target, _ = first.split(" ")
        if headers.get("authorization") != f"Basic {base64.b64encode(f'{ACCOUNT}:{TOKEN}'.encode()).decode()}":
            return _http(401, {"code": 20003})
        assert urlsplit(target).path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        if method == "GET":
            to = parse_qs(urlsplit(target).query)["To"][0]
            return _http(503, {}) if to in self.silent_about else _http(200, {"messages": self._listed(to)})
        told = self.script.pop(0) if self.script else 201
        sid = f"SM{len(self.messages):032x}"
        if told == 201 or (isinstance(told, str) and self.keeps) or told == 500:
            fields = dict(parse_qsl(body.decode(), strict_parsing=True))
            self.messages.insert(0, {**fields, "sid": sid, "created": format_datetime(system_now(), usegmt=True)})
        if isinstance(told, str):
            return None if told == HANG_UP else b""
        headers_out = {"Retry-After": "7"} if told in {429, 503} else {}
        return _http(told, {"sid": sid} if told == 201 else {"code": 21211}, headers_out)

    def _listed(self, to: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for message in self.messages:
            if message["To"] == to:
                entry = {"sid": message["sid"], "body": message.get("Body"), "date_created": message["created"]}
                found.append({**entry, "tags": json.loads(message["Tags"])} if self.shows_tags else entry)
        return found


def _http(status: int, said: dict[str, Any], headers: dict[str, str] | None = None) -> bytes:
    body = json.dumps(said).encode()
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@asynccontextmanager
async def fake_twilio(**told: Any) -> AsyncIterator[FakeTwilio]:
    """A server that runs meanwhile."""
    fake = FakeTwilio(**told)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        await fake.serve(reader, writer)
        connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
