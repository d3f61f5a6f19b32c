"""What tenants name once and refer to by code: terms of payment and rate tables."""

from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from app.models.base import Base, TenantRow, Versioned, foreign_key


class PaymentTerms(TenantRow, Versioned, Base):
    """Terms of payment under a code; invoices keep a copy, so that a change moves none that was issued."""

    __tablename__ = "payment_terms"
    __table_args__ = (foreign_key(["tenant_id"], ["tenants.id"]), UniqueConstraint("tenant_id", "code"))

    code: Mapped[str]
    name: Mapped[str]
    definition: Mapped[dict[str, Any]]


class RateTable(TenantRow, Versioned, Base):
    """A tenant's own table of interest rates; statutory ones are built in and not stored."""

    __tablename__ = "rate_tables"
    __table_args__ = (foreign_key(["tenant_id"], ["tenants.id"]), UniqueConstraint("tenant_id", "code"))

    code: Mapped[str]
    name: Mapped[str]
    definition: Mapped[dict[str, Any]]
