"""What is said to customers, by us and by people: templates, activities, tasks, previewed runs, providers' receipts."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.states import DUNNING_RUN, TASK
from app.models.base import Base, TenantRow, Versioned, amount_range, foreign_key, one_of

_IDS = ARRAY(PG_UUID(as_uuid=True))


class Template(TenantRow, Versioned, Base):
    """A text of a tenant's own, by key, language and channel; it takes the place of the one that ships."""

    __tablename__ = "templates"
    __table_args__ = (
        foreign_key(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "key", "language", "channel"),
        one_of("channel", ("email", "sms", "whatsapp", "letter", "call")),
        one_of("tone", ("friendly", "firm", "formal", "final")),
    )

    key: Mapped[str]
    language: Mapped[str]
    channel: Mapped[str]
    tone: Mapped[str]
    name: Mapped[str]
    subject: Mapped[str | None]
    body: Mapped[str]
    body_html: Mapped[str | None]
    # The provider's own template (WhatsApp), by its id there.
    provider_template: Mapped[str | None]
    is_active: Mapped[bool]
    meta: Mapped[dict[str, Any]]


class Activity(TenantRow, Versioned, Base):
    """Something that a person did: a call, a visit, a note. `contacted_on` counts it as a contact (rule D6)."""

    __tablename__ = "activities"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        one_of("kind", ("call", "visit", "email", "message", "letter", "note")),
        one_of("direction", ("outbound", "inbound")),
        # One message may be of two customers, who share an address; all else is unique among them all.
        UniqueConstraint("tenant_id", "external_id", "customer_id"),
        Index("ix_activities_customer_id", "tenant_id", "customer_id", "id"),
        Index(
            "ix_activities_contacted_on",
            "tenant_id",
            "customer_id",
            "contacted_on",
            postgresql_where=text("contacted_on IS NOT NULL"),
        ),
    )

    external_id: Mapped[str | None]
    customer_id: Mapped[UUID]
    invoice_ids: Mapped[list[UUID]] = mapped_column(_IDS)
    kind: Mapped[str]
    direction: Mapped[str]
    occurred_at: Mapped[datetime]
    # The customer's local date; empty for a note, and for what never reached anybody.
    contacted_on: Mapped[date | None]
    # Whether the debtor was spoken with, and not a machine or nobody.
    is_conversation: Mapped[bool]
    contact_name: Mapped[str | None]
    outcome: Mapped[str | None]
    note: Mapped[str | None]
    author: Mapped[str | None]
    task_id: Mapped[UUID | None]
    meta: Mapped[dict[str, Any]]


class Task(TenantRow, Versioned, Base):
    """A to-do for a person, made by a step or by hand."""

    __tablename__ = "tasks"
    __table_args__ = (
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        one_of("status", TASK.states),
        one_of("kind", ("call", "review", "placement", "write_off", "dispute", "other")),
        UniqueConstraint("tenant_id", "external_id"),
        Index("ix_tasks_customer_id", "tenant_id", "customer_id", "id"),
        Index("ix_tasks_open", "tenant_id", "due_on", postgresql_where=text("status = 'open'")),
        Index("ix_tasks_reminder_id", "tenant_id", "reminder_id", postgresql_where=text("reminder_id IS NOT NULL")),
    )

    external_id: Mapped[str | None]
    customer_id: Mapped[UUID]
    invoice_ids: Mapped[list[UUID]] = mapped_column(_IDS)
    kind: Mapped[str]
    title: Mapped[str]
    script: Mapped[str | None]
    due_on: Mapped[date]
    assignee: Mapped[str | None]
    status: Mapped[str]
    outcome: Mapped[str | None]
    note: Mapped[str | None]
    completed_at: Mapped[datetime | None]
    # The step whose channel it is.
    reminder_id: Mapped[UUID | None]
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None]
    meta: Mapped[dict[str, Any]]


class ReminderReceipt(TenantRow, Base):
    """What a provider told about a message after it had taken it."""

    __tablename__ = "reminder_receipts"
    __table_args__ = (
        foreign_key(["tenant_id", "reminder_id"], ["reminders.tenant_id", "reminders.id"]),
        one_of("kind", ("delivered", "bounced", "read", "complained", "failed")),
        # Providers repeat themselves.
        UniqueConstraint("tenant_id", "reminder_id", "kind", "provider_event_id"),
    )

    reminder_id: Mapped[UUID]
    kind: Mapped[str]
    provider_event_id: Mapped[str]
    occurred_at: Mapped[datetime]
    received_at: Mapped[datetime]
    detail: Mapped[str | None]


class DunningRun(TenantRow, Versioned, Base):
    """A run that was planned, looked at and approved before anything left (rule D14)."""

    __tablename__ = "dunning_runs"
    __table_args__ = (
        foreign_key(["tenant_id"], ["tenants.id"]),
        one_of("status", DUNNING_RUN.states),
        Index(
            "ix_dunning_runs_under_way", "tenant_id", "id", postgresql_where=text("status IN ('planning', 'approved')")
        ),
    )

    status: Mapped[str]
    run_on: Mapped[date]
    filter: Mapped[dict[str, Any]]
    # The customers to be looked at, how many have been, and the last of them: planning goes on behind it.
    customer_count: Mapped[int]
    done_count: Mapped[int]
    after_customer_id: Mapped[UUID | None]
    item_count: Mapped[int]
    sent_count: Mapped[int]
    drifted_count: Mapped[int]
    approved_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    failure: Mapped[str | None]


class DunningRunItem(Base):
    """One message of a run, exactly as it would go out, and what became of it."""

    __tablename__ = "dunning_run_items"
    __table_args__ = (
        foreign_key(["tenant_id", "run_id"], ["dunning_runs.tenant_id", "dunning_runs.id"]),
        foreign_key(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
        one_of("status", ("planned", "made", "drifted", "discarded")),
        amount_range("total_due_minor", low=0),
        Index("ix_dunning_run_items_reminder_id", "tenant_id", "reminder_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    policy_id: Mapped[UUID]
    policy_version: Mapped[int]
    currency: Mapped[str]
    channel: Mapped[str]
    to: Mapped[str | None]
    language: Mapped[str]
    template: Mapped[str]
    # When it would go out: the window may open later in the day.
    planned_at: Mapped[datetime]
    total_due_minor: Mapped[int] = mapped_column(BigInteger)
    # Of each case: its id, its invoice's, the step's key, the cycle, what is asked for and, without the step's own fee,
    # what was owed when it was planned; both in minor units.
    cases: Mapped[list[Any]]
    subject: Mapped[str | None]
    text_body: Mapped[str | None]
    status: Mapped[str]
    drift_reason: Mapped[str | None]
    reminder_id: Mapped[UUID | None]
