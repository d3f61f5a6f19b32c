"""Dunning policies: an identity, and versions that never change once published (rule D1)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, TenantRow, Versioned, foreign_key, one_of


class DunningPolicy(TenantRow, Versioned, Base):
    """A policy. `published_number` is the version new cases start with."""

    __tablename__ = "dunning_policies"
    __table_args__ = (
        foreign_key(["tenant_id"], ["tenants.id"]),
        CheckConstraint("NOT is_default OR published_number IS NOT NULL", name="default_is_published"),
        Index("uq_dunning_policies_default", "tenant_id", unique=True, postgresql_where=text("is_default")),
    )

    is_default: Mapped[bool]
    wants_default: Mapped[bool]
    # {kinds, countries, currencies, tags, min_amount, max_amount}: invoices it takes by itself; lowest priority first.
    applies_to: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    priority: Mapped[int] = mapped_column(server_default="100")
    latest_number: Mapped[int]
    published_number: Mapped[int | None]


class DunningPolicyVersion(Base):
    """One version; `definition` is the policy's JSON form without its identity."""

    __tablename__ = "dunning_policy_versions"
    __table_args__ = (
        foreign_key(["tenant_id", "policy_id"], ["dunning_policies.tenant_id", "dunning_policies.id"]),
        one_of("status", ("draft", "published")),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    policy_id: Mapped[UUID] = mapped_column(primary_key=True)
    version_number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    status: Mapped[str]
    definition: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
