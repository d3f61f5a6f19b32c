"""Answers: a resource's wire form as JSON, with its ETag."""

from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from app.core.errors import ProblemError
from app.domain.errors import Code

MEANINGS = {
    400: "Malformed request.",
    401: "No valid API key.",
    403: "The API key's scopes do not allow this.",
    404: "No such resource for this tenant.",
    410: "The link has expired, or what it led to is no longer offered.",
    409: "The state of the resource does not allow this, or another request is changing it.",
    412: "The resource has changed since the version in If-Match.",
    413: "The body is too large.",
    414: "The URL is too long.",
    415: "The body is not application/json.",
    422: "A value is not valid; `errors` names each field and its fix.",
    429: "Too many requests at once; wait as many seconds as `Retry-After` says.",
    431: "The headers are too large.",
    500: "Our fault; nothing was kept.",
    503: "Too busy; try again.",
}

_ANYWHERE = (400, 401, 403, 414, 429, 431, 500, 503)


def json_response(payload: Any, *, status: int = 200, etag: int | None = None) -> Response:
    """A JSON answer; FastAPI's own validation of it is left out, since a test holds the forms to their schemas."""
    headers = {} if etag is None else {"ETag": f'"{etag}"'}
    return Response(orjson.dumps(payload), status_code=status, media_type="application/json", headers=headers)


def resource_response(payload: dict[str, Any], *, status: int = 200) -> Response:
    """One resource with its version as ETag."""
    return json_response(payload, status=status, etag=payload.get("revision", payload["version"]))


def check_if_match(request: Request, version: int) -> None:
    """Refuse to change a resource that is no longer the one the caller knows.

    Raises:
        ProblemError: 412 when If-Match names another version.
    """
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in wanted.split(",")}
    if str(version) not in tags:
        raise ProblemError(
            412, Code.precondition_failed, "The resource has changed since that version; read it again and retry."
        )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented error answers of an operation: those every operation has, and the named ones.

    What they look like is the same everywhere, and put in by `app.openapi`.
    """
    return {status: {"description": MEANINGS[status]} for status in sorted({*_ANYWHERE, *statuses})}


def link_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented error answers of an operation behind a link, which asks for no key."""
    return {status: answer for status, answer in problems(404, 410, 422, *statuses).items() if status not in {401, 403}}


READ = problems(404, 422)
LIST = problems(422)
WRITE = problems(404, 409, 412, 413, 415, 422)
CREATE = problems(404, 409, 413, 415, 422)
