"""SQLAlchemy tables: no queries, no rules."""

from app.models.agreements import (
    Dispute,
    Hold,
    PaymentPlan,
    Placement,
    PlacementInvoice,
    PlanInstalment,
    PlanInvoice,
    PlanLink,
    Promise,
)
from app.models.base import Base, TenantRow, Versioned
from app.models.catalogues import PaymentTerms, RateTable
from app.models.contact import (
    Activity,
    DunningRun,
    DunningRunItem,
    ReminderReceipt,
    Task,
    Template,
)
from app.models.customers import Customer
from app.models.events import Delivery, DeliveryAttempt, Event, WebhookEndpoint
from app.models.imports import Import, ImportChunk, ImportFault
from app.models.invoices import CaseStep, DunningCase, Invoice, InvoiceInstalment
from app.models.money import Allocation, Charge, CreditNote, LedgerEntry, Payment, WriteOff
from app.models.policies import DunningPolicy, DunningPolicyVersion
from app.models.reminders import Reminder, ReminderItem
from app.models.tenants import ApiKey, EventCounter, IdempotencyKey, Tenant

__all__ = [
    "Activity",
    "Allocation",
    "ApiKey",
    "Base",
    "CaseStep",
    "Charge",
    "CreditNote",
    "Customer",
    "Delivery",
    "DeliveryAttempt",
    "Dispute",
    "DunningCase",
    "DunningPolicy",
    "DunningPolicyVersion",
    "DunningRun",
    "DunningRunItem",
    "Event",
    "EventCounter",
    "Hold",
    "IdempotencyKey",
    "Import",
    "ImportChunk",
    "ImportFault",
    "Invoice",
    "InvoiceInstalment",
    "LedgerEntry",
    "Payment",
    "PaymentPlan",
    "PaymentTerms",
    "Placement",
    "PlacementInvoice",
    "PlanInstalment",
    "PlanInvoice",
    "PlanLink",
    "Promise",
    "RateTable",
    "Reminder",
    "ReminderItem",
    "ReminderReceipt",
    "Task",
    "Template",
    "Tenant",
    "TenantRow",
    "Versioned",
    "WebhookEndpoint",
    "WriteOff",
]
