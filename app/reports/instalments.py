"""Where invoices that are due in instalments stand in the aging report: each open part by its own due date."""

from uuid import UUID

from sqlalchemy import CTE, Integer, Select, case, func, literal, not_, select, union_all

from app.models import Invoice, InvoiceInstalment, LedgerEntry
from app.reports.question import Question


def principals_of_balances(question: Question, taken_back: CTE) -> CTE:
    """Open principal of the invoices that are due in instalments."""
    principal = Invoice.principal_open_minor + func.coalesce(taken_back.c.principal_minor, 0)
    return (
        select(Invoice.id, Invoice.customer_id, Invoice.currency, Invoice.due_on, principal.label("principal_minor"))
        .outerjoin(taken_back, taken_back.c.invoice_id == Invoice.id)
        .where(
            Invoice.tenant_id == question.tenant_id,
            Invoice.id.in_(_in_instalments(question)),
            question.is_asked(Invoice.currency),
            principal != 0,
        )
        .cte("principals")
    )


def principals_of_ledger(question: Question) -> CTE:
    """The same, from the entries that count."""
    principal = func.sum(LedgerEntry.amount_minor)
    return (
        select(Invoice.id, Invoice.customer_id, Invoice.currency, Invoice.due_on, principal.label("principal_minor"))
        .join(LedgerEntry, (LedgerEntry.tenant_id == Invoice.tenant_id) & (LedgerEntry.invoice_id == Invoice.id))
        .where(
            Invoice.tenant_id == question.tenant_id,
            Invoice.id.in_(_in_instalments(question)),
            question.is_asked(Invoice.currency),
            LedgerEntry.account == "principal",
            not_(question.does_not_count()),
        )
        .group_by(Invoice.tenant_id, Invoice.id)
        .having(principal != 0)
        .cte("principals")
    )


def _in_instalments(question: Question) -> Select[UUID]:
    return select(InvoiceInstalment.invoice_id).where(InvoiceInstalment.tenant_id == question.tenant_id)


def moved_by_instalments(question: Question, principals: CTE) -> CTE:
    """What instalments change: principal leaves the bucket of its invoice for those of the parts that are open.

    What is paid fills the parts in order, so that what is open lies in the last ones; the first takes what does not fit
    anywhere, so that nothing is gained or lost.
    """
    part = InvoiceInstalment
    later = func.sum(part.amount_minor).over(partition_by=part.invoice_id, order_by=part.number.desc(), rows=(None, -1))
    scheduled = (
        select(
            principals,
            part.due_on.label("part_due_on"),
            part.amount_minor,
            func.coalesce(later, 0).label("later_minor"),
            (part.number == func.min(part.number).over(partition_by=part.invoice_id)).label("is_first"),
        )
        .join(part, (part.tenant_id == question.tenant_id) & (part.invoice_id == principals.c.id))
        .cte("scheduled")
    ).c
    whole, later_minor = scheduled.principal_minor, scheduled.later_minor
    open_minor = case(
        (scheduled.is_first, whole - func.greatest(0, func.least(whole, later_minor))),
        else_=func.least(scheduled.amount_minor, func.greatest(0, whole - later_minor)),
    )
    whose = (scheduled.customer_id, scheduled.currency)
    leaves = select(
        *whose, question.bucket(scheduled.due_on), literal(-1, Integer).label("count"), (-whole).label("amount_minor")
    ).where(scheduled.is_first)
    arrives = select(*whose, question.bucket(scheduled.part_due_on), literal(1, Integer), open_minor).where(
        open_minor != 0
    )
    return union_all(leaves, arrives).cte("moved")
