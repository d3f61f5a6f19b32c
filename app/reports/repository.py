"""Queries for reports: each is one statement, so that all of its figures describe the same instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Date,
    Integer,
    Select,
    bindparam,
    cast,
    func,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)

from app.core.uow import UnitOfWork
from app.models import Customer, Invoice, LedgerEntry


@dataclass(frozen=True, slots=True)
class AgingRow:
    """Invoices of one currency in one bucket, of one customer or of all.

    Attributes:
        customer_id: None in the rows over all customers.
        bucket: index of the bucket; None in the rows of unapplied cash.
        amount_minor: sum of ledger entries, so that unapplied cash is negative.
    """

    customer_id: UUID | None
    external_id: str | None
    name: str | None
    currency: str
    bucket: int | None
    count: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """Which customers are listed one by one, newest first; one more than `limit` is read."""

    limit: int
    before: UUID | None


async def aging(
    uow: UnitOfWork,
    *,
    as_of: date,
    known_at: datetime | None,
    currency: str | None,
    later_bucket_starts: Sequence[int],
    customers: CustomerPage | None,
) -> list[AgingRow]:
    """Sums of ledger entries by currency and bucket, over all customers and for a page of them.

    Args:
        uow: the unit of work.
        as_of: entries effective by this date count, and days overdue are counted to it.
        known_at: entries booked by this instant count; all of them if None.
        currency: only this one.
        later_bucket_starts: first days overdue of the buckets after `current`.
        customers: the page of customers, if they are asked for.
    """
    aged = _aged(uow, _balances(uow, as_of, known_at, currency), as_of, later_bucket_starts)
    parts = [_over_all(aged)]
    if customers is not None:
        parts.append(_by_customer(uow, aged, customers))
    rows = await uow.session.execute(union_all(*parts))
    return [
        AgingRow(customer_id, external_id, name, currency_, bucket, count, int(amount))
        for customer_id, external_id, name, currency_, bucket, count, amount in rows
    ]


def _balances(uow: UnitOfWork, as_of: date, known_at: datetime | None, currency: str | None) -> CTE:
    """What is open on each invoice, and each customer's unapplied cash, whose entries name no invoice."""
    amount = func.sum(LedgerEntry.amount_minor)
    statement = (
        select(LedgerEntry.customer_id, LedgerEntry.invoice_id, LedgerEntry.currency, amount.label("amount_minor"))
        .where(LedgerEntry.tenant_id == uow.tenant_id, LedgerEntry.effective_on <= as_of)
        .group_by(LedgerEntry.customer_id, LedgerEntry.invoice_id, LedgerEntry.currency)
        .having(amount != 0)
    )
    if known_at is not None:
        statement = statement.where(LedgerEntry.booked_at <= known_at)
    if currency is not None:
        statement = statement.where(LedgerEntry.currency == currency)
    return statement.cte("balances")


def _aged(uow: UnitOfWork, balances: CTE, as_of: date, later_bucket_starts: Sequence[int]) -> CTE:
    """The balances with the bucket of each invoice."""
    days = type_coerce(literal(as_of, Date) - Invoice.due_on, Integer)
    # Below the first threshold is 0, which is `current`; from the n-th on it is n.
    bucket = func.width_bucket(days, cast(bindparam("starts", list(later_bucket_starts)), ARRAY(Integer)))
    return (
        select(balances.c.customer_id, balances.c.currency, balances.c.amount_minor, bucket.label("bucket"))
        .outerjoin(Invoice, (Invoice.tenant_id == uow.tenant_id) & (Invoice.id == balances.c.invoice_id))
        .cte("aged")
    )


def _over_all(aged: CTE) -> Select[*tuple[Any, ...]]:
    nothing = (null().label("customer_id"), null().label("external_id"), null().label("name"))
    return select(*nothing, *_sums(aged)).group_by(aged.c.currency, aged.c.bucket)


def _by_customer(uow: UnitOfWork, aged: CTE, customers: CustomerPage) -> Select[*tuple[Any, ...]]:
    listed = select(aged.c.customer_id).distinct().order_by(aged.c.customer_id.desc()).limit(customers.limit + 1)
    if customers.before is not None:
        listed = listed.where(aged.c.customer_id < customers.before)
    customer = (aged.c.customer_id, Customer.external_id, Customer.name)
    return (
        select(*customer, *_sums(aged))
        .join(Customer, (Customer.tenant_id == uow.tenant_id) & (Customer.id == aged.c.customer_id))
        .where(aged.c.customer_id.in_(listed.scalar_subquery()))
        .group_by(*customer, aged.c.currency, aged.c.bucket)
    )


def _sums(aged: CTE) -> tuple[ColumnElement[Any], ...]:
    return (aged.c.currency, aged.c.bucket, func.count().label("count"), func.sum(aged.c.amount_minor).label("amount"))
