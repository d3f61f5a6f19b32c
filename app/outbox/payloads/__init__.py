"""The wire form of every resource, built from its rows; events carry it and GET answers it, so the two never differ."""

from collections.abc import Callable
from typing import Any, Final

from app.core.uow import UnitOfWork
from app.models import (
    Charge,
    CreditNote,
    Customer,
    Dispute,
    DunningCase,
    DunningRun,
    Hold,
    Import,
    Invoice,
    Payment,
    PaymentPlan,
    Placement,
    Promise,
    Reminder,
    Task,
    WebhookEndpoint,
)
from app.outbox.payloads.agreements import (
    dispute_payload,
    hold_payload,
    placement_payload,
    plan_instalment_payload,
    plan_payload,
    promise_payload,
)
from app.outbox.payloads.catalogues import policy_payload, preset_payload, rate_table_payload, terms_payload
from app.outbox.payloads.contact import in_flight_payload, reminder_payload
from app.outbox.payloads.exchange import endpoint_payload, import_payload
from app.outbox.payloads.forms import Payload
from app.outbox.payloads.parties import api_key_payload, customer_payload, inbound_message_payload, tenant_payload
from app.outbox.payloads.people import activity_payload, dunning_run_item_payload, dunning_run_payload, task_payload
from app.outbox.payloads.receivables import (
    allocation_payload,
    case_payload,
    charge_payload,
    credit_note_payload,
    invoice_payload,
    payment_payload,
    write_off_payload,
)

# Resources that have events: their name on the wire and their form.
_FORMS: Final[dict[type, tuple[str, Callable[[Any], Payload]]]] = {
    Charge: ("charge", charge_payload),
    CreditNote: ("credit_note", credit_note_payload),
    Customer: ("customer", customer_payload),
    Dispute: ("dispute", dispute_payload),
    DunningCase: ("dunning_case", case_payload),
    DunningRun: ("dunning_run", dunning_run_payload),
    Hold: ("hold", hold_payload),
    Import: ("import", import_payload),
    Payment: ("payment", payment_payload),
    PaymentPlan: ("payment_plan", plan_payload),
    Placement: ("placement", placement_payload),
    Promise: ("promise", promise_payload),
    Reminder: ("reminder", reminder_payload),
    Task: ("task", task_payload),
    WebhookEndpoint: ("webhook_endpoint", endpoint_payload),
}


def describe(uow: UnitOfWork, resource: object) -> tuple[str, Payload]:
    """The type name and wire form of any resource that has events."""
    if isinstance(resource, Invoice):
        # The only one that looks different from one day to the next.
        return "invoice", invoice_payload(resource, uow.today)
    if type(resource) not in _FORMS:
        raise TypeError(f"no wire form for {type(resource).__name__}")
    name, form = _FORMS[type(resource)]
    return name, form(resource)


__all__ = [
    "Payload",
    "activity_payload",
    "allocation_payload",
    "api_key_payload",
    "case_payload",
    "charge_payload",
    "credit_note_payload",
    "customer_payload",
    "describe",
    "dispute_payload",
    "dunning_run_item_payload",
    "dunning_run_payload",
    "endpoint_payload",
    "hold_payload",
    "import_payload",
    "in_flight_payload",
    "inbound_message_payload",
    "invoice_payload",
    "payment_payload",
    "placement_payload",
    "plan_instalment_payload",
    "plan_payload",
    "policy_payload",
    "preset_payload",
    "promise_payload",
    "rate_table_payload",
    "reminder_payload",
    "task_payload",
    "tenant_payload",
    "terms_payload",
    "write_off_payload",
]
