"""Agreements: holds, promises, disputes, payment plans, placements

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import RUNTIME_ROLE, definer, grants, wall

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NEW_TABLES = (
    "disputes",
    "holds",
    "payment_plans",
    "placement_invoices",
    "placements",
    "plan_instalments",
    "plan_invoices",
    "plan_links",
    "promises",
)

# A debtor's link carries its tenant and a secret; the tenant is entered for whoever has both, and for nobody else.
OPEN_PLAN_LINK = """
BEGIN
    IF NOT EXISTS (SELECT FROM plan_links l WHERE l.tenant_id = owner AND l.token_hash = given_hash) THEN
        RETURN NULL;
    END IF;
    RETURN app_enter_tenant(owner);
END
"""


def upgrade() -> None:
    create_tables()
    op.add_column(
        "customers", sa.Column("has_agreements", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("charges", sa.Column("plan_id", sa.UUID(), nullable=True))
    op.add_column("write_offs", sa.Column("approved_by", sa.Text(), nullable=True))
    op.add_column("dunning_cases", sa.Column("plan_due_on", sa.Date(), nullable=True))
    op.add_column("dunning_cases", sa.Column("plan_open_minor", sa.BigInteger(), nullable=True))
    op.add_column("dunning_cases", sa.Column("plan_label", sa.Text(), nullable=True))
    op.add_column("reminder_items", sa.Column("plan_id", sa.UUID(), nullable=True))
    op.add_column("reminder_items", sa.Column("instalment_number", sa.Integer(), nullable=True))
    for table in NEW_TABLES:
        for statement in wall(table):
            op.execute(statement)
    for statement in grants(NEW_TABLES, ()):
        op.execute(statement)
    # What a receiver echoed may name a customer who is to be erased; that it was asked, and how it answered, stays.
    op.execute(f"GRANT UPDATE (error, response_excerpt) ON delivery_attempts TO {RUNTIME_ROLE}")
    for statement in definer("app_open_plan_link(owner uuid, given_hash bytea)", "jsonb", OPEN_PLAN_LINK):
        op.execute(statement)


def create_tables() -> None:
    op.create_table(
        "payment_plans",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("principal_minor", sa.BigInteger(), nullable=False),
        sa.Column("interest_minor", sa.BigInteger(), nullable=False),
        sa.Column("down_payment_minor", sa.BigInteger(), nullable=False),
        sa.Column("setup_fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("first_due_on", sa.Date(), nullable=False),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("allowed_misses", sa.Integer(), nullable=False),
        sa.Column("surplus", sa.Text(), nullable=False),
        sa.Column("terms_hash", sa.Text(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("acceptance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("activated_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("supersedes_id", sa.UUID(), nullable=True),
        sa.Column("dunning_policy_id", sa.UUID(), nullable=True),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("instalment_changes", sa.Integer(), nullable=False),
        sa.Column("known_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("wake_on", sa.Date(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('accepted', 'active', 'cancelled', 'completed', 'defaulted', 'draft', 'proposed', 'superseded')",
            name=op.f("ck_payment_plans_status"),
        ),
        sa.CheckConstraint(
            "down_payment_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_payment_plans_down_payment_minor")
        ),
        sa.CheckConstraint(
            "interest_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_payment_plans_interest_minor")
        ),
        sa.CheckConstraint("paid_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_payment_plans_paid_minor")),
        sa.CheckConstraint(
            "principal_minor BETWEEN 1 AND 100000000000000000", name=op.f("ck_payment_plans_principal_minor")
        ),
        sa.CheckConstraint(
            "setup_fee_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_payment_plans_setup_fee_minor")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_payment_plans_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "supersedes_id"],
            ["payment_plans.tenant_id", "payment_plans.id"],
            name=op.f("fk_payment_plans_supersedes_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_payment_plans")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_payment_plans_tenant_id_external_id")),
    )
    op.create_index("ix_payment_plans_customer_id", "payment_plans", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_index(
        "ix_payment_plans_live",
        "payment_plans",
        ["tenant_id", "customer_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('proposed', 'accepted', 'active')"),
    )
    op.create_table(
        "placements",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("agency_reference", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("placed_minor", sa.BigInteger(), nullable=False),
        sa.Column("commission_percent", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("placed_on", sa.Date(), nullable=False),
        sa.Column("acknowledged_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('agency', 'legal')", name=op.f("ck_placements_kind")),
        sa.CheckConstraint(
            "status IN ('acknowledged', 'closed', 'in_progress', 'placed', 'recalled', 'returned')",
            name=op.f("ck_placements_status"),
        ),
        sa.CheckConstraint("placed_minor BETWEEN 1 AND 100000000000000000", name=op.f("ck_placements_placed_minor")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_placements_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_placements")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_placements_tenant_id_external_id")),
    )
    op.create_index("ix_placements_customer_id", "placements", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_table(
        "promises",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("promised_on", sa.Date(), nullable=False),
        sa.Column("tolerance_days", sa.Integer(), nullable=False),
        sa.Column("tolerance_percent", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("judged_on", sa.Date(), nullable=True),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('broken', 'cancelled', 'kept', 'open', 'partially_kept')", name=op.f("ck_promises_status")
        ),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 100000000000000000", name=op.f("ck_promises_amount_minor")),
        sa.CheckConstraint("paid_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_promises_paid_minor")),
        sa.CheckConstraint("tolerance_days BETWEEN 0 AND 365", name=op.f("ck_promises_tolerance_days")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_promises_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_promises")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_promises_tenant_id_external_id")),
    )
    op.create_index("ix_promises_customer_id", "promises", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_index(
        "ix_promises_open",
        "promises",
        ["tenant_id", "customer_id"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "holds",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("effects", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("released_on", sa.Date(), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('active', 'expired', 'released', 'scheduled')", name=op.f("ck_holds_status")),
        sa.CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name=op.f("ck_holds_dates")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_holds_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_holds_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_holds")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_holds_tenant_id_external_id")),
    )
    op.create_index("ix_holds_customer_id", "holds", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_index(
        "ix_holds_live",
        "holds",
        ["tenant_id", "customer_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('scheduled', 'active')"),
    )
    op.create_table(
        "placement_invoices",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("placement_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("placed_minor", sa.BigInteger(), nullable=False),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "placed_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_placement_invoices_placed_minor")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_placement_invoices_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "placement_id"],
            ["placements.tenant_id", "placements.id"],
            name=op.f("fk_placement_invoices_placement_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "placement_id", "invoice_id", name=op.f("pk_placement_invoices")),
    )
    op.create_index(
        "uq_placement_invoices_live",
        "placement_invoices",
        ["tenant_id", "invoice_id"],
        unique=True,
        postgresql_where=sa.text("NOT is_over"),
    )
    op.create_table(
        "plan_instalments",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("principal_minor", sa.BigInteger(), nullable=False),
        sa.Column("interest_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("missed_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "status IN ('due', 'missed', 'paid', 'partially_paid', 'pending', 'waived')",
            name=op.f("ck_plan_instalments_status"),
        ),
        sa.CheckConstraint("fee_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_plan_instalments_fee_minor")),
        sa.CheckConstraint(
            "interest_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_plan_instalments_interest_minor")
        ),
        sa.CheckConstraint(
            "paid_minor BETWEEN 0 AND principal_minor + interest_minor + fee_minor",
            name=op.f("ck_plan_instalments_paid_minor"),
        ),
        sa.CheckConstraint(
            "principal_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_plan_instalments_principal_minor")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "plan_id"],
            ["payment_plans.tenant_id", "payment_plans.id"],
            name=op.f("fk_plan_instalments_plan_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "plan_id", "number", name=op.f("pk_plan_instalments")),
    )
    op.create_index("ix_plan_instalments_due_on", "plan_instalments", ["tenant_id", "due_on", "plan_id"], unique=False)
    op.create_table(
        "plan_invoices",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("principal_minor", sa.BigInteger(), nullable=False),
        sa.Column("charges_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "charges_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_plan_invoices_charges_minor")
        ),
        sa.CheckConstraint(
            "principal_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_plan_invoices_principal_minor")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_plan_invoices_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "plan_id"],
            ["payment_plans.tenant_id", "payment_plans.id"],
            name=op.f("fk_plan_invoices_plan_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "plan_id", "invoice_id", name=op.f("pk_plan_invoices")),
    )
    op.create_index("ix_plan_invoices_invoice_id", "plan_invoices", ["tenant_id", "invoice_id"], unique=False)
    op.create_table(
        "plan_links",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("plan_id", sa.UUID(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "plan_id"],
            ["payment_plans.tenant_id", "payment_plans.id"],
            name=op.f("fk_plan_links_plan_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "plan_id", name=op.f("pk_plan_links")),
        sa.UniqueConstraint("tenant_id", "token_hash", name=op.f("uq_plan_links_tenant_id_token_hash")),
    )
    op.create_table(
        "disputes",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("documents", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("respond_by_on", sa.Date(), nullable=True),
        sa.Column("is_overdue", sa.Boolean(), nullable=False),
        sa.Column("resolved_on", sa.Date(), nullable=True),
        sa.Column("accepted_minor", sa.BigInteger(), nullable=False),
        sa.Column("credited_minor", sa.BigInteger(), nullable=False),
        sa.Column("credit_note_id", sa.UUID(), nullable=True),
        sa.Column("resolution_note", sa.Text(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('accepted', 'open', 'partially_accepted', 'rejected', 'withdrawn')",
            name=op.f("ck_disputes_status"),
        ),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 100000000000000000", name=op.f("ck_disputes_amount_minor")),
        sa.CheckConstraint("accepted_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_disputes_accepted_minor")),
        sa.CheckConstraint("credited_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_disputes_credited_minor")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "credit_note_id"],
            ["credit_notes.tenant_id", "credit_notes.id"],
            name=op.f("fk_disputes_credit_note_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_disputes_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_disputes_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_disputes_tenant_id_external_id")),
    )
    op.create_index("ix_disputes_customer_id", "disputes", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_index("ix_disputes_invoice_id", "disputes", ["tenant_id", "invoice_id"], unique=False)
    op.create_index(
        "ix_disputes_open",
        "disputes",
        ["tenant_id", "respond_by_on"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )


def downgrade() -> None:
    raise NotImplementedError("what was said and agreed is not undone; go forward with a new revision")
