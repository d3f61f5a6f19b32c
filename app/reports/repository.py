"""Queries for reports: each is one statement, so that all of its figures describe the same instant.

The aging report has two sources, which give the same figures. The kept balances are the sums of all entries; from them
the entries are taken back that do not count: those effective after `as_of` or booked after `known_at`. For today there
are next to none of them. For a day long past they are most of the ledger, and then the entries that do count are added
up instead. Balances and corrections are added up by cell, never invoice by invoice, so that the scan of the balances
aggregates as it goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    CompoundSelect,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    SQLColumnExpression,
    bindparam,
    case,
    cast,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)

from app.core.driver import driver_of
from app.core.uow import UnitOfWork
from app.domain.states import INVOICE
from app.models import Customer, Invoice, LedgerEntry, Payment

# What a draft will owe is not booked, and a CHECK says that nothing is open on what is paid. Naming the others lets the
# planner find them by their status where most invoices are paid.
_MAY_OWE: Final = tuple(sorted(INVOICE.states - {"draft", "paid"}))
_STORED: Final = Invoice.principal_open_minor + Invoice.interest_open_minor + Invoice.fees_open_minor

# The share of the entries to take back from which on adding up the others is quicker. An entry that is taken back costs
# about six times as much as one that is added up: its invoice is looked up as well, and by one process.
_MOST_TAKEN_BACK: Final = 0.15
# The planner's estimate, from the statistics that it keeps: nothing is read.
_ESTIMATE_LATER: Final = """
EXPLAIN (FORMAT JSON) SELECT FROM ledger_entries
WHERE tenant_id = $1 AND (effective_on > $2 OR booked_at > coalesce($3::timestamptz, 'infinity'))
"""
_ESTIMATE_ALL: Final = "EXPLAIN (FORMAT JSON) SELECT FROM ledger_entries WHERE tenant_id = $1"

Source = Literal["balances", "ledger"]


@dataclass(frozen=True, slots=True)
class AgingRow:
    """Invoices of one currency in one bucket, of one customer or of all.

    Attributes:
        customer_id: None in the rows over all customers.
        bucket: index of the bucket; None in the rows of unapplied cash.
        count: invoices that are not settled; in the rows of unapplied cash, customers that have any.
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


@dataclass(frozen=True, slots=True)
class _Question:
    """What the report is asked for, and the parts of the statement that depend on it."""

    tenant_id: UUID
    as_of: date
    known_at: datetime | None
    currency: str | None
    later_bucket_starts: Sequence[int]

    def does_not_count(self) -> ColumnElement[bool]:
        """Entries to take back.

        The day and the instant are written into the statement: a plan that is kept for any value would read the whole
        ledger to take back nothing, or walk an index to take back nearly everything.
        """
        as_of = cast(bindparam("as_of", self.as_of, Date, literal_execute=True), Date)
        later = LedgerEntry.effective_on > as_of
        if self.known_at is None:
            return later
        known_at = bindparam("known_at", self.known_at, DateTime(timezone=True), literal_execute=True)
        return or_(later, LedgerEntry.booked_at > cast(known_at, DateTime(timezone=True)))

    def is_asked(self, currency: SQLColumnExpression[str]) -> ColumnElement[bool]:
        """Whether a row's currency is the one asked for."""
        return true() if self.currency is None else currency == self.currency

    def bucket(self) -> ColumnElement[int]:
        """The bucket of an invoice: below the first threshold is 0, which is `current`; from the n-th on it is n."""
        days = type_coerce(literal(self.as_of, Date) - Invoice.due_on, Integer)
        starts = literal(list(self.later_bucket_starts), ARRAY(Integer))
        return func.width_bucket(days, starts).label("bucket")


async def aging(
    uow: UnitOfWork,
    *,
    as_of: date,
    known_at: datetime | None,
    currency: str | None,
    later_bucket_starts: Sequence[int],
    customers: CustomerPage | None,
    source: Source | None = None,
) -> list[AgingRow]:
    """What the entries that count add up to, by currency and bucket, over all customers and for a page of them.

    Args:
        uow: the unit of work.
        as_of: entries effective by this date count, and days overdue are counted to it.
        known_at: entries booked by this instant count; all of them if None.
        currency: only this one.
        later_bucket_starts: first days overdue of the buckets after `current`.
        customers: the page of customers, if they are asked for.
        source: what the figures are computed from; the quicker one if None.
    """
    question = _Question(uow.tenant_id, as_of, known_at, currency, later_bucket_starts)
    source = source or await _quicker_source(uow, question)
    parts = _from_ledger(question, customers) if source == "ledger" else _from_balances(question, customers)
    rows = await uow.session.execute(union_all(*parts))
    return [
        AgingRow(customer_id, external_id, name, currency_, bucket, int(count), int(amount))
        for customer_id, external_id, name, currency_, bucket, count, amount in rows
    ]


async def _quicker_source(uow: UnitOfWork, question: _Question) -> Source:
    if question.as_of >= uow.today and question.known_at is None:
        return "balances"
    driver = await driver_of(uow.session)
    later = await driver.fetchval(_ESTIMATE_LATER, question.tenant_id, question.as_of, question.known_at)
    every = await driver.fetchval(_ESTIMATE_ALL, question.tenant_id)
    return "ledger" if _rows(later) > _rows(every) * _MOST_TAKEN_BACK else "balances"


def _rows(plan: Any) -> int:
    found = orjson.loads(plan) if isinstance(plan, str | bytes) else plan
    return int(found[0]["Plan"]["Plan Rows"])


def _from_balances(question: _Question, customers: CustomerPage | None) -> list[Select[*tuple[Any, ...]]]:
    taken_back = _taken_back(question)
    corrections, cash = _corrections(question, taken_back), _cash(question, taken_back)
    parts = [_over_all(question, corrections, cash)]
    if customers is not None:
        parts.append(_by_customer(question, corrections, cash, customers))
    return parts


def _from_ledger(question: _Question, customers: CustomerPage | None) -> list[Select[*tuple[Any, ...]]]:
    amount = func.sum(LedgerEntry.amount_minor)
    sums = (
        select(LedgerEntry.customer_id, LedgerEntry.invoice_id, LedgerEntry.currency, amount.label("amount_minor"))
        .where(
            LedgerEntry.tenant_id == question.tenant_id,
            not_(question.does_not_count()),
            question.is_asked(LedgerEntry.currency),
        )
        .group_by(LedgerEntry.customer_id, LedgerEntry.invoice_id, LedgerEntry.currency)
        .having(amount != 0)
        .subquery("sums")
    )
    # Cash names no invoice, and so comes to no bucket.
    kept = select(
        sums.c.customer_id,
        sums.c.currency,
        question.bucket(),
        literal(1, Integer).label("count"),
        sums.c.amount_minor,
    ).outerjoin(Invoice, (Invoice.tenant_id == question.tenant_id) & (Invoice.id == sums.c.invoice_id))
    if customers is None:
        # Not as a CTE, which one process alone would compute.
        return [_totals(kept.subquery("parts"))]
    cells = kept.cte("cells")
    listed = _page(select(cells.c.customer_id, cells.c.count), customers)
    own = select(cells).where(cells.c.customer_id.in_(select(listed.c.customer_id)))
    return [_totals(cells), _customer_totals(question, own.subquery("customer_parts"))]


def _taken_back(question: _Question) -> CTE:
    """What comes of leaving out entries, by invoice, and by customer for cash, whose entries name no invoice."""
    amount = func.sum(LedgerEntry.amount_minor)
    return (
        select(LedgerEntry.customer_id, LedgerEntry.invoice_id, LedgerEntry.currency, (-amount).label("amount_minor"))
        .where(
            LedgerEntry.tenant_id == question.tenant_id,
            question.does_not_count(),
            question.is_asked(LedgerEntry.currency),
        )
        .group_by(LedgerEntry.customer_id, LedgerEntry.invoice_id, LedgerEntry.currency)
        .having(amount != 0)
        .cte("taken_back")
    )


def _owing(question: _Question, *columns: SQLColumnExpression[Any]) -> Select[*tuple[Any, ...]]:
    """Invoices on which something is open today."""
    return select(*columns).where(
        Invoice.tenant_id == question.tenant_id,
        Invoice.status.in_(_MAY_OWE),
        _STORED != 0,
        question.is_asked(Invoice.currency),
    )


def _corrections(question: _Question, taken_back: CTE) -> CTE:
    """What the taken back entries change: an invoice may come in, drop out, or stay with another amount."""
    change = case((_STORED == 0, 1), (_STORED + taken_back.c.amount_minor == 0, -1), else_=0)
    return (
        select(
            taken_back.c.customer_id,
            taken_back.c.currency,
            question.bucket(),
            change.label("count"),
            taken_back.c.amount_minor,
        )
        .join(Invoice, (Invoice.tenant_id == question.tenant_id) & (Invoice.id == taken_back.c.invoice_id))
        .cte("corrections")
    )


def _cash(question: _Question, taken_back: CTE) -> CTE:
    """Each customer's unapplied cash, as the ledger has it: negative."""
    kept = select(Payment.customer_id, Payment.currency, (-Payment.unapplied_minor).label("amount_minor")).where(
        Payment.tenant_id == question.tenant_id,
        Payment.status == "posted",
        Payment.unapplied_minor > 0,
        question.is_asked(Payment.currency),
    )
    back = select(taken_back.c.customer_id, taken_back.c.currency, taken_back.c.amount_minor).where(
        taken_back.c.invoice_id.is_(None)
    )
    both = union_all(kept, back).subquery("cash_parts")
    amount = func.sum(both.c.amount_minor)
    return (
        select(
            both.c.customer_id,
            both.c.currency,
            cast(null(), Integer).label("bucket"),
            literal(1, Integer).label("count"),
            amount.label("amount_minor"),
        )
        .group_by(both.c.customer_id, both.c.currency)
        .having(amount != 0)
        .cte("cash")
    )


def _over_all(question: _Question, corrections: CTE, cash: CTE) -> Select[*tuple[Any, ...]]:
    bucket = question.bucket()
    cells = _owing(
        question, Invoice.currency, bucket, func.count().label("count"), func.sum(_STORED).label("amount_minor")
    ).group_by(Invoice.currency, bucket)
    later = [select(part.c.currency, part.c.bucket, part.c.count, part.c.amount_minor) for part in (corrections, cash)]
    return _totals(union_all(cells, *later).subquery("parts"))


def _totals(parts: FromClause) -> Select[*tuple[Any, ...]]:
    nothing = (null().label("customer_id"), null().label("external_id"), null().label("name"))
    return (
        select(*nothing, *_sums(parts)).group_by(parts.c.currency, parts.c.bucket).having(func.sum(parts.c.count) != 0)
    )


def _by_customer(question: _Question, corrections: CTE, cash: CTE, customers: CustomerPage) -> Select[*tuple[Any, ...]]:
    listed = _listed(question, corrections, cash, customers)
    wanted = select(listed.c.customer_id)
    stored = _owing(
        question,
        Invoice.customer_id,
        Invoice.currency,
        question.bucket(),
        literal(1, Integer).label("count"),
        _STORED.label("amount_minor"),
    ).where(Invoice.customer_id.in_(wanted))
    later = [select(part).where(part.c.customer_id.in_(wanted)) for part in (corrections, cash)]
    return _customer_totals(question, union_all(stored, *later).subquery("customer_parts"))


def _customer_totals(question: _Question, parts: FromClause) -> Select[*tuple[Any, ...]]:
    customer = (parts.c.customer_id, Customer.external_id, Customer.name)
    return (
        select(*customer, *_sums(parts))
        .join(Customer, (Customer.tenant_id == question.tenant_id) & (Customer.id == parts.c.customer_id))
        .group_by(*customer, parts.c.currency, parts.c.bucket)
        .having(func.sum(parts.c.count) != 0)
    )


def _listed(question: _Question, corrections: CTE, cash: CTE, customers: CustomerPage) -> CTE:
    """Customers with an invoice that is not settled or with unapplied cash."""
    one = literal(1, Integer).label("count")
    parts = [_owing(question, Invoice.customer_id, one)]
    parts += [select(part.c.customer_id, part.c.count) for part in (corrections, cash)]
    return _page(union_all(*parts), customers)


def _page(parts: Select[UUID, int] | CompoundSelect[*tuple[Any, ...]], customers: CustomerPage) -> CTE:
    counted = parts.subquery("counted")
    statement = select(counted.c.customer_id)
    if customers.before is not None:
        statement = statement.where(counted.c.customer_id < customers.before)
    return (
        statement.group_by(counted.c.customer_id)
        .having(func.sum(counted.c.count) != 0)
        .order_by(counted.c.customer_id.desc())
        .limit(customers.limit + 1)
        .cte("listed")
    )


def _sums(parts: FromClause) -> tuple[ColumnElement[Any], ...]:
    columns = (func.sum(parts.c.count).label("count"), func.sum(parts.c.amount_minor).label("amount"))
    return (parts.c.currency, parts.c.bucket, *columns)
