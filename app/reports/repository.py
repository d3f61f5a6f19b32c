"""Queries for reports: each is one statement, so that all of its figures describe the same instant.

The aging report has two sources, which give the same figures. The kept balances are the sums of all entries; from them
the entries are taken back that do not count: those effective after `as_of` or booked after `known_at`. For today there
are next to none of them. For a day long past they are most of the ledger, and then the entries that do count are added
up instead. Balances and corrections are added up by cell, never invoice by invoice, so that the scan of the balances
aggregates as it goes.

Invoices that are due in instalments are few. They are counted like the others, by their own due date, and a third part
moves what is open of them from there to where their open instalments are due.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    Select,
    SQLColumnExpression,
    Text,
    Uuid,
    case,
    cast,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
)

from app.core.uow import UnitOfWork
from app.domain.states import INVOICE
from app.models import CreditNote, Customer, Invoice, LedgerEntry, Payment
from app.reports.instalments import moved_by_instalments, open_of_balances, open_of_ledger
from app.reports.question import Question

# What a draft will owe is not booked, and a CHECK says that nothing is open on what is paid. Naming the others lets the
# planner find them by their status where most invoices are paid.
_MAY_OWE: Final = tuple(sorted(INVOICE.states - {"draft", "paid"}))
_STORED: Final = Invoice.principal_open_minor + Invoice.interest_open_minor + Invoice.fees_open_minor

# The share of the entries to take back from which on adding up the others is quicker. An entry that is taken back costs
# about six times as much as one that is added up: its invoice is looked up as well, and by one process.
_MOST_TAKEN_BACK_PERCENT: Final = 15
# The planner's estimate, from the statistics that it keeps: nothing is read.
_ESTIMATE_LATER: Final = """
EXPLAIN (FORMAT JSON) SELECT FROM ledger_entries
WHERE tenant_id = $1 AND (effective_on > $2 OR booked_at > coalesce($3::timestamptz, 'infinity'))
"""
_ESTIMATE_ALL: Final = "EXPLAIN (FORMAT JSON) SELECT FROM ledger_entries WHERE tenant_id = $1"

Source = Literal["balances", "ledger"]
UNIDENTIFIED: Final = -1


@dataclass(frozen=True, slots=True)
class AgingRow:
    """Invoices of one currency in one bucket, of one customer or of all.

    Attributes:
        customer_id: None in the rows over all customers.
        bucket: index of the bucket; None in the rows of unapplied cash and credit, and `UNIDENTIFIED` in those of cash
            that nobody has been named for.
        count: invoices or instalments that are not settled; elsewhere, customers that have any.
        amount_minor: sum of ledger entries, so that unapplied cash and credit are negative.
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
    question = Question(uow.tenant_id, as_of, known_at, currency, later_bucket_starts)
    source = source or await _quicker_source(uow, question)
    parts = _from_ledger(question, customers) if source == "ledger" else _from_balances(question, customers)
    rows = await uow.session.execute(union_all(*parts))
    return _merged(
        AgingRow(customer_id, external_id, name, currency_, bucket, int(count), int(amount))
        for customer_id, external_id, name, currency_, bucket, count, amount in rows
    )


def _merged(rows: Iterable[AgingRow]) -> list[AgingRow]:
    """One row for each cell: the parts of the statement are planned, and run in parallel, each by itself."""
    cells: dict[tuple[UUID | None, str, int | None], AgingRow] = {}
    for row in rows:
        key = (row.customer_id, row.currency, row.bucket)
        known = cells.get(key)
        cells[key] = row if known is None else replace(
            row, count=row.count + known.count, amount_minor=row.amount_minor + known.amount_minor
        )  # fmt: skip
    return [row for row in cells.values() if row.count or row.amount_minor]


async def _quicker_source(uow: UnitOfWork, question: Question) -> Source:
    if question.as_of >= uow.today and question.known_at is None:
        return "balances"
    later = await uow.driver.fetchval(_ESTIMATE_LATER, question.tenant_id, question.as_of, question.known_at)
    every = await uow.driver.fetchval(_ESTIMATE_ALL, question.tenant_id)
    return "ledger" if _rows(later) * 100 > _rows(every) * _MOST_TAKEN_BACK_PERCENT else "balances"


def _rows(plan: Any) -> int:
    found = orjson.loads(plan) if isinstance(plan, str | bytes) else plan
    return int(found[0]["Plan"]["Plan Rows"])


def _from_balances(question: Question, customers: CustomerPage | None) -> list[Select[*tuple[Any, ...]]]:
    taken_back = _taken_back(question)
    corrections, cash = _corrections(question, taken_back), _cash(question, taken_back)
    moved = moved_by_instalments(question, open_of_balances(question, taken_back))
    parts = [_over_all(question, corrections, cash), _totals(moved)]
    if customers is not None:
        listed = _listed(question, corrections, cash, customers)
        parts.append(_by_customer(question, corrections, cash, listed))
        parts.append(_customer_totals(question, _own(moved, listed)))
    return parts


def _from_ledger(question: Question, customers: CustomerPage | None) -> list[Select[*tuple[Any, ...]]]:
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
    # Cash and credit name no invoice, and so come to no bucket.
    kept = select(
        sums.c.customer_id,
        sums.c.currency,
        case((sums.c.customer_id.is_(None), UNIDENTIFIED), else_=question.bucket(Invoice.due_on)).label("bucket"),
        literal(1, Integer).label("count"),
        sums.c.amount_minor,
    ).outerjoin(Invoice, (Invoice.tenant_id == question.tenant_id) & (Invoice.id == sums.c.invoice_id))
    moved = moved_by_instalments(question, open_of_ledger(question))
    if customers is None:
        # Not as a CTE, which one process alone would compute.
        return [_totals(kept.subquery("parts")), _totals(moved)]
    cells = kept.cte("cells")
    listed = _page(select(cells.c.customer_id, cells.c.count), customers)
    own = [_customer_totals(question, _own(part, listed)) for part in (cells, moved)]
    return [_totals(cells), _totals(moved), *own]


def _taken_back(question: Question) -> CTE:
    """What comes of leaving out entries, by invoice, and by customer for cash and credit, which name no invoice."""
    amount = func.sum(LedgerEntry.amount_minor)
    principal = func.coalesce(amount.filter(LedgerEntry.account == "principal"), 0)
    return (
        select(
            LedgerEntry.customer_id,
            LedgerEntry.invoice_id,
            LedgerEntry.currency,
            (-amount).label("amount_minor"),
            (-principal).label("principal_minor"),
        )
        .where(
            LedgerEntry.tenant_id == question.tenant_id,
            question.does_not_count(),
            question.is_asked(LedgerEntry.currency),
        )
        .group_by(LedgerEntry.customer_id, LedgerEntry.invoice_id, LedgerEntry.currency)
        .having(or_(amount != 0, principal != 0))
        .cte("taken_back")
    )


def _owing(question: Question, *columns: SQLColumnExpression[Any]) -> Select[*tuple[Any, ...]]:
    """Invoices on which something is open today."""
    return select(*columns).where(
        Invoice.tenant_id == question.tenant_id,
        Invoice.status.in_(_MAY_OWE),
        _STORED != 0,
        question.is_asked(Invoice.currency),
    )


def _corrections(question: Question, taken_back: CTE) -> CTE:
    """What the taken back entries change: an invoice may come in, drop out, or stay with another amount."""
    change = case((_STORED == 0, 1), (_STORED + taken_back.c.amount_minor == 0, -1), else_=0)
    return (
        select(
            taken_back.c.customer_id,
            taken_back.c.currency,
            question.bucket(Invoice.due_on),
            change.label("count"),
            taken_back.c.amount_minor,
        )
        .join(Invoice, (Invoice.tenant_id == question.tenant_id) & (Invoice.id == taken_back.c.invoice_id))
        .cte("corrections")
    )


def _cash(question: Question, taken_back: CTE) -> CTE:
    """Each customer's unapplied cash and credit, and nobody's, as the ledger has it: negative."""
    kept = [
        select(source.customer_id, source.currency, (-source.unapplied_minor).label("amount_minor")).where(
            source.tenant_id == question.tenant_id,
            source.status == status,
            source.unapplied_minor > 0,
            question.is_asked(source.currency),
        )
        for source, status in ((Payment, "posted"), (CreditNote, "open"))
    ]
    back = select(taken_back.c.customer_id, taken_back.c.currency, taken_back.c.amount_minor).where(
        taken_back.c.invoice_id.is_(None)
    )
    both = union_all(*kept, back).subquery("cash_parts")
    amount = func.sum(both.c.amount_minor)
    bucket = case((both.c.customer_id.is_(None), UNIDENTIFIED), else_=cast(null(), Integer))
    return (
        select(
            both.c.customer_id,
            both.c.currency,
            bucket.label("bucket"),
            literal(1, Integer).label("count"),
            amount.label("amount_minor"),
        )
        .group_by(both.c.customer_id, both.c.currency)
        .having(amount != 0)
        .cte("cash")
    )


def _over_all(question: Question, corrections: CTE, cash: CTE) -> Select[*tuple[Any, ...]]:
    bucket = question.bucket(Invoice.due_on)
    cells = _owing(
        question, Invoice.currency, bucket, func.count().label("count"), func.sum(_STORED).label("amount_minor")
    ).group_by(Invoice.currency, bucket)
    later = [select(part.c.currency, part.c.bucket, part.c.count, part.c.amount_minor) for part in (corrections, cash)]
    return _totals(union_all(cells, *later).subquery("parts"))


def _totals(parts: FromClause) -> Select[*tuple[Any, ...]]:
    nothing = (
        cast(null(), Uuid).label("customer_id"),
        cast(null(), Text).label("external_id"),
        cast(null(), Text).label("name"),
    )
    return select(*nothing, *_sums(parts)).group_by(parts.c.currency, parts.c.bucket).having(_holds_something(parts))


def _by_customer(question: Question, corrections: CTE, cash: CTE, listed: CTE) -> Select[*tuple[Any, ...]]:
    wanted = select(listed.c.customer_id)
    stored = _owing(
        question,
        Invoice.customer_id,
        Invoice.currency,
        question.bucket(Invoice.due_on),
        literal(1, Integer).label("count"),
        _STORED.label("amount_minor"),
    ).where(Invoice.customer_id.in_(wanted))
    later = [select(part).where(part.c.customer_id.in_(wanted)) for part in (corrections, cash)]
    return _customer_totals(question, union_all(stored, *later).subquery("customer_parts"))


def _customer_totals(question: Question, parts: FromClause) -> Select[*tuple[Any, ...]]:
    customer = (parts.c.customer_id, Customer.external_id, Customer.name)
    return (
        select(*customer, *_sums(parts))
        .join(Customer, (Customer.tenant_id == question.tenant_id) & (Customer.id == parts.c.customer_id))
        .group_by(*customer, parts.c.currency, parts.c.bucket)
        .having(_holds_something(parts))
    )


def _own(parts: CTE, listed: CTE) -> FromClause:
    """The cells of the listed customers."""
    return select(parts).where(parts.c.customer_id.in_(select(listed.c.customer_id))).subquery()


def _listed(question: Question, corrections: CTE, cash: CTE, customers: CustomerPage) -> CTE:
    """Customers with an invoice that is not settled, or with unapplied cash or credit."""
    one = literal(1, Integer).label("count")
    parts = [_owing(question, Invoice.customer_id, one)]
    parts += [select(part.c.customer_id, part.c.count) for part in (corrections, cash)]
    return _page(union_all(*parts), customers)


def _page(parts: Select[UUID, int] | CompoundSelect[*tuple[Any, ...]], customers: CustomerPage) -> CTE:
    counted = parts.subquery("counted")
    statement = select(counted.c.customer_id).where(counted.c.customer_id.is_not(None))
    if customers.before is not None:
        statement = statement.where(counted.c.customer_id < customers.before)
    return (
        statement.group_by(counted.c.customer_id)
        .having(func.sum(counted.c.count) != 0)
        .order_by(counted.c.customer_id.desc())
        .limit(customers.limit + 1)
        .cte("listed")
    )


def _holds_something(parts: FromClause) -> ColumnElement[bool]:
    return or_(func.sum(parts.c.count) != 0, func.sum(parts.c.amount_minor) != 0)


def _sums(parts: FromClause) -> tuple[ColumnElement[Any], ...]:
    columns = (func.sum(parts.c.count).label("count"), func.sum(parts.c.amount_minor).label("amount"))
    return (parts.c.currency, parts.c.bucket, *columns)
