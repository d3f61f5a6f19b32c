"""ASGI middleware: request ids, access log, counts, size and time limits. Plain, since wrappers cost requests."""

import asyncio
import re
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.clock import monotonic_seconds
from app.core.errors import ProblemError
from app.core.ids import new_id
from app.core.log import get_logger
from app.core.metrics import observe_request
from app.core.problems import problem_response, to_problem
from app.core.settings import Settings
from app.domain.errors import Code

log = get_logger(__name__)

_MAX_URL_BYTES = 16_384
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class RequestMiddleware:
    """Gives each request an id, bounds its body and its time, and logs it with its route, never its path."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(new_id())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        started = monotonic_seconds()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            self._check_head(scope)
            await self._run(scope, self._bounded(scope, headers, receive), send_with_id)
        except Exception as error:
            # The last resort: no request ends without an answer.
            if status:
                raise
            await problem_response(to_problem(error))(scope, receive, send_with_id)
        finally:
            route: Any = scope.get("route")
            path = getattr(route, "path", None)
            seconds = monotonic_seconds() - started
            observe_request(scope["method"], path, status, seconds)
            log.info("request", method=scope["method"], route=path, status=status, duration_ms=round(seconds * 1000))

    def _check_head(self, scope: Scope) -> None:
        limit = self.settings.request_max_header_bytes
        size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if size > _MAX_URL_BYTES:
            raise ProblemError(414, Code.payload_too_large, f"The URL is longer than {_MAX_URL_BYTES} bytes.")
        if size + sum(len(name) + len(value) for name, value in scope["headers"]) > limit:
            raise ProblemError(431, Code.payload_too_large, f"The headers are larger than {limit} bytes.")

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/advance") or _is_upload(scope):
            # An advance is as long as the time it simulates, and a file as its sender's line is slow; every chunk of
            # either has its own limit.
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.settings.request_timeout_seconds) as limit:
                scope["state"]["time_limit"] = limit
                await self.app(scope, receive, send)
        except TimeoutError as error:
            raise ProblemError(503, Code.timeout, "The request took too long; nothing was kept. Try again.") from error

    def _bounded(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        limit = self.settings.import_max_bytes if _is_upload(scope) else self.settings.request_max_bytes
        too_large = ProblemError(
            413, Code.payload_too_large, f"The body is larger than {limit} bytes; send it in parts."
        )
        declared = headers.get(b"content-length", b"0")
        seen = 0

        async def receive_bounded() -> Message:
            nonlocal seen
            if declared.isdigit() and int(declared) > limit:
                raise too_large
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise too_large
            return message

        return receive_bounded


def _is_upload(scope: Scope) -> bool:
    """Whether the body is a file, which is taken in piece by piece and never held in memory."""
    return bool(scope["method"] == "POST" and scope["path"] == "/v1/imports")
