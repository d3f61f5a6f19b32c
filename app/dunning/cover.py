"""Loads what covers a customer's debts without settling them: cash and credit on account, and pending payments (M4)."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, union_all

from app.core.uow import UnitOfWork
from app.domain.money import parse_amount
from app.domain.verdicts import PendingPayment
from app.models import CreditNote, Invoice, Payment

InvoicesOf = Mapping[UUID, Collection[Invoice]]
"""By customer, the invoices that something is owed on."""


async def load_unapplied(uow: UnitOfWork, customer_ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """Unapplied cash and credit together, by customer and currency."""
    parts = union_all(
        select(Payment.customer_id, Payment.currency, Payment.unapplied_minor).where(
            Payment.tenant_id == uow.tenant_id,
            Payment.customer_id.in_(customer_ids),
            Payment.status == "posted",
            Payment.unapplied_minor > 0,
        ),
        select(CreditNote.customer_id, CreditNote.currency, CreditNote.unapplied_minor).where(
            CreditNote.tenant_id == uow.tenant_id,
            CreditNote.customer_id.in_(customer_ids),
            CreditNote.status == "open",
        ),
    ).subquery("parts")
    rows = await uow.session.execute(
        select(parts.c.customer_id, parts.c.currency, func.sum(parts.c.unapplied_minor)).group_by(
            parts.c.customer_id, parts.c.currency
        )
    )
    unapplied: dict[UUID, dict[str, int]] = defaultdict(dict)
    for customer_id, currency, total in rows:
        unapplied[customer_id][currency] = int(total)
    return unapplied


async def load_pending_payments(uow: UnitOfWork, owed: InvoicesOf) -> dict[UUID, tuple[PendingPayment, ...]]:
    """By customer, the payments that have not matured and cover something of theirs, whoever pays."""
    rows = await uow.session.execute(
        select(
            Payment.customer_id,
            Payment.currency,
            Payment.amount_minor,
            Payment.matures_on,
            Payment.intended_allocations,
        ).where(
            Payment.tenant_id == uow.tenant_id,
            Payment.status == "pending",
            Payment.matures_on > uow.today,
            or_(Payment.customer_id.in_(owed.keys()), Payment.for_other_customers),
        )
    )
    payments = rows.all()
    if not payments:
        return {}
    named = {
        name: (customer_id, invoice.id)
        for customer_id, invoices in owed.items()
        for invoice in invoices
        for name in ((str(invoice.id), None), (None, invoice.external_id))
    }
    covering: dict[UUID, list[PendingPayment]] = defaultdict(list)
    for payer_id, currency, amount_minor, matures_on, intended in payments:
        rest = amount_minor
        designated: dict[UUID, dict[UUID, int]] = defaultdict(lambda: defaultdict(int))
        for item in intended:
            rest -= parse_amount(item["amount"], currency)
            found = named.get((item["invoice_id"], item["invoice_external_id"]))
            if found is not None:
                customer_id, invoice_id = found
                designated[customer_id][invoice_id] += _closes(item, currency)
        for customer_id in {payer_id, *designated} & owed.keys():
            own_rest = rest if customer_id == payer_id else 0
            covering[customer_id].append(PendingPayment(currency, matures_on, dict(designated[customer_id]), own_rest))
    return {customer_id: tuple(own) for customer_id, own in covering.items()}


def _closes(item: Mapping[str, Any], currency: str) -> int:
    """By how much an invoice will owe less: the money, the discount taken, and what is given up beside it."""
    stated = [item["amount"], item["discount_taken"] or "0", *(part["amount"] for part in item["differences"])]
    return sum(parse_amount(amount, currency) for amount in stated)
