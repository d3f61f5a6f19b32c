"""Customers: the debtors, and the row that is locked before anything about them changes."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from app.models.base import Base, TenantRow, Versioned, foreign_key, one_of


class Customer(TenantRow, Versioned, Base):
    """A customer. `next_action_at` is when time alone changes something about it; the tick claims by it."""

    __tablename__ = "customers"
    __table_args__ = (
        foreign_key(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "external_id"),
        one_of("kind", ("business", "sole_trader", "consumer")),
        Index(
            "ix_customers_next_action_at",
            "tenant_id",
            "next_action_at",
            postgresql_where=text("next_action_at IS NOT NULL"),
        ),
    )

    bookkeeping: ClassVar[frozenset[str]] = frozenset({"next_action_at"})

    external_id: Mapped[str | None]
    name: Mapped[str]
    kind: Mapped[str]
    tax_id: Mapped[str | None]
    locale: Mapped[str | None]
    time_zone: Mapped[str | None]
    country: Mapped[str | None]
    currency: Mapped[str | None]
    dunning_policy_id: Mapped[UUID | None]
    contacts: Mapped[list[Any]]
    meta: Mapped[dict[str, Any]]
    next_action_at: Mapped[datetime | None]
