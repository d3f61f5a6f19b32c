"""Idempotency keys: the answer of a POST is stored in the transaction of its effect, and given again to a retry.

The key's row is inserted first. A second request with the same key waits on that insert until the first one ends,
and then finds its stored answer; if that takes longer than the lock timeout, it is told that the first one is still
running. A request that fails keeps nothing, so that it can be corrected and sent again.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from asyncpg.exceptions import LockNotAvailableError
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from starlette.responses import Response

from app.core.clock import system_now
from app.core.errors import ProblemError, conflict
from app.core.secrets import decrypt, encrypt
from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.models import IdempotencyKey

MAX_KEY_LENGTH = 255
_KEPT_HEADERS = ("etag", "location", "cache-control")
_NOT_TO_BE_STORED = "no-store"


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """One request with a key."""

    key: str
    fingerprint: bytes


def fingerprint(method: str, path: str, query: str, body: bytes) -> bytes:
    """What makes two requests the same: method, path, query and body."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), query.encode(), body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def parse_key(text: str) -> str:
    """Check a key's form.

    Raises:
        ProblemError: 400 when it is empty, too long or not printable ASCII.
    """
    if not 0 < len(text) <= MAX_KEY_LENGTH or not text.isascii() or not text.isprintable():
        raise ProblemError(
            400, Code.bad_request, f"Idempotency-Key must be 1 to {MAX_KEY_LENGTH} printable ASCII characters."
        )
    return text


async def begin(uow: UnitOfWork, request: IdempotentRequest, settings: Settings) -> Response | None:
    """Take the key, or answer with what it has already done.

    Raises:
        ProblemError: 409 while the first request runs, 422 when the key belongs to another request.
    """
    now = system_now()
    claim = (
        insert(IdempotencyKey)
        .values(tenant_id=uow.tenant_id, key=request.key, fingerprint=request.fingerprint, created_at=now)
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.key)
    )
    try:
        if (await uow.session.execute(claim)).first() is not None:
            return None
    except DBAPIError as error:
        if error.orig is not None and isinstance(error.orig.__cause__, LockNotAvailableError):
            raise conflict(
                Code.idempotency_in_flight, "The first request with this key is still running; try again later."
            ) from error
        raise
    stored = await uow.session.scalar(
        select(IdempotencyKey)
        .where(IdempotencyKey.tenant_id == uow.tenant_id, IdempotencyKey.key == request.key)
        .with_for_update()
    )
    if stored is None or stored.created_at < now - timedelta(hours=settings.idempotency_hours):
        await uow.session.execute(
            delete(IdempotencyKey).where(IdempotencyKey.tenant_id == uow.tenant_id, IdempotencyKey.key == request.key)
        )
        await uow.session.execute(claim)
        return None
    if stored.fingerprint != request.fingerprint:
        raise ProblemError(
            422, Code.idempotency_key_reused, "This Idempotency-Key was used for another request; use a new one."
        )
    headers = stored.headers or {}
    body = stored.body or b""
    if headers.get("cache-control") == _NOT_TO_BE_STORED:
        body = decrypt(settings, body.decode()).encode()
    return Response(
        body,
        status_code=stored.status or 200,
        media_type="application/json",
        headers={**headers, "Idempotency-Replayed": "true"},
    )


async def finish(uow: UnitOfWork, request: IdempotentRequest, response: Response, settings: Settings) -> None:
    """Store the answer with the effect; one that holds a secret, encrypted."""
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = bytes(response.body)
    if headers.get("cache-control") == _NOT_TO_BE_STORED:
        body = encrypt(settings, body.decode()).encode()
    await uow.session.execute(
        update(IdempotencyKey)
        .where(IdempotencyKey.tenant_id == uow.tenant_id, IdempotencyKey.key == request.key)
        .values(
            status=response.status_code,
            headers=headers,
            body=body,
        )
        .execution_options(synchronize_session=False)
    )
