"""Where invoices that are due in instalments stand in the aging report: each open part by its own due date.

Open charges come with the oldest part of which something is open, or with the last one where none is, as in dunning
(`app.domain.instalments.open_parts`).
"""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    SQLColumnExpression,
    and_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
)

from app.models import Invoice, InvoiceInstalment, LedgerEntry
from app.reports.question import Question


def open_of_balances(question: Question, taken_back: CTE) -> CTE:
    """Open principal and charges of the invoices that are due in instalments."""
    back = taken_back.c
    principal = Invoice.principal_open_minor + func.coalesce(back.principal_minor, 0)
    charges = Invoice.interest_open_minor + Invoice.fees_open_minor
    charges += func.coalesce(back.amount_minor - back.principal_minor, 0)
    return (
        _of_invoices(question, principal, charges)
        .outerjoin(taken_back, back.invoice_id == Invoice.id)
        .where(or_(principal != 0, charges != 0))
        .cte("divided")
    )


def open_of_ledger(question: Question) -> CTE:
    """The same, from the entries that count."""
    amount = func.sum(LedgerEntry.amount_minor)
    principal = func.coalesce(amount.filter(LedgerEntry.account == "principal"), 0)
    charges = func.coalesce(amount.filter(LedgerEntry.account != "principal"), 0)
    return (
        _of_invoices(question, principal, charges)
        .join(LedgerEntry, (LedgerEntry.tenant_id == Invoice.tenant_id) & (LedgerEntry.invoice_id == Invoice.id))
        .where(not_(question.does_not_count()))
        .group_by(Invoice.tenant_id, Invoice.id)
        .having(or_(principal != 0, charges != 0))
        .cte("divided")
    )


def _of_invoices(
    question: Question, principal: ColumnElement[int], charges: ColumnElement[int]
) -> Select[*tuple[Any, ...]]:
    in_instalments: Select[UUID] = select(InvoiceInstalment.invoice_id).where(
        InvoiceInstalment.tenant_id == question.tenant_id
    )
    return select(
        Invoice.id,
        Invoice.customer_id,
        Invoice.currency,
        Invoice.due_on,
        principal.label("principal_minor"),
        charges.label("charges_minor"),
    ).where(
        Invoice.tenant_id == question.tenant_id,
        Invoice.id.in_(in_instalments),
        question.is_asked(Invoice.currency),
    )


def moved_by_instalments(question: Question, divided: CTE) -> CTE:
    """What instalments change: what is open leaves the bucket of its invoice for those of the parts that are open.

    What is paid fills the parts in order, so that what is open lies in the last ones; the first takes what does not fit
    anywhere, so that nothing is gained or lost.
    """
    part = InvoiceInstalment
    later = func.sum(part.amount_minor).over(partition_by=part.invoice_id, order_by=part.number.desc(), rows=(None, -1))
    scheduled = (
        select(
            divided,
            part.due_on.label("part_due_on"),
            part.amount_minor,
            func.coalesce(later, 0).label("later_minor"),
            (part.number == func.min(part.number).over(partition_by=part.invoice_id)).label("is_first"),
        )
        .join(part, (part.tenant_id == question.tenant_id) & (part.invoice_id == divided.c.id))
        .cte("scheduled")
    ).c
    whole, later_minor = scheduled.principal_minor, scheduled.later_minor
    principal: SQLColumnExpression[int] = case(
        (scheduled.is_first, whole - func.greatest(0, func.least(whole, later_minor))),
        else_=func.least(scheduled.amount_minor, func.greatest(0, whole - later_minor)),
    )
    # The part in which the oldest unit of what is open lies: where none is, that would be the last unit of all.
    oldest = func.greatest(1, whole)
    is_oldest = and_(later_minor < oldest, or_(scheduled.is_first, oldest <= later_minor + scheduled.amount_minor))
    open_minor = principal + case((is_oldest, scheduled.charges_minor), else_=0)
    whose = (scheduled.customer_id, scheduled.currency)
    leaves = select(
        *whose,
        question.bucket(scheduled.due_on),
        literal(-1, Integer).label("count"),
        (-whole - scheduled.charges_minor).label("amount_minor"),
    ).where(scheduled.is_first)
    arrives = select(*whose, question.bucket(scheduled.part_due_on), literal(1, Integer), open_minor).where(
        open_minor != 0
    )
    return union_all(leaves, arrives).cte("moved")
