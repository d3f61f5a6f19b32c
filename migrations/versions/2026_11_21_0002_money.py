"""Money in full: terms and instalments, credit notes, write-offs, differences, charges, credit control, imports

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.guards import add_check, add_foreign_key, allow_null, replace_check
from migrations.walls import definer, grants, wall

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NEW_TABLES = (
    "credit_notes",
    "import_chunks",
    "import_errors",
    "imports",
    "invoice_instalments",
    "payment_terms",
    "rate_tables",
    "write_offs",
)


def upgrade() -> None:
    create_tables()
    add_columns()
    tighten()
    build_walls()


def create_tables() -> None:
    op.create_table(
        "imports",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("next_byte", sa.BigInteger(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("created_count", sa.BigInteger(), nullable=False),
        sa.Column("updated_count", sa.BigInteger(), nullable=False),
        sa.Column("unchanged_count", sa.BigInteger(), nullable=False),
        sa.Column("failed_count", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("next_attempt_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("lease_token", sa.UUID(), nullable=True),
        sa.Column("lease_expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("format IN ('csv', 'ndjson')", name=op.f("ck_imports_format")),
        sa.CheckConstraint("kind IN ('customers', 'invoices', 'payments')", name=op.f("ck_imports_kind")),
        sa.CheckConstraint(
            "status IN ('cancelled', 'completed', 'failed', 'queued', 'receiving', 'running')",
            name=op.f("ck_imports_status"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_imports_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_imports")),
    )
    op.create_index(
        "ix_imports_due",
        "imports",
        ["tenant_id", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "payment_terms",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_payment_terms_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_payment_terms")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_payment_terms_tenant_id_code")),
    )
    op.create_table(
        "rate_tables",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_rate_tables_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_rate_tables")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_rate_tables_tenant_id_code")),
    )
    op.create_table(
        "import_chunks",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("import_id", sa.UUID(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "import_id"],
            ["imports.tenant_id", "imports.id"],
            name=op.f("fk_import_chunks_import_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "import_id", "start", name=op.f("pk_import_chunks")),
    )
    op.create_table(
        "import_errors",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("import_id", sa.UUID(), nullable=False),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("errors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "import_id"],
            ["imports.tenant_id", "imports.id"],
            name=op.f("fk_import_errors_import_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "import_id", "row_number", name=op.f("pk_import_errors")),
    )
    op.create_table(
        "credit_notes",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("unapplied_minor", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("voided_on", sa.Date(), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('applied', 'open', 'voided')", name=op.f("ck_credit_notes_status")),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 100000000000000000", name=op.f("ck_credit_notes_amount_minor")),
        sa.CheckConstraint("unapplied_minor BETWEEN 0 AND amount_minor", name=op.f("ck_credit_notes_unapplied_minor")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_credit_notes_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_credit_notes_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_credit_notes")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_credit_notes_tenant_id_external_id")),
    )
    op.create_index("ix_credit_notes_customer_id", "credit_notes", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_index(
        "ix_credit_notes_invoice_id",
        "credit_notes",
        ["tenant_id", "invoice_id"],
        unique=False,
        postgresql_where=sa.text("invoice_id IS NOT NULL"),
    )
    op.create_index(
        "ix_credit_notes_unapplied",
        "credit_notes",
        ["tenant_id", "customer_id"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "invoice_instalments",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "amount_minor BETWEEN 1 AND 100000000000000000", name=op.f("ck_invoice_instalments_amount_minor")
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_invoice_instalments_number")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_invoice_instalments_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "invoice_id", "number", name=op.f("pk_invoice_instalments")),
    )
    op.create_index(
        "ix_invoice_instalments_due_on", "invoice_instalments", ["tenant_id", "due_on", "invoice_id"], unique=False
    )
    op.create_table(
        "write_offs",
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("recovered_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("written_off_on", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reversed_on", sa.Date(), nullable=True),
        sa.Column("reversal_reason", sa.Text(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('posted', 'reversed')", name=op.f("ck_write_offs_status")),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 100000000000000000", name=op.f("ck_write_offs_amount_minor")),
        sa.CheckConstraint("recovered_minor BETWEEN 0 AND amount_minor", name=op.f("ck_write_offs_recovered_minor")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_write_offs_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_write_offs_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_write_offs")),
    )
    op.create_index("ix_write_offs_invoice_id", "write_offs", ["tenant_id", "invoice_id"], unique=False)


def add_columns() -> None:
    op.add_column("allocations", sa.Column("credit_note_id", sa.UUID(), nullable=True))
    op.add_column("allocations", sa.Column("discount_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("allocations", sa.Column("difference_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(
        "allocations",
        sa.Column(
            "differences",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
    )
    allow_null("allocations", "payment_id")
    op.add_column("charges", sa.Column("external_id", sa.Text(), nullable=True))
    op.add_column("charges", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("charges", sa.Column("tax_code", sa.Text(), nullable=True))
    op.add_column("charges", sa.Column("tax_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("charges", sa.Column("paid_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("charges", sa.Column("from_on", sa.Date(), nullable=True))
    op.add_column("charges", sa.Column("through_on", sa.Date(), nullable=True))
    op.add_column("charges", sa.Column("rate_table", sa.Text(), nullable=True))
    op.add_column(
        "charges",
        sa.Column(
            "segments", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
    )
    op.add_column("charges", sa.Column("waived_on", sa.Date(), nullable=True))
    op.add_column("charges", sa.Column("waiver_reason", sa.Text(), nullable=True))
    op.add_column(
        "charges",
        sa.Column(
            "meta", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
    )
    op.add_column("customers", sa.Column("payment_terms", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("customers", sa.Column("late_interest", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("customers", sa.Column("credit_limit_minor", sa.BigInteger(), nullable=True))
    op.add_column("customers", sa.Column("credit_currency", sa.Text(), nullable=True))
    op.add_column("customers", sa.Column("credit_state", sa.Text(), server_default="within_limit", nullable=False))
    op.add_column("customers", sa.Column("credit_hold", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("dunning_cases", sa.Column("instalment_number", sa.Integer(), nullable=True))
    op.add_column("dunning_cases", sa.Column("plan_id", sa.UUID(), nullable=True))
    op.add_column("invoices", sa.Column("written_off_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("invoices", sa.Column("net_minor", sa.BigInteger(), nullable=True))
    op.add_column("invoices", sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column(
        "invoices",
        sa.Column(
            "discount_terms",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column(
        "invoices",
        sa.Column(
            "instalments",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column("invoices", sa.Column("interest_through_on", sa.Date(), nullable=True))
    op.add_column("invoices", sa.Column("late_interest", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("ledger_entries", sa.Column("credit_note_id", sa.UUID(), nullable=True))
    op.add_column("ledger_entries", sa.Column("write_off_id", sa.UUID(), nullable=True))
    op.add_column("ledger_entries", sa.Column("reason", sa.Text(), nullable=True))
    allow_null("ledger_entries", "customer_id")
    op.add_column("payments", sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("payments", sa.Column("matures_on", sa.Date(), nullable=True))
    op.add_column("payments", sa.Column("tendered", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column(
        "payments",
        sa.Column(
            "intended_allocations",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column(
        "payments", sa.Column("for_other_customers", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    allow_null("payments", "customer_id")
    op.add_column(
        "tenants",
        sa.Column(
            "short_pay_tolerance",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column("tenants", sa.Column("payment_terms", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("tenants", sa.Column("late_interest", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("tenants", sa.Column("charge_tax", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column(
        "tenants", sa.Column("holds_credit_over_limit", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )


def tighten() -> None:
    """Constraints of tables that hold rows: proved by the next revision."""
    add_foreign_key("allocations", "credit_note_id", "credit_notes")
    add_foreign_key("ledger_entries", "credit_note_id", "credit_notes")
    add_foreign_key("ledger_entries", "write_off_id", "write_offs")
    add_check("allocations", "discount_minor", "discount_minor BETWEEN 0 AND 100000000000000000")
    add_check("allocations", "difference_minor", "difference_minor BETWEEN 0 AND 100000000000000000")
    add_check("allocations", "settles_something", "amount_minor + discount_minor + difference_minor > 0")
    add_check("allocations", "one_source", "(payment_id IS NULL) <> (credit_note_id IS NULL)")
    add_check("charges", "tax_minor", "tax_minor BETWEEN 0 AND amount_minor")
    add_check("charges", "paid_minor", "paid_minor BETWEEN 0 AND amount_minor")
    add_check("charges", "interest_period", "(kind = 'interest') OR (from_on IS NULL AND through_on IS NULL)")
    add_check("customers", "credit_state", "credit_state IN ('over_limit', 'within_limit')")
    add_check("customers", "credit_limit_minor", "credit_limit_minor BETWEEN 0 AND 100000000000000000")
    add_check("customers", "credit_currency", "(credit_limit_minor IS NULL) = (credit_currency IS NULL)")
    add_check("invoices", "written_off_minor", "written_off_minor BETWEEN 0 AND 100000000000000000")
    add_check("invoices", "net_minor", "net_minor BETWEEN 0 AND total_minor")
    add_check("ledger_entries", "unidentified_cash", "customer_id IS NOT NULL OR account = 'cash'")
    add_check("payments", "refunded_minor", "refunded_minor BETWEEN 0 AND amount_minor")
    add_check("payments", "pending_settles_nothing", "status <> 'pending' OR unapplied_minor = 0")
    replace_check("allocations", "amount_minor", "amount_minor BETWEEN 0 AND 100000000000000000")
    replace_check("ledger_entries", "account", "account IN ('cash', 'credit', 'fees', 'interest', 'principal')")
    replace_check(
        "ledger_entries",
        "kind",
        "kind IN ('allocation_reversed', 'charge_posted', 'charge_reversed', 'charge_waived', 'credit_applied', 'credit_note_issued', 'credit_note_voided', 'difference_closed', 'discount_taken', 'invoice_issued', 'invoice_voided', 'opening_paid', 'payment_allocated', 'payment_assigned', 'payment_received', 'payment_refunded', 'payment_reversed', 'write_off_recovered', 'write_off_reversed', 'written_off')",
    )
    replace_check("ledger_entries", "invoice_account", "(account IN ('cash', 'credit')) = (invoice_id IS NULL)")


# As before, and imports, which are worked off by real time whatever clock their tenant has.
TENANTS_DUE = """
BEGIN
    RETURN QUERY SELECT t.id, t.mode = 'test' FROM tenants t
    WHERE CASE kind
        WHEN 'dunning.tick' THEN t.mode = 'live' AND EXISTS (
            SELECT FROM customers c WHERE c.tenant_id = t.id AND c.next_action_at <= statement_timestamp())
        WHEN 'reminder.send' THEN t.mode = 'live' AND t.sending <> 'paused' AND EXISTS (
            SELECT FROM reminders r WHERE r.tenant_id = t.id AND r.status = 'ready'
            AND r.next_attempt_at <= statement_timestamp())
        WHEN 'reminder.rescue' THEN t.mode = 'live' AND EXISTS (
            SELECT FROM reminders r WHERE r.tenant_id = t.id AND r.status = 'sending'
            AND r.next_attempt_at <= statement_timestamp())
        WHEN 'event.relay' THEN (t.advance_lease_until IS NULL OR t.advance_lease_until < statement_timestamp())
            AND EXISTS (SELECT FROM events e WHERE e.tenant_id = t.id AND e.sequence IS NULL)
        WHEN 'webhook.deliver' THEN (t.advance_lease_until IS NULL OR t.advance_lease_until < statement_timestamp())
            AND EXISTS (
                SELECT FROM webhook_endpoints w WHERE w.tenant_id = t.id AND w.status = 'enabled' AND (
                    EXISTS (SELECT FROM deliveries d WHERE d.tenant_id = w.tenant_id AND d.endpoint_id = w.id
                        AND d.status = 'pending' AND (t.mode = 'test' OR d.next_attempt_at <= statement_timestamp()))
                    OR EXISTS (SELECT FROM deliveries d WHERE d.tenant_id = w.tenant_id AND d.endpoint_id = w.id
                        AND d.status = 'retry_scheduled' AND t.mode = 'live'
                        AND d.next_attempt_at <= statement_timestamp())
                    OR EXISTS (SELECT FROM deliveries d WHERE d.tenant_id = w.tenant_id AND d.endpoint_id = w.id
                        AND d.status = 'in_flight' AND d.lease_expires_at <= statement_timestamp()
                        AND (t.mode = 'live' OR d.attempt_count = 0))))
        WHEN 'import.run' THEN EXISTS (
            SELECT FROM imports m WHERE m.tenant_id = t.id AND m.status IN ('queued', 'running')
            AND (m.lease_expires_at IS NULL OR m.lease_expires_at <= statement_timestamp())
            AND m.next_attempt_at <= statement_timestamp())
        WHEN 'tenant.every' THEN true
        ELSE false END
    ORDER BY t.id LIMIT most;
END
"""
LAGS = """
BEGIN
    RETURN QUERY
    WITH awake AS (
        SELECT t.id, t.mode, t.sending FROM tenants t
        WHERE t.advance_lease_until IS NULL OR t.advance_lease_until < statement_timestamp()
    ), found (kind, number, since) AS (
        SELECT 'event.relay', count(*), min(uuid_extract_timestamp(e.id)) FROM awake t
        JOIN events e ON e.tenant_id = t.id AND e.sequence IS NULL
        UNION ALL
        SELECT 'dunning.tick', count(*), min(c.next_action_at) FROM awake t
        JOIN customers c ON c.tenant_id = t.id AND c.next_action_at <= statement_timestamp() WHERE t.mode = 'live'
        UNION ALL
        SELECT 'reminder.send', count(*), min(r.next_attempt_at) FROM awake t
        JOIN reminders r ON r.tenant_id = t.id AND r.status = 'ready' AND r.next_attempt_at <= statement_timestamp()
        WHERE t.mode = 'live' AND t.sending <> 'paused'
        UNION ALL
        SELECT 'reminder.rescue', count(*), min(r.next_attempt_at) FROM awake t
        JOIN reminders r ON r.tenant_id = t.id AND r.status = 'sending' AND r.next_attempt_at <= statement_timestamp()
        WHERE t.mode = 'live'
        UNION ALL
        SELECT 'webhook.deliver', count(*), min(d.next_attempt_at) FROM awake t
        JOIN webhook_endpoints w ON w.tenant_id = t.id AND w.status = 'enabled'
        JOIN deliveries d ON d.tenant_id = w.tenant_id AND d.endpoint_id = w.id
            AND d.status IN ('pending', 'retry_scheduled') AND d.next_attempt_at <= statement_timestamp()
        WHERE t.mode = 'live'
        UNION ALL
        SELECT 'webhook.deliver', count(*), min(uuid_extract_timestamp(d.id)) FROM awake t
        JOIN webhook_endpoints w ON w.tenant_id = t.id AND w.status = 'enabled'
        JOIN deliveries d ON d.tenant_id = w.tenant_id AND d.endpoint_id = w.id AND d.status = 'pending'
        WHERE t.mode = 'test'
        UNION ALL
        SELECT 'webhook.rescue', count(*), min(d.lease_expires_at) FROM awake t
        JOIN webhook_endpoints w ON w.tenant_id = t.id AND w.status = 'enabled'
        JOIN deliveries d ON d.tenant_id = w.tenant_id AND d.endpoint_id = w.id AND d.status = 'in_flight'
            AND d.lease_expires_at <= statement_timestamp()
        WHERE t.mode = 'live' OR d.attempt_count = 0
        UNION ALL
        SELECT 'import.run', count(*), min(m.next_attempt_at) FROM awake t
        JOIN imports m ON m.tenant_id = t.id AND m.status IN ('queued', 'running')
            AND m.next_attempt_at <= statement_timestamp()
    )
    SELECT found.kind, sum(found.number)::bigint,
        greatest(coalesce(extract(epoch FROM statement_timestamp() - min(found.since)), 0), 0)::bigint
    FROM found GROUP BY found.kind;
END
"""


def build_walls() -> None:
    for table in NEW_TABLES:
        for statement in wall(table):
            op.execute(statement)
    for statement in (
        *grants(NEW_TABLES, ()),
        *definer("app_tenants_due(kind text, most integer)", "TABLE (tenant_id uuid, is_test boolean)", TENANTS_DUE),
        *definer("app_lags()", "TABLE (kind text, waiting bigint, oldest_seconds bigint)", LAGS),
    ):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("money is not undone; go forward with a new revision")
