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
        "What is unapplied, allocated and refunded of a payment is all of it while it is posted, and nothing before "
        "and after that.",
        """
        SELECT p.id, (p.unapplied_minor + coalesce(a.allocated, 0) + p.refunded_minor
            - CASE p.status WHEN 'posted' THEN p.amount_minor ELSE 0 END)::text AS difference
        FROM payments p LEFT JOIN (
            SELECT payment_id, sum(amount_minor) AS allocated FROM allocations
            WHERE tenant_id = :tenant_id AND reversed_at IS NULL GROUP BY payment_id
        ) a ON a.payment_id = p.id
        WHERE p.tenant_id = :tenant_id AND p.unapplied_minor + coalesce(a.allocated, 0) + p.refunded_minor
            <> CASE p.status WHEN 'posted' THEN p.amount_minor ELSE 0 END
        """,
    ),
    Invariant(
        "credit_note_unapplied",
        "What a credit note keeps as unapplied is what its credit entries leave (rule M2).",
        """
        SELECT n.id, (n.unapplied_minor + coalesce(e.credit, 0))::text AS difference
        FROM credit_notes n LEFT JOIN (
            SELECT credit_note_id, sum(amount_minor) AS credit FROM ledger_entries
            WHERE tenant_id = :tenant_id AND account = 'credit' GROUP BY credit_note_id
        ) e ON e.credit_note_id = n.id
        WHERE n.tenant_id = :tenant_id AND n.unapplied_minor <> -coalesce(e.credit, 0)
        """,
    ),
    Invariant(
        "credit_note_allocations",
        "What is unapplied and applied of a credit note is all of it, or nothing once it is voided; it is applied when "
        "nothing is unapplied.",
        """
        SELECT n.id, n.status || ', ' || (n.unapplied_minor + coalesce(a.applied, 0)
            - CASE n.status WHEN 'voided' THEN 0 ELSE n.amount_minor END) AS difference
        FROM credit_notes n LEFT JOIN (
            SELECT credit_note_id, sum(amount_minor) AS applied FROM allocations
            WHERE tenant_id = :tenant_id AND credit_note_id IS NOT NULL AND reversed_at IS NULL GROUP BY credit_note_id
        ) a ON a.credit_note_id = n.id
        WHERE n.tenant_id = :tenant_id AND (
            n.unapplied_minor + coalesce(a.applied, 0) <> CASE n.status WHEN 'voided' THEN 0 ELSE n.amount_minor END
            OR (n.status = 'open') <> (n.unapplied_minor > 0))
        """,
    ),
    Invariant(
        "allocation_entries",
        "A live allocation has moved its amount from cash or credit, and closed as much of the invoice, discount and "
        "differences included; what it recovered of a write-off was open before. A reversed one has moved nothing.",
        """
        SELECT a.id, coalesce(e.source, 0) - a.amount || '/' || coalesce(e.invoice, 0) + a.settled
            || CASE WHEN a.is_live THEN '' ELSE '/' || coalesce(e.recovered, 0) END AS difference
        FROM (
            SELECT id, reversed_at IS NULL AS is_live,
                CASE WHEN reversed_at IS NULL THEN amount_minor ELSE 0 END AS amount,
                CASE WHEN reversed_at IS NULL THEN amount_minor + discount_minor + difference_minor ELSE 0
                END AS settled
            FROM allocations WHERE tenant_id = :tenant_id
        ) a LEFT JOIN (
            SELECT allocation_id, sum(amount_minor) FILTER (WHERE account IN ('cash', 'credit')) AS source,
                sum(amount_minor) FILTER (WHERE invoice_id IS NOT NULL AND write_off_id IS NULL) AS invoice,
                sum(amount_minor) FILTER (WHERE write_off_id IS NOT NULL) AS recovered
            FROM ledger_entries WHERE tenant_id = :tenant_id AND allocation_id IS NOT NULL GROUP BY allocation_id
        ) e ON e.allocation_id = a.id
        WHERE (coalesce(e.source, 0), coalesce(e.invoice, 0)) <> (a.amount, -a.settled)
            OR (NOT a.is_live AND coalesce(e.recovered, 0) <> 0)
        """,
    ),
    Invariant(
        "write_offs",
        "What a write-off gave up and has not come in is what its entries took off the invoice; nothing once it was "
        "taken back.",
        """
        SELECT w.id, w.status || ', ' || (CASE w.status WHEN 'posted' THEN w.amount_minor - w.recovered_minor ELSE 0 END
            + coalesce(e.given_up, 0)) AS difference
        FROM write_offs w LEFT JOIN (
            SELECT write_off_id, sum(amount_minor) AS given_up FROM ledger_entries
            WHERE tenant_id = :tenant_id AND write_off_id IS NOT NULL GROUP BY write_off_id
        ) e ON e.write_off_id = w.id
        WHERE w.tenant_id = :tenant_id AND coalesce(e.given_up, 0)
            <> -CASE w.status WHEN 'posted' THEN w.amount_minor - w.recovered_minor ELSE 0 END
        """,
    ),
    Invariant(
        "invoice_written_off",
        "What an invoice keeps as written off is what the entries of its write-offs took off it (rule M2).",
        """
        SELECT i.id, (i.written_off_minor + coalesce(e.given_up, 0))::text AS difference
        FROM invoices i LEFT JOIN (
            SELECT invoice_id, sum(amount_minor) AS given_up FROM ledger_entries
            WHERE tenant_id = :tenant_id AND write_off_id IS NOT NULL GROUP BY invoice_id
        ) e ON e.invoice_id = i.id
        WHERE i.tenant_id = :tenant_id AND i.written_off_minor <> -coalesce(e.given_up, 0)
        """,
    ),
    Invariant(
        "invoice_settled",
        "What an invoice keeps as settled is what was paid before, what payments have settled, and what was closed as "
        "a difference by command; credit notes and write-offs are not among it.",
        """
        SELECT i.id, (i.settled_minor + coalesce(e.settled, 0) - coalesce(a.settled, 0))::text AS difference
        FROM invoices i LEFT JOIN (
            SELECT invoice_id, sum(amount_minor) AS settled FROM ledger_entries
            WHERE tenant_id = :tenant_id AND invoice_id IS NOT NULL AND allocation_id IS NULL
                AND kind IN ('opening_paid', 'difference_closed') GROUP BY invoice_id
        ) e ON e.invoice_id = i.id LEFT JOIN (
            SELECT invoice_id, sum(amount_minor + discount_minor + difference_minor) AS settled FROM allocations
            WHERE tenant_id = :tenant_id AND payment_id IS NOT NULL AND reversed_at IS NULL GROUP BY invoice_id
        ) a ON a.invoice_id = i.id
        WHERE i.tenant_id = :tenant_id AND i.settled_minor <> coalesce(a.settled, 0) - coalesce(e.settled, 0)
        """,
    ),
    Invariant(
        "credit_state",
        "A customer is over the limit when what is open, less unapplied cash and credit, is more than the limit.",
        """
        SELECT found.id, found.credit_state || ' at ' || found.exposure || ' of '
            || coalesce(found.credit_limit_minor::text, 'no limit') AS difference
        FROM (
            SELECT c.id, c.credit_state, c.credit_limit_minor, coalesce(sum(e.amount_minor), 0) AS exposure
            FROM customers c LEFT JOIN ledger_entries e
                ON e.tenant_id = c.tenant_id AND e.customer_id = c.id AND e.currency = c.credit_currency
            WHERE c.tenant_id = :tenant_id AND (c.credit_limit_minor IS NOT NULL OR c.credit_state <> 'within_limit')
            GROUP BY c.tenant_id, c.id
        ) found
        WHERE (found.credit_state = 'over_limit') <> coalesce(found.exposure > found.credit_limit_minor, false)
        """,
    ),
    Invariant(
        "charge_entries",
        "A charge that is owed or paid stands in the ledger with its amount, one that was given up or taken back with "
        "nothing.",
        """
        SELECT c.id, (coalesce(e.amount, 0) - c.live)::text AS difference
        FROM (
            SELECT id, invoice_id, CASE WHEN status IN ('posted', 'paid') THEN amount_minor ELSE 0 END AS live
            FROM charges WHERE tenant_id = :tenant_id
        ) c JOIN invoices i ON i.tenant_id = :tenant_id AND i.id = c.invoice_id AND i.status <> 'void'
        LEFT JOIN (
            SELECT charge_id, sum(amount_minor) AS amount FROM ledger_entries
            WHERE tenant_id = :tenant_id AND charge_id IS NOT NULL GROUP BY charge_id
        ) e ON e.charge_id = c.id
        WHERE coalesce(e.amount, 0) <> c.live
        """,
    ),
    Invariant(
        "charge_payments",
        "What an invoice's charges keep as paid is what was paid on them, up to all that they come to.",
        """
        SELECT c.invoice_id AS id, (c.paid - least(c.owed, coalesce(p.paid, 0)))::text AS difference
        FROM (
            SELECT invoice_id, CASE kind WHEN 'interest' THEN 'interest' ELSE 'fees' END AS account,
                sum(amount_minor) AS owed, sum(paid_minor) AS paid
            FROM charges WHERE tenant_id = :tenant_id AND status IN ('posted', 'paid') GROUP BY 1, 2
        ) c LEFT JOIN (
            SELECT invoice_id, account, -sum(amount_minor) AS paid FROM ledger_entries
            WHERE tenant_id = :tenant_id AND account IN ('interest', 'fees') AND charge_id IS NULL
                AND write_off_id IS NULL AND kind <> 'invoice_voided'
            GROUP BY invoice_id, account
        ) p ON p.invoice_id = c.invoice_id AND p.account = c.account
        WHERE c.paid <> least(c.owed, coalesce(p.paid, 0))
        """,
    ),
    Invariant(
        "invoice_status",
        "The status says what the balances say: written off at zero where something was given up, else paid; partially "
        "paid once something was settled, else open.",
        """
        SELECT found.id, found.status || ' instead of ' || found.expected AS difference FROM (
            SELECT id, status, CASE WHEN principal_open_minor + interest_open_minor + fees_open_minor > 0
                    THEN CASE WHEN settled_minor > 0 THEN 'partially_paid' ELSE 'open' END
                WHEN written_off_minor > 0 THEN 'written_off' ELSE 'paid' END AS expected
            FROM invoices WHERE tenant_id = :tenant_id AND status NOT IN ('draft', 'void')
        ) found WHERE found.status <> found.expected
        """,
    ),
    Invariant(
        "case_states",
        "A case runs while its invoice is receivable and, where it chases one instalment, something of it is open; "
        "otherwise it is closed.",
        """
        SELECT c.id, c.state || ' of an invoice that is ' || i.status AS difference
        FROM dunning_cases c JOIN invoices i ON i.tenant_id = c.tenant_id AND i.id = c.invoice_id
        WHERE c.tenant_id = :tenant_id AND c.plan_id IS NULL AND (c.state = 'closed') = (
            i.status IN ('open', 'partially_paid') AND (
                c.instalment_number IS NULL
                OR i.principal_open_minor > (
                    SELECT coalesce(sum(n.amount_minor), 0) FROM invoice_instalments n
                    WHERE n.tenant_id = i.tenant_id AND n.invoice_id = i.id AND n.number > c.instalment_number)
                OR (i.principal_open_minor = 0 AND c.instalment_number = jsonb_array_length(i.instalments))))
        """,
    ),
    Invariant(
        "instalments",
        "What an issued invoice says of its instalments is what their rows say, and they add up to its total.",
        """
        SELECT i.id, 'rows ' || coalesce(n.kept::text, '-') || ', invoice ' || i.instalments::text AS difference
        FROM invoices i LEFT JOIN (
            SELECT invoice_id, sum(amount_minor) AS total, jsonb_agg(jsonb_build_object(
                'number', number, 'due_on', due_on, 'amount_minor', amount_minor) ORDER BY number) AS kept
            FROM invoice_instalments WHERE tenant_id = :tenant_id GROUP BY invoice_id
        ) n ON n.invoice_id = i.id
        WHERE i.tenant_id = :tenant_id AND i.status <> 'draft'
            AND (i.instalments <> coalesce(n.kept, '[]') OR n.total <> i.total_minor)
        """,
    ),
    Invariant(
        "void_invoices",
        "Of a void invoice nothing is open, settled or given up.",
        """
        SELECT id, principal_open_minor + interest_open_minor + fees_open_minor || '/' || settled_minor || '/'
            || written_off_minor AS difference
        FROM invoices WHERE tenant_id = :tenant_id AND status = 'void' AND (
            principal_open_minor + interest_open_minor + fees_open_minor, settled_minor, written_off_minor) <> (0, 0, 0)
        """,
    ),
    Invariant(
        "paid_events",
        "An invoice that is paid or written off was announced as such after it was last reopened, and an open one by "
        "invoice.reopened after it was last closed (rule D15).",
        """
        SELECT i.id, i.status || ' after ' || coalesce(last.type, 'no event') AS difference
        FROM invoices i LEFT JOIN LATERAL (
            SELECT e.type FROM events e
            WHERE e.tenant_id = i.tenant_id AND e.object_id = i.id
                AND e.type IN ('invoice.paid', 'invoice.written_off', 'invoice.reopened')
            ORDER BY e.position DESC LIMIT 1
        ) last ON true
        WHERE i.tenant_id = :tenant_id AND CASE
            WHEN i.status IN ('paid', 'written_off') THEN last.type IS DISTINCT FROM 'invoice.' || i.status
            WHEN i.status IN ('open', 'partially_paid') THEN last.type IN ('invoice.paid', 'invoice.written_off')
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
        "invoice_disputed",
        "What an invoice keeps as disputed is what its open disputes are about, as far as its principal is open.",
        """
        SELECT i.id, (i.disputed_minor - least(coalesce(d.part, 0), i.principal_open_minor))::text AS difference
        FROM invoices i LEFT JOIN (
            SELECT o.invoice_id, sum(coalesce(o.amount_minor, t.principal_open_minor)) AS part
            FROM disputes o JOIN invoices t ON t.tenant_id = o.tenant_id AND t.id = o.invoice_id
            WHERE o.tenant_id = :tenant_id AND o.status = 'open' GROUP BY o.invoice_id
        ) d ON d.invoice_id = i.id
        WHERE i.tenant_id = :tenant_id
            AND i.disputed_minor <> least(coalesce(d.part, 0), i.principal_open_minor)
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
            AND i.due_state <> 'overdue'
            AND (c.next_action_at IS NULL OR c.next_action_at >= (i.due_on + 3)::timestamp AT TIME ZONE 'UTC')
        """,
    ),
)
"""Those that one query can tell; `app.checks.wakes` adds the one that takes the domain's own judgement."""
