"""The webhooks section: one entry for each type of event, with the form of its body and the headers that sign it."""

from typing import Any

from pydantic import BaseModel

from app.domain.events import EVENT_TYPES
from app.webhooks.schemas import DunningCaseOutput, EventOutput

Json = dict[str, Any]

# The resource in `data`, by the first word of the type; all but those below are answered by operations as well.
_DATA = {
    "charge": "ChargeOutput",
    "credit_note": "CreditNoteOutput",
    "customer": "CustomerOutput",
    "dispute": "DisputeOutput",
    "dunning": "DunningCaseOutput",
    "dunning_run": "RunOutput",
    "hold": "HoldOutput",
    "import": "ImportOutput",
    "invoice": "InvoiceOutput",
    "payment": "PaymentOutput",
    "payment_plan": "PlanOutput",
    "placement": "PlacementOutput",
    "promise": "PromiseOutput",
    "reminder": "ReminderOutput",
    "task": "TaskOutput",
    "webhook": "EndpointOutput",
    "webhook_endpoint": "EndpointOutput",
}
_ONLY_IN_EVENTS: tuple[type[BaseModel], ...] = (DunningCaseOutput, EventOutput)
# What an event says beyond the resource, and the name of the two together.
_NOTE: Json = {"note": {"type": "string", "description": "How you knew, where you resolved its outcome yourself."}}
_INSTALMENT: tuple[str, Json] = (
    "PlanAtInstalment",
    {
        "instalment_number": {
            "type": "integer",
            "description": "The instalment; 0 is the down payment.",
            "examples": [1],
        }
    },
)
_MORE: dict[str, tuple[str, Json]] = {
    "payment_plan.instalment_due": _INSTALMENT,
    "payment_plan.instalment_paid": _INSTALMENT,
    "payment_plan.instalment_missed": _INSTALMENT,
    "customer.opted_out": (
        "CustomerOptedOut",
        {
            "channel": {"type": "string", "description": "The channel that is not used any more.", "examples": ["sms"]},
            "address": {"type": "string", "description": "The address of it.", "examples": ["+525512345678"]},
            "activity_id": {"type": "string", "format": "uuid", "description": "The message, as an activity."},
        },
    ),
    "dunning.step_skipped": (
        "DunningStepSkipped",
        {
            "step_key": {"type": "string", "description": "The step that will not be sent.", "examples": ["d+5"]},
            "reason": {"type": "string", "description": "Why, as a stable code.", "examples": ["min_gap"]},
        },
    ),
    "reminder.requested": (
        "ReminderRequested",
        {
            "message": {
                "type": "object",
                "description": "What there is to say, in the customer's language.",
                "properties": {
                    "subject": {"type": ["string", "null"], "description": "The subject line."},
                    "text": {"type": "string", "description": "The plain text."},
                    "html": {"type": ["string", "null"], "description": "The HTML."},
                },
                "examples": [{"subject": "Factura F-1001", "text": "Estimados señores:", "html": None}],
            },
        },
    ),
    "reminder.sent": ("ReminderConcluded", _NOTE),
    "reminder.failed": (
        "ReminderFailed",
        {
            **_NOTE,
            "receipt": {
                "type": "string",
                "enum": ["bounced", "failed"],
                "description": "What the provider told, where it had taken the message before.",
            },
        },
    ),
}
PARAMETERS: Json = {
    "WebhookId": {
        "name": "webhook-id",
        "in": "header",
        "required": True,
        "description": "The event's id, the same over all attempts: keep those you have worked off, and skip repeats.",
        "schema": {"type": "string"},
        "example": "019abc5e-7d00-7000-8000-000000000009",
    },
    "WebhookTimestamp": {
        "name": "webhook-timestamp",
        "in": "header",
        "required": True,
        "description": "When the attempt was made, in Unix seconds of real time; refuse what is over five minutes old.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1795251600",
    },
    "WebhookSignature": {
        "name": "webhook-signature",
        "in": "header",
        "required": True,
        "description": "`v1,` and the Base64 HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}`; one for each "
        "live secret, separated by blanks. One match is enough.",
        "schema": {"type": "string"},
        "example": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
}
RESPONSES: Json = {
    "Taken": {"description": "Taken. Anything else, redirects too, is tried again, up to 10 times in four days."},
    "Gone": {"description": "The endpoint is gone: it is disabled and gets nothing more."},
}


def webhooks(schemas: Json) -> Json:
    """The section, whose schemas are added to the components where no operation has brought them."""
    for model in _ONLY_IN_EVENTS:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        for name, part in {**schema.pop("$defs", {}), model.__name__: schema}.items():
            schemas.setdefault(name, part)
    return {event_type: {"post": _entry(event_type, text, schemas)} for event_type, text in EVENT_TYPES.items()}


def _entry(event_type: str, text: str, schemas: Json) -> Json:
    return {
        "summary": event_type,
        "description": text,
        "tags": ["Webhooks"],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS],
        "requestBody": {
            "required": True,
            "description": "Check the signature over what arrived, byte for byte, before you parse it.",
            "content": {"application/json": {"schema": _body(event_type, schemas)}},
        },
        "responses": {
            "200": {"$ref": "#/components/responses/Taken"},
            "410": {"$ref": "#/components/responses/Gone"},
        },
        "security": [],
    }


def _body(event_type: str, schemas: Json) -> Json:
    name = _DATA.get(event_type.partition(".")[0])
    if name in schemas and event_type in _MORE:
        whole = schemas[name]
        name, more = _MORE[event_type]
        schemas[name] = {**whole, "properties": {**whole["properties"], **more}}
    data: Json = {"$ref": f"#/components/schemas/{name}"} if name in schemas else {"type": "object"}
    return {
        "allOf": [
            {"$ref": "#/components/schemas/EventOutput"},
            {"type": "object", "properties": {"type": {"const": event_type}, "data": data}},
        ]
    }
