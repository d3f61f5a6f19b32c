"""Reminders: messages to customers, each over one or more cases."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.states import REMINDER
from app.models.base import Base, TenantRow, Versioned, foreign_key, one_of


class Reminder(TenantRow, Versioned, Base):
    """One message to one customer. `content` is frozen at the claim; every attempt sends the same bytes."""

    __tablename__ = "reminders"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        one_of("status", REMINDER.states),
        Index("ix_reminders_ready", "tenant_id", "next_attempt_at", postgresql_where=text("status = 'ready'")),
        Index("ix_reminders_sending", "tenant_id", "next_attempt_at", postgresql_where=text("status = 'sending'")),
        Index(
            "ix_reminders_unsent",
            "tenant_id",
            "customer_id",
            postgresql_where=text("status IN ('scheduled', 'awaiting_approval', 'ready', 'sending')"),
        ),
        Index(
            "ix_reminders_contacted_on",
            "tenant_id",
            "customer_id",
            "contacted_on",
            postgresql_where=text("contacted_on IS NOT NULL"),
        ),
        Index("ix_reminders_status", "tenant_id", "status", "id"),
    )

    customer_id: Mapped[UUID]
    policy_id: Mapped[UUID]
    policy_version: Mapped[int]
    currency: Mapped[str]
    channel: Mapped[str]
    to: Mapped[str | None]
    to_name: Mapped[str | None]
    language: Mapped[str]
    template: Mapped[str]
    status: Mapped[str]
    is_shadow: Mapped[bool]
    nominal_on: Mapped[date]
    scheduled_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    # The customer's local date of the contact, once a message may have reached the provider (rule D6).
    contacted_on: Mapped[date | None]
    provider_message_id: Mapped[str | None]
    delivered_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    # The one whose step this one takes up by another channel, and the channels that were tried before.
    replaces_id: Mapped[UUID | None]
    tried_channels: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    # The approved run that it belongs to.
    run_id: Mapped[UUID | None]
    skip_reason: Mapped[str | None]
    total_due_minor: Mapped[int] = mapped_column(BigInteger)
    subject: Mapped[str | None]
    text_body: Mapped[str | None]
    html_body: Mapped[str | None]
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    attempt_count: Mapped[int]
    last_error: Mapped[str | None]
    next_attempt_at: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None]
    items: Mapped[list["ReminderItem"]] = relationship(lazy="raise", order_by="ReminderItem.case_id")


class ReminderItem(Base):
    """One case at one step in a reminder; dropped items keep why."""

    __tablename__ = "reminder_items"
    __table_args__ = (
        foreign_key(["tenant_id", "reminder_id"], ["reminders.tenant_id", "reminders.id"]),
        foreign_key(["tenant_id", "case_id"], ["dunning_cases.tenant_id", "dunning_cases.id"]),
        foreign_key(["tenant_id", "invoice_id"], ["invoices.tenant_id", "invoices.id"]),
        Index("ix_reminder_items_invoice_id", "tenant_id", "invoice_id"),
        Index("ix_reminder_items_case_id", "tenant_id", "case_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    reminder_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID]
    step_key: Mapped[str]
    cycle: Mapped[int]
    nominal_on: Mapped[date]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    # The instalment of a payment plan, or of an invoice in several, that it is about.
    plan_id: Mapped[UUID | None]
    instalment_number: Mapped[int | None]
    dropped_reason: Mapped[str | None]
