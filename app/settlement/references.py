"""Finds what a request refers to by id or by external id, in set queries."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from app.core.errors import invalid
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.models import Customer, DunningPolicy, Invoice


class Reference(NamedTuple):
    """A resource named by exactly one of its ids."""

    id: UUID | None
    external_id: str | None


async def lock_customers(uow: UnitOfWork, references: Iterable[Reference]) -> dict[Reference, Customer]:
    """Lock the customers that exist among the references, in one statement."""
    wanted = set(references)
    if not wanted:
        return {}
    ids = {reference.id for reference in wanted if reference.id is not None}
    external_ids = {reference.external_id for reference in wanted if reference.external_id is not None}
    found: dict[Reference, Customer] = {}
    for customer in await uow.lock_named_customers(ids, external_ids):
        found[Reference(customer.id, None)] = customer
        if customer.external_id is not None:
            found[Reference(None, customer.external_id)] = customer
    return found


async def lock_customer(uow: UnitOfWork, reference: Reference) -> Customer:
    """Lock one customer.

    Raises:
        ProblemError: 422 naming the field when there is no such customer.
    """
    found = await lock_customers(uow, [reference])
    if reference not in found:
        raise unknown_customer(reference)
    return found[reference]


def unknown_customer(reference: Reference) -> Exception:
    """The error for a customer that does not exist."""
    pointer = "/customer_id" if reference.id is not None else "/customer_external_id"
    return invalid(pointer, Code.unknown_reference, "No customer with this id; create it first.")


async def load_customer_invoices(
    uow: UnitOfWork, customer_id: UUID | None, references: Sequence[Reference]
) -> dict[Reference, Invoice]:
    """The customer's invoices that exist among the references, or anybody's where no customer is named."""
    ids = {reference.id for reference in references if reference.id is not None}
    external_ids = {reference.external_id for reference in references if reference.external_id is not None}
    invoices = await uow.session.scalars(
        select(Invoice).where(
            Invoice.tenant_id == uow.tenant_id,
            *([] if customer_id is None else [Invoice.customer_id == customer_id]),
            Invoice.id.in_(ids) | Invoice.external_id.in_(external_ids),
        )
    )
    found: dict[Reference, Invoice] = {}
    for invoice in invoices:
        found[Reference(invoice.id, None)] = invoice
        if invoice.external_id is not None:
            found[Reference(None, invoice.external_id)] = invoice
    return found


async def find_policy_ids(uow: UnitOfWork, policy_ids: Collection[UUID]) -> set[UUID]:
    """Which of the dunning policies exist."""
    if not policy_ids:
        return set()
    rows = await uow.session.scalars(
        select(DunningPolicy.id).where(DunningPolicy.tenant_id == uow.tenant_id, DunningPolicy.id.in_(policy_ids))
    )
    return set(rows)


async def lock_invoice_customer(uow: UnitOfWork, reference: Reference, pointer: str = "") -> tuple[Customer, UUID]:
    """Lock the customer of an invoice that is named; the invoice's id.

    Raises:
        ProblemError: 422 naming the field when there is no such invoice.
    """
    row = (
        await uow.session.execute(
            select(Invoice.customer_id, Invoice.id).where(
                Invoice.tenant_id == uow.tenant_id,
                Invoice.id == reference.id if reference.id else Invoice.external_id == reference.external_id,
            )
        )
    ).one_or_none()
    if row is None:
        name = "invoice_id" if reference.id is not None else "invoice_external_id"
        raise invalid(f"{pointer}/{name}", Code.unknown_reference, "No invoice with this id.")
    return await uow.lock_customer(row.customer_id), row.id
