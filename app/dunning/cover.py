"""Loads what covers a customer's debts without settling them: cash and credit on account, and pending payments (M4)."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from app.core.uow import UnitOfWork
from app.domain.money import parse_amount
from app.domain.verdicts import PendingPayment
from app.models import Invoice

InvoicesOf = Mapping[UUID, Collection[Invoice]]
"""By customer, the invoices that something is owed on."""


_UNAPPLIED = """
SELECT customer_id, currency, sum(unapplied_minor) FROM (
    SELECT customer_id, currency, unapplied_minor FROM payments
    WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND status = 'posted' AND unapplied_minor > 0
    UNION ALL
    SELECT customer_id, currency, unapplied_minor FROM credit_notes
    WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND status = 'open'
) AS parts
GROUP BY customer_id, currency
"""
# Whoever pays for others is asked about whomever these may be.
_PENDING = """
SELECT customer_id, currency, amount_minor, matures_on, intended_allocations FROM payments
WHERE tenant_id = $1 AND status = 'pending' AND matures_on > $2
    AND (customer_id = ANY($3::uuid[]) OR for_other_customers)
"""


async def load_unapplied(uow: UnitOfWork, customer_ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """Unapplied cash and credit together, by customer and currency."""
    rows = await uow.driver.fetch(_UNAPPLIED, uow.tenant_id, list(customer_ids))
    unapplied: dict[UUID, dict[str, int]] = defaultdict(dict)
    for customer_id, currency, total in rows:
        unapplied[customer_id][currency] = int(total)
    return unapplied


async def load_pending_payments(uow: UnitOfWork, owed: InvoicesOf) -> dict[UUID, tuple[PendingPayment, ...]]:
    """By customer, the payments that have not matured and cover something of theirs, whoever pays."""
    payments = await uow.driver.fetch(_PENDING, uow.tenant_id, uow.today, list(owed))
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
