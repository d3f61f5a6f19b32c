"""Indexes of tables that were in use, and the proof of their new constraints, while the service runs

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

from migrations.guards import drop_constraint, prove

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Outside of a transaction, as building them concurrently asks for; each can be repeated after a failure.
    with op.get_context().autocommit_block():
        prove(
            "allocations",
            "fk_allocations_credit_note_id",
            "ck_allocations_discount_minor",
            "ck_allocations_difference_minor",
            "ck_allocations_settles_something",
            "ck_allocations_one_source",
            "ck_allocations_amount_minor",
        )
        prove(
            "ledger_entries",
            "fk_ledger_entries_credit_note_id",
            "fk_ledger_entries_write_off_id",
            "ck_ledger_entries_unidentified_cash",
            "ck_ledger_entries_account",
            "ck_ledger_entries_kind",
            "ck_ledger_entries_invoice_account",
        )
        prove("charges", "ck_charges_tax_minor", "ck_charges_paid_minor", "ck_charges_interest_period")
        prove(
            "customers",
            "ck_customers_credit_state",
            "ck_customers_credit_limit_minor",
            "ck_customers_credit_currency",
        )
        prove("invoices", "ck_invoices_written_off_minor", "ck_invoices_net_minor")
        prove("payments", "ck_payments_refunded_minor", "ck_payments_pending_settles_nothing")
        op.create_index(
            "ix_allocations_credit_note_id",
            "allocations",
            ["tenant_id", "credit_note_id"],
            unique=False,
            postgresql_where=sa.text("credit_note_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_charges_customer_id",
            "charges",
            ["tenant_id", "customer_id", "id"],
            unique=False,
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "uq_dunning_cases_invoice_instalment",
            "dunning_cases",
            ["tenant_id", "invoice_id", "plan_id", "instalment_number"],
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_ledger_entries_credit_note_id",
            "ledger_entries",
            ["tenant_id", "credit_note_id"],
            unique=False,
            postgresql_where=sa.text("credit_note_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_payments_pending",
            "payments",
            ["tenant_id", "customer_id"],
            unique=False,
            postgresql_where=sa.text("status = 'pending'"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_payments_pending_for_others",
            "payments",
            ["tenant_id"],
            unique=False,
            postgresql_where=sa.text("status = 'pending' AND for_other_customers"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_payments_unidentified",
            "payments",
            ["tenant_id", "id"],
            unique=False,
            postgresql_where=sa.text("customer_id IS NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "uq_charges_external_id",
            "charges",
            ["tenant_id", "external_id"],
            unique=True,
            postgresql_where=sa.text("external_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        # One case for each instalment takes the place of one for each invoice.
        drop_constraint("dunning_cases", "uq_dunning_cases_tenant_id_invoice_id")


def downgrade() -> None:
    raise NotImplementedError("money is not undone; go forward with a new revision")
