"""Queries on one customer's ledger: each is one statement, so that all of its figures describe the same instant.

An entry counts when it is effective by a day and was booked by an instant, so that a past day can be reported as it
really was, or as it was known then. Due dates are those of today.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from app.core.uow import UnitOfWork
from app.models import Customer


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose entries count, and which of them."""

    customer_id: UUID
    as_of: date
    known_at: datetime | None
    currency: str | None = None


_COUNTED: Final = """
counted AS (
    SELECT id, currency, account, kind, invoice_id, payment_id, credit_note_id, charge_id, allocation_id, write_off_id,
        amount_minor, effective_on, booked_at
    FROM ledger_entries
    WHERE tenant_id = :tenant_id AND customer_id = :customer_id AND effective_on <= :as_of
        AND (CAST(:known_at AS timestamptz) IS NULL OR booked_at <= :known_at)
        AND (CAST(:currency AS text) IS NULL OR currency = :currency)
)"""

# What is paid fills instalments in order, so that what is open lies in the last ones; the first takes what does not fit
# anywhere, so that the parts always add up to what is open of the invoice. Charges are due with the part in which the
# oldest unit of what is open lies, or with the last part where only charges are open, as in dunning.
_OPEN_PARTS: Final = """
owed AS (
    SELECT currency, invoice_id, coalesce(sum(amount_minor) FILTER (WHERE account = 'principal'), 0) AS principal,
        coalesce(sum(amount_minor) FILTER (WHERE account <> 'principal'), 0) AS charges
    FROM counted WHERE invoice_id IS NOT NULL GROUP BY currency, invoice_id
),
scheduled AS (
    SELECT o.currency, o.invoice_id, o.principal, o.charges, n.number,
        coalesce(n.due_on, i.due_on) AS due_on, coalesce(n.amount_minor, i.total_minor) AS original,
        coalesce(sum(n.amount_minor) OVER (
            PARTITION BY o.invoice_id ORDER BY n.number DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS later,
        n.number IS NULL OR n.number = min(n.number) OVER (PARTITION BY o.invoice_id) AS is_first
    FROM owed o
    JOIN invoices i ON i.tenant_id = :tenant_id AND i.id = o.invoice_id
    LEFT JOIN invoice_instalments n ON n.tenant_id = :tenant_id AND n.invoice_id = o.invoice_id
    WHERE o.principal <> 0 OR o.charges <> 0
),
parts AS (
    SELECT currency, invoice_id, number, due_on, original,
        CASE WHEN is_first THEN principal - greatest(0, least(principal, later))
            ELSE least(original, greatest(0, principal - later)) END AS principal,
        CASE WHEN number IS NULL THEN charges ELSE 0 END AS charges
    FROM scheduled
    UNION ALL
    SELECT currency, invoice_id, NULL, due_on, 0, 0, charges
    FROM scheduled WHERE number IS NOT NULL AND later < greatest(1, principal)
        AND (is_first OR greatest(1, principal) <= later + original)
)"""

# A payment is pending from when it was handed over until it is received, which is then its date.
_BALANCES: Final = text(f"""
WITH {_COUNTED}, {_OPEN_PARTS},
pending AS (
    SELECT p.currency, p.amount_minor FROM payments p
    WHERE p.tenant_id = :tenant_id AND p.customer_id = :customer_id
        AND least(p.received_on, CAST(p.created_at AT TIME ZONE CAST(:zone AS text) AS date)) <= :as_of
        AND (CAST(:known_at AS timestamptz) IS NULL OR p.created_at <= :known_at)
        AND (p.reversed_on IS NULL OR p.reversed_on > :as_of)
        AND NOT EXISTS (
            SELECT FROM ledger_entries e
            WHERE e.tenant_id = :tenant_id AND e.payment_id = p.id AND e.kind = 'payment_received'
                AND e.effective_on <= :as_of AND (CAST(:known_at AS timestamptz) IS NULL OR e.booked_at <= :known_at))
),
figures AS (
    SELECT currency, principal, charges, CASE WHEN due_on < :as_of THEN principal + charges ELSE 0 END AS overdue,
        0 AS cash, 0 AS credit, 0 AS pending
    FROM parts
    UNION ALL
    SELECT currency, 0, 0, 0, CASE account WHEN 'cash' THEN -amount_minor ELSE 0 END,
        CASE account WHEN 'credit' THEN -amount_minor ELSE 0 END, 0
    FROM counted WHERE invoice_id IS NULL
    UNION ALL
    SELECT currency, 0, 0, 0, 0, 0, amount_minor FROM pending
)
SELECT currency, sum(principal) AS principal, sum(charges) AS charges, sum(overdue) AS overdue, sum(cash) AS cash,
    sum(credit) AS credit, sum(pending) AS pending
FROM figures GROUP BY currency ORDER BY currency
""")  # noqa: S608  made of our own parts

_OPEN_ITEMS: Final = text(f"""
WITH {_COUNTED}, {_OPEN_PARTS},
items AS (
    SELECT s.currency, 'invoice' AS kind, i.id, i.number, i.external_id, i.issued_on AS dated_on,
        s.number AS instalment_number, s.due_on, s.original, s.principal, s.charges
    FROM parts s JOIN invoices i ON i.tenant_id = :tenant_id AND i.id = s.invoice_id
    WHERE s.principal <> 0 OR s.charges <> 0
    UNION ALL
    SELECT c.currency, 'payment', p.id, p.reference, p.external_id, p.received_on, NULL, NULL, -p.amount_minor,
        sum(c.amount_minor), 0
    FROM counted c JOIN payments p ON p.tenant_id = :tenant_id AND p.id = c.payment_id
    WHERE c.account = 'cash' GROUP BY c.currency, p.tenant_id, p.id HAVING sum(c.amount_minor) <> 0
    UNION ALL
    SELECT c.currency, 'credit_note', n.id, n.number, n.external_id, n.issued_on, NULL, NULL, -n.amount_minor,
        sum(c.amount_minor), 0
    FROM counted c JOIN credit_notes n ON n.tenant_id = :tenant_id AND n.id = c.credit_note_id
    WHERE c.account = 'credit' GROUP BY c.currency, n.tenant_id, n.id HAVING sum(c.amount_minor) <> 0
)
SELECT * FROM items
ORDER BY currency, due_on NULLS LAST, dated_on, id, instalment_number NULLS LAST LIMIT :most
""")  # noqa: S608  made of our own parts

# An allocation takes from one account what it gives to another, and is no movement of the customer's balance.
_MOVEMENTS: Final = text(f"""
WITH {_COUNTED},
accounts AS (
    SELECT currency, coalesce(sum(amount_minor) FILTER (WHERE effective_on < :from_on), 0) AS opening,
        sum(amount_minor) AS closing
    FROM counted GROUP BY currency
),
named AS (
    SELECT c.*, CASE WHEN charge_id IS NOT NULL THEN 'charge'
            WHEN kind IN ('discount_taken', 'difference_closed') THEN 'invoice'
            WHEN payment_id IS NOT NULL THEN 'payment' WHEN credit_note_id IS NOT NULL THEN 'credit_note'
            ELSE 'invoice' END AS document_kind
    FROM counted c WHERE effective_on >= :from_on
),
movements AS (
    SELECT currency, effective_on, kind, document_kind,
        CASE document_kind WHEN 'charge' THEN charge_id WHEN 'payment' THEN payment_id
            WHEN 'credit_note' THEN credit_note_id ELSE invoice_id END AS document_id,
        CASE WHEN document_kind IN ('charge', 'invoice') THEN invoice_id END AS invoice_id,
        sum(amount_minor) AS amount, min(booked_at) AS booked_at, min(CAST(id AS text)) AS first_id
    FROM named GROUP BY currency, effective_on, kind, document_kind, document_id, 6 HAVING sum(amount_minor) <> 0
)
SELECT a.currency, a.opening, a.closing, m.effective_on, m.kind, m.document_kind, m.document_id, m.amount,
    coalesce(i.number, n.number, p.reference) AS number,
    CASE m.document_kind WHEN 'invoice' THEN i.external_id WHEN 'credit_note' THEN n.external_id
        WHEN 'payment' THEN p.external_id END AS external_id,
    a.opening + sum(m.amount) OVER (
        PARTITION BY a.currency ORDER BY m.effective_on, m.booked_at, m.first_id
    ) AS balance
FROM accounts a
LEFT JOIN movements m ON m.currency = a.currency
LEFT JOIN invoices i ON i.tenant_id = :tenant_id AND i.id = m.invoice_id
LEFT JOIN payments p ON p.tenant_id = :tenant_id AND m.document_kind = 'payment' AND p.id = m.document_id
LEFT JOIN credit_notes n ON n.tenant_id = :tenant_id AND m.document_kind = 'credit_note' AND n.id = m.document_id
ORDER BY a.currency, m.effective_on, m.booked_at, m.first_id LIMIT :most
""")  # noqa: S608  made of our own parts

# What settles principal is laid end to end beside what was due, so that each part of a payment meets the date of the
# instalment that it fills. A unit whose entries cancel out has been taken back.
_BEHAVIOUR: Final = text(f"""
WITH {_COUNTED},
units AS (
    SELECT currency, invoice_id, bool_or(payment_id IS NOT NULL AND write_off_id IS NULL) AS is_payment,
        -sum(amount_minor) AS settled, min(effective_on) AS effective_on, min(CAST(id AS text)) AS first_id
    FROM counted WHERE account = 'principal' AND kind <> 'invoice_issued'
    GROUP BY currency, invoice_id, coalesce(write_off_id, allocation_id, id) HAVING sum(amount_minor) <> 0
),
fills AS (
    SELECT currency, invoice_id, is_payment, effective_on, settled, sum(settled) OVER (
        PARTITION BY invoice_id ORDER BY effective_on, first_id) AS through
    FROM units
),
dues AS (
    SELECT i.id AS invoice_id, coalesce(n.due_on, i.due_on) AS due_on,
        coalesce(sum(n.amount_minor) OVER (
            PARTITION BY i.id ORDER BY n.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS low,
        CASE WHEN n.number IS NULL OR n.number = max(n.number) OVER (PARTITION BY i.id) THEN NULL
            ELSE sum(n.amount_minor) OVER (PARTITION BY i.id ORDER BY n.number) END AS high
    FROM invoices i
    LEFT JOIN invoice_instalments n ON n.tenant_id = :tenant_id AND n.invoice_id = i.id
    WHERE i.tenant_id = :tenant_id AND i.id IN (SELECT invoice_id FROM fills WHERE is_payment)
),
paid AS (
    SELECT f.currency, f.invoice_id, f.effective_on - d.due_on AS days_late,
        greatest(0, least(f.through, coalesce(d.high, f.through)) - greatest(f.through - f.settled, d.low)) AS amount
    FROM fills f JOIN dues d ON d.invoice_id = f.invoice_id
    WHERE f.is_payment AND f.effective_on >= :from_on
),
figures AS (
    SELECT currency, sum(amount) AS amount, sum(amount * days_late) AS amount_days,
        coalesce(sum(amount) FILTER (WHERE days_late > 0), 0) AS late_amount,
        count(DISTINCT invoice_id) AS invoice_count,
        count(DISTINCT invoice_id) FILTER (WHERE days_late > 0) AS late_invoice_count
    FROM paid WHERE amount > 0 GROUP BY currency
),
last_payments AS (
    SELECT DISTINCT ON (currency) currency, id, received_on, amount_minor FROM payments
    WHERE tenant_id = :tenant_id AND customer_id = :customer_id AND status <> 'pending' AND received_on <= :as_of
        AND (reversed_on IS NULL OR reversed_on > :as_of)
        AND (CAST(:known_at AS timestamptz) IS NULL OR created_at <= :known_at)
        AND (CAST(:currency AS text) IS NULL OR currency = :currency)
    ORDER BY currency, received_on DESC, id DESC
)
SELECT coalesce(f.currency, l.currency) AS currency, coalesce(f.amount, 0) AS amount,
    coalesce(f.amount_days, 0) AS amount_days, coalesce(f.late_amount, 0) AS late_amount,
    coalesce(f.invoice_count, 0) AS invoice_count, coalesce(f.late_invoice_count, 0) AS late_invoice_count,
    l.id AS payment_id, l.received_on, l.amount_minor AS payment_amount
FROM figures f FULL JOIN last_payments l ON l.currency = f.currency ORDER BY 1
""")  # noqa: S608  made of our own parts


async def find_customer(uow: UnitOfWork, customer_id: UUID) -> Customer | None:
    """The customer with an id."""
    return await uow.session.get(Customer, (uow.tenant_id, customer_id))


async def balances(uow: UnitOfWork, scope: Scope) -> Sequence[Row[Any]]:
    """Open principal and charges, what of them is overdue, and what is unapplied or pending, by currency."""
    values = {**_values(uow, scope), "zone": uow.tenant.zone.key}
    return (await uow.session.execute(_BALANCES, values)).all()


async def open_items(uow: UnitOfWork, scope: Scope, *, most: int) -> Sequence[Row[Any]]:
    """Invoices or their instalments with something open, and payments and credit notes with something unapplied."""
    return (await uow.session.execute(_OPEN_ITEMS, {**_values(uow, scope), "most": most})).all()


async def movements(uow: UnitOfWork, scope: Scope, *, from_on: date, most: int) -> Sequence[Row[Any]]:
    """What moved the balance from a day on, and the balances before and after; a currency without any has one row."""
    values = {**_values(uow, scope), "from_on": from_on, "most": most}
    return (await uow.session.execute(_MOVEMENTS, values)).all()


async def behaviour(uow: UnitOfWork, scope: Scope, *, from_on: date) -> Sequence[Row[Any]]:
    """How late payments from a day on settled principal, and the last payment, by currency."""
    return (await uow.session.execute(_BEHAVIOUR, {**_values(uow, scope), "from_on": from_on})).all()


def _values(uow: UnitOfWork, scope: Scope) -> dict[str, Any]:
    return {
        "tenant_id": uow.tenant_id,
        "customer_id": scope.customer_id,
        "as_of": scope.as_of,
        "known_at": scope.known_at,
        "currency": scope.currency,
    }
