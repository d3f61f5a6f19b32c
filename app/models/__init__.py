"""SQLAlchemy tables: no queries, no rules."""

from app.models.base import Base, TenantRow, Versioned
from app.models.customers import Customer
from app.models.events import Delivery, DeliveryAttempt, Event, WebhookEndpoint
from app.models.invoices import CaseStep, DunningCase, Invoice
from app.models.money import Allocation, Charge, LedgerEntry, Payment
from app.models.policies import DunningPolicy, DunningPolicyVersion
from app.models.reminders import Reminder, ReminderItem
from app.models.tenants import ApiKey, EventCounter, IdempotencyKey, Tenant

__all__ = [
    "Allocation",
    "ApiKey",
    "Base",
    "CaseStep",
    "Charge",
    "Customer",
    "Delivery",
    "DeliveryAttempt",
    "DunningCase",
    "DunningPolicy",
    "DunningPolicyVersion",
    "Event",
    "EventCounter",
    "IdempotencyKey",
    "Invoice",
    "LedgerEntry",
    "Payment",
    "Reminder",
    "ReminderItem",
    "Tenant",
    "TenantRow",
    "Versioned",
    "WebhookEndpoint",
]
