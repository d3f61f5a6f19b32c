"""Problem documents (RFC 9457): every error leaves as one, names the field and the fix, and echoes no input."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from asyncpg.exceptions import (
    AdminShutdownError,
    CannotConnectNowError,
    CrashShutdownError,
    DeadlockDetectedError,
    InterfaceError,
    InvalidCachedStatementError,
    LockNotAvailableError,
    PostgresConnectionError,
    PostgresError,
    QueryCanceledError,
    UniqueViolationError,
)
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.core.errors import FieldError, ProblemError
from app.core.log import get_logger
from app.core.strictjson import StrictJsonError
from app.domain.errors import Code
from app.domain.states import IllegalTransition

log = get_logger(__name__)

TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    410: "Gone",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_HTTP_CODES = {
    401: Code.unauthorized,
    404: Code.not_found,
    405: Code.method_not_allowed,
    413: Code.payload_too_large,
    415: Code.unsupported_media_type,
}
_PYDANTIC_CODES = {
    "missing": Code.missing,
    "extra_forbidden": Code.unknown_field,
    "string_too_long": Code.too_long,
    "too_long": Code.too_long,
    "string_too_short": Code.too_short,
    "too_short": Code.too_short,
    "string_pattern_mismatch": Code.invalid_format,
    "uuid_parsing": Code.invalid_format,
    "greater_than": Code.out_of_range,
    "greater_than_equal": Code.out_of_range,
    "less_than": Code.out_of_range,
    "less_than_equal": Code.out_of_range,
    "literal_error": Code.invalid_value,
    "enum": Code.invalid_value,
}
_KNOWN_CODES = frozenset(Code)
BUSY_RETRY_SECONDS = 1


def problem_response(problem: ProblemError, *, request_id: str | None = None) -> Response:
    """A problem as an HTTP response.

    Args:
        problem: what is told.
        request_id: names a request that never reached the application, and is then sent as a header too; of others
            the id is known.
    """
    headers = dict(problem.headers)
    if request_id is None:
        request_id = structlog.contextvars.get_contextvars().get("request_id")
    else:
        headers["X-Request-Id"] = request_id
    document: dict[str, Any] = {
        "type": f"urn:puntual:problem:{problem.code}",
        "title": TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
        "code": str(problem.code),
        "request_id": request_id,
    }
    if problem.errors:
        document["errors"] = [field_error_payload(error) for error in problem.errors]
    return Response(
        orjson.dumps(document),
        status_code=problem.status,
        media_type="application/problem+json",
        headers=headers,
    )


def field_error_payload(error: FieldError) -> dict[str, str]:
    """The wire form of one field's fault."""
    return {"pointer": error.pointer, "code": str(error.code), "message": error.message}


def pointer_of(location: Sequence[str | int]) -> str:
    """A JSON pointer into the body, or `?name` for a query parameter and the like."""
    where, *path = location
    if where == "body":
        return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
    return f"?{path[0]}" if where == "query" and path else f"{where}:{'.'.join(str(part) for part in path)}"


def field_error(error: Mapping[str, Any]) -> FieldError:
    """One of pydantic's errors in our words."""
    kind = error["type"]
    if kind in _KNOWN_CODES:
        code = Code(kind)
    elif kind in _PYDANTIC_CODES:
        code = _PYDANTIC_CODES[kind]
    else:
        code = Code.invalid_type if kind.endswith(("_type", "_parsing")) else Code.invalid_value
    message = str(error["msg"]).removeprefix("Value error, ")
    if code is Code.unknown_field:
        message = "This field is not known here; check its spelling or leave it out."
    elif code is Code.missing:
        message = "This field is required."
    return FieldError(pointer_of(error["loc"]), code, message)


def from_validation(errors: Sequence[Mapping[str, Any]]) -> ProblemError:
    """pydantic's errors as one problem."""
    json_error = next((error for error in errors if error["type"] == "json_invalid"), None)
    if json_error is not None:
        return ProblemError(400, Code.malformed_json, "The body is not valid JSON.")
    faults = [field_error(error) for error in errors]
    named = ", ".join(sorted({fault.pointer or "the body" for fault in faults})[:5])
    return ProblemError(422, Code.validation_failed, f"The request is not valid; see errors: {named}.", faults)


_INTERRUPTIONS = (
    ConnectionError,
    InterfaceError,
    CannotConnectNowError,
    PostgresConnectionError,
    AdminShutdownError,
    CrashShutdownError,
    InvalidCachedStatementError,
)
UNREACHABLE = ProblemError(
    503,
    Code.busy,
    "The database was interrupted. Try again; with the same Idempotency-Key nothing happens twice.",
    headers={"Retry-After": str(BUSY_RETRY_SECONDS)},
)


def from_database(error: Exception) -> ProblemError | None:
    """What an error of the database, or of the way to it, means to the caller, if it is the caller's to solve."""
    cause: BaseException | None = error
    if isinstance(error, DBAPIError):
        cause = error.orig.__cause__ if error.orig is not None else None
        if error.connection_invalidated:
            return UNREACHABLE
    if isinstance(cause, _INTERRUPTIONS):
        return UNREACHABLE
    if isinstance(cause, LockNotAvailableError | QueryCanceledError | DeadlockDetectedError):
        return ProblemError(
            409,
            Code.busy,
            "Another request is changing the same data; try again.",
            headers={"Retry-After": str(BUSY_RETRY_SECONDS)},
        )
    if isinstance(cause, UniqueViolationError):
        if "external_id" in (cause.constraint_name or ""):
            return ProblemError(409, Code.external_id_taken, "A resource with this external_id exists already.")
        return ProblemError(409, Code.conflict, "Another request has just made the same resource.")
    return None


def install_problem_handlers(app: FastAPI) -> None:
    """Turn every error into a problem document."""

    async def on_problem(request: Request, error: Exception) -> Response:
        problem = to_problem(error)
        if problem.status == 405:
            problem.headers = {**problem.headers, "Allow": ", ".join(_methods(request))}
        return problem_response(problem)

    for kind in (
        ProblemError,
        RequestValidationError,
        StrictJsonError,
        HTTPException,
        DBAPIError,
        PostgresError,
        PoolTimeoutError,
        IllegalTransition,
        Exception,
    ):
        app.add_exception_handler(kind, on_problem)


def _methods(request: Request) -> list[str]:
    """The methods of a path, each of which is a route of its own; the router names those of one route only.

    `/terms/preview` is a path of its own, although the router met `/terms/{terms_id}` first.
    """
    offered: dict[str, set[str]] = {}
    for route in iter_route_contexts(request.app.routes):
        offered.setdefault(str(route.path), set()).update(route.methods or ())
    matched = getattr(request.scope.get("route"), "path", request.url.path)
    return sorted(offered.get(request.url.path) or offered.get(matched) or set())


def to_problem(error: Exception) -> ProblemError:
    """Any error as a problem; what is not foreseen is logged and told without detail."""
    known: ProblemError | None = None
    match error:
        case ProblemError():
            known = error
        case RequestValidationError():
            known = from_validation(error.errors())
        case StrictJsonError():
            known = ProblemError(400, error.code, error.message, [FieldError(error.pointer, error.code, error.message)])
        case HTTPException():
            known = ProblemError(
                error.status_code,
                _HTTP_CODES.get(error.status_code, Code.bad_request),
                str(error.detail),
                headers=dict(error.headers or {}),
            )
        case IllegalTransition():
            known = ProblemError(409, Code.state_conflict, f"Not possible now: {error}")
        case PoolTimeoutError():
            known = ProblemError(503, Code.busy, "Too many requests at once; try again.", headers={"Retry-After": "1"})
        case DBAPIError() | PostgresError() | InterfaceError() | ConnectionError():
            known = from_database(error)
    if known is None:
        log.error("request.failed", exc_info=error)
        known = ProblemError(500, Code.internal_error, "Something failed on our side; nothing was kept. Try again.")
    return known
