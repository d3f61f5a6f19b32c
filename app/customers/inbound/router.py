"""HTTP for messages that came in."""

from uuid import UUID

from starlette.responses import Response

from app.core.responses import CREATE, json_response
from app.customers.inbound import service
from app.customers.inbound.schemas import InboundMessageInput, InboundMessageOutput
from app.deps import Uow, tenant_router
from app.outbox.payloads import in_flight_payload, inbound_message_payload

router = tenant_router("/v1/customers", "Customers")


@router.post(
    "/{customer_id}/inbound-messages",
    status_code=201,
    response_model=InboundMessageOutput,
    responses={**CREATE, 200: {"description": "The message was known already.", "model": InboundMessageOutput}},
    operation_id="take_inbound_message",
)
async def take_inbound_message(uow: Uow, customer_id: UUID, body: InboundMessageInput) -> Response:
    """Hand over a message that a customer has sent.

    It is kept as an activity. If it consists of an opt-out word and nothing else (stop, unsubscribe, baja, alto, sair
    and the like, whatever its case, accents and punctuation), the address that it came from is not used any more; no
    confirmation is sent. Any other text is kept for people to read.
    """
    taken = await service.take(uow, customer_id, body.model_dump())
    await uow.flush()
    payload = {**inbound_message_payload(taken.activity), "in_flight": in_flight_payload(taken.in_flight)}
    return json_response(payload, status=201 if taken.is_new else 200)
