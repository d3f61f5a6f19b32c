"""HTTP for customers."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Request
from starlette.responses import Response

from app.core.contact_schemas import CustomerKind
from app.core.csvtext import CSV_LIST, page_response
from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, OnlyExternalId, decode_cursor, page
from app.core.responses import CREATE, READ, WRITE, check_if_match, resource_response
from app.core.schemas import given
from app.customers import repository, service
from app.customers.repository import CUSTOMERS
from app.customers.schemas import (
    CreditHoldInput,
    CustomerCreate,
    CustomerFields,
    CustomerOutput,
    CustomerPage,
    CustomerUpdate,
)
from app.deps import Uow, tenant_router
from app.outbox.payloads import customer_payload

router = tenant_router("/v1/customers", "Customers")

ExternalIdPath = Annotated[str, Path(min_length=1, max_length=200, description="Your own id of the customer.")]


@router.post("", status_code=201, response_model=CustomerOutput, responses=CREATE, operation_id="create_customer")
async def create_customer(uow: Uow, body: CustomerCreate) -> Response:
    """Create a customer."""
    customer = await service.create(uow, body.model_dump())
    return resource_response(customer_payload(customer), status=201)


@router.get("", response_model=CustomerPage, responses=CSV_LIST, operation_id="list_customers")
async def list_customers(
    uow: Uow,
    request: Request,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    external_id: OnlyExternalId = None,
    kind: Annotated[CustomerKind | None, Query(description="Only customers of this kind.")] = None,
    q: Annotated[str | None, Query(max_length=100, description="Part of the name or tax id.")] = None,
) -> Response:
    """List customers, newest first."""
    rows = await repository.list_page(
        uow, limit=limit, before=decode_cursor(cursor), external_id=external_id, kind=kind, q=q
    )
    return page_response(request, page(rows, limit, customer_payload, lambda row: row.id), CustomerOutput)


@router.get("/{customer_id}", response_model=CustomerOutput, responses=READ, operation_id="get_customer")
async def get_customer(uow: Uow, customer_id: UUID) -> Response:
    """Read a customer."""
    return resource_response(customer_payload(await CUSTOMERS.get(uow, customer_id)))


@router.patch("/{customer_id}", response_model=CustomerOutput, responses=WRITE, operation_id="update_customer")
async def update_customer(uow: Uow, request: Request, customer_id: UUID, body: CustomerUpdate) -> Response:
    """Change the named fields of a customer."""
    check_if_match(request, (await uow.lock_customer(customer_id)).version)
    customer = await service.update(uow, customer_id, given(body))
    await uow.flush()
    return resource_response(customer_payload(customer))


@router.put(
    "/by-external-id/{external_id}",
    response_model=CustomerOutput,
    responses={**WRITE, 201: {"description": "The customer was created.", "model": CustomerOutput}},
    operation_id="upsert_customer",
)
async def upsert_customer(uow: Uow, external_id: ExternalIdPath, body: CustomerFields) -> Response:
    """Create the customer with an external id, or replace it: fields left out take their defaults."""
    customer, created = await service.upsert(uow, external_id, body.model_dump())
    await uow.flush()
    return resource_response(customer_payload(customer), status=201 if created else 200)


@router.post(
    "/{customer_id}/hold-credit", response_model=CustomerOutput, responses=WRITE, operation_id="hold_customer_credit"
)
async def hold_customer_credit(uow: Uow, request: Request, customer_id: UUID, body: CreditHoldInput) -> Response:
    """Say that nothing more should be sold to a customer on credit.

    It tells whoever sells, and goes on until it is released; what is owed is chased as before.
    """
    check_if_match(request, (await uow.lock_customer(customer_id)).version)
    customer = await service.hold_credit(uow, customer_id, reason=body.reason)
    await uow.flush()
    return resource_response(customer_payload(customer))


@router.post(
    "/{customer_id}/release-credit",
    response_model=CustomerOutput,
    responses=WRITE,
    operation_id="release_customer_credit",
)
async def release_customer_credit(uow: Uow, request: Request, customer_id: UUID) -> Response:
    """End the credit hold of a customer, whether it was placed by hand or came by itself.

    A customer who is over the limit and released stays so until the limit is crossed anew.
    """
    check_if_match(request, (await uow.lock_customer(customer_id)).version)
    customer = await service.release_credit(uow, customer_id)
    await uow.flush()
    return resource_response(customer_payload(customer))
