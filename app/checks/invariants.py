"""What must always hold, each as one query over one tenant that finds the rows that break it.

A query answers `id` (of the resource that is wrong) and `difference` (by how much or in which way, without personal
data). Its parameters: `:tenant_id`; `:now` and `:today` by the tenant's clock; `:grace`, how late a process may be
before it counts as dead and not as slow. None is broken by work in progress: a transaction's rows appear together.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Invariant:
    """One thing that must hold."""

    name: str
    meaning: str
    violations: str


INVARIANTS: Final = (
    Invariant(
        "invoice_balances",
        "What an invoice keeps as open is the sum of its ledger entries, for each account (rule M2).",
        """
        SELECT i.id, (i.principal_open_minor - coalesce(e.principal, 0)) || '/'
            || (i.interest_open_minor - coalesce(e.interest, 0)) || '/'
            || (i.fees_open_minor - coalesce(e.fees, 0)) AS difference
        FROM invoices i LEFT JOIN (
            SELECT invoice_id, sum(amount_minor) FILTER (WHERE account = 'principal') AS principal,
                sum(amount_minor) FILTER (WHERE account = 'interest') AS interest,
                sum(amount_minor) FILTER (WHERE account = 'fees') AS fees
            FROM ledger_entries WHERE tenant_id = :tenant_id AND invoice_id IS NOT NULL GROUP BY invoice_id
        ) e ON e.invoice_id = i.id
        WHERE i.tenant_id = :tenant_id AND (i.principal_open_minor, i.interest_open_minor, i.fees_open_minor)
            <> (coalesce(e.principal, 0), coalesce(e.interest, 0), coalesce(e.fees, 0))
        """,
    ),
    Invariant(
        "payment_unapplied",
        "What a payment keeps as unapplied is what its cash entries leave (rule M2).",
        """
        SELECT p.id, (p.unapplied_minor + coalesce(e.cash, 0))::text AS difference
        FROM payments p LEFT JOIN (
            SELECT payment_id, sum(amount_minor) AS cash FROM ledger_entries
            WHERE tenant_id = :tenant_id AND account = 'cash' GROUP BY payment_id
        ) e ON e.payment_id = p.id
        WHERE p.tenant_id = :tenant_id AND p.unapplied_minor <> -coalesce(e.cash, 0)
        """,
    ),
    Invariant(
        "payment_allocations",
        "A payment's allocations and what is unapplied are never more than it; a reversed one has neither.",
        """
        SELECT p.id, (p.unapplied_minor + coalesce(a.allocated, 0) - p.amount_minor)::text AS difference
        FROM payments p LEFT JOIN (
            SELECT payment_id, sum(amount_minor) AS allocated FROM allocations
            WHERE tenant_id = :tenant_id AND reversed_at IS NULL GROUP BY payment_id
        ) a ON a.payment_id = p.id
        WHERE p.tenant_id = :tenant_id AND p.unapplied_minor + coalesce(a.allocated, 0)
            > CASE p.status WHEN 'reversed' THEN 0 ELSE p.amount_minor END
        """,
    ),
    Invariant(
        "allocation_entries",
        "A live allocation has moved its amount from cash onto the invoice, a reversed one nothing (rule M2).",
        """
        SELECT a.id, (coalesce(e.cash, 0) - a.live)::text || '/' || (coalesce(e.invoice, 0) + a.live) AS difference
        FROM (
            SELECT id, CASE WHEN reversed_at IS NULL THEN amount_minor ELSE 0 END AS live
            FROM allocations WHERE tenant_id = :tenant_id
        ) a LEFT JOIN (
            SELECT allocation_id, sum(amount_minor) FILTER (WHERE account = 'cash') AS cash,
                sum(amount_minor) FILTER (WHERE account <> 'cash') AS invoice
            FROM ledger_entries WHERE tenant_id = :tenant_id AND allocation_id IS NOT NULL GROUP BY allocation_id
        ) e ON e.allocation_id = a.id
        WHERE (coalesce(e.cash, 0), coalesce(e.invoice, 0)) <> (a.live, -a.live)
        """,
    ),
    Invariant(
        "invoice_status",
        "The status says what the balances say: paid at zero, partially paid once something was settled, else open.",
        """
        SELECT found.id, found.status || ' instead of ' || found.expected AS difference FROM (
            SELECT id, status, CASE WHEN principal_open_minor + interest_open_minor + fees_open_minor = 0 THEN 'paid'
                WHEN settled_minor > 0 THEN 'partially_paid' ELSE 'open' END AS expected
            FROM invoices WHERE tenant_id = :tenant_id AND status IN ('open', 'partially_paid', 'paid')
        ) found WHERE found.status <> found.expected
        """,
    ),
    Invariant(
        "case_states",
        "A case runs while its invoice is receivable and is closed otherwise.",
        """
        SELECT c.id, c.state || ' of an invoice that is ' || i.status AS difference
        FROM dunning_cases c JOIN invoices i ON i.tenant_id = c.tenant_id AND i.id = c.invoice_id
        WHERE c.tenant_id = :tenant_id AND (c.state = 'closed') = (i.status IN ('open', 'partially_paid'))
        """,
    ),
    Invariant(
        "paid_events",
        "A paid invoice was announced by invoice.paid after it was last reopened, and an open one by invoice.reopened "
        "after it was last paid (rule D15).",
        """
        SELECT i.id, i.status || ' after ' || coalesce(last.type, 'no event') AS difference
        FROM invoices i LEFT JOIN LATERAL (
            SELECT e.type FROM events e
            WHERE e.tenant_id = i.tenant_id AND e.object_id = i.id AND e.type IN ('invoice.paid', 'invoice.reopened')
            ORDER BY e.position DESC LIMIT 1
        ) last ON true
        WHERE i.tenant_id = :tenant_id AND CASE i.status
            WHEN 'paid' THEN last.type IS DISTINCT FROM 'invoice.paid'
            WHEN 'open' THEN last.type = 'invoice.paid'
            WHEN 'partially_paid' THEN last.type = 'invoice.paid'
            ELSE false END
        """,
    ),
    Invariant(
        "reminder_events",
        "Every reminder that was sent, or may have been, was announced (rule D15).",
        """
        SELECT r.id, r.status || ' without its event' AS difference FROM reminders r
        WHERE r.tenant_id = :tenant_id AND r.status IN ('sent', 'delivered', 'outcome_unknown') AND NOT EXISTS (
            SELECT FROM events e WHERE e.tenant_id = r.tenant_id AND e.object_id = r.id
            AND e.type = CASE r.status WHEN 'outcome_unknown' THEN 'reminder.outcome_unknown' ELSE 'reminder.sent' END)
        """,
    ),
    Invariant(
        "event_sequences",
        "The sequences of a tenant's events have no gap and end at its counter.",
        """
        SELECT c.tenant_id AS id, 'counter ' || c.last_sequence || ', ' || e.number || ' events from '
            || coalesce(e.first::text, '-') || ' to ' || coalesce(e.last::text, '-') AS difference
        FROM event_counters c, (
            SELECT count(sequence) AS number, min(sequence) AS first, max(sequence) AS last
            FROM events WHERE tenant_id = :tenant_id AND sequence IS NOT NULL
        ) e
        WHERE c.tenant_id = :tenant_id AND (coalesce(e.last, 0) <> c.last_sequence
            OR e.number <> coalesce(e.last - e.first + 1, 0) OR coalesce(e.first, 1) < 1)
        """,
    ),
    Invariant(
        "unsequenced_events",
        "Events get their sequence soon after they were written.",
        """
        SELECT e.id, 'written ' || date_trunc('second', uuid_extract_timestamp(e.id)) AS difference
        FROM events e JOIN tenants t ON t.id = e.tenant_id
        WHERE e.tenant_id = :tenant_id AND e.sequence IS NULL
            AND uuid_extract_timestamp(e.id) < statement_timestamp() - CAST(:grace AS interval)
            AND (t.advance_lease_until IS NULL OR t.advance_lease_until < statement_timestamp())
        """,
    ),
    Invariant(
        "lost_reminders",
        "A claimed reminder whose worker died is decided soon after its quarantine.",
        """
        SELECT r.id, 'due since ' || date_trunc('second', r.next_attempt_at) AS difference FROM reminders r
        WHERE r.tenant_id = :tenant_id AND r.status = 'sending'
            AND (r.next_attempt_at IS NULL OR r.next_attempt_at < :now - CAST(:grace AS interval))
        """,
    ),
    Invariant(
        "lost_deliveries",
        "A delivery whose worker died is taken up soon after its lease.",
        """
        SELECT d.id, 'leased until ' || coalesce(date_trunc('second', d.lease_expires_at)::text, '-') AS difference
        FROM deliveries d
        JOIN webhook_endpoints w ON w.tenant_id = d.tenant_id AND w.id = d.endpoint_id AND w.status = 'enabled'
        JOIN tenants t ON t.id = d.tenant_id
        WHERE d.tenant_id = :tenant_id AND d.status = 'in_flight' AND w.deleted_at IS NULL
            AND (t.mode = 'live' OR d.attempt_count = 0)
            AND (d.lease_expires_at IS NULL OR d.lease_expires_at < statement_timestamp() - CAST(:grace AS interval))
        """,
    ),
    Invariant(
        "forgotten_due_dates",
        "A customer with an invoice that is still to fall due is looked at no later than then.",
        """
        SELECT i.id, 'due on ' || i.due_on || ', customer wakes at '
            || coalesce(date_trunc('second', c.next_action_at)::text, 'no time') AS difference
        FROM invoices i JOIN customers c ON c.tenant_id = i.tenant_id AND c.id = i.customer_id
        WHERE i.tenant_id = :tenant_id AND i.status IN ('open', 'partially_paid') AND i.due_on >= :today
            AND (c.next_action_at IS NULL OR c.next_action_at >= (i.due_on + 3)::timestamp AT TIME ZONE 'UTC')
        """,
    ),
)
"""Those that one query can tell; `app.checks.wakes` adds the one that takes the domain's own judgement."""
