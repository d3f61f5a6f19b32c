"""What operations share: the problem document, its answers by status, headers, parameters and the API key."""

from dataclasses import dataclass, field
from typing import Any

from app.core.idempotency import MAX_KEY_LENGTH
from app.core.problems import TITLES
from app.core.responses import MEANINGS
from app.core.schemas import Problem
from app.domain.errors import Code
from app.openapi import webhooks

Json = dict[str, Any]

SECURITY_SCHEME = "apiKey"
_REQUEST_ID = "019abc5e-7d00-7000-8000-0000000000aa"


@dataclass(frozen=True, slots=True)
class SharedAnswer:
    """An error answer that many operations have."""

    name: str
    code: Code
    detail: str
    errors: tuple[Json, ...] = field(default=())
    headers: tuple[str, ...] = field(default=())


RESPONSES = {
    400: SharedAnswer(
        "BadRequest",
        Code.duplicate_key,
        "The key occurs more than once; keep one.",
        ({"pointer": "/total", "code": "duplicate_key", "message": "The key occurs more than once; keep one."},),
    ),
    401: SharedAnswer("Unauthorized", Code.unauthorized, "This API key is not known.", headers=("WWW-Authenticate",)),
    403: SharedAnswer("Forbidden", Code.insufficient_scope, "This API key lacks the scope invoices:write (or write)."),
    404: SharedAnswer("NotFound", Code.not_found, "No invoice with this id."),
    409: SharedAnswer(
        "Conflict", Code.state_conflict, "Not possible now: the invoice is void.", headers=("Retry-After",)
    ),
    410: SharedAnswer("GoneForGood", Code.link_expired, "This link has expired; ask for a new one."),
    412: SharedAnswer(
        "PreconditionFailed",
        Code.precondition_failed,
        "The resource has changed since that version; read it again and retry.",
    ),
    413: SharedAnswer(
        "ContentTooLarge",
        Code.payload_too_large,
        "The body is larger than 8388608 bytes; send it in parts.",
    ),
    414: SharedAnswer("UriTooLong", Code.payload_too_large, "The URL is longer than 16384 bytes."),
    415: SharedAnswer(
        "UnsupportedMediaType",
        Code.unsupported_media_type,
        "Send the body with Content-Type: application/json.",
    ),
    422: SharedAnswer(
        "UnprocessableContent",
        Code.validation_failed,
        "The request is not valid; see errors: /total.",
        (
            {
                "pointer": "/total",
                "code": "money_not_string",
                "message": 'Send money as a decimal string such as "1234.56": JSON numbers pass through floats and '
                "lose cents.",
            },
        ),
    ),
    429: SharedAnswer(
        "TooManyRequests", Code.rate_limited, "Too many requests; wait and try again.", headers=("Retry-After",)
    ),
    431: SharedAnswer(
        "RequestHeaderFieldsTooLarge", Code.payload_too_large, "The headers are larger than 65536 bytes."
    ),
    500: SharedAnswer(
        "InternalServerError",
        Code.internal_error,
        "Something failed on our side; nothing was kept. Try again.",
    ),
    503: SharedAnswer(
        "ServiceUnavailable", Code.busy, "Too many requests at once; try again.", headers=("Retry-After",)
    ),
}

_HEADERS: Json = {
    "RequestId": {
        "description": "The id of the request: yours, if you sent a well-formed `X-Request-Id`, else a new one. "
        "It stands in our log and in the events that the request caused.",
        "required": True,
        "schema": {"type": "string", "maxLength": 128},
        "example": _REQUEST_ID,
    },
    "ETag": {
        "description": "The version of the resource, for `If-Match`.",
        "required": True,
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "IdempotencyReplayed": {
        "description": "`true` when this is the stored answer of an earlier request with the same `Idempotency-Key`.",
        "schema": {"type": "string", "const": "true"},
        "example": "true",
    },
    "RetryAfter": {
        "description": "Seconds to wait before the request is worth repeating; present when it is.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1",
    },
    "WwwAuthenticate": {
        "description": "How to authenticate.",
        "required": True,
        "schema": {"type": "string"},
        "example": "Bearer",
    },
}
_HEADER_COMPONENTS = {"Retry-After": "RetryAfter", "WWW-Authenticate": "WwwAuthenticate", "X-Request-Id": "RequestId"}

_PARAMETERS: Json = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Makes the request safe to repeat for 24 hours: the same key with the same request answers "
        "what the first one answered, and does nothing again. Use a fresh random key, such as a UUID, for each thing "
        "that you want done once.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": "^[ -~]+$"},
        "example": "8f14e45f-ceea-467f-9575-2b1d0e4b7a10",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` of the resource as you know it; if it has changed since, the answer is 412 and "
        "nothing is done.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
}

_SECURITY_SCHEMES: Json = {
    SECURITY_SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "pun_live_… or pun_test_…",
        "description": (
            "An API key of one tenant. Its scopes are `read`, `write` and `admin`, for everything or for one resource "
            "(`invoices:write`); `write` includes `read`, and `admin` both. Each operation names the scope it needs."
        ),
    }
}


def problem_schemas() -> Json:
    """The problem document and its parts as components."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}


def shared() -> Json:
    """Everything but schemas that operations refer to."""
    return {
        "responses": {
            **{answer.name: _response(status, answer) for status, answer in RESPONSES.items()},
            **webhooks.RESPONSES,
        },
        "parameters": {**_PARAMETERS, **webhooks.PARAMETERS},
        "headers": _HEADERS,
        "securitySchemes": _SECURITY_SCHEMES,
    }


def _response(status: int, answer: SharedAnswer) -> Json:
    example = {
        "type": f"urn:puntual:problem:{answer.code}",
        "title": TITLES[status],
        "status": status,
        "detail": answer.detail,
        "code": str(answer.code),
        "request_id": _REQUEST_ID,
        **({"errors": list(answer.errors)} if answer.errors else {}),
    }
    return {
        "description": MEANINGS[status],
        "headers": {
            name: {"$ref": f"#/components/headers/{_HEADER_COMPONENTS[name]}"}
            for name in ("X-Request-Id", *answer.headers)
        },
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
        },
    }
