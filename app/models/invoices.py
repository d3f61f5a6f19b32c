"""Invoices, their instalments, and the cases that chase them."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.instalments import OpenPart, open_parts
from app.domain.states import CASE, INVOICE
from app.models.base import Base, TenantRow, Versioned, amount_range, foreign_key, one_of


class Invoice(TenantRow, Versioned, Base):
    """An invoice. The three balances are kept for speed and equal the sums of its ledger entries (rule M2)."""

    __tablename__ = "invoices"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        UniqueConstraint("tenant_id", "external_id"),
        one_of("status", INVOICE.states),
        one_of("due_state", ("not_due", "due", "overdue")),
        amount_range("total_minor", low=0),
        amount_range("opening_paid_minor", low=0),
        amount_range("principal_open_minor", low=0),
        amount_range("interest_open_minor", low=0),
        amount_range("fees_open_minor", low=0),
        amount_range("written_off_minor", low=0),
        CheckConstraint("net_minor BETWEEN 0 AND total_minor", name="net_minor"),
        CheckConstraint("disputed_minor BETWEEN 0 AND principal_open_minor", name="disputed_minor"),
        CheckConstraint(
            "status <> 'paid' OR principal_open_minor + interest_open_minor + fees_open_minor = 0", name="paid_is_zero"
        ),
        Index(
            "ix_invoices_open",
            "tenant_id",
            "customer_id",
            postgresql_where=text("status IN ('open', 'partially_paid')"),
        ),
        Index("ix_invoices_customer_id", "tenant_id", "customer_id", "id"),
        Index("ix_invoices_status", "tenant_id", "status", "id"),
        Index("ix_invoices_due_on", "tenant_id", "due_on", "id"),
    )

    bookkeeping: ClassVar[frozenset[str]] = frozenset({"interest_through_on"})

    external_id: Mapped[str | None]
    number: Mapped[str]
    customer_id: Mapped[UUID]
    currency: Mapped[str]
    total_minor: Mapped[int] = mapped_column(BigInteger)
    opening_paid_minor: Mapped[int] = mapped_column(BigInteger)
    principal_open_minor: Mapped[int] = mapped_column(BigInteger)
    interest_open_minor: Mapped[int] = mapped_column(BigInteger)
    fees_open_minor: Mapped[int] = mapped_column(BigInteger)
    disputed_minor: Mapped[int] = mapped_column(BigInteger)
    # What payments have settled, charges included, and what was paid before Puntual knew the invoice.
    settled_minor: Mapped[int] = mapped_column(BigInteger)
    # What has been given up and has neither come back nor been taken back.
    written_off_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # The total without taxes, for terms that split it.
    net_minor: Mapped[int | None] = mapped_column(BigInteger)
    issued_on: Mapped[date]
    due_on: Mapped[date]
    status: Mapped[str]
    due_state: Mapped[str]
    collection_state: Mapped[str]
    reference: Mapped[str | None]
    payment_url: Mapped[str | None]
    documents: Mapped[list[Any]]
    lines: Mapped[list[Any]]
    dunning_policy_id: Mapped[UUID | None]
    # As they were when the invoice was issued: the terms, and [{percent, until}].
    terms: Mapped[dict[str, Any] | None]
    discount_terms: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    # [{number, due_on, amount_minor}] in order of dates, where it is due in several parts; once it is issued, the
    # same as its rows of `invoice_instalments`, so that every reader of the invoice knows them without another query.
    instalments: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    # How lateness is charged: the customer's setting where empty. Interest stands posted through a day, if any does.
    late_interest: Mapped[dict[str, Any] | None]
    interest_through_on: Mapped[date | None]
    meta: Mapped[dict[str, Any]]
    issued_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]

    @property
    def charges_open_minor(self) -> int:
        """Interest and fees still open."""
        return self.interest_open_minor + self.fees_open_minor

    @property
    def open_minor(self) -> int:
        """All that is still open (rule M11)."""
        return self.principal_open_minor + self.charges_open_minor

    @property
    def parts(self) -> tuple[OpenPart, ...]:
        """What is open of each instalment; none for an invoice that is due whole."""
        if not self.instalments:
            return ()
        return open_parts(
            self.instalments,
            principal_open_minor=self.principal_open_minor,
            charges_open_minor=self.charges_open_minor,
            disputed_minor=self.disputed_minor,
        )

    @property
    def oldest_due_on(self) -> date:
        """The due date by which it is late or not: that of the oldest part with something open."""
        return next((part.due_on for part in self.parts if part.open_minor), self.due_on)


class InvoiceInstalment(Base):
    """A part of an invoice that was issued in several; what is paid fills them in order of their number."""

    __tablename__ = "invoice_instalments"
    __table_args__ = (
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        amount_range("amount_minor", low=1),
        CheckConstraint("number >= 1", name="number"),
        Index("ix_invoice_instalments_due_on", "tenant_id", "due_on", "invoice_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    due_on: Mapped[date]
    amount_minor: Mapped[int] = mapped_column(BigInteger)


class DunningCase(TenantRow, Versioned, Base):
    """The chase of one invoice, or of one instalment of it, under one pinned policy version."""

    __tablename__ = "dunning_cases"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        foreign_key(
            ["tenant_id", "policy_id", "policy_version"],
            [
                "dunning_policy_versions.tenant_id",
                "dunning_policy_versions.policy_id",
                "dunning_policy_versions.version_number",
            ],
            name="fk_dunning_cases_policy_version",
        ),
        Index(
            "uq_dunning_cases_invoice_instalment",
            "tenant_id",
            "invoice_id",
            "plan_id",
            "instalment_number",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        one_of("state", CASE.states),
        CheckConstraint("late_entry IN ('highest', 'hold', 'restart')", name="late_entry"),
        Index(
            "ix_dunning_cases_running",
            "tenant_id",
            "customer_id",
            postgresql_where=text("state <> 'closed'"),
        ),
        Index("ix_dunning_cases_policy", "tenant_id", "policy_id", "policy_version"),
    )

    bookkeeping: ClassVar[frozenset[str]] = frozenset(
        {"plan_due_on", "plan_open_minor", "plan_label", "taken_keys", "sent_count"}
    )

    customer_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    # Of an invoice that was issued in several, or of the plan; empty for an invoice that is due whole.
    instalment_number: Mapped[int | None]
    # The payment plan whose instalment it chases; its invoice is then the oldest one that the plan covers.
    plan_id: Mapped[UUID | None]
    # Of that instalment: its due date, what is open of it, and how it is named ("3/6"); kept by the plan.
    plan_due_on: Mapped[date | None]
    plan_open_minor: Mapped[int | None] = mapped_column(BigInteger)
    plan_label: Mapped[str | None]
    policy_id: Mapped[UUID]
    policy_version: Mapped[int]
    state: Mapped[str]
    cycle: Mapped[int]
    # Days by which the ladder starts later than the due date (late entry by `restart`).
    shift_days: Mapped[int]
    # How it enters the ladder late, where that is not as its policy says; `hold` until a person begins it.
    late_entry: Mapped[str | None]
    # Steps that were taken under another version of the policy, where this one has them further up.
    taken_keys: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    sent_count: Mapped[int] = mapped_column(server_default="0")
    # The highest step that was taken or skipped, and the local date of the last one taken.
    reached_step_key: Mapped[str | None]
    reached_offset_days: Mapped[int | None]
    last_sent_step_key: Mapped[str | None]
    last_sent_on: Mapped[date | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class CaseStep(Base):
    """What became of one step of a case in one cycle; its key is why no step is taken twice."""

    __tablename__ = "case_steps"
    __table_args__ = (
        foreign_key(["tenant_id", "case_id"], ["dunning_cases.tenant_id", "dunning_cases.id"]),
        one_of("outcome", ("pending", "sent", "unknown", "skipped")),
        Index("ix_case_steps_reminder_id", "tenant_id", "reminder_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(primary_key=True)
    cycle: Mapped[int] = mapped_column(primary_key=True)
    step_key: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    reason: Mapped[str | None]
    reminder_id: Mapped[UUID | None]
    nominal_on: Mapped[date]
    decided_at: Mapped[datetime]
