"""HTTP for deliveries."""

from uuid import UUID

from starlette.responses import Response

from app.core.responses import READ, json_response, problems
from app.deps import Uow, tenant_router
from app.webhooks import repository, service
from app.webhooks.payloads import attempt_payload, delivery_payload
from app.webhooks.schemas import AttemptPage, DeliveryOutput

router = tenant_router("/v1/deliveries", "Webhooks")


@router.get("/{delivery_id}", response_model=DeliveryOutput, responses=READ, operation_id="get_delivery")
async def get_delivery(uow: Uow, delivery_id: UUID) -> Response:
    """Read a delivery."""
    return json_response(delivery_payload(await service.get_delivery(uow, delivery_id)))


@router.get("/{delivery_id}/attempts", response_model=AttemptPage, responses=READ, operation_id="list_attempts")
async def list_attempts(uow: Uow, delivery_id: UUID) -> Response:
    """List the attempts of a delivery, the first one first."""
    delivery = await service.get_delivery(uow, delivery_id)
    attempts = await repository.list_attempts(uow, delivery.id)
    return json_response({"data": [attempt_payload(attempt) for attempt in attempts], "next_cursor": None})


@router.post(
    "/{delivery_id}/retry",
    status_code=202,
    response_model=DeliveryOutput,
    responses=problems(404, 409, 422),
    operation_id="retry_delivery",
)
async def retry_delivery(uow: Uow, delivery_id: UUID) -> Response:
    """Try a delivery again now.

    One that waits for its next attempt is due at once (for a test tenant: in its next advance). One that is
    `delivered` or `exhausted` stays as it is, and the answer is a new delivery of the same event.
    """
    delivery = await service.retry(uow, delivery_id)
    await uow.flush()
    return json_response(delivery_payload(delivery), status=202)
