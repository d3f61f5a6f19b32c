"""What is agreed with customers, or stands between them and being chased."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.states import DISPUTE, HOLD, INSTALMENT, PLACEMENT, PLAN, PROMISE
from app.models.base import Base, TenantRow, Versioned, amount_range, foreign_key, one_of

_IDS = ARRAY(PG_UUID(as_uuid=True))


class Hold(TenantRow, Versioned, Base):
    """A stop of contact, of escalation or of charges, for a customer or one invoice (rule D8); dates are inclusive."""

    __tablename__ = "holds"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        one_of("status", HOLD.states),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="dates"),
        UniqueConstraint("tenant_id", "external_id"),
        Index("ix_holds_customer_id", "tenant_id", "customer_id", "id"),
        Index("ix_holds_live", "tenant_id", "customer_id", postgresql_where=text("status IN ('scheduled', 'active')")),
    )

    external_id: Mapped[str | None]
    customer_id: Mapped[UUID]
    # Empty for a hold of all that the customer owes.
    invoice_id: Mapped[UUID | None]
    reason: Mapped[str]
    note: Mapped[str | None]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    effects: Mapped[list[str]] = mapped_column(ARRAY(Text))
    status: Mapped[str]
    released_on: Mapped[date | None]
    release_reason: Mapped[str | None]
    meta: Mapped[dict[str, Any]]


class Promise(TenantRow, Versioned, Base):
    """A promise to pay (rule D10); `paid_minor` is what its last judgement counted."""

    __tablename__ = "promises"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        one_of("status", PROMISE.states),
        amount_range("amount_minor", low=1),
        amount_range("paid_minor", low=0),
        CheckConstraint("tolerance_days BETWEEN 0 AND 365", name="tolerance_days"),
        UniqueConstraint("tenant_id", "external_id"),
        Index("ix_promises_customer_id", "tenant_id", "customer_id", "id"),
        Index("ix_promises_open", "tenant_id", "customer_id", postgresql_where=text("status = 'open'")),
    )

    external_id: Mapped[str | None]
    customer_id: Mapped[UUID]
    invoice_ids: Mapped[list[UUID]] = mapped_column(_IDS)
    currency: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    made_on: Mapped[date]
    promised_on: Mapped[date]
    tolerance_days: Mapped[int]
    # A decimal string: "5" is 5 %.
    tolerance_percent: Mapped[str]
    status: Mapped[str]
    judged_on: Mapped[date | None]
    paid_minor: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str | None]
    meta: Mapped[dict[str, Any]]


class Dispute(TenantRow, Versioned, Base):
    """What a customer objects to, of one invoice (rule D9)."""

    __tablename__ = "disputes"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        foreign_key(["tenant_id", "credit_note_id"], ["credit_notes.tenant_id", "credit_notes.id"]),
        one_of("status", DISPUTE.states),
        amount_range("amount_minor", low=1),
        amount_range("accepted_minor", low=0),
        amount_range("credited_minor", low=0),
        UniqueConstraint("tenant_id", "external_id"),
        Index("ix_disputes_invoice_id", "tenant_id", "invoice_id"),
        Index("ix_disputes_customer_id", "tenant_id", "customer_id", "id"),
        Index("ix_disputes_open", "tenant_id", "respond_by_on", postgresql_where=text("status = 'open'")),
    )

    external_id: Mapped[str | None]
    customer_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    currency: Mapped[str]
    # Empty for the whole invoice.
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str]
    note: Mapped[str | None]
    documents: Mapped[list[Any]]
    status: Mapped[str]
    opened_on: Mapped[date]
    respond_by_on: Mapped[date | None]
    is_overdue: Mapped[bool]
    resolved_on: Mapped[date | None]
    # What was found to be right of it, and what was credited for that here; somebody else may credit it, too.
    accepted_minor: Mapped[int] = mapped_column(BigInteger)
    credited_minor: Mapped[int] = mapped_column(BigInteger)
    credit_note_id: Mapped[UUID | None]
    resolution_note: Mapped[str | None]
    meta: Mapped[dict[str, Any]]


class PaymentPlan(TenantRow, Versioned, Base):
    """Instalments agreed over invoices of a customer in one currency (rules P1 to P5)."""

    __tablename__ = "payment_plans"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        foreign_key(["tenant_id", "supersedes_id"], ["payment_plans.tenant_id", "payment_plans.id"]),
        one_of("status", PLAN.states),
        amount_range("principal_minor", low=1),
        amount_range("interest_minor", low=0),
        amount_range("down_payment_minor", low=0),
        amount_range("setup_fee_minor", low=0),
        amount_range("paid_minor", low=0),
        UniqueConstraint("tenant_id", "external_id"),
        Index("ix_payment_plans_customer_id", "tenant_id", "customer_id", "id"),
        Index(
            "ix_payment_plans_live",
            "tenant_id",
            "customer_id",
            postgresql_where=text("status IN ('proposed', 'accepted', 'active')"),
        ),
    )

    bookkeeping: ClassVar[frozenset[str]] = frozenset({"known_ids", "wake_on"})

    external_id: Mapped[str | None]
    customer_id: Mapped[UUID]
    currency: Mapped[str]
    status: Mapped[str]
    # {terms, instalments, starts_on, day_count}: what was shown, and the instalments as they were quoted.
    definition: Mapped[dict[str, Any]]
    # What the plan covers: principal and included charges.
    principal_minor: Mapped[int] = mapped_column(BigInteger)
    interest_minor: Mapped[int] = mapped_column(BigInteger)
    down_payment_minor: Mapped[int] = mapped_column(BigInteger)
    setup_fee_minor: Mapped[int] = mapped_column(BigInteger)
    frequency: Mapped[str]
    first_due_on: Mapped[date]
    grace_days: Mapped[int]
    allowed_misses: Mapped[int]
    surplus: Mapped[str]
    terms_hash: Mapped[str]
    expires_at: Mapped[datetime | None]
    # {by, at, address, method, terms_hash, ...} once somebody has accepted.
    acceptance: Mapped[dict[str, Any] | None]
    activated_on: Mapped[date | None]
    ended_on: Mapped[date | None]
    end_reason: Mapped[str | None]
    supersedes_id: Mapped[UUID | None]
    dunning_policy_id: Mapped[UUID | None]
    # What its instalments have been paid.
    paid_minor: Mapped[int] = mapped_column(BigInteger)
    # Counts the changes of its instalments, which are none of its own columns.
    instalment_changes: Mapped[int]
    # Charges that it includes, and what had settled its invoices before it began: neither is paid to it.
    known_ids: Mapped[list[UUID]] = mapped_column(_IDS)
    # The next date on which time alone changes it, while it is active.
    wake_on: Mapped[date | None]
    meta: Mapped[dict[str, Any]]
    instalments: Mapped[list["PlanInstalment"]] = relationship(lazy="raise", order_by="PlanInstalment.number")
    invoices: Mapped[list["PlanInvoice"]] = relationship(
        lazy="raise", order_by="PlanInvoice.invoice_id", overlaps="instalments"
    )


class PlanInvoice(Base):
    """An invoice that a plan covers, and what of it."""

    __tablename__ = "plan_invoices"
    __table_args__ = (
        foreign_key(["tenant_id", "plan_id"], ["payment_plans.tenant_id", "payment_plans.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        amount_range("principal_minor", low=0),
        amount_range("charges_minor", low=0),
        Index("ix_plan_invoices_invoice_id", "tenant_id", "invoice_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    principal_minor: Mapped[int] = mapped_column(BigInteger)
    charges_minor: Mapped[int] = mapped_column(BigInteger)


class PlanInstalment(Base):
    """One instalment; number 0 is the down payment. `paid_minor` follows from what the plan's invoices were paid."""

    __tablename__ = "plan_instalments"
    __table_args__ = (
        foreign_key(["tenant_id", "plan_id"], ["payment_plans.tenant_id", "payment_plans.id"]),
        one_of("status", INSTALMENT.states),
        amount_range("principal_minor", low=0),
        amount_range("interest_minor", low=0),
        amount_range("fee_minor", low=0),
        CheckConstraint("paid_minor BETWEEN 0 AND principal_minor + interest_minor + fee_minor", name="paid_minor"),
        Index("ix_plan_instalments_due_on", "tenant_id", "due_on", "plan_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    due_on: Mapped[date]
    principal_minor: Mapped[int] = mapped_column(BigInteger)
    interest_minor: Mapped[int] = mapped_column(BigInteger)
    fee_minor: Mapped[int] = mapped_column(BigInteger)
    paid_minor: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str]
    missed_on: Mapped[date | None]

    @property
    def total_minor(self) -> int:
        """Principal, interest and fee together."""
        return self.principal_minor + self.interest_minor + self.fee_minor


class Placement(TenantRow, Versioned, Base):
    """Invoices handed over to an agency or a lawyer."""

    __tablename__ = "placements"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        one_of("status", PLACEMENT.states),
        one_of("kind", ("agency", "legal")),
        amount_range("placed_minor", low=1),
        UniqueConstraint("tenant_id", "external_id"),
        Index("ix_placements_customer_id", "tenant_id", "customer_id", "id"),
    )

    external_id: Mapped[str | None]
    customer_id: Mapped[UUID]
    kind: Mapped[str]
    agency: Mapped[str]
    agency_reference: Mapped[str | None]
    currency: Mapped[str]
    placed_minor: Mapped[int] = mapped_column(BigInteger)
    # A decimal string: "15" is 15 % of what comes in through the agency.
    commission_percent: Mapped[str]
    status: Mapped[str]
    placed_on: Mapped[date]
    acknowledged_on: Mapped[date | None]
    ended_on: Mapped[date | None]
    end_reason: Mapped[str | None]
    note: Mapped[str | None]
    meta: Mapped[dict[str, Any]]
    invoices: Mapped[list["PlacementInvoice"]] = relationship(lazy="raise", order_by="PlacementInvoice.invoice_id")


class PlacementInvoice(Base):
    """An invoice of a placement, and what was open of it when it was handed over."""

    __tablename__ = "placement_invoices"
    __table_args__ = (
        foreign_key(["tenant_id", "placement_id"], ["placements.tenant_id", "placements.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        amount_range("placed_minor", low=0),
        # An invoice is with one agency at a time.
        Index(
            "uq_placement_invoices_live", "tenant_id", "invoice_id", unique=True, postgresql_where=text("NOT is_over")
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    placement_id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    placed_minor: Mapped[int] = mapped_column(BigInteger)
    # Whether it stands in the way of nothing any more; one that was closed goes on standing there until then.
    is_over: Mapped[bool]


class PlanLink(Base):
    """A signed link by which a debtor reads and accepts a plan; only a hash of its token is kept."""

    __tablename__ = "plan_links"
    __table_args__ = (
        foreign_key(["tenant_id", "plan_id"], ["payment_plans.tenant_id", "payment_plans.id"]),
        UniqueConstraint("tenant_id", "token_hash"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
