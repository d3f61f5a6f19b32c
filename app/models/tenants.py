"""Tenants and their keys."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, TenantRow, Versioned, foreign_key, one_of


class Tenant(Versioned, Base):
    """A company that collects what it is owed."""

    __tablename__ = "tenants"
    __table_args__ = (
        one_of("mode", ("live", "test")),
        one_of("sending", ("live", "shadow", "paused")),
        one_of("dunning_mode", ("automatic", "runs")),
    )

    bookkeeping: ClassVar[frozenset[str]] = frozenset(
        {"clock_at", "advance_token", "advance_lease_until", "channel_pauses"}
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    mode: Mapped[str]
    time_zone: Mapped[str]
    locale: Mapped[str]
    currency: Mapped[str]
    calendar: Mapped[str | None]
    allocation_order: Mapped[list[Any]]
    send_window: Mapped[dict[str, Any]]
    contact_profile: Mapped[str]
    # [{country, kinds, profile}]: which rules protect whom; `contact_profile` where none fits.
    contact_rules: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    # Providers of text messages by channel, their secrets encrypted.
    channels: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    # {channel: {until, failures}} of providers that were down or limited us, and when they are tried again.
    channel_pauses: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    # What payment plans, promises, disputes and write-offs are bound by.
    agreement_rules: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    max_contacts_per_day: Mapped[int | None]
    sender_name: Mapped[str]
    sender_address: Mapped[str]
    reply_to: Mapped[str | None]
    phone: Mapped[str | None]
    bank_accounts: Mapped[list[Any]]
    # {currency: amount} that a payment may fall short of an invoice and still close it.
    short_pay_tolerance: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    payment_terms: Mapped[dict[str, Any] | None]
    # {rate_table, mode} of customers and invoices that say nothing else.
    late_interest: Mapped[dict[str, Any] | None]
    # {code, percent} of the tax on charges, where they are taxable.
    charge_tax: Mapped[dict[str, Any] | None]
    holds_credit_over_limit: Mapped[bool] = mapped_column(server_default=text("false"))
    sending: Mapped[str]
    # Whether reminders are made as they come due, or by runs that somebody approves (rule D14).
    dunning_mode: Mapped[str] = mapped_column(server_default="automatic")
    clock_at: Mapped[datetime | None]
    advance_token: Mapped[UUID | None]
    advance_lease_until: Mapped[datetime | None]


class EventCounter(Base):
    """The last sequence number given to an event of a tenant; its row is the lock of the tenant's relay."""

    __tablename__ = "event_counters"
    __table_args__ = (foreign_key(["tenant_id"], ["tenants.id"]),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    last_sequence: Mapped[int] = mapped_column(BigInteger)


class ApiKey(TenantRow, Versioned, Base):
    """An API key: a public part to find it by, and the hash of its secret."""

    __tablename__ = "api_keys"
    __table_args__ = (
        foreign_key(["tenant_id"], ["tenants.id"]),
        Index("uq_api_keys_public_id", "public_id", unique=True),
    )

    name: Mapped[str]
    public_id: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """The stored answer to a POST; written in the transaction of its effect."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        foreign_key(["tenant_id"], ["tenants.id"]),
        Index("ix_idempotency_keys_created_at", "tenant_id", "created_at"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
