"""HTTP for timelines."""

from uuid import UUID

from starlette.responses import Response

from app.core.pages import DEFAULT_LIMIT, Cursor, Limit
from app.core.responses import READ, json_response
from app.deps import Uow, tenant_router
from app.reports.timeline import service
from app.reports.timeline.schemas import TimelinePage

customer_router = tenant_router("/v1/customers", "Customers")
invoice_router = tenant_router("/v1/invoices", "Invoices")


@customer_router.get(
    "/{customer_id}/timeline", response_model=TimelinePage, responses=READ, operation_id="get_customer_timeline"
)
async def get_customer_timeline(
    uow: Uow, customer_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """Read everything that happened with a customer, newest first.

    The events of the customer and of all that is theirs (invoices, payments, reminders, holds, tasks and the like),
    and the activities of people, by the instant at which they happened.
    """
    return json_response(await service.of_customer(uow, customer_id, limit=limit, cursor=cursor))


@invoice_router.get(
    "/{invoice_id}/timeline", response_model=TimelinePage, responses=READ, operation_id="get_invoice_timeline"
)
async def get_invoice_timeline(
    uow: Uow, invoice_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """Read everything that happened with an invoice, newest first.

    Its own events, those of what it has to do with (payments and credit notes that settle it, charges, reminders,
    holds, promises, disputes and the like), and the activities that name it.
    """
    return json_response(await service.of_invoice(uow, invoice_id, limit=limit, cursor=cursor))
