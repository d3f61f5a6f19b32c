"""How a request becomes a unit of work: authentication, scopes, idempotency and the commit, in one route class.

The commit comes after the answer has been made and before it is sent: a client never gets 201 for work that then
fails, and the stored answer of an idempotent request is in the transaction of its effect.
"""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from sqlalchemy import column, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.core import idempotency, strictjson
from app.core.clock import system_now
from app.core.errors import ProblemError
from app.core.security import covers, is_secret, split_key
from app.core.settings import Settings
from app.core.uow import Database, UnitOfWork
from app.domain.errors import Code

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_AUTHENTICATE = text("SELECT app_authenticate(:public_id) AS found").columns(column("found", JSONB))
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


class TenantRoute(APIRoute):
    """An operation of one tenant in one transaction."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler in authentication, idempotency and the unit of work."""
        handler = super().get_route_handler()

        async def handle(original: Request) -> Response:
            request = StrictRequest(original.scope, original.receive)
            database: Database = request.app.state.database
            # Before the transaction, so that a slow upload holds no connection.
            await request.body()
            async with database.sessions() as session, session.begin():
                uow = await authenticate(request, session, database)
                keyed = await _idempotent(request)
                if keyed is not None:
                    uow.idempotency_key = keyed.key
                    stored = await idempotency.begin(uow, keyed, settings_of(request))
                    if stored is not None:
                        return stored
                await request.read_body()
                request.state.uow = uow
                response = await handler(request)
                await uow.finish()
                if keyed is not None:
                    await idempotency.finish(uow, keyed, response, settings_of(request))
            await database.doorbell.ring(uow.rings)
            return response

        return handle


class LongRoute(APIRoute):
    """An operation that runs its own transactions: authenticated in one that ends before it begins."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler in authentication alone."""
        handler = super().get_route_handler()

        async def handle(original: Request) -> Response:
            request = StrictRequest(original.scope, original.receive)
            database: Database = request.app.state.database
            await request.body()
            async with database.sessions() as session, session.begin():
                request.state.uow = await authenticate(request, session, database)
                await request.read_body()
            return await handler(request)

        return handle


async def authenticate(request: Request, session: AsyncSession, database: Database) -> UnitOfWork:
    """Find the key, check it, and enter its tenant.

    Raises:
        ProblemError: 401 without a valid key, 403 when its scopes do not allow the operation.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    parts = split_key(token.strip()) if scheme.lower() == "bearer" else None
    if parts is None:
        raise _unauthorized(Code.unauthorized, "Send an API key: Authorization: Bearer pun_live_… or pun_test_….")
    public_id, secret = parts
    found = (await session.execute(_AUTHENTICATE, {"public_id": public_id})).scalar_one()
    if found is None or not is_secret(secret, bytes.fromhex(found["secret_hash"])):
        raise _unauthorized(Code.unauthorized, "This API key is not known.")
    now = system_now()
    if found["revoked_at"] is not None:
        raise _unauthorized(Code.key_revoked, "This API key was revoked.")
    if found["expires_at"] is not None and datetime.fromisoformat(found["expires_at"]) <= now:
        raise _unauthorized(Code.key_expired, "This API key has expired; use its successor.")
    resource, verb = required_scope(request.method, request.scope["route"].path)
    if not covers(found["scopes"], resource=resource, verb=verb):
        raise ProblemError(403, Code.insufficient_scope, f"This API key lacks the scope {resource}:{verb} (or {verb}).")
    uow = database.begin(session, found["tenant"])
    uow.request_id = request.state.request_id
    request.state.scopes = found["scopes"]
    structlog.contextvars.bind_contextvars(tenant_id=str(uow.tenant_id))
    return uow


def _unauthorized(code: Code, detail: str) -> ProblemError:
    return ProblemError(401, code, detail, headers={"WWW-Authenticate": "Bearer"})


async def _idempotent(request: Request) -> idempotency.IdempotentRequest | None:
    key = request.headers.get("idempotency-key")
    if request.method != "POST" or key is None:
        return None
    return idempotency.IdempotentRequest(
        idempotency.parse_key(key),
        idempotency.fingerprint(request.method, request.url.path, request.url.query, await request.body()),
    )


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
