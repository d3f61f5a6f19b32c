"""What is no HTTP, or more of it than anyone needs, is told so in the form of every other error."""

import asyncio
import contextlib
import json
from urllib.parse import urlsplit

import pytest

from tests.contract.served import Served


async def send(served: Served, data: bytes) -> tuple[int, dict[str, str], dict[str, object]]:
    """Status, headers and body of the answer to some bytes."""
    where = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(data)
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert int(headers["content-length"]) == len(body)
    return int(status.split()[1]), headers, json.loads(body)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"EHLO puntual\r\n\r\n", 400),
        (b"GET /v1/customers\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /v1/customers HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n", 400),
        (b"GET /v1/customers?q=" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /v1/customers?q=" + b"x" * 17_000 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 414),
        (b"GET /v1/customers HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    ],
)
async def test_it_is_a_problem_document(served: Served, data: bytes, status: int) -> None:
    answered, headers, problem = await send(served, data)
    assert (answered, problem["status"]) == (status, status)
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-request-id"] == problem["request_id"]
    assert problem["detail"]


async def test_a_head_without_end_is_cut_off(served: Served) -> None:
    status, _, problem = await send(served, b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * 140_000)
    assert (status, problem["code"]) == (431, "payload_too_large")
