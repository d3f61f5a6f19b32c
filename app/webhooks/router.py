"""HTTP for webhook endpoints."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, problems, resource_response
from app.core.schemas import given
from app.core.wire import instant
from app.deps import AppSettings, Uow, tenant_router
from app.outbox.payloads import endpoint_payload
from app.webhooks import repository, service
from app.webhooks.payloads import delivery_payload
from app.webhooks.schemas import (
    DeliveryPage,
    DeliveryStatus,
    EndpointCreate,
    EndpointOutput,
    EndpointPage,
    EndpointUpdate,
    EndpointWithNewSecret,
    EndpointWithSecret,
    ReplayInput,
    ReplayOutput,
)

router = tenant_router("/v1/webhook-endpoints", "Webhooks")

COMMAND = problems(404, 409, 422)


def _with_secret(payload: dict[str, Any], *, status: int) -> Response:
    response = resource_response(payload, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.post(
    "", status_code=201, response_model=EndpointWithSecret, responses=CREATE, operation_id="create_webhook_endpoint"
)
async def create_webhook_endpoint(uow: Uow, settings: AppSettings, body: EndpointCreate) -> Response:
    """Create a webhook endpoint.

    The answer alone holds its secret. Events that happened before are not sent; `replay` sends them.
    """
    endpoint, secret = await service.create(uow, settings, body.model_dump())
    await uow.flush()
    return _with_secret({**endpoint_payload(endpoint), "secret": secret}, status=201)


@router.get("", response_model=EndpointPage, responses=LIST, operation_id="list_webhook_endpoints")
async def list_webhook_endpoints(uow: Uow, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
    """List webhook endpoints, newest first."""
    rows = await repository.list_endpoints(uow, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, endpoint_payload, lambda row: row.id))


@router.get("/{endpoint_id}", response_model=EndpointOutput, responses=READ, operation_id="get_webhook_endpoint")
async def get_webhook_endpoint(uow: Uow, endpoint_id: UUID) -> Response:
    """Read a webhook endpoint."""
    return resource_response(endpoint_payload(await service.get(uow, endpoint_id)))


@router.patch("/{endpoint_id}", response_model=EndpointOutput, responses=WRITE, operation_id="update_webhook_endpoint")
async def update_webhook_endpoint(
    uow: Uow, settings: AppSettings, request: Request, endpoint_id: UUID, body: EndpointUpdate
) -> Response:
    """Change the named fields of a webhook endpoint.

    Enabling a disabled endpoint sends what was still undelivered; what happened meanwhile is for `replay`.
    """
    endpoint = await service.get(uow, endpoint_id, lock=True)
    check_if_match(request, endpoint.version)
    service.update(uow, settings, endpoint, given(body))
    await uow.flush()
    return resource_response(endpoint_payload(endpoint))


@router.delete(
    "/{endpoint_id}", status_code=204, responses=problems(404, 412, 422), operation_id="delete_webhook_endpoint"
)
async def delete_webhook_endpoint(uow: Uow, request: Request, endpoint_id: UUID) -> Response:
    """Delete a webhook endpoint: it gets nothing more; single deliveries stay readable."""
    endpoint = await service.get(uow, endpoint_id, lock=True)
    check_if_match(request, endpoint.version)
    service.delete(uow, endpoint)
    return Response(status_code=204)


@router.post(
    "/{endpoint_id}/rotate-secret",
    response_model=EndpointWithNewSecret,
    responses=COMMAND,
    operation_id="rotate_webhook_secret",
)
async def rotate_webhook_secret(uow: Uow, settings: AppSettings, endpoint_id: UUID) -> Response:
    """Give a webhook endpoint a new secret, which the answer alone holds.

    For 24 hours the secret before also signs: every request then carries a signature for each.
    """
    endpoint = await service.get(uow, endpoint_id, lock=True)
    secret, until = service.rotate_secret(settings, endpoint)
    await uow.flush()
    return _with_secret(
        {**endpoint_payload(endpoint), "secret": secret, "previous_secret_expires_at": instant(until)}, status=200
    )


@router.post(
    "/{endpoint_id}/test",
    status_code=202,
    response_model=EndpointOutput,
    responses=COMMAND,
    operation_id="test_webhook_endpoint",
)
async def test_webhook_endpoint(uow: Uow, endpoint_id: UUID) -> Response:
    """Send a `webhook.test` event to this endpoint alone, whatever it subscribes to."""
    endpoint = await service.get(uow, endpoint_id)
    service.send_test(uow, endpoint)
    return resource_response(endpoint_payload(endpoint), status=202)


@router.get(
    "/{endpoint_id}/deliveries", response_model=DeliveryPage, responses=READ, operation_id="list_webhook_deliveries"
)
async def list_webhook_deliveries(
    uow: Uow,
    endpoint_id: UUID,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    status: Annotated[DeliveryStatus | None, Query(description="Only deliveries with this status.")] = None,
) -> Response:
    """List the deliveries of a webhook endpoint, newest first."""
    endpoint = await service.get(uow, endpoint_id)
    rows = await repository.list_deliveries(uow, endpoint.id, limit=limit, before=decode_cursor(cursor), status=status)
    return json_response(page(rows, limit, delivery_payload, lambda row: row.id))


@router.post(
    "/{endpoint_id}/replay",
    status_code=202,
    response_model=ReplayOutput,
    responses=problems(404, 409, 413, 415, 422),
    operation_id="replay_webhook_events",
)
async def replay_webhook_events(uow: Uow, endpoint_id: UUID, body: ReplayInput) -> Response:
    """Deliver past events to this endpoint once more, up to 10,000 at a time.

    Each gets a new delivery with attempts of its own; `webhook-id` stays the event's, so that a receiver which keeps
    the ids it has worked off knows them.
    """
    endpoint = await service.get(uow, endpoint_id)
    made = await service.replay(uow, endpoint, **body.model_dump())
    return json_response({"deliveries": made}, status=202)
