"""Queries for payments."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import selectinload

from app.core.uow import UnitOfWork
from app.domain.invoice_state import RECEIVABLE
from app.models import Invoice, Payment


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """What a list of payments is narrowed to."""

    customer_id: UUID | None = None
    external_id: str | None = None
    status: str | None = None
    received_on_from: date | None = None
    received_on_to: date | None = None


async def find(uow: UnitOfWork, payment_id: UUID) -> Payment | None:
    """The payment with an id and its allocations, as they are now."""
    return await uow.session.scalar(
        select(Payment)
        .where(Payment.tenant_id == uow.tenant_id, Payment.id == payment_id)
        .options(selectinload(Payment.allocations))
        .execution_options(populate_existing=True)
    )


async def find_customer_id(uow: UnitOfWork, payment_id: UUID) -> UUID | None:
    """Whose payment it is."""
    return await uow.session.scalar(
        select(Payment.customer_id).where(Payment.tenant_id == uow.tenant_id, Payment.id == payment_id)
    )


async def external_id_exists(uow: UnitOfWork, external_id: str) -> bool:
    """Whether a payment has this external id."""
    found = await uow.session.scalar(
        select(Payment.id).where(Payment.tenant_id == uow.tenant_id, Payment.external_id == external_id)
    )
    return found is not None


async def list_page(uow: UnitOfWork, wanted: PaymentFilter, *, limit: int, before: UUID | None) -> Sequence[Payment]:
    """Payments newest first, one more than `limit`."""
    statement = select(Payment).where(Payment.tenant_id == uow.tenant_id).options(selectinload(Payment.allocations))
    for column, value in (
        (Payment.customer_id, wanted.customer_id),
        (Payment.external_id, wanted.external_id),
        (Payment.status, wanted.status),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.received_on_from is not None:
        statement = statement.where(Payment.received_on >= wanted.received_on_from)
    if wanted.received_on_to is not None:
        statement = statement.where(Payment.received_on <= wanted.received_on_to)
    if before is not None:
        statement = statement.where(Payment.id < before)
    return (await uow.session.scalars(statement.order_by(Payment.id.desc()).limit(limit + 1))).all()


async def load_oldest_invoices(
    uow: UnitOfWork, customer_id: UUID, currency: str, amount_minor: int
) -> Sequence[Invoice]:
    """The oldest invoices that a customer owes in a currency, as many as an amount can settle.

    The order is the one of `allocate_automatically`; the invoices that the amount does not reach stay unread, so a
    payment costs what it settles and not what is open.
    """
    available = (
        Invoice.principal_open_minor + Invoice.interest_open_minor + Invoice.fees_open_minor - Invoice.disputed_minor
    )
    order = (Invoice.due_on, Invoice.issued_on, Invoice.id)
    running = (
        select(Invoice.tenant_id, Invoice.id, (func.sum(available).over(order_by=order) - available).label("before"))
        .where(
            Invoice.tenant_id == uow.tenant_id,
            Invoice.customer_id == customer_id,
            Invoice.currency == currency,
            Invoice.status.in_(RECEIVABLE),
        )
        .subquery()
    )
    invoices = await uow.session.scalars(
        select(Invoice)
        .join(running, and_(running.c.tenant_id == Invoice.tenant_id, running.c.id == Invoice.id))
        .where(Invoice.tenant_id == uow.tenant_id, running.c.before < amount_minor)
    )
    return invoices.all()


async def load_invoices(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> Sequence[Invoice]:
    """Invoices by id."""
    invoices = await uow.session.scalars(
        select(Invoice).where(Invoice.tenant_id == uow.tenant_id, Invoice.id.in_(invoice_ids))
    )
    return invoices.all()
