"""The ledger, payments, their allocations, and charges."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.states import CHARGE, PAYMENT
from app.models.base import Base, TenantRow, Versioned, amount_range, foreign_key, one_of

ACCOUNTS = ("principal", "interest", "fees", "cash")
ENTRY_KINDS = (
    "invoice_issued",
    "opening_paid",
    "payment_received",
    "payment_allocated",
    "payment_reversed",
    "allocation_reversed",
    "charge_posted",
    "charge_reversed",
)


class LedgerEntry(TenantRow, Base):
    """One append-only entry (rule M2). Positive raises what the customer owes, negative lowers it.

    `principal`, `interest` and `fees` are accounts of an invoice; `cash` is the customer's money not yet allocated,
    so an allocation is two entries that add up to zero.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        foreign_key(["tenant_id", "payment_id"], ["payments.tenant_id", "payments.id"]),
        foreign_key(["tenant_id", "reverses_id"], ["ledger_entries.tenant_id", "ledger_entries.id"]),
        one_of("account", ACCOUNTS),
        one_of("kind", ENTRY_KINDS),
        amount_range("amount_minor"),
        CheckConstraint("(account = 'cash') = (invoice_id IS NULL)", name="invoice_account"),
        # An entry is reversed once at most.
        Index("uq_ledger_entries_reverses_id", "tenant_id", "reverses_id", unique=True),
        Index("ix_ledger_entries_invoice_id", "tenant_id", "invoice_id"),
        Index("ix_ledger_entries_payment_id", "tenant_id", "payment_id"),
        Index("ix_ledger_entries_customer_id", "tenant_id", "customer_id", "effective_on"),
        # What a report of a past day takes back from the kept balances.
        Index("ix_ledger_entries_effective_on", "tenant_id", "effective_on"),
        Index("ix_ledger_entries_booked_at", "tenant_id", "booked_at"),
    )

    customer_id: Mapped[UUID]
    invoice_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]
    charge_id: Mapped[UUID | None]
    allocation_id: Mapped[UUID | None]
    account: Mapped[str]
    kind: Mapped[str]
    currency: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    effective_on: Mapped[date]
    booked_at: Mapped[datetime]
    reverses_id: Mapped[UUID | None]


class Payment(TenantRow, Versioned, Base):
    """Money received. `unapplied_minor` is kept for speed and equals minus the sum of its cash entries."""

    __tablename__ = "payments"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        UniqueConstraint("tenant_id", "external_id"),
        one_of("status", PAYMENT.states),
        amount_range("amount_minor", low=1),
        CheckConstraint("unapplied_minor BETWEEN 0 AND amount_minor", name="unapplied_minor"),
        Index("ix_payments_customer_id", "tenant_id", "customer_id", "id"),
        Index(
            "ix_payments_unapplied",
            "tenant_id",
            "customer_id",
            postgresql_where=text("status = 'posted' AND unapplied_minor > 0"),
        ),
    )

    external_id: Mapped[str | None]
    customer_id: Mapped[UUID]
    currency: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    unapplied_minor: Mapped[int] = mapped_column(BigInteger)
    received_on: Mapped[date]
    method: Mapped[str | None]
    reference: Mapped[str | None]
    status: Mapped[str]
    reversed_on: Mapped[date | None]
    reversal_reason: Mapped[str | None]
    meta: Mapped[dict[str, Any]]
    allocations: Mapped[list["Allocation"]] = relationship(lazy="raise", order_by="Allocation.id")


class Allocation(TenantRow, Base):
    """A part of a payment that settles an invoice."""

    __tablename__ = "allocations"
    __table_args__ = (
        foreign_key(["tenant_id", "payment_id"], ["payments.tenant_id", "payments.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        amount_range("amount_minor", low=1),
        Index("ix_allocations_payment_id", "tenant_id", "payment_id"),
        Index("ix_allocations_invoice_id", "tenant_id", "invoice_id"),
    )

    payment_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    effective_on: Mapped[date]
    created_at: Mapped[datetime]
    reversed_at: Mapped[datetime | None]


class Charge(TenantRow, Versioned, Base):
    """A fee of a dunning step, posted once for each (case, step, cycle) (rule M10)."""

    __tablename__ = "charges"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        one_of("status", CHARGE.states),
        one_of("kind", ("fee", "interest", "recovery_cost")),
        amount_range("amount_minor", low=1),
        Index("ix_charges_invoice_id", "tenant_id", "invoice_id"),
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
