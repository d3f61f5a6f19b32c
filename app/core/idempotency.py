"""Idempotency keys: the answer of a POST is stored in the transaction of its effect, and given again to a retry.

The key's row is inserted first. A second request with the same key waits on that insert until the first one ends,
and then finds its stored answer; if that takes longer than the lock timeout, it is told that the first one is still
running. A request that fails keeps nothing, so that it can be corrected and sent again.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from app.core.errors import ProblemError
from app.core.rows import StoredAnswer
from app.core.secrets import decrypt, encrypt
from app.core.settings import Settings
from app.domain.errors import Code

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


def replay(stored: Mapping[str, Any], settings: Settings) -> Response:
    """The stored answer of an earlier request with the same key.

    Raises:
        ProblemError: 422 when the key belongs to another request.
    """
    if not stored["is_same"]:
        raise ProblemError(
            422, Code.idempotency_key_reused, "This Idempotency-Key was used for another request; use a new one."
        )
    headers = stored["headers"] or {}
    body = base64.b64decode(stored["body"] or "")
    if headers.get("cache-control") == _NOT_TO_BE_STORED:
        body = decrypt(settings, body.decode()).encode()
    return Response(
        body,
        status_code=stored["status"] or 200,
        media_type="application/json",
        headers={**headers, "Idempotency-Replayed": "true"},
    )


def answer(request: IdempotentRequest, response: Response, settings: Settings) -> StoredAnswer:
    """The answer to be stored with the effect; one that holds a secret, encrypted."""
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = bytes(response.body)
    if headers.get("cache-control") == _NOT_TO_BE_STORED:
        body = encrypt(settings, body.decode()).encode()
    return StoredAnswer(request.key, response.status_code, headers, body)
