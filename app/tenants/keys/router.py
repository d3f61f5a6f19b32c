"""HTTP for API keys."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.responses import LIST, json_response, problems
from app.deps import Uow, tenant_router
from app.outbox.payloads import api_key_payload
from app.tenants.keys import repository, service
from app.tenants.keys.schemas import KeyCreate, KeyOutput, KeyPage, KeyRotate, NewKeyOutput

router = tenant_router("/v1/api-keys", "API keys")


def _granted(request: Request) -> list[str]:
    scopes: list[str] = request.state.scopes
    return scopes


Granted = Annotated[list[str], Depends(_granted)]


@router.post(
    "",
    status_code=201,
    response_model=NewKeyOutput,
    responses=problems(409, 413, 415, 422),
    operation_id="create_api_key",
)
async def create_api_key(uow: Uow, granted: Granted, body: KeyCreate) -> Response:
    """Create an API key; its secret is in this answer and nowhere else.

    Needs the scope `admin`. No key gives scopes that it lacks itself.
    """
    made = await service.create(uow, name=body.name, scopes=body.scopes, expires_at=body.expires_at, granted=granted)
    return await _shown_once(uow, made)


@router.get("", response_model=KeyPage, responses=LIST, operation_id="list_api_keys")
async def list_api_keys(uow: Uow, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
    """List API keys, newest first, revoked and expired ones too."""
    rows = await repository.list_page(uow, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, api_key_payload, lambda row: row.id))


@router.get("/{key_id}", response_model=KeyOutput, responses=problems(404, 422), operation_id="get_api_key")
async def get_api_key(uow: Uow, key_id: UUID) -> Response:
    """Read an API key, without its secret."""
    key = await service.get(uow, key_id)
    return json_response(api_key_payload(key), etag=key.version)


@router.post(
    "/{key_id}/rotate",
    status_code=201,
    response_model=NewKeyOutput,
    responses=problems(404, 409, 413, 415, 422),
    operation_id="rotate_api_key",
)
async def rotate_api_key(uow: Uow, granted: Granted, key_id: UUID, body: KeyRotate | None = None) -> Response:
    """Replace an API key by a new one with the same name and scopes.

    The old key goes on working for the overlap, so that every program can be given the new one meanwhile.
    """
    body = body or KeyRotate()
    made = await service.rotate(
        uow,
        key_id,
        overlap_hours=body.overlap_hours,
        new_expiry=(body.expires_at,) if "expires_at" in body.model_fields_set else None,
        granted=granted,
    )
    return await _shown_once(uow, made)


@router.delete(
    "/{key_id}",
    status_code=204,
    response_class=Response,
    responses=problems(404, 409, 422),
    operation_id="revoke_api_key",
)
async def revoke_api_key(uow: Uow, key_id: UUID) -> Response:
    """Revoke an API key: the next request with it is refused.

    The last lasting key with the scope `admin` cannot be revoked.
    """
    await service.revoke(uow, key_id)
    return Response(status_code=204)


async def _shown_once(uow: Uow, made: service.MadeKey) -> Response:
    await uow.flush()
    response = json_response({**api_key_payload(made.row), "key": made.text}, status=201, etag=made.row.version)
    response.headers["Cache-Control"] = "no-store"
    return response
