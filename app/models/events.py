"""Events (the outbox), webhook endpoints, deliveries and attempts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.states import DELIVERY
from app.models.base import Base, TenantRow, Versioned, foreign_key, one_of


class Event(TenantRow, Base):
    """One status change. `position` orders writes; `sequence` is given by the relay after the commit, gap-free."""

    __tablename__ = "events"
    __table_args__ = (
        foreign_key(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "sequence"),
        Index("ix_events_unsequenced", "tenant_id", "position", postgresql_where=text("sequence IS NULL")),
        Index("ix_events_object", "tenant_id", "object_id", "position"),
        Index(
            "ix_events_customer_id",
            "tenant_id",
            "customer_id",
            "created_at",
            "id",
            postgresql_where=text("customer_id IS NOT NULL"),
        ),
    )

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    type: Mapped[str]
    created_at: Mapped[datetime]
    object_type: Mapped[str]
    object_id: Mapped[UUID]
    object_version: Mapped[int] = mapped_column(BigInteger)
    # Whose history it belongs to.
    customer_id: Mapped[UUID | None]
    # JSON text, not jsonb: the bytes are signed, and jsonb would order keys anew.
    data: Mapped[str]
    previous: Mapped[str | None]
    idempotency_key: Mapped[str | None]
    request_id: Mapped[str | None]


class WebhookEndpoint(TenantRow, Versioned, Base):
    """Where a tenant's ERP listens."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        foreign_key(["tenant_id"], ["tenants.id"]),
        one_of("status", ("enabled", "disabled")),
    )

    url: Mapped[str]
    description: Mapped[str | None]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    status: Mapped[str]
    disabled_reason: Mapped[str | None]
    secrets: Mapped[list[Any]]
    meta: Mapped[dict[str, Any]]
    # The row outlives its deletion, since deliveries are history and point to it.
    deleted_at: Mapped[datetime | None]


class Delivery(TenantRow, Base):
    """One event on its way to one endpoint; `body` is what is signed and sent, byte for byte."""

    __tablename__ = "deliveries"
    __table_args__ = (
        foreign_key(["tenant_id", "endpoint_id"], ["webhook_endpoints.tenant_id", "webhook_endpoints.id"]),
        foreign_key(["tenant_id", "event_id"], ["events.tenant_id", "events.id"]),
        one_of("status", DELIVERY.states),
        Index(
            "ix_deliveries_due",
            "tenant_id",
            # By endpoint, so that the backlog of one that is disabled costs the others nothing.
            "endpoint_id",
            "next_attempt_at",
            "id",
            postgresql_where=text("status IN ('pending', 'retry_scheduled')"),
        ),
        Index(
            "ix_deliveries_in_flight", "tenant_id", "lease_expires_at", postgresql_where=text("status = 'in_flight'")
        ),
        Index("ix_deliveries_endpoint_id", "tenant_id", "endpoint_id", "id"),
    )

    endpoint_id: Mapped[UUID]
    event_id: Mapped[UUID]
    event_type: Mapped[str]
    status: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    attempt_count: Mapped[int]
    next_attempt_at: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DeliveryAttempt(Base):
    """One HTTP request of a delivery."""

    __tablename__ = "delivery_attempts"
    __table_args__ = (foreign_key(["tenant_id", "delivery_id"], ["deliveries.tenant_id", "deliveries.id"]),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    attempted_at: Mapped[datetime]
    duration_ms: Mapped[int]
    status_code: Mapped[int | None]
    error: Mapped[str | None]
    response_excerpt: Mapped[str]
