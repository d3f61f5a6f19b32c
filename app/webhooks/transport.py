"""Sends one webhook attempt, and reports what came of it.

httpx is the interface, aiohttp the engine beneath it (about five times as fast), with its connections guarded by
`app.core.resolver`.
"""

import asyncio
import codecs
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import aiohttp
import httpx
from aiohttp.connector import Connection
from aiohttp.http_exceptions import LineTooLong
from httpx_aiohttp import AiohttpTransport

from app.core.addresses import check_url
from app.core.clock import monotonic_seconds, system_now
from app.core.resolver import BlockedAddressError, GuardedResolver, Lookup
from app.core.settings import Settings

USER_AGENT: Final = "Puntual/1"
MAX_BODY_READ: Final = 16 * 1024
MAX_EXCERPT: Final = 1024
MAX_RETRY_AFTER: Final = 86_400
# Below the five seconds after which many servers close: a request that meets a closing connection is lost.
_KEEPALIVE_SECONDS: Final = 4.0
_DNS_CACHE_SECONDS: Final = 10
# aiohttp warns about larger bodies unless they come in pieces.
_PIECE: Final = 256 * 1024
_HEADERS: Final = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity"}
# An endpoint's address is parsed once and not for each of its deliveries.
_parsed: Final = lru_cache(maxsize=1024)(httpx.URL)

AttemptError = Literal[
    "invalid_url",
    "blocked_address",
    "dns",
    "connect",
    "tls",
    "timeout",
    "disconnected",
    "response_too_large",
    "bad_response",
    "busy",
]
"""`busy` alone is not the receiver's: no slot came free in time and nothing was sent."""


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What came of one attempt: either the receiver's status, or the error that kept it from giving one."""

    status_code: int | None
    error: AttemptError | None
    duration_ms: int
    retry_after_seconds: int | None = None
    response_excerpt: str = ""

    @property
    def is_success(self) -> bool:
        """Only 2xx is; a redirect is a failure."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def is_gone(self) -> bool:
        """The receiver asks never to be called again."""
        return self.status_code == 410


class WebhookTransport:
    """Posts webhook bodies, many at a time, over connections that are kept open.

    Args:
        allow_http: Send to plain http endpoints.
        allow_loopback: Send to this machine, over http too; for development and tests.
        connect_timeout: Seconds for one connection and its TLS handshake.
        total_timeout: Seconds for the whole attempt. Waiting for a slot may take as long again, not longer.
        max_connections: Attempts at one time; more wait for a slot.
        max_connections_per_host: Of these, to one host.
        ssl_context: Verifies the receivers; httpx's default with certifi's authorities when None.
        lookup: Resolves names; the system's resolver when None.
    """

    @classmethod
    def of(cls, settings: Settings) -> "WebhookTransport":
        """The transport that the settings ask for."""
        return cls(
            allow_http=settings.webhook_allow_http,
            allow_loopback=settings.webhook_allow_loopback,
            total_timeout=settings.deliver_timeout_seconds,
        )

    def __init__(
        self,
        *,
        allow_http: bool = False,
        allow_loopback: bool = False,
        connect_timeout: float = 5.0,
        total_timeout: float = 15.0,
        max_connections: int = 200,
        max_connections_per_host: int = 20,
        ssl_context: ssl.SSLContext | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self._allow_http = allow_http
        self._allow_loopback = allow_loopback
        self._total_timeout = total_timeout
        # Not the connector's limits: waiting for those would count as slowness of the receiver.
        self._slots = asyncio.Semaphore(max_connections)
        self._per_host = max_connections_per_host
        self._host_slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._resolver = GuardedResolver(allow_loopback=allow_loopback, lookup=lookup)
        self._ssl = ssl_context or httpx.create_ssl_context(trust_env=False)
        # The transport without httpx's client, which has nothing to add here (redirects, cookies, authentication) and
        # takes a third of the time of an attempt.
        self._engine = AiohttpTransport(verify=self._ssl, trust_env=False, client=self._open_session)
        self._timeouts = httpx.Timeout(total_timeout, connect=connect_timeout).as_dict()

    def _open_session(self) -> aiohttp.ClientSession:
        # Called by the transport at the first request, since a connector needs the running loop.
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            socket_factory=self._resolver.open_socket,
            ttl_dns_cache=_DNS_CACHE_SECONDS,
            ssl=self._ssl,
            limit=0,
            keepalive_timeout=_KEEPALIVE_SECONDS,
        )
        return aiohttp.ClientSession(
            connector=connector,
            response_class=_Response,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> AttemptResult:
        """Send one attempt; every failure of network and receiver is a result, none an exception.

        The receiver has answered once its status has arrived: losing the rest of the response changes nothing.
        """
        problem = check_url(url, allow_http=self._allow_http, allow_loopback=self._allow_loopback)
        if problem is not None:
            refused = problem.reason in {"address_not_public", "address_not_canonical"}
            return AttemptResult(None, "blocked_address" if refused else "invalid_url", 0)
        async with AsyncExitStack() as held:
            host = urlsplit(url).netloc.lower()
            try:
                async with asyncio.timeout(self._total_timeout):
                    # The host's first: who waits for a slow host must not hold a slot that another could use.
                    await held.enter_async_context(self._host_slots.setdefault(host, asyncio.Semaphore(self._per_host)))
                    await held.enter_async_context(self._slots)
            except TimeoutError:
                return AttemptResult(None, "busy", 0)
            return await self._attempt(url, body, headers)

    async def _attempt(self, url: str, body: bytes, headers: Mapping[str, str]) -> AttemptResult:
        started = monotonic_seconds()
        answer = _Answer()
        error: AttemptError | None = None
        try:
            async with asyncio.timeout(self._total_timeout):
                await self._exchange(url, body, headers, answer)
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, UnicodeError) as raised:
            error = classify(raised) if answer.status_code is None else None
        return AttemptResult(
            status_code=answer.status_code,
            error=error,
            duration_ms=round((monotonic_seconds() - started) * 1000),
            retry_after_seconds=answer.retry_after_seconds,
            response_excerpt=answer.excerpt(),
        )

    async def _exchange(self, url: str, body: bytes, headers: Mapping[str, str], answer: "_Answer") -> None:
        content = body if len(body) <= _PIECE else _pieces(body)
        request = httpx.Request(
            "POST",
            _parsed(url),
            content=content,
            headers={**_HEADERS, **headers, "content-length": str(len(body))},
            extensions={"timeout": self._timeouts},
        )
        async with aclosing(await self._engine.handle_async_request(request)) as response:
            answer.status_code = response.status_code
            answer.retry_after_seconds = parse_retry_after(
                response.headers.get("retry-after"), response.headers.get("date")
            )
            answer.is_text = response.headers.get("content-encoding", "identity") == "identity"
            # Raw: a small compressed body could otherwise unpack to one of any size.
            async for chunk in response.aiter_raw():
                answer.read += chunk
                if len(answer.read) >= MAX_BODY_READ:
                    break

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.aclose()
        await self._resolver.close()


class _Response(aiohttp.ClientResponse):
    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        await super().start(connection)
        # A reason phrase that is not UTF-8 breaks the layer above: a success would be lost over a word.
        self.reason = None
        return self


class _Answer:
    """What has arrived of a response so far."""

    def __init__(self) -> None:
        self.status_code: int | None = None
        self.retry_after_seconds: int | None = None
        self.is_text = True
        self.read = bytearray()

    def excerpt(self) -> str:
        if not self.is_text:
            return ""
        # Incremental, so that a character cut in two at the end is left out rather than replaced.
        text = codecs.getincrementaldecoder("utf-8")("replace").decode(bytes(self.read[:MAX_EXCERPT]))
        # The excerpt is stored and shown: PostgreSQL takes no NUL, and a terminal obeys the rest.
        return "".join(c if c.isprintable() or c in "\n\r\t" else "\ufffd" for c in text)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


def parse_retry_after(value: str | None, date: str | None) -> int | None:
    """Read a Retry-After header as seconds between 0 and a day.

    Args:
        value: Seconds or an HTTP date.
        date: The response's Date header: two times by the receiver's clock make a delay, whatever that clock shows.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        digits = value.lstrip("0")
        return MAX_RETRY_AFTER if len(digits) > 6 else min(int(digits or "0"), MAX_RETRY_AFTER)
    until = _http_date(value)
    if until is None:
        return None
    since = _http_date(date) or system_now()
    return min(max(round((until - since).total_seconds()), 0), MAX_RETRY_AFTER)


def _http_date(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


_ERRORS: Final[tuple[tuple[type[BaseException], AttemptError], ...]] = (
    (BlockedAddressError, "blocked_address"),
    (LineTooLong, "response_too_large"),
    (ssl.SSLError, "tls"),
    (aiohttp.ClientSSLError, "tls"),
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectorDNSError, "dns"),
    (aiohttp.ClientConnectorError, "connect"),
    (aiohttp.ClientResponseError, "bad_response"),
    (aiohttp.InvalidURL, "invalid_url"),
    (httpx.InvalidURL, "invalid_url"),
    (UnicodeError, "bad_response"),
)


def classify(raised: BaseException) -> AttemptError:
    """Give an exception its code.

    The whole chain of causes is looked at, as the layers rename what they pass on: a server that hangs up arrives as
    httpx.ConnectTimeout.
    """
    chain: list[BaseException] = []
    cause: BaseException | None = raised
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for kind, code in _ERRORS:
        if any(isinstance(link, kind) for link in chain):
            return code
    return "disconnected"
