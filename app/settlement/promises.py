"""Promises to pay are judged by the payments that stand, and judged anew when these move (rules D10, M5 and M6)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import and_, or_, select

from app.core.uow import UnitOfWork
from app.domain.promise import Judgement, judge
from app.domain.states import PROMISE
from app.dunning.standing import promise_of
from app.models import Customer, Invoice, Promise


@dataclass(frozen=True, slots=True)
class Paid:
    """What one ledger entry of a payment has settled of an invoice."""

    entry_id: UUID
    effective_on: date
    amount_minor: int


async def follow_promises(uow: UnitOfWork, customers: Mapping[UUID, Customer], invoices: Sequence[Invoice]) -> None:
    """Judge the customers' open promises, and anew those that were judged by payments on the invoices."""
    ids = [customer.id for customer in customers.values() if customer.has_agreements]
    if not ids:
        return
    touched = [invoice.id for invoice in invoices]
    found = await uow.session.scalars(
        select(Promise)
        .where(
            Promise.tenant_id == uow.tenant_id,
            Promise.customer_id.in_(ids),
            or_(
                Promise.status == "open",
                and_(Promise.status != "cancelled", Promise.invoice_ids.overlap(touched)),
            ),
        )
        .order_by(Promise.id)
    )
    promises = [row for row in found if row.status != "cancelled"]
    if not promises:
        return
    # The ledger is complete with them: what has been reversed is told by entries, not by changes of old rows.
    await uow.write_new()
    paid = await _load_paid(
        uow,
        {invoice_id for row in promises for invoice_id in row.invoice_ids},
        since=min(row.made_on for row in promises),
    )
    for row in promises:
        _apply(uow, row, judge(promise_of(row), _counting(row, paid), uow.today))


def _counting(row: Promise, paid: Mapping[UUID, Sequence[Paid]]) -> list[tuple[date, int]]:
    """What may count towards a promise; the payments of its own day that were known when it was made do not."""
    return [
        (each.effective_on, each.amount_minor)
        for invoice_id in row.invoice_ids
        for each in paid.get(invoice_id, ())
        if each.effective_on > row.made_on or each.entry_id > row.id
    ]


def _apply(uow: UnitOfWork, row: Promise, judgement: Judgement) -> None:
    if judgement.status != row.status and PROMISE.allows(row.status, judgement.status):
        uow.track(row)
        row.status = judgement.status
        uow.emit("promise.reopened" if judgement.status == "open" else f"promise.{judgement.status}", row)
    if judgement.status == row.status:
        row.paid_minor = max(0, judgement.paid_minor)
        row.judged_on = judgement.decided_on


async def _load_paid(uow: UnitOfWork, invoice_ids: Collection[UUID], *, since: date) -> dict[UUID, list[Paid]]:
    rows = await uow.driver.fetch(_PAID, uow.tenant_id, list(invoice_ids), since)
    paid: dict[UUID, list[Paid]] = defaultdict(list)
    for row in rows:
        paid[row["invoice_id"]].append(Paid(row["id"], row["effective_on"], row["settled"]))
    return paid


# What payments settle, with the discounts and differences that close the rest; a reversed one has never counted.
_PAID: Final = """
SELECT e.id, e.invoice_id, e.effective_on, -e.amount_minor AS settled
FROM ledger_entries e
WHERE e.tenant_id = $1 AND e.invoice_id = ANY($2::uuid[]) AND e.effective_on >= $3 AND e.payment_id IS NOT NULL
    AND e.kind IN ('payment_allocated', 'discount_taken', 'difference_closed') AND e.reverses_id IS NULL
    AND NOT EXISTS (SELECT FROM ledger_entries r WHERE r.tenant_id = $1 AND r.reverses_id = e.id)
"""
