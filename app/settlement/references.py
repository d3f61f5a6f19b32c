"""Finds what a request refers to by id or by external id, in set queries."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.core.errors import invalid
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.models import Customer, DunningPolicy, Invoice


@dataclass(frozen=True, slots=True)
class Reference:
    """A resource named by exactly one of its ids."""

    id: UUID | None
    external_id: str | None


async def find_customer_ids(uow: UnitOfWork, references: Iterable[Reference]) -> dict[Reference, UUID]:
    """The ids of the customers that exist among the references."""
    wanted = set(references)
    ids = {reference.id for reference in wanted if reference.id is not None}
    external_ids = {reference.external_id for reference in wanted if reference.external_id is not None}
    found: dict[Reference, UUID] = {}
    if ids:
        rows = await uow.session.scalars(
            select(Customer.id).where(Customer.tenant_id == uow.tenant_id, Customer.id.in_(ids))
        )
        found |= {Reference(customer_id, None): customer_id for customer_id in rows}
    if external_ids:
        pairs = await uow.session.execute(
            select(Customer.id, Customer.external_id).where(
                Customer.tenant_id == uow.tenant_id, Customer.external_id.in_(external_ids)
            )
        )
        found |= {Reference(None, external_id): customer_id for customer_id, external_id in pairs}
    return found


async def require_customer_id(uow: UnitOfWork, reference: Reference) -> UUID:
    """The id of one customer.

    Raises:
        ProblemError: 422 naming the field when there is no such customer.
    """
    found = await find_customer_ids(uow, [reference])
    if reference not in found:
        raise unknown_customer(reference)
    return found[reference]


def unknown_customer(reference: Reference) -> Exception:
    """The error for a customer that does not exist."""
    pointer = "/customer_id" if reference.id is not None else "/customer_external_id"
    return invalid(pointer, Code.unknown_reference, "No customer with this id; create it first.")


async def load_customer_invoices(
    uow: UnitOfWork, customer_id: UUID, references: Sequence[Reference]
) -> dict[Reference, Invoice]:
    """The customer's invoices that exist among the references."""
    ids = {reference.id for reference in references if reference.id is not None}
    external_ids = {reference.external_id for reference in references if reference.external_id is not None}
    invoices = await uow.session.scalars(
        select(Invoice).where(
            Invoice.tenant_id == uow.tenant_id,
            Invoice.customer_id == customer_id,
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
