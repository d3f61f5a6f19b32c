import asyncio
import gzip
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.core.resolver import BlockedAddressError, GuardedResolver
from app.webhooks.transport import MAX_EXCERPT, AttemptResult, WebhookTransport, classify, parse_retry_after

Handler = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEADERS = {"content-type": "application/json", "webhook-id": "msg_1"}


class Receiver:
    """A server that keeps every byte it was sent and answers what the test says."""

    def __init__(self, answer: bytes | Handler) -> None:
        self.answer = answer
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.now = self.most = 0
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(int(length.split(b":")[1])))
                if callable(self.answer):
                    await self.answer(head, reader, writer)
                else:
                    writer.write(self.answer)
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.now -= 1
            writer.close()

    def url(self, path: str = "/hook", scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def receiver(
    answer: bytes | Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    target = Receiver(answer)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await target(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    target.port = server.sockets[0].getsockname()[1]
    try:
        yield target
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def transport(**options: object) -> AsyncIterator[WebhookTransport]:
    made = WebhookTransport(**{"allow_loopback": True, **options})  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


def answer(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + body


async def post_to(reply: bytes | Handler, body: bytes = b"{}", **options: object) -> AttemptResult:
    async with receiver(reply) as target, transport(**options) as sender:
        return await sender.post(target.url(), body, HEADERS)


async def test_sends_the_exact_bytes_and_only_these_headers() -> None:
    body = '{"b": 1,  "a": "ñ"}\n'.encode() + bytes(range(256))
    async with receiver(answer(body="all good ñ".encode())) as target, transport() as sender:
        result = await sender.post(target.url("/in?a=1&b=%20x"), body, HEADERS)
    assert (result.status_code, result.error, result.is_success, result.is_gone) == (200, None, True, False)
    assert result.response_excerpt == "all good ñ"
    assert target.bodies == [body]
    request, *lines = target.heads[0].decode().strip().split("\r\n")
    assert request == "POST /in?a=1&b=%20x HTTP/1.1"
    sent = dict(line.lower().split(": ", 1) for line in lines)
    sent.pop("connection", None)
    assert sent == {
        "host": f"127.0.0.1:{target.port}",
        "user-agent": "puntual/1",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "webhook-id": "msg_1",
    }


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 3_000_000])
async def test_sends_bodies_of_any_size_with_their_length(size: int) -> None:
    body = bytes(i % 251 for i in range(size))
    async with receiver(answer()) as target, transport() as sender:
        assert (await sender.post(target.url(), body, HEADERS)).is_success
    assert target.bodies == [body]
    assert b"chunked" not in target.heads[0].lower()


async def test_keeps_connections_and_no_cookies() -> None:
    async with receiver(answer("200 OK", b"", "Set-Cookie: a=b; Path=/")) as target, transport() as sender:
        for _ in range(5):
            assert (await sender.post(target.url(host="localhost"), b"{}", HEADERS)).is_success
    assert target.connections == 1
    assert not any(b"cookie" in head.lower() for head in target.heads)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_redirects_are_failures_and_not_followed(status: str) -> None:
    async with receiver(answer()) as elsewhere:
        result = await post_to(answer(status, b"", f"Location: {elsewhere.url()}"))
    assert (result.status_code, result.error, result.is_success) == (int(status[:3]), None, False)
    assert elsewhere.connections == 0


@pytest.mark.parametrize(("status", "success"), [(200, True), (204, True), (299, True), (400, False), (500, False)])
async def test_only_2xx_is_success(status: int, success: bool) -> None:
    reply = b"HTTP/1.1 204 No Content\r\n\r\n" if status == 204 else answer(f"{status} X")
    result = await post_to(reply)
    assert (result.status_code, result.is_success, result.is_gone) == (status, success, False)


async def test_gone_is_told() -> None:
    result = await post_to(answer("410 Gone"))
    assert (result.is_gone, result.is_success) == (True, False)


async def test_environment_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver(answer("502 Proxy")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await post_to(answer())).is_success
    assert proxy.connections == 0


async def stall(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def test_a_slow_receiver_times_out() -> None:
    result = await post_to(stall, total_timeout=0.3)
    assert (result.status_code, result.error) == (None, "timeout")
    assert 250 <= result.duration_ms < 2000


async def test_a_drip_of_header_bytes_does_not_prolong_the_attempt() -> None:
    async def drip(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    assert (await post_to(drip, total_timeout=0.3)).error == "timeout"


async def test_a_status_counts_even_when_the_body_never_ends() -> None:
    async def drip(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok")
        await stall(head, reader, writer)

    result = await post_to(drip, total_timeout=0.3)
    assert (result.status_code, result.error, result.response_excerpt) == (200, None, "ok")


async def test_a_huge_response_is_dropped_after_its_beginning() -> None:
    written = 0

    async def flood(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"0123456789abcdef" * 4096)
            await writer.drain()
            written += 65536

    result = await post_to(flood)
    assert (result.status_code, result.error) == (200, None)
    assert result.response_excerpt == ("0123456789abcdef" * 64)[:MAX_EXCERPT]
    assert written < 30_000_000


async def test_compressed_responses_are_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    result = await post_to(answer("200 OK", bomb, "Content-Encoding: gzip"))
    assert (result.status_code, result.response_excerpt) == (200, "")


async def test_the_excerpt_is_safe_text() -> None:
    result = await post_to(answer("500 Oops", b"a\x00\x1b[2J\xff\n" + "ñ".encode() * 2000))
    assert result.response_excerpt.startswith("a\ufffd\ufffd[2J\ufffd\nñ")
    assert result.response_excerpt.endswith("ñ")
    assert len(result.response_excerpt) <= MAX_EXCERPT


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"", "disconnected"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "disconnected"),
        (b"hello\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "response_too_large"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", "bad_response"),
    ],
)
async def test_broken_responses(reply: bytes, error: str) -> None:
    async def hang_up(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await writer.drain()
        writer.close()

    result = await post_to(hang_up)
    assert (result.status_code, result.error) == (None, error)


async def test_hanging_up_within_the_body_leaves_the_status() -> None:
    async def hang_up(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\npart")
        await writer.drain()
        writer.close()

    result = await post_to(hang_up)
    assert (result.status_code, result.error, result.response_excerpt) == (500, None, "part")


async def test_a_reason_phrase_of_any_bytes_does_no_harm() -> None:
    result = await post_to(b"HTTP/1.1 200 \xff\xfe\r\nContent-Length: 0\r\n\r\n")
    assert result.is_success


async def test_nobody_listening() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with transport() as sender:
            result = await sender.post(f"http://127.0.0.1:{taken.getsockname()[1]}/", b"{}", HEADERS)
    assert (result.status_code, result.error) == (None, "connect")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["Retry-After: 120"], 120),
        (["Retry-After: 0"], 0),
        (["Retry-After: 9999999999999999999999"], 86_400),
        (["Retry-After: Sat, 21 Nov 2026 09:02:00 GMT", "Date: Sat, 21 Nov 2026 09:00:00 GMT"], 120),
        (["Retry-After: Sat, 21 Nov 2026 08:00:00 GMT", "Date: Sat, 21 Nov 2026 09:00:00 GMT"], 0),
        (["Retry-After: Sat, 21 Nov 2099 08:00:00 GMT", "Date: Sat, 21 Nov 2026 09:00:00 GMT"], 86_400),
        (["Retry-After: soon"], None),
        (["Retry-After: -5"], None),
        ([], None),
    ],
)
async def test_retry_after_in_both_forms(headers: list[str], seconds: int | None) -> None:
    result = await post_to(answer("503 Busy", b"", *headers))
    assert (result.status_code, result.retry_after_seconds) == (503, seconds)


def test_retry_after_without_a_date_is_measured_by_our_clock() -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    for date in (None, "yesterday", "Sat, 99 Nov 2026 09:00:00 GMT"):
        seconds = parse_retry_after(soon, date)
        assert seconds is not None
        assert 290 <= seconds <= 300
    assert parse_retry_after("00000000000042", None) == 42
    assert parse_retry_after("٣", None) is None


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path


async def test_tls_is_verified(tmp_path: Path) -> None:
    server, path = certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(path))
    async with receiver(answer(), tls=server) as target:
        async with transport() as sender:
            refused = await sender.post(target.url(scheme="https", host="localhost"), b"{}", HEADERS)
        assert (refused.error, target.bodies) == ("tls", [])
        async with transport(ssl_context=trusting) as sender:
            assert (await sender.post(target.url(scheme="https", host="localhost"), b"{}", HEADERS)).is_success
            assert (await sender.post(target.url(scheme="https"), b"{}", HEADERS)).is_success
        async with transport(ssl_context=trusting, lookup=lambda _host: ["127.0.0.1"]) as sender:
            misnamed = await sender.post(target.url(scheme="https", host="hooks.example.com"), b"{}", HEADERS)
        assert misnamed.error == "tls"


async def test_a_server_without_tls_is_a_tls_failure() -> None:
    async with receiver(answer()) as target, transport(connect_timeout=2) as sender:

        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        result = await sender.post(f"https://127.0.0.1:{port}/", b"{}", HEADERS)
        server.close()
        await server.wait_closed()
    assert (result.error, target.connections) == ("tls", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "a.localhost", "[::1]", "127.1", "2130706433", "0x7f.1"])
async def test_loopback_is_blocked_unless_allowed(host: str) -> None:
    async with receiver(answer()) as target, transport(allow_loopback=False, allow_http=True) as sender:
        result = await sender.post(target.url(host=host), b"{}", HEADERS)
    assert (result.status_code, result.error, target.connections) == (None, "blocked_address", 0)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["::1", "fe80::1%1"], ["::ffff:127.0.0.1"], ["nonsense"]]
)
async def test_names_that_resolve_inwards_are_blocked(addresses: list[str]) -> None:
    async with (
        receiver(answer()) as target,
        transport(allow_loopback=False, allow_http=True, lookup=lambda _host: addresses) as sender,
    ):
        result = await sender.post(target.url(host="hooks.example.com"), b"{}", HEADERS)
    assert (result.error, target.connections) == ("blocked_address", 0)


async def test_literals_are_checked_at_the_socket_even_if_the_url_was_let_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.webhooks.transport.check_url", lambda *_args, **_options: None)
    async with receiver(answer()) as target, transport(allow_loopback=False) as sender:
        for host in ("127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "127.0.0.1."):
            result = await sender.post(target.url(host=host), b"{}", HEADERS)
            assert result.error in {"blocked_address", "invalid_url", "dns"}, host
        assert (await sender.post(target.url(), b"{}", HEADERS)).error == "blocked_address"
    assert target.connections == 0


@pytest.mark.parametrize(
    "url", ["ftp://hooks.example.com/", "https:///x", "https://a@hooks.example.com", "x", "http://hooks.example.com/"]
)
async def test_urls_that_cannot_be_called(url: str) -> None:
    async with transport() as sender:
        assert (await sender.post(url, b"{}", HEADERS)).error == "invalid_url"


async def test_names_that_do_not_resolve() -> None:
    def fail(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    def empty(host: str) -> list[str]:
        return []

    def unspeakable(host: str) -> list[str]:
        raise UnicodeError("label too long")

    for lookup in (fail, empty, unspeakable):
        async with transport(lookup=lookup, allow_http=True) as sender:
            assert (await sender.post("http://hooks.example.com/", b"{}", HEADERS)).error == "dns"


async def test_the_resolver_lets_only_permitted_addresses_through() -> None:
    answers = iter([["8.8.8.8", "127.0.0.1", "2606:4700::1111", "8.8.8.8"], ["10.0.0.1"]])
    asked: list[tuple[str, str]] = []

    def rebinding(host: str) -> list[str]:
        asked.append((host, threading.current_thread().name))
        return next(answers)

    resolver = GuardedResolver(allow_loopback=False, lookup=rebinding)
    first = await resolver.resolve("hooks.example.com", 443)
    assert [(found["host"], found["port"], found["family"]) for found in first] == [
        ("8.8.8.8", 443, socket.AF_INET),
        ("2606:4700::1111", 443, socket.AF_INET6),
    ]
    assert all(found["flags"] & socket.AI_NUMERICHOST for found in first)
    with pytest.raises(BlockedAddressError):
        await resolver.resolve("hooks.example.com", 443)
    assert [host for host, _ in asked] == ["hooks.example.com"] * 2
    assert all(thread.startswith("webhook-dns") for _, thread in asked)
    await resolver.close()


async def test_a_rebinding_name_is_resolved_once_for_each_connection() -> None:
    asked = 0

    def rebinding(host: str) -> list[str]:
        nonlocal asked
        asked += 1
        return ["127.0.0.1"] if asked == 1 else ["10.0.0.1"]

    async with receiver(answer()) as target, transport(lookup=rebinding, allow_http=True) as sender:
        for _ in range(3):
            assert (await sender.post(target.url(host="hooks.example.com"), b"{}", HEADERS)).is_success
    assert (asked, target.connections) == (1, 1)


def test_sockets_are_made_for_permitted_addresses_only() -> None:
    resolver = GuardedResolver(allow_loopback=False)
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("8.8.8.8", 443))
    resolver.open_socket(info).close()
    for address in ("127.0.0.1", "169.254.169.254", "0.0.0.0", "localhost"):
        with pytest.raises(BlockedAddressError):
            resolver.open_socket((*info[:4], (address, 443)))


async def test_many_attempts_share_the_slots_of_a_host() -> None:
    async def slowly(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(answer("200 OK", head.split(b" ")[1]))

    async with receiver(slowly) as target, transport(max_connections_per_host=5) as sender:
        results = await asyncio.gather(*(sender.post(target.url(f"/{n}"), b"%d" % n, HEADERS) for n in range(60)))
    assert [result.response_excerpt for result in results] == [f"/{n}" for n in range(60)]
    assert target.most == 5
    assert sorted(target.bodies, key=int) == [b"%d" % n for n in range(60)]


async def test_waiting_for_a_slot_is_not_the_receivers_slowness() -> None:
    async with (
        receiver(stall) as slow,
        receiver(answer()) as quick,
        transport(max_connections_per_host=1, max_connections=2, total_timeout=0.5) as sender,
    ):
        first, second, third, other = await asyncio.gather(
            *(sender.post(slow.url(), b"{}", HEADERS) for _ in range(3)), sender.post(quick.url(), b"{}", HEADERS)
        )
    assert other.is_success
    assert sorted(str(result.error) for result in (first, second, third)) in (
        ["busy", "busy", "timeout"],
        ["busy", "timeout", "timeout"],
    )


async def test_cancelling_an_attempt_frees_its_slot() -> None:
    async with receiver(stall) as slow, transport(max_connections_per_host=1, total_timeout=5) as sender:
        attempt = asyncio.create_task(sender.post(slow.url(), b"{}", HEADERS))
        await asyncio.sleep(0.05)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        slow.answer = answer()
        assert (await sender.post(slow.url(), b"{}", HEADERS)).is_success


def test_the_deepest_cause_decides() -> None:
    outer = RuntimeError()
    outer.__cause__ = BlockedAddressError(None, "no")
    assert classify(outer) == "blocked_address"
    assert classify(RuntimeError()) == "disconnected"
