"""The ledger, payments, credit notes and their allocations, write-offs, and charges."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.states import CHARGE, CREDIT_NOTE, PAYMENT
from app.models.base import Base, TenantRow, Versioned, amount_range, foreign_key, one_of

# `principal`, `interest` and `fees` belong to an invoice; `cash` and `credit` are the customer's, not yet applied.
ACCOUNTS = ("principal", "interest", "fees", "cash", "credit")
ENTRY_KINDS = (
    "invoice_issued",
    "opening_paid",
    "invoice_voided",
    "payment_received",
    "payment_allocated",
    "payment_assigned",
    "payment_refunded",
    "payment_reversed",
    "allocation_reversed",
    "discount_taken",
    "difference_closed",
    "credit_note_issued",
    "credit_applied",
    "credit_note_voided",
    "charge_posted",
    "charge_reversed",
    "charge_waived",
    "written_off",
    "write_off_reversed",
    "write_off_recovered",
)


class LedgerEntry(TenantRow, Base):
    """One append-only entry (rule M2). Positive raises what the customer owes, negative lowers it.

    `principal`, `interest` and `fees` are accounts of an invoice; `cash` is the customer's money not yet allocated,
    so an allocation is two entries that add up to zero; `credit` is what credit notes have not been applied to.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        foreign_key(["tenant_id", "payment_id"], ["payments.tenant_id", "payments.id"]),
        foreign_key(["tenant_id", "credit_note_id"], ["credit_notes.tenant_id", "credit_notes.id"]),
        foreign_key(["tenant_id", "write_off_id"], ["write_offs.tenant_id", "write_offs.id"]),
        foreign_key(["tenant_id", "reverses_id"], ["ledger_entries.tenant_id", "ledger_entries.id"]),
        one_of("account", ACCOUNTS),
        one_of("kind", ENTRY_KINDS),
        amount_range("amount_minor"),
        CheckConstraint("(account IN ('cash', 'credit')) = (invoice_id IS NULL)", name="invoice_account"),
        # Money that nobody has been named for yet belongs to no customer.
        CheckConstraint("customer_id IS NOT NULL OR account = 'cash'", name="unidentified_cash"),
        # An entry is reversed once at most.
        Index("uq_ledger_entries_reverses_id", "tenant_id", "reverses_id", unique=True),
        Index("ix_ledger_entries_invoice_id", "tenant_id", "invoice_id"),
        Index("ix_ledger_entries_payment_id", "tenant_id", "payment_id"),
        Index(
            "ix_ledger_entries_credit_note_id",
            "tenant_id",
            "credit_note_id",
            postgresql_where=text("credit_note_id IS NOT NULL"),
        ),
        Index("ix_ledger_entries_customer_id", "tenant_id", "customer_id", "effective_on"),
        # What a report of a past day takes back from the kept balances.
        Index("ix_ledger_entries_effective_on", "tenant_id", "effective_on"),
        Index("ix_ledger_entries_booked_at", "tenant_id", "booked_at"),
    )

    customer_id: Mapped[UUID | None]
    invoice_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]
    credit_note_id: Mapped[UUID | None]
    charge_id: Mapped[UUID | None]
    allocation_id: Mapped[UUID | None]
    write_off_id: Mapped[UUID | None]
    account: Mapped[str]
    kind: Mapped[str]
    currency: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    effective_on: Mapped[date]
    booked_at: Mapped[datetime]
    reverses_id: Mapped[UUID | None]
    # Why, where the kind does not say it: the code of a difference, the reason of a write-off.
    reason: Mapped[str | None]


class Payment(TenantRow, Versioned, Base):
    """Money received. `unapplied_minor` is kept for speed and equals minus the sum of its cash entries."""

    __tablename__ = "payments"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        UniqueConstraint("tenant_id", "external_id"),
        one_of("status", PAYMENT.states),
        amount_range("amount_minor", low=1),
        CheckConstraint("unapplied_minor BETWEEN 0 AND amount_minor", name="unapplied_minor"),
        CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refunded_minor"),
        CheckConstraint("status <> 'pending' OR unapplied_minor = 0", name="pending_settles_nothing"),
        Index("ix_payments_customer_id", "tenant_id", "customer_id", "id"),
        Index("ix_payments_pending", "tenant_id", "customer_id", postgresql_where=text("status = 'pending'")),
        Index(
            "ix_payments_pending_for_others",
            "tenant_id",
            postgresql_where=text("status = 'pending' AND for_other_customers"),
        ),
        Index("ix_payments_unidentified", "tenant_id", "id", postgresql_where=text("customer_id IS NULL")),
        Index(
            "ix_payments_unapplied",
            "tenant_id",
            "customer_id",
            postgresql_where=text("status = 'posted' AND unapplied_minor > 0"),
        ),
    )

    external_id: Mapped[str | None]
    # Empty while nobody knows whose money it is (rule M4).
    customer_id: Mapped[UUID | None]
    currency: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    unapplied_minor: Mapped[int] = mapped_column(BigInteger)
    refunded_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    received_on: Mapped[date]
    matures_on: Mapped[date | None]
    # What was handed over, where it was in another currency: {currency, amount, exchange_rate} (rule M11).
    tendered: Mapped[dict[str, Any] | None]
    # What a pending instrument will settle once it matures, as it was designated.
    intended_allocations: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    # Whether it was designated for other customers' invoices, too: these are covered by it while it is pending.
    for_other_customers: Mapped[bool] = mapped_column(server_default=text("false"))
    method: Mapped[str | None]
    reference: Mapped[str | None]
    status: Mapped[str]
    reversed_on: Mapped[date | None]
    reversal_reason: Mapped[str | None]
    meta: Mapped[dict[str, Any]]
    # Both sources copy the tenant, and both copy the same one.
    allocations: Mapped[list["Allocation"]] = relationship(
        lazy="raise", order_by="Allocation.id", overlaps="allocations"
    )


class Allocation(TenantRow, Base):
    """A part of a payment or of a credit note that settles an invoice.

    `discount_minor` and `differences` settle the invoice beside it: what the payer may keep, and what is given up for
    a reason.
    """

    __tablename__ = "allocations"
    __table_args__ = (
        foreign_key(["tenant_id", "payment_id"], ["payments.tenant_id", "payments.id"]),
        foreign_key(["tenant_id", "credit_note_id"], ["credit_notes.tenant_id", "credit_notes.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        amount_range("amount_minor", low=0),
        amount_range("discount_minor", low=0),
        amount_range("difference_minor", low=0),
        CheckConstraint("amount_minor + discount_minor + difference_minor > 0", name="settles_something"),
        CheckConstraint("(payment_id IS NULL) <> (credit_note_id IS NULL)", name="one_source"),
        Index("ix_allocations_payment_id", "tenant_id", "payment_id"),
        Index(
            "ix_allocations_credit_note_id",
            "tenant_id",
            "credit_note_id",
            postgresql_where=text("credit_note_id IS NOT NULL"),
        ),
        Index("ix_allocations_invoice_id", "tenant_id", "invoice_id"),
    )

    payment_id: Mapped[UUID | None]
    credit_note_id: Mapped[UUID | None]
    invoice_id: Mapped[UUID]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    discount_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    difference_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # [{reason, amount_minor}], together `difference_minor`.
    differences: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    effective_on: Mapped[date]
    created_at: Mapped[datetime]
    reversed_at: Mapped[datetime | None]

    @property
    def settled_minor(self) -> int:
        """By how much the invoice owes less."""
        return self.amount_minor + self.discount_minor + self.difference_minor


class CreditNote(TenantRow, Versioned, Base):
    """A credit to a customer. `unapplied_minor` is kept for speed and equals minus the sum of its credit entries."""

    __tablename__ = "credit_notes"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        UniqueConstraint("tenant_id", "external_id"),
        one_of("status", CREDIT_NOTE.states),
        amount_range("amount_minor", low=1),
        CheckConstraint("unapplied_minor BETWEEN 0 AND amount_minor", name="unapplied_minor"),
        Index("ix_credit_notes_customer_id", "tenant_id", "customer_id", "id"),
        Index("ix_credit_notes_invoice_id", "tenant_id", "invoice_id", postgresql_where=text("invoice_id IS NOT NULL")),
        Index(
            "ix_credit_notes_unapplied",
            "tenant_id",
            "customer_id",
            postgresql_where=text("status = 'open'"),
        ),
    )

    external_id: Mapped[str | None]
    number: Mapped[str | None]
    customer_id: Mapped[UUID]
    # The invoice that it corrects, if it corrects one.
    invoice_id: Mapped[UUID | None]
    currency: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    unapplied_minor: Mapped[int] = mapped_column(BigInteger)
    issued_on: Mapped[date]
    reason: Mapped[str | None]
    status: Mapped[str]
    voided_on: Mapped[date | None]
    void_reason: Mapped[str | None]
    meta: Mapped[dict[str, Any]]
    # Both sources copy the tenant, and both copy the same one.
    allocations: Mapped[list["Allocation"]] = relationship(
        lazy="raise", order_by="Allocation.id", overlaps="allocations"
    )


class WriteOff(TenantRow, Versioned, Base):
    """What was given up of an invoice; `recovered_minor` is what came in after all."""

    __tablename__ = "write_offs"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        one_of("status", ("posted", "reversed")),
        amount_range("amount_minor", low=1),
        CheckConstraint("recovered_minor BETWEEN 0 AND amount_minor", name="recovered_minor"),
        Index("ix_write_offs_invoice_id", "tenant_id", "invoice_id"),
    )

    customer_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    currency: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    recovered_minor: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    approved_by: Mapped[str | None]
    written_off_on: Mapped[date]
    status: Mapped[str]
    reversed_on: Mapped[date | None]
    reversal_reason: Mapped[str | None]


class Charge(TenantRow, Versioned, Base):
    """A fee, interest or recovery cost; that of a dunning step is posted once for each (case, step, cycle) (M10)."""

    __tablename__ = "charges"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        one_of("status", CHARGE.states),
        one_of("kind", ("fee", "interest", "recovery_cost")),
        amount_range("amount_minor", low=1),
        CheckConstraint("tax_minor BETWEEN 0 AND amount_minor", name="tax_minor"),
        CheckConstraint("paid_minor BETWEEN 0 AND amount_minor", name="paid_minor"),
        CheckConstraint("(kind = 'interest') OR (from_on IS NULL AND through_on IS NULL)", name="interest_period"),
        Index(
            "uq_charges_external_id",
            "tenant_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index("ix_charges_invoice_id", "tenant_id", "invoice_id"),
        Index("ix_charges_customer_id", "tenant_id", "customer_id", "id"),
        Index("ix_charges_reminder_id", "tenant_id", "reminder_id"),
        Index(
            "uq_charges_step",
            "tenant_id",
            "case_id",
            "step_key",
            "cycle",
            unique=True,
            postgresql_where=text("status IN ('posted', 'paid')"),
        ),
    )

    customer_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    kind: Mapped[str]
    currency: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    posted_on: Mapped[date]
    status: Mapped[str]
    case_id: Mapped[UUID | None]
    step_key: Mapped[str | None]
    cycle: Mapped[int | None]
    reminder_id: Mapped[UUID | None]
    external_id: Mapped[str | None]
    reason: Mapped[str | None]
    # How much of it is paid: what was paid on all charges of its kind fills them in order.
    paid_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # `amount_minor` includes `tax_minor`.
    tax_code: Mapped[str | None]
    tax_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # Interest for these days, inclusive, by this table; `segments` says how it comes about.
    from_on: Mapped[date | None]
    through_on: Mapped[date | None]
    rate_table: Mapped[str | None]
    segments: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    waived_on: Mapped[date | None]
    waiver_reason: Mapped[str | None]
    # The payment plan whose interest or set-up fee it is.
    plan_id: Mapped[UUID | None]
    meta: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
