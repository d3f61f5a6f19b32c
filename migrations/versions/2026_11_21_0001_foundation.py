"""Tenants, customers, invoices, payments, ledger, dunning, reminders, events and webhooks

Revision: 0001
Follows:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import ROLES, RUNTIME_ROLE, definer, grants, invoker, wall

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=True),
        sa.Column("allocation_order", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("send_window", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("contact_profile", sa.Text(), nullable=False),
        sa.Column("max_contacts_per_day", sa.Integer(), nullable=True),
        sa.Column("sender_name", sa.Text(), nullable=False),
        sa.Column("sender_address", sa.Text(), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("bank_accounts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sending", sa.Text(), nullable=False),
        sa.Column("clock_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("advance_token", sa.UUID(), nullable=True),
        sa.Column("advance_lease_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("mode IN ('live', 'test')", name=op.f("ck_tenants_mode")),
        sa.CheckConstraint("sending IN ('live', 'paused', 'shadow')", name=op.f("ck_tenants_sending")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "api_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_api_keys_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_api_keys")),
    )
    op.create_index("uq_api_keys_public_id", "api_keys", ["public_id"], unique=True)
    op.create_table(
        "customers",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("dunning_policy_id", sa.UUID(), nullable=True),
        sa.Column("contacts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("next_action_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('business', 'consumer', 'sole_trader')", name=op.f("ck_customers_kind")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_customers_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_customers")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_customers_tenant_id_external_id")),
    )
    op.create_index(
        "ix_customers_next_action_at",
        "customers",
        ["tenant_id", "next_action_at"],
        unique=False,
        postgresql_where=sa.text("next_action_at IS NOT NULL"),
    )
    op.create_table(
        "dunning_policies",
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("wants_default", sa.Boolean(), nullable=False),
        sa.Column("latest_number", sa.Integer(), nullable=False),
        sa.Column("published_number", sa.Integer(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "NOT is_default OR published_number IS NOT NULL", name=op.f("ck_dunning_policies_default_is_published")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_dunning_policies_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_dunning_policies")),
    )
    op.create_index(
        "uq_dunning_policies_default",
        "dunning_policies",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "event_counters",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_event_counters_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_event_counters")),
    )
    op.create_table(
        "events",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.UUID(), nullable=False),
        sa.Column("object_version", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_events_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_events")),
        sa.UniqueConstraint("tenant_id", "sequence", name=op.f("uq_events_tenant_id_sequence")),
    )
    op.create_index("ix_events_object", "events", ["tenant_id", "object_id", "position"], unique=False)
    op.create_index(
        "ix_events_unsequenced",
        "events",
        ["tenant_id", "position"],
        unique=False,
        postgresql_where=sa.text("sequence IS NULL"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_idempotency_keys_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["tenant_id", "created_at"], unique=False)
    op.create_table(
        "webhook_endpoints",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("event_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("secrets", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('disabled', 'enabled')", name=op.f("ck_webhook_endpoints_status")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_webhook_endpoints_"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_table(
        "deliveries",
        sa.Column("endpoint_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("lease_token", sa.UUID(), nullable=True),
        sa.Column("lease_expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "status IN ('delivered', 'exhausted', 'in_flight', 'pending', 'retry_scheduled')",
            name=op.f("ck_deliveries_status"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"],
            ["webhook_endpoints.tenant_id", "webhook_endpoints.id"],
            name=op.f("fk_deliveries_endpoint_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_id"],
            ["events.tenant_id", "events.id"],
            name=op.f("fk_deliveries_event_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_deliveries")),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["tenant_id", "endpoint_id", "next_attempt_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'retry_scheduled')"),
    )
    op.create_index("ix_deliveries_endpoint_id", "deliveries", ["tenant_id", "endpoint_id", "id"], unique=False)
    op.create_index(
        "ix_deliveries_in_flight",
        "deliveries",
        ["tenant_id", "lease_expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'in_flight'"),
    )
    op.create_table(
        "dunning_policy_versions",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("policy_id", sa.UUID(), nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("published_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('draft', 'published')", name=op.f("ck_dunning_policy_versions_status")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "policy_id"],
            ["dunning_policies.tenant_id", "dunning_policies.id"],
            name=op.f("fk_dunning_policy_versions_policy_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "policy_id", "version_number", name=op.f("pk_dunning_policy_versions")),
    )
    op.create_table(
        "invoices",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("opening_paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("principal_open_minor", sa.BigInteger(), nullable=False),
        sa.Column("interest_open_minor", sa.BigInteger(), nullable=False),
        sa.Column("fees_open_minor", sa.BigInteger(), nullable=False),
        sa.Column("disputed_minor", sa.BigInteger(), nullable=False),
        sa.Column("settled_minor", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("due_state", sa.Text(), nullable=False),
        sa.Column("collection_state", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("payment_url", sa.Text(), nullable=True),
        sa.Column("documents", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dunning_policy_id", sa.UUID(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("issued_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("paid_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("due_state IN ('due', 'not_due', 'overdue')", name=op.f("ck_invoices_due_state")),
        sa.CheckConstraint(
            "status <> 'paid' OR principal_open_minor + interest_open_minor + fees_open_minor = 0",
            name=op.f("ck_invoices_paid_is_zero"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'open', 'paid', 'partially_paid', 'void', 'written_off')",
            name=op.f("ck_invoices_status"),
        ),
        sa.CheckConstraint(
            "disputed_minor BETWEEN 0 AND principal_open_minor", name=op.f("ck_invoices_disputed_minor")
        ),
        sa.CheckConstraint(
            "fees_open_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_invoices_fees_open_minor")
        ),
        sa.CheckConstraint(
            "interest_open_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_invoices_interest_open_minor")
        ),
        sa.CheckConstraint(
            "opening_paid_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_invoices_opening_paid_minor")
        ),
        sa.CheckConstraint(
            "principal_open_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_invoices_principal_open_minor")
        ),
        sa.CheckConstraint("total_minor BETWEEN 0 AND 100000000000000000", name=op.f("ck_invoices_total_minor")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_invoices_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_invoices_tenant_id_external_id")),
    )
    op.create_index("ix_invoices_customer_id", "invoices", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_index("ix_invoices_due_on", "invoices", ["tenant_id", "due_on", "id"], unique=False)
    op.create_index(
        "ix_invoices_open",
        "invoices",
        ["tenant_id", "customer_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('open', 'partially_paid')"),
    )
    op.create_index("ix_invoices_status", "invoices", ["tenant_id", "status", "id"], unique=False)
    op.create_table(
        "payments",
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("unapplied_minor", sa.BigInteger(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reversed_on", sa.Date(), nullable=True),
        sa.Column("reversal_reason", sa.Text(), nullable=True),
        sa.Column("meta", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('pending', 'posted', 'reversed')", name=op.f("ck_payments_status")),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 100000000000000000", name=op.f("ck_payments_amount_minor")),
        sa.CheckConstraint("unapplied_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payments_unapplied_minor")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_payments_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_payments")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_payments_tenant_id_external_id")),
    )
    op.create_index("ix_payments_customer_id", "payments", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_index(
        "ix_payments_unapplied",
        "payments",
        ["tenant_id", "customer_id"],
        unique=False,
        postgresql_where=sa.text("status = 'posted' AND unapplied_minor > 0"),
    )
    op.create_table(
        "reminders",
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("policy_id", sa.UUID(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=True),
        sa.Column("to_name", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("is_shadow", sa.Boolean(), nullable=False),
        sa.Column("nominal_on", sa.Date(), nullable=False),
        sa.Column("scheduled_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("sent_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("contacted_on", sa.Date(), nullable=True),
        sa.Column("provider_message_id", sa.Text(), nullable=True),
        sa.Column("skip_reason", sa.Text(), nullable=True),
        sa.Column("total_due_minor", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text_body", sa.Text(), nullable=True),
        sa.Column("html_body", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("next_attempt_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("lease_token", sa.UUID(), nullable=True),
        sa.Column("lease_expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('awaiting_approval', 'cancelled', 'delivered', 'failed', 'outcome_unknown', 'ready', 'scheduled', 'sending', 'sent', 'skipped')",
            name=op.f("ck_reminders_status"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_reminders_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_reminders")),
    )
    op.create_index(
        "ix_reminders_contacted_on",
        "reminders",
        ["tenant_id", "customer_id", "contacted_on"],
        unique=False,
        postgresql_where=sa.text("contacted_on IS NOT NULL"),
    )
    op.create_index(
        "ix_reminders_ready",
        "reminders",
        ["tenant_id", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("status = 'ready'"),
    )
    op.create_index(
        "ix_reminders_sending",
        "reminders",
        ["tenant_id", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("status = 'sending'"),
    )
    op.create_index("ix_reminders_status", "reminders", ["tenant_id", "status", "id"], unique=False)
    op.create_index(
        "ix_reminders_unsent",
        "reminders",
        ["tenant_id", "customer_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('scheduled', 'awaiting_approval', 'ready', 'sending')"),
    )
    op.create_table(
        "allocations",
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("reversed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 100000000000000000", name=op.f("ck_allocations_amount_minor")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_allocations_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "payment_id"],
            ["payments.tenant_id", "payments.id"],
            name=op.f("fk_allocations_payment_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_allocations")),
    )
    op.create_index("ix_allocations_invoice_id", "allocations", ["tenant_id", "invoice_id"], unique=False)
    op.create_index("ix_allocations_payment_id", "allocations", ["tenant_id", "payment_id"], unique=False)
    op.create_table(
        "charges",
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("posted_on", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=True),
        sa.Column("step_key", sa.Text(), nullable=True),
        sa.Column("cycle", sa.Integer(), nullable=True),
        sa.Column("reminder_id", sa.UUID(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('fee', 'interest', 'recovery_cost')", name=op.f("ck_charges_kind")),
        sa.CheckConstraint("status IN ('paid', 'posted', 'reversed', 'waived')", name=op.f("ck_charges_status")),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 100000000000000000", name=op.f("ck_charges_amount_minor")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_charges_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_charges_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_charges")),
    )
    op.create_index("ix_charges_invoice_id", "charges", ["tenant_id", "invoice_id"], unique=False)
    op.create_index("ix_charges_reminder_id", "charges", ["tenant_id", "reminder_id"], unique=False)
    op.create_index(
        "uq_charges_step",
        "charges",
        ["tenant_id", "case_id", "step_key", "cycle"],
        unique=True,
        postgresql_where=sa.text("status IN ('posted', 'paid')"),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("delivery_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("attempted_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("response_excerpt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "delivery_id"],
            ["deliveries.tenant_id", "deliveries.id"],
            name=op.f("fk_delivery_attempts_delivery_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "delivery_id", "number", name=op.f("pk_delivery_attempts")),
    )
    op.create_table(
        "dunning_cases",
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("policy_id", sa.UUID(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("shift_days", sa.Integer(), nullable=False),
        sa.Column("reached_step_key", sa.Text(), nullable=True),
        sa.Column("reached_offset_days", sa.Integer(), nullable=True),
        sa.Column("last_sent_step_key", sa.Text(), nullable=True),
        sa.Column("last_sent_on", sa.Date(), nullable=True),
        sa.Column("opened_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("closed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('active', 'closed', 'exhausted', 'open', 'suspended')", name=op.f("ck_dunning_cases_state")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_dunning_cases_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_dunning_cases_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "policy_id", "policy_version"],
            [
                "dunning_policy_versions.tenant_id",
                "dunning_policy_versions.policy_id",
                "dunning_policy_versions.version_number",
            ],
            name="fk_dunning_cases_policy_version",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_dunning_cases")),
        sa.UniqueConstraint("tenant_id", "invoice_id", name=op.f("uq_dunning_cases_tenant_id_invoice_id")),
    )
    op.create_index(
        "ix_dunning_cases_policy", "dunning_cases", ["tenant_id", "policy_id", "policy_version"], unique=False
    )
    op.create_index(
        "ix_dunning_cases_running",
        "dunning_cases",
        ["tenant_id", "customer_id"],
        unique=False,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("customer_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=True),
        sa.Column("payment_id", sa.UUID(), nullable=True),
        sa.Column("charge_id", sa.UUID(), nullable=True),
        sa.Column("allocation_id", sa.UUID(), nullable=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("booked_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("reverses_id", sa.UUID(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint("(account = 'cash') = (invoice_id IS NULL)", name=op.f("ck_ledger_entries_invoice_account")),
        sa.CheckConstraint(
            "account IN ('cash', 'fees', 'interest', 'principal')", name=op.f("ck_ledger_entries_account")
        ),
        sa.CheckConstraint(
            "kind IN ('allocation_reversed', 'charge_posted', 'charge_reversed', 'invoice_issued', 'opening_paid', 'payment_allocated', 'payment_received', 'payment_reversed')",
            name=op.f("ck_ledger_entries_kind"),
        ),
        sa.CheckConstraint(
            "amount_minor BETWEEN -100000000000000000 AND 100000000000000000",
            name=op.f("ck_ledger_entries_amount_minor"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("fk_ledger_entries_customer_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_ledger_entries_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "payment_id"],
            ["payments.tenant_id", "payments.id"],
            name=op.f("fk_ledger_entries_payment_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "reverses_id"],
            ["ledger_entries.tenant_id", "ledger_entries.id"],
            name=op.f("fk_ledger_entries_reverses_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_ledger_entries")),
    )
    op.create_index("ix_ledger_entries_booked_at", "ledger_entries", ["tenant_id", "booked_at"], unique=False)
    op.create_index(
        "ix_ledger_entries_customer_id", "ledger_entries", ["tenant_id", "customer_id", "effective_on"], unique=False
    )
    op.create_index("ix_ledger_entries_effective_on", "ledger_entries", ["tenant_id", "effective_on"], unique=False)
    op.create_index("ix_ledger_entries_invoice_id", "ledger_entries", ["tenant_id", "invoice_id"], unique=False)
    op.create_index("ix_ledger_entries_payment_id", "ledger_entries", ["tenant_id", "payment_id"], unique=False)
    op.create_index("uq_ledger_entries_reverses_id", "ledger_entries", ["tenant_id", "reverses_id"], unique=True)
    op.create_table(
        "case_steps",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("step_key", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reminder_id", sa.UUID(), nullable=True),
        sa.Column("nominal_on", sa.Date(), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("outcome IN ('pending', 'sent', 'skipped', 'unknown')", name=op.f("ck_case_steps_outcome")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "case_id"],
            ["dunning_cases.tenant_id", "dunning_cases.id"],
            name=op.f("fk_case_steps_case_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "case_id", "cycle", "step_key", name=op.f("pk_case_steps")),
    )
    op.create_index("ix_case_steps_reminder_id", "case_steps", ["tenant_id", "reminder_id"], unique=False)
    op.create_table(
        "reminder_items",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("reminder_id", sa.UUID(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("invoice_id", sa.UUID(), nullable=False),
        sa.Column("step_key", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("nominal_on", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("dropped_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "case_id"],
            ["dunning_cases.tenant_id", "dunning_cases.id"],
            name=op.f("fk_reminder_items_case_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoices.tenant_id", "invoices.id"],
            name=op.f("fk_reminder_items_invoice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "reminder_id"],
            ["reminders.tenant_id", "reminders.id"],
            name=op.f("fk_reminder_items_reminder_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "reminder_id", "case_id", name=op.f("pk_reminder_items")),
    )
    op.create_index("ix_reminder_items_case_id", "reminder_items", ["tenant_id", "case_id"], unique=False)
    op.create_index("ix_reminder_items_invoice_id", "reminder_items", ["tenant_id", "invoice_id"], unique=False)
    build_walls()


TENANT_TABLES = (
    "allocations", "api_keys", "case_steps", "charges", "customers", "deliveries", "delivery_attempts",
    "dunning_cases", "dunning_policies", "dunning_policy_versions", "event_counters", "events", "idempotency_keys",
    "invoices", "ledger_entries", "payments", "reminder_items", "reminders", "webhook_endpoints",
)  # fmt: skip
APPEND_ONLY = ("ledger_entries", "delivery_attempts")

ENTER_TENANT = """
DECLARE tenant jsonb;
BEGIN
    SELECT to_jsonb(t) || jsonb_build_object(
        'database_now', clock_timestamp(),
        'default_policy', (
            SELECT jsonb_build_object('id', p.id, 'version', p.published_number)
            FROM dunning_policies p WHERE p.tenant_id = t.id AND p.is_default))
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
# The tenant is entered before the secret is checked; the caller checks it before it does anything else.
AUTHENTICATE = """
DECLARE found jsonb; owner uuid;
BEGIN
    SELECT k.tenant_id, jsonb_build_object(
        'secret_hash', encode(k.secret_hash, 'hex'), 'scopes', to_jsonb(k.scopes),
        'expires_at', k.expires_at, 'revoked_at', k.revoked_at)
    INTO owner, found FROM api_keys k WHERE k.public_id = wanted;
    IF owner IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN found || jsonb_build_object('tenant', app_enter_tenant(owner));
END
"""
# Runs as the caller, behind the wall that app_authenticate has just put up: it takes the key of a request, or waits for
# the request that holds it and gives that one's answer. Nobody waits for, or sees, anything without the right secret.
BEGIN_REQUEST = """
DECLARE who jsonb; owner uuid; stored idempotency_keys;
BEGIN
    who := app_authenticate(wanted);
    IF who IS NULL OR given_key IS NULL OR who ->> 'secret_hash' <> encode(given_hash, 'hex') THEN
        RETURN who;
    END IF;
    owner := (who -> 'tenant' ->> 'id')::uuid;
    DELETE FROM idempotency_keys k
    WHERE k.tenant_id = owner AND k.key = given_key AND k.created_at < clock_timestamp() - make_interval(hours => hours);
    INSERT INTO idempotency_keys (tenant_id, key, fingerprint, created_at)
    VALUES (owner, given_key, given_fingerprint, clock_timestamp()) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN who;
    END IF;
    SELECT * INTO stored FROM idempotency_keys k WHERE k.tenant_id = owner AND k.key = given_key;
    RETURN who || jsonb_build_object('stored', jsonb_build_object(
        'is_same', stored.fingerprint = given_fingerprint, 'status', stored.status, 'headers', stored.headers,
        'body', encode(stored.body, 'base64')));
END
"""
# A test tenant's clock moves by its own command; outside of it only its events and first deliveries are due.
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
        WHEN 'tenant.every' THEN true
        ELSE false END
    ORDER BY t.id LIMIT most;
END
"""
# How much work of each kind is due, and for how long the oldest has been: for dashboards and probes, so numbers only.
# Ages of events and of first deliveries are read from their ids, since a test tenant's clock says nothing about them.
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
    )
    SELECT found.kind, sum(found.number)::bigint,
        greatest(coalesce(extract(epoch FROM statement_timestamp() - min(found.since)), 0), 0)::bigint
    FROM found GROUP BY found.kind;
END
"""


def build_walls() -> None:
    op.execute(ROLES)
    for table in TENANT_TABLES:
        for statement in wall(table):
            op.execute(statement)
    for statement in wall("tenants", "id"):
        op.execute(statement)
    for statement in grants((*TENANT_TABLES, "tenants"), APPEND_ONLY):
        op.execute(statement)
    for statement in (
        *definer("app_enter_tenant(wanted uuid)", "jsonb", ENTER_TENANT),
        *definer("app_authenticate(wanted text)", "jsonb", AUTHENTICATE),
        *invoker(
            "app_begin(wanted text, given_hash bytea, given_key text, given_fingerprint bytea, hours integer)",
            "jsonb",
            BEGIN_REQUEST,
        ),
        *definer("app_tenants_due(kind text, most integer)", "TABLE (tenant_id uuid, is_test boolean)", TENANTS_DUE),
        *definer("app_lags()", "TABLE (kind text, waiting bigint, oldest_seconds bigint)", LAGS),
        # The probe compares it with what the process was built for.
        f"GRANT SELECT ON alembic_version TO {RUNTIME_ROLE}",
    ):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the first revision is not undone; drop the database instead")
