"""Calls to providers over HTTP, which say exactly whether anything can have left.

httpx is the interface, aiohttp the engine beneath it: its connections are pooled and guarded by `app.core.resolver`,
and it tells when the first byte of a request is about to be written.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from app.core.addresses import check_url
from app.core.resolver import GuardedResolver, Lookup

USER_AGENT: Final = "Puntual/1"
MAX_BODY_READ: Final = 1_000_000
# Below the five seconds after which many servers close: a request that meets a closing connection may be lost.
_KEEPALIVE_SECONDS: Final = 4.0
_DNS_CACHE_SECONDS: Final = 30
_LONGEST_RETRY_AFTER_SECONDS: Final = 86_400
_HEADERS: Final = {"user-agent": USER_AGENT, "accept": "application/json", "accept-encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider said; `body` is cut at `MAX_BODY_READ`."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_seconds(self) -> float | None:
        """What it asks for, if it asks in seconds."""
        value = self.headers.get("retry-after", "").strip()
        if not (value.isascii() and value.isdigit()) or len(value) > 9:
            return None
        return float(min(int(value), _LONGEST_RETRY_AFTER_SECONDS))


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """None was read.

    Attributes:
        began: Whether a byte of the request may have left.
        detail: For operators: the kind of error, never an address or text of others.
        is_late: The permit was over before the request could begin.
    """

    began: bool
    detail: str
    is_late: bool = False


class _LateError(Exception):
    """The permit is over."""


@dataclass(slots=True)
class _Progress:
    """How far one request has come."""

    deadline: float
    began: bool = field(default=False)


_progress: ContextVar[_Progress] = ContextVar("progress")


async def _before_first_byte(*_: Any) -> None:
    progress = _progress.get()
    if asyncio.get_running_loop().time() >= progress.deadline:
        raise _LateError
    progress.began = True


class ProviderClient:
    """Pooled connections to the providers of all tenants.

    Args:
        allow_http: Call plain http addresses.
        allow_loopback: Call this machine, over http too; for development and tests.
        answer_seconds: How long to wait for an answer once the request has left.
        max_connections: Requests at a time; more wait within their permits.
        ssl_context: Verifies the providers; httpx's default with certifi's authorities when None.
        lookup: Resolves names; the system's resolver when None.
    """

    def __init__(
        self,
        *,
        allow_http: bool = False,
        allow_loopback: bool = False,
        answer_seconds: float = 15.0,
        max_connections: int = 64,
        ssl_context: ssl.SSLContext | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self._allow_http = allow_http
        self._allow_loopback = allow_loopback
        self._answer_seconds = answer_seconds
        self._max_connections = max_connections
        self._lookup = lookup
        self._ssl = ssl_context
        # Made with the first request: most installations send nothing but e-mail.
        self._resolver: GuardedResolver | None = None
        self._engine: AiohttpTransport | None = None

    async def request(
        self, method: str, url: str, *, deadline: float, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer | NoAnswer:
        """Make one request, which begins before the deadline or not at all; every failure is a result."""
        problem = check_url(url.partition("?")[0], allow_http=self._allow_http, allow_loopback=self._allow_loopback)
        if problem is not None:
            return NoAnswer(began=False, detail=f"address: {problem.reason}")
        loop = asyncio.get_running_loop()
        left = deadline - loop.time()
        if left <= 0:
            return NoAnswer(began=False, detail="permit expired", is_late=True)
        progress = _Progress(deadline)
        _progress.set(progress)
        try:
            async with asyncio.timeout(left + self._answer_seconds):
                return await self._exchange(method, url, headers, body, left)
        except _LateError:
            return NoAnswer(began=False, detail="permit expired", is_late=True)
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, UnicodeError) as error:
            late = not progress.began and loop.time() >= deadline
            return NoAnswer(began=progress.began, detail=type(_first_cause(error)).__name__, is_late=late)

    async def close(self) -> None:
        """Close all connections."""
        if self._engine is not None and self._resolver is not None:
            await self._engine.aclose()
            await self._resolver.close()

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes, left: float) -> Answer:
        if self._engine is None:
            self._engine = await self._open()
        request = httpx.Request(
            method,
            url,
            content=body,
            headers={**_HEADERS, **headers},
            extensions={"timeout": {"connect": left, "pool": left, "read": self._answer_seconds}},
        )
        read = bytearray()
        async with aclosing(await self._engine.handle_async_request(request)) as response:
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) >= MAX_BODY_READ:
                    break
            return Answer(response.status_code, response.headers, bytes(read[:MAX_BODY_READ]))

    async def _open(self) -> AiohttpTransport:
        if self._ssl is None:
            self._ssl = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
        if self._engine is not None:
            return self._engine
        self._resolver = GuardedResolver(allow_loopback=self._allow_loopback, lookup=self._lookup)
        return AiohttpTransport(verify=self._ssl, trust_env=False, client=self._session)

    def _session(self) -> aiohttp.ClientSession:
        # Called by the transport at the first request, since a connector needs the running loop.
        assert self._resolver is not None  # noqa: S101  made before the transport that asks
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_before_first_byte)
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            socket_factory=self._resolver.open_socket,
            ttl_dns_cache=_DNS_CACHE_SECONDS,
            ssl=self._ssl or True,
            limit=self._max_connections,
            keepalive_timeout=_KEEPALIVE_SECONDS,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            trace_configs=[trace],
        )


def _first_cause(error: BaseException) -> BaseException:
    """The engine's own error, which the layer above renames: a server that hangs up would be a failed connection."""
    cause = error
    while cause.__cause__ is not None and isinstance(cause, httpx.HTTPError):
        cause = cause.__cause__
    return cause
