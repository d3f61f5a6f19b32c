"""Customers: the debtors, and the row that is locked before anything about them changes."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, TenantRow, Versioned, amount_range, foreign_key, one_of


class Customer(TenantRow, Versioned, Base):
    """A customer. `next_action_at` is when time alone changes something about it; the tick claims by it."""

    __tablename__ = "customers"
    __table_args__ = (
        foreign_key(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "external_id"),
        one_of("kind", ("business", "sole_trader", "consumer")),
        one_of("credit_state", ("within_limit", "over_limit")),
        amount_range("credit_limit_minor", low=0),
        CheckConstraint("(credit_limit_minor IS NULL) = (credit_currency IS NULL)", name="credit_currency"),
        Index(
            "ix_customers_next_action_at",
            "tenant_id",
            "next_action_at",
            postgresql_where=text("next_action_at IS NOT NULL"),
        ),
    )

    bookkeeping: ClassVar[frozenset[str]] = frozenset({"next_action_at", "has_agreements"})

    external_id: Mapped[str | None]
    name: Mapped[str]
    kind: Mapped[str]
    tax_id: Mapped[str | None]
    locale: Mapped[str | None]
    time_zone: Mapped[str | None]
    # Where the customer may also be, for rules that count hours in every zone.
    other_time_zones: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    country: Mapped[str | None]
    currency: Mapped[str | None]
    dunning_policy_id: Mapped[UUID | None]
    # Terms of new invoices, and how lateness is charged: the tenant's where empty.
    payment_terms: Mapped[dict[str, Any] | None]
    late_interest: Mapped[dict[str, Any] | None]
    # In the customer's currency, or else the tenant's, as it was when the limit was set.
    credit_limit_minor: Mapped[int | None] = mapped_column(BigInteger)
    credit_currency: Mapped[str | None]
    credit_state: Mapped[str] = mapped_column(server_default="within_limit")
    # {reason, held_at, automatic} while nothing more should be sold on credit.
    credit_hold: Mapped[dict[str, Any] | None]
    # By which segment rules and reports find the customer.
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    # The tenant's where empty.
    contact_profile: Mapped[str | None]
    send_window: Mapped[dict[str, Any] | None]
    erased_at: Mapped[datetime | None]
    # Whether anything was ever agreed or placed in the way: who has nothing of it costs no statement to find out.
    has_agreements: Mapped[bool] = mapped_column(server_default=text("false"))
    contacts: Mapped[list[Any]]
    meta: Mapped[dict[str, Any]]
    next_action_at: Mapped[datetime | None]
