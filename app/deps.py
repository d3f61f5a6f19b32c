"""How a request becomes a unit of work: authentication, scopes, idempotency and the commit, in one route class.

The commit comes after the answer has been made and before it is sent: a client never gets 201 for work that then
fails, and the stored answer of an idempotent request is in the transaction of its effect.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any

import structlog
from asyncpg.exceptions import LockNotAvailableError
from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.core import idempotency, strictjson
from app.core.clock import system_now
from app.core.driver import Transaction, begin
from app.core.errors import ProblemError, conflict
from app.core.limits import RateLimiter
from app.core.security import covers, hash_secret, is_secret, split_key, split_link
from app.core.settings import Settings
from app.core.uow import Database, UnitOfWork
from app.domain.errors import Code

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_BEGIN = "SELECT app_begin($1, $2, $3, $4, $5)"
_OPEN_LINK = "SELECT app_open_plan_link($1, $2)"
# Keys and the tenant's own settings are the administrator's.
_ADMIN = {("api-keys", "write"), ("api-keys", "read"), ("tenant", "write")}


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def read_body(self) -> None:
        """Read and parse the body before the operation begins.

        Raises:
            ProblemError: 415 for a body that is not JSON.
            StrictJsonError: what is wrong, and where.
        """
        if self.method not in {"POST", "PUT", "PATCH"} or not await self.body():
            return
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise ProblemError(415, Code.unsupported_media_type, "Send the body with Content-Type: application/json.")
        await self.json()

    async def json(self) -> Any:
        """The body as JSON without numbers that pass through floats, duplicate keys or odd text.

        Raises:
            StrictJsonError: what is wrong, and where.
        """
        if not hasattr(self, "_json"):
            self._json = strictjson.loads(await self.body())
        return self._json


def required_scope(method: str, path: str) -> tuple[str, str]:
    """The resource and the verb an operation needs."""
    resource = path.removeprefix("/v1/").split("/", 1)[0]
    verb = "read" if method in {"GET", "HEAD"} else "write"
    return resource, "admin" if (resource, verb) in _ADMIN else verb


def _prepared(handle: Callable[[StrictRequest], Coroutine[Any, Any, Response]]) -> Handler:
    """Read the body first, so that a slow upload holds no connection."""

    async def prepared(original: Request) -> Response:
        request = StrictRequest(original.scope, original.receive)
        await request.body()
        return await handle(request)

    return prepared


class TenantRoute(APIRoute):
    """An operation of one tenant in one transaction."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler in authentication, idempotency and the unit of work."""
        handler = super().get_route_handler()

        async def handle(request: StrictRequest) -> Response:
            database: Database = request.app.state.database
            keyed = await _idempotent(request)
            async with begin(database.engine) as transaction:
                uow, stored = await authenticate(request, transaction, database, keyed)
                if stored is not None:
                    return idempotency.replay(stored, settings_of(request))
                await request.read_body()
                request.state.uow = uow
                response = await handler(request)
                await uow.finish(idempotency.answer(keyed, response, settings_of(request)) if keyed else None)
                # A commit that is cut off may have happened, and the client would be told that nothing was kept.
                lift_time_limit(request)
            await database.doorbell.ring(uow.rings)
            return response

        return _prepared(handle)


class LongRoute(APIRoute):
    """An operation that runs its own transactions: authenticated in one that ends before it begins."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler in authentication and idempotency."""
        handler = super().get_route_handler()

        async def handle(request: StrictRequest) -> Response:
            database: Database = request.app.state.database
            keyed = await _idempotent(request)
            # Without a commit: the key is not held while the operation runs, which itself refuses to run twice at once.
            async with begin(database.engine, keeps=False) as transaction:
                request.state.uow, stored = await authenticate(request, transaction, database, keyed)
                if stored is not None:
                    return idempotency.replay(stored, settings_of(request))
                await request.read_body()
            response = await handler(request)
            if keyed is not None:
                async with begin(database.engine) as transaction:
                    uow, stored = await authenticate(request, transaction, database, keyed)
                    if stored is None:
                        await uow.finish(idempotency.answer(keyed, response, settings_of(request)))
            return response

        return _prepared(handle)


class StreamRoute(APIRoute):
    """An operation that reads its body as it comes, in transactions of its own; it ends with `conclude`."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler in authentication, before the first byte is read."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            database: Database = request.app.state.database
            # A key that is none is refused before the body is sent.
            _keyed(request, b"")
            async with begin(database.engine, keeps=False) as transaction:
                request.state.uow, _ = await authenticate(request, transaction, database)
            return await handler(request)

        return handle


class LinkRoute(APIRoute):
    """An operation behind a link, which is its own key: in one transaction of the tenant that the link belongs to."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler in the look-up of the link and the unit of work."""
        handler = super().get_route_handler()

        async def handle(request: StrictRequest) -> Response:
            database: Database = request.app.state.database
            async with begin(database.engine) as transaction:
                request.state.uow = await _follow_link(request, transaction, database)
                await request.read_body()
                response = await handler(request)
                await request.state.uow.finish()
                lift_time_limit(request)
            await database.doorbell.ring(request.state.uow.rings)
            return response

        return _prepared(handle)


async def _follow_link(request: Request, transaction: Transaction, database: Database) -> UnitOfWork:
    """Enter the tenant that a link belongs to; guessing is as slow as guessing keys.

    Raises:
        ProblemError: 404 where there is no such link, 429 for an address that sends too many of those.
    """
    token = request.path_params["token"]
    limiter: RateLimiter = request.app.state.limiter
    address = address_of(request)
    limiter.admit(token, address)
    parts = split_link(token)
    tenant = await transaction.driver.fetchval(_OPEN_LINK, *parts) if parts is not None else None
    if tenant is None:
        limiter.refused(token, address)
        raise ProblemError(404, Code.not_found, "No such link.")
    limiter.found(token)
    uow = database.begin(transaction, tenant)
    uow.request_id = request.state.request_id
    structlog.contextvars.bind_contextvars(tenant_id=str(uow.tenant_id))
    return uow


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


async def conclude(
    request: Request, body_digest: bytes, act: Callable[[UnitOfWork], Coroutine[Any, Any, Response]]
) -> tuple[Response, bool]:
    """The last transaction of an operation that has read its body: its idempotency key, its effect and its answer.

    Returns:
        The answer, and whether it is that of an earlier request with the same key, so that nothing was done.
    """
    database: Database = request.app.state.database
    keyed = _keyed(request, body_digest)
    async with begin(database.engine) as transaction:
        uow, stored = await authenticate(request, transaction, database, keyed)
        if stored is not None:
            return idempotency.replay(stored, settings_of(request)), True
        response = await act(uow)
        await uow.finish(idempotency.answer(keyed, response, settings_of(request)) if keyed else None)
    await database.doorbell.ring(uow.rings)
    return response, False


async def authenticate(
    request: Request,
    transaction: Transaction,
    database: Database,
    keyed: idempotency.IdempotentRequest | None = None,
) -> tuple[UnitOfWork, dict[str, Any] | None]:
    """Find the key, check it, enter its tenant and take the idempotency key, all in one statement.

    Returns:
        The unit of work, and the stored answer when the idempotency key has done its work already.

    Raises:
        ProblemError: 401 without a valid key, 403 when its scopes do not allow the operation, 409 while the first
            request with the idempotency key runs, 429 when it asks too often.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    parts = split_key(token) if scheme.lower() == "bearer" else None
    if parts is None:
        raise _unauthorized(Code.unauthorized, "Send an API key: Authorization: Bearer pun_live_… or pun_test_….")
    _, secret = parts
    limiter: RateLimiter = request.app.state.limiter
    address = address_of(request)
    limiter.admit(token, address)
    found = await _begin(transaction, parts, keyed, settings_of(request).idempotency_hours)
    try:
        found = _check_key(found, secret)
    except ProblemError:
        limiter.refused(token, address)
        raise
    limiter.found(token)
    resource, verb = required_scope(request.method, request.scope["route"].path)
    if not covers(found["scopes"], resource=resource, verb=verb):
        raise ProblemError(403, Code.insufficient_scope, f"This API key lacks the scope {resource}:{verb} (or {verb}).")
    uow = database.begin(transaction, found["tenant"])
    uow.request_id = request.state.request_id
    request.state.scopes = found["scopes"]
    structlog.contextvars.bind_contextvars(tenant_id=str(uow.tenant_id))
    if keyed is not None:
        uow.idempotency_key = keyed.key
    return uow, found.get("stored")


async def _begin(
    transaction: Transaction, parts: tuple[str, str], keyed: idempotency.IdempotentRequest | None, hours: int
) -> dict[str, Any] | None:
    public_id, secret = parts
    key, fingerprint = (keyed.key, keyed.fingerprint) if keyed else (None, None)
    try:
        found: dict[str, Any] | None = await transaction.driver.fetchval(
            _BEGIN, public_id, hash_secret(secret), key, fingerprint, hours
        )
    except LockNotAvailableError as error:
        raise conflict(
            Code.idempotency_in_flight, "The first request with this key is still running; try again later."
        ) from error
    return found


def _check_key(found: dict[str, Any] | None, secret: str) -> dict[str, Any]:
    if found is None or not is_secret(secret, bytes.fromhex(found["secret_hash"])):
        raise _unauthorized(Code.unauthorized, "This API key is not known.")
    if found["revoked_at"] is not None:
        raise _unauthorized(Code.key_revoked, "This API key was revoked.")
    if found["expires_at"] is not None and datetime.fromisoformat(found["expires_at"]) <= system_now():
        raise _unauthorized(Code.key_expired, "This API key has expired; use its successor.")
    return found


def _unauthorized(code: Code, detail: str) -> ProblemError:
    return ProblemError(401, code, detail, headers={"WWW-Authenticate": "Bearer"})


async def _idempotent(request: Request) -> idempotency.IdempotentRequest | None:
    return _keyed(request, await request.body())


def _keyed(request: Request, body: bytes) -> idempotency.IdempotentRequest | None:
    key = request.headers.get("idempotency-key")
    if request.method != "POST" or key is None:
        return None
    return idempotency.IdempotentRequest(
        idempotency.parse_key(key),
        idempotency.fingerprint(request.method, request.url.path, request.url.query, body),
    )


def lift_time_limit(request: Request) -> None:
    """From here on the request is no longer ended by its time limit; the database has its own."""
    limit: asyncio.Timeout | None = getattr(request.state, "time_limit", None)
    if limit is not None:
        limit.reschedule(None)


def settings_of(request: Request) -> Settings:
    """The settings of the process."""
    settings: Settings = request.app.state.settings
    return settings


# Async, although they wait for nothing: FastAPI runs plain functions in a thread, which costs more than they do.
async def _current_unit_of_work(request: Request) -> UnitOfWork:
    uow: UnitOfWork = request.state.uow
    return uow


async def _settings(request: Request) -> Settings:
    return settings_of(request)


Uow = Annotated[UnitOfWork, Depends(_current_unit_of_work)]
AppSettings = Annotated[Settings, Depends(_settings)]


def tenant_router(prefix: str, tag: str) -> APIRouter:
    """A router for one resource."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=TenantRoute)
