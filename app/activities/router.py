"""HTTP for activities."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.activities import repository, service
from app.activities.repository import ACTIVITIES, ActivityFilter
from app.activities.schemas import ActivityCreate, ActivityKind, ActivityOutput, ActivityPage, Direction
from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, json_response, resource_response
from app.deps import Uow, tenant_router
from app.outbox.payloads import activity_payload

router = tenant_router("/v1/activities", "Activities")


@router.post("", status_code=201, response_model=ActivityOutput, responses=CREATE, operation_id="create_activity")
async def create_activity(uow: Uow, body: ActivityCreate) -> Response:
    """Write down a call, a visit, a letter or a note of a person.

    What was a contact counts from now on like a message that was sent: for the caps of contacts, for the gaps between
    them, and for the contact profile that protects the customer, on the customer's local date of `occurred_at`.
    """
    activity = await service.create(uow, body.model_dump())
    await uow.flush()
    return resource_response(activity_payload(activity), status=201)


@router.get("", response_model=ActivityPage, responses=LIST, operation_id="list_activities")
async def list_activities(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: Annotated[UUID | None, Query(description="Only about this customer.")] = None,
    invoice_id: Annotated[UUID | None, Query(description="Only those that name this invoice.")] = None,
    kind: Annotated[ActivityKind | None, Query(description="Only of this kind.")] = None,
    direction: Annotated[Direction | None, Query(description="Only those that this side began.")] = None,
    external_id: OnlyExternalId = None,
) -> Response:
    """List activities, the last recorded first; messages of customers that came in are among them."""
    wanted = ActivityFilter(
        customer_id=customer_id, invoice_id=invoice_id, kind=kind, direction=direction, external_id=external_id
    )
    rows = await repository.list_page(uow, wanted, limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, activity_payload, lambda row: row.id))


@router.get("/{activity_id}", response_model=ActivityOutput, responses=READ, operation_id="get_activity")
async def get_activity(uow: Uow, activity_id: UUID) -> Response:
    """Read an activity."""
    return resource_response(activity_payload(await ACTIVITIES.get(uow, activity_id)))
