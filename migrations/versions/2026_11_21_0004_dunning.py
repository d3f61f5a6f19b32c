"""Dunning in full: templates, activities, tasks, runs, receipts, segments, contact rules

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.guards import add_check
from migrations.walls import definer, grants, wall

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NEW_TABLES = (
    "activities",
    "dunning_run_items",
    "dunning_runs",
    "reminder_receipts",
    "tasks",
    "templates",
)


# As before, and whether a published policy takes invoices by itself, so that others cost no statement.
ENTER_TENANT = """
DECLARE tenant jsonb;
BEGIN
    SELECT to_jsonb(t) || jsonb_build_object(
        'database_now', clock_timestamp(),
        'default_policy', (
            SELECT jsonb_build_object('id', p.id, 'version', p.published_number)
            FROM dunning_policies p WHERE p.tenant_id = t.id AND p.is_default),
        'has_segments', EXISTS (
            SELECT FROM dunning_policies p
            WHERE p.tenant_id = t.id AND jsonb_typeof(p.applies_to) = 'object' AND p.published_number IS NOT NULL))
    INTO tenant
    FROM tenants t WHERE t.id = wanted;
    IF tenant IS NOT NULL THEN
        PERFORM set_config('app.tenant_id', wanted::text, true);
        IF tenant ->> 'mode' = 'test' THEN
            -- A simulated year is thousands of commits, none of which has to outlive a power cut.
            PERFORM set_config('synchronous_commit', 'off', true);
        END IF;
    END IF;
    RETURN tenant;
END
"""


def upgrade() -> None:
    create_tables()
    add_columns()
    for table in NEW_TABLES:
        for statement in wall(table):
            op.execute(statement)
    for statement in (
        *grants(NEW_TABLES, ()),
        *definer("app_enter_tenant(wanted uuid)", "jsonb", ENTER_TENANT),
    ):
        op.execute(statement)


def create_tables() -> None:
    op.create_table(
        "dunning_runs",
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("run_on", sa.Date(), nullable=False),
        sa.Column("filter", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("customer_count", sa.Integer(), nullable=False),
        sa.Column("done_count", sa.Integer(), nullable=False),
        sa.Column("after_customer_id", sa.UUID(), nullable=True),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("sent_count", sa.Integer(), nullable=False),
        sa.Column("drifted_count", sa.Integer(), nullable=False),
        sa.Column("approved_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('approved', 'completed', 'discarded', 'failed', 'planned', 'planning')",
            name=op.f("ck_dunning_runs_status"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_dunning_runs_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_dunning_runs")),
    )
    op.create_index(
        "ix_dunning_runs_under_way",
        "dunning_runs",
        ["tenant_id", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('planning', 'approved')"),
    )
    op.create_table(
        "templates",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("tone", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=True),
        sa.Column("provider_template", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "channel IN ('call', 'email', 'letter', 'sms', 'whatsapp')", name=op.f("ck_templates_channel")
        ),
        sa.CheckConstraint("tone IN ('final', 'firm', 'formal', 'friendly')", name=op.f("ck_templates_tone")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_templates_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_templates")),
        sa.UniqueConstraint(
            "tenant_id", "key", "language", "channel", name=op.f("uq_templates_tenant_id_key_language_channel")
        ),
    )
    op.create_table(
        "activities",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("occurred_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("contacted_on", sa.Date(), nullable=True),
        sa.Column("is_conversation", sa.Boolean(), nullable=False),
        sa.Column("contact_name", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("task_id", sa.UUID(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("direction IN ('inbound', 'outbound')", name=op.f("ck_activities_direction")),
        sa.CheckConstraint(
            "kind IN ('call', 'email', 'letter', 'message', 'note', 'visit')", name=op.f("ck_activities_kind")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_activities_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_activities")),
        sa.UniqueConstraint(
            "tenant_id",
            "external_id",
            "customer_id",
            name=op.f("uq_activities_tenant_id_external_id_customer_id"),
        ),
    )
    op.create_index(
        "ix_activities_contacted_on",
        "activities",
        ["tenant_id", "customer_id", "contacted_on"],
        unique=False,
        postgresql_where=sa.text("contacted_on IS NOT NULL"),
    )
    op.create_index("ix_activities_customer_id", "activities", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_table(
        "dunning_run_items",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("policy_id", sa.UUID(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("planned_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("total_due_minor", sa.BigInteger(), nullable=False),
        sa.Column("cases", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text_body", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("drift_reason", sa.Text(), nullable=True),
        sa.Column("reminder_id", sa.UUID(), nullable=True),
        sa.CheckConstraint(
            "status IN ('discarded', 'drifted', 'made', 'planned')", name=op.f("ck_dunning_run_items_status")
        ),
        sa.CheckConstraint(
            "total_due_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_dunning_run_items_total_due_minor")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_dunning_run_items_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "run_id"],
            ["dunning_runs.tenant_id", "dunning_runs.id"],
            name=op.f("fk_dunning_run_items_run_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "run_id", "number", name=op.f("pk_dunning_run_items")),
    )
    op.create_index("ix_dunning_run_items_reminder_id", "dunning_run_items", ["tenant_id", "reminder_id"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("script", sa.Text(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("completed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reminder_id", sa.UUID(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('call', 'dispute', 'other', 'placement', 'review', 'write_off')", name=op.f("ck_tasks_kind")
        ),
        sa.CheckConstraint("status IN ('cancelled', 'done', 'open')", name=op.f("ck_tasks_status")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_tasks_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_tasks_tenant_id_external_id")),
    )
    op.create_index("ix_tasks_customer_id", "tasks", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_index(
        "ix_tasks_open", "tasks", ["tenant_id", "due_on"], unique=False, postgresql_where=sa.text("status = 'open'")
    )
    op.create_index(
        "ix_tasks_reminder_id",
        "tasks",
        ["tenant_id", "reminder_id"],
        unique=False,
        postgresql_where=sa.text("reminder_id IS NOT NULL"),
    )
    op.create_table(
        "reminder_receipts",
        sa.Column("reminder_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider_event_id", sa.Text(), nullable=False),
        sa.Column("occurred_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('bounced', 'complained', 'delivered', 'failed', 'read')", name=op.f("ck_reminder_receipts_kind")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "reminder_id"],
            ["reminders.tenant_id", "reminders.id"],
            name=op.f("fk_reminder_receipts_reminder_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_reminder_receipts")),
        sa.UniqueConstraint(
            "tenant_id",
            "reminder_id",
            "kind",
            "provider_event_id",
            name=op.f("uq_reminder_receipts_tenant_id_reminder_id_kind_provider_event_id"),
        ),
    )


def add_columns() -> None:
    op.add_column(
        "customers",
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
    )
    op.add_column(
        "customers",
        sa.Column(
            "other_time_zones", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
    )
    op.add_column("customers", sa.Column("contact_profile", sa.Text(), nullable=True))
    op.add_column("customers", sa.Column("send_window", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("customers", sa.Column("erased_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("dunning_policies", sa.Column("applies_to", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("dunning_policies", sa.Column("priority", sa.Integer(), server_default="100", nullable=False))
    op.add_column("dunning_cases", sa.Column("late_entry", sa.Text(), nullable=True))
    op.add_column(
        "dunning_cases",
        sa.Column("taken_keys", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
    )
    op.add_column("dunning_cases", sa.Column("sent_count", sa.Integer(), server_default="0", nullable=False))
    add_check("dunning_cases", "late_entry", "late_entry IN ('highest', 'hold', 'restart')")
    op.add_column("reminders", sa.Column("delivered_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("reminders", sa.Column("read_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("reminders", sa.Column("replaces_id", sa.UUID(), nullable=True))
    op.add_column(
        "reminders",
        sa.Column(
            "tried_channels", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
    )
    op.add_column("reminders", sa.Column("run_id", sa.UUID(), nullable=True))
    op.add_column("events", sa.Column("customer_id", sa.UUID(), nullable=True))
    op.add_column("tenants", sa.Column("dunning_mode", sa.Text(), server_default="automatic", nullable=False))
    add_check("tenants", "dunning_mode", "dunning_mode IN ('automatic', 'runs')")
    op.add_column(
        "tenants",
        sa.Column(
            "contact_rules",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column(
        "tenants",
        sa.Column(
            "channels", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
    )
    op.add_column(
        "tenants",
        sa.Column(
            "channel_pauses",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column(
        "tenants",
        sa.Column(
            "agreement_rules",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("what was said and agreed is not undone; go forward with a new revision")
