"""HTTP for erasure."""

from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from app.core.responses import WRITE, check_if_match, resource_response
from app.customers.erasure import service
from app.customers.erasure.schemas import CustomerErase, CustomerErased
from app.deps import Uow, tenant_router
from app.outbox.payloads import customer_payload, in_flight_payload

router = tenant_router("/v1/customers", "Customers")


@router.post("/{customer_id}/erase", response_model=CustomerErased, responses=WRITE, operation_id="erase_customer")
async def erase_customer(uow: Uow, request: Request, customer_id: UUID, body: CustomerErase) -> Response:
    """Erase the personal data of a customer.

    Names, tax ids, contacts, addresses, messages, notes, free texts and metadata go: from the customer, from all that
    belongs to it, and from stored events, deliveries and answers. What the books need stays and still adds up:
    amounts, dates, document numbers, your own ids, the ledger. No reminder is sent any more, and the customer can not
    be changed. While something is open, the answer is 409 unless `force` is set; while a file is being imported, it is
    409 in any case, since its rows may name the customer. Done again, it takes out what has come in since.
    """
    check_if_match(request, (await uow.lock_customer(customer_id)).version)
    customer, in_flight = await service.erase(uow, customer_id, forces=body.force)
    await uow.flush()
    return resource_response({**customer_payload(customer), "in_flight": in_flight_payload(in_flight)})
