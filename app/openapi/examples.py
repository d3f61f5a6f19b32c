"""Examples for every body, made from the schemas: a field's own example first, then one by its name or its form."""

from typing import Any

Json = dict[str, Any]

_JSON = "application/json"
_DAY, _INSTANT = "2026-11-21", "2026-11-21T09:00:00Z"

# What fields of these names look like, wherever they have no example of their own. One story throughout: an invoice of
# 1,160.00 MXN to a hardware shop.
_BY_NAME: Json = {
    "amount": "1160.00",
    "approved_by": "Marta",
    "attempt_count": 1,
    "attempts": 1,
    "cycle": 1,
    "calendar": "MX",
    "contact_profile": "none",
    "country": "MX",
    "currency": "MXN",
    "customer_external_id": "C-1001",
    "customer_name": "Ferretería Núñez, S.A. de C.V.",
    "days_overdue": 0,
    "description": "Cemento gris 50 kg",
    "detail": "The request is not valid; see errors: /total.",
    "due_on": "2026-12-21",
    "duration_ms": 84,
    "ends_on": "2026-12-05",
    "external_id": "F-1001",
    "invoice_external_id": "F-1001",
    "idempotency_key": "8f14e45f-ceea-467f-9575-2b1d0e4b7a10",
    "issued_on": _DAY,
    "kind": "pdf",
    "language": "es-MX",
    "locale": "es-MX",
    "message_id": "<019abc5e-7d00-7000-8000-000000000007@mail.example.com>",
    "method": "spei",
    "note": "Found in the provider's log.",
    "number": "F-1001",
    "offset_days": 5,
    "overlap_hours": 24,
    "phone": "+52 55 1234 5678",
    "prefix": "pun_live_0123456789abcdef",
    "promised_on": "2026-12-05",
    "provider_message_id": "0102019abc5e7d00-3f6d",
    "quantity": "10",
    "received_on": "2026-12-01",
    "reference": "OC-4711",
    "request_id": "019abc5e-7d00-7000-8000-0000000000aa",
    "resolved_on": None,
    "respond_by_on": "2026-12-15",
    "response_excerpt": "ok",
    "sequence": 1201,
    "size_bytes": 5120,
    "starts_on": _DAY,
    "status_code": 200,
    "step_key": "d+5",
    "subject": "Recordatorio de pago: factura F-1001",
    "tax_id": "FNU010203AB1",
    "text": "Estimados señores:",
    "time_zone": "America/Mexico_City",
    "to": "cuentas@example.com",
    "unit_price": "116.00",
    "url": "https://example.com/F-1001.pdf",
}
# And where they mean different things in different resources.
_KEY: Json = {
    "expires_at": "2031-01-01T00:00:00Z",
    "name": "ERP",
    "scopes": ["customers:write", "invoices:write", "read"],
}
_WINDOW: Json = {"days": ["mon", "tue", "wed", "thu", "fri"], "end": "18:00", "start": "09:00"}
_BY_SCHEMA: dict[str, Json] = {
    "BankAccount": {
        "bank": "Banco del Bajío",
        "holder": "Comercial Ñandú, S.A. de C.V.",
        "label": "CLABE",
        "number": "032180000118359719",
    },
    "BatchOutput": {"created": 1, "failed": 0, "unchanged": 0, "updated": 0},
    "BatchRow": {"index": 0},
    "Channel": {"address": "cuentas@example.com"},
    "ClockAdvance": {"to": "2026-12-31T18:00:00Z"},
    "Contact": {"name": "Cuentas por pagar", "role": "accounts payable"},
    "CreditAllocation": {"amount": "116.00", "effective_on": "2026-12-01"},
    "CreditNote": {
        "amount": "116.00",
        "external_id": "NC-1001",
        "invoice_external_id": "F-1001",
        "issued_on": "2026-12-01",
        "status": "applied",
    },
    "Customer": {
        "external_id": "C-1001",
        "kind": "business",
        "name": "Ferretería Núñez, S.A. de C.V.",
        "tax_id": "FNU010203AB1",
    },
    "Endpoint": {"description": "ERP", "url": "https://erp.example.com/hooks/puntual"},
    "Fee": {"amount": "150.00", "kind": "flat", "max": None, "min": None, "percent": None},
    "Invoice": {
        "due_on": "2026-12-21",
        "external_id": "F-1001",
        "opening_paid": "0.00",
        "payment_url": "https://pay.example.com/F-1001",
        "total": "1160.00",
    },
    "Key": _KEY,
    "LedgerEntry": {"account": "principal", "kind": "invoice_issued"},
    "NewKey": _KEY,
    "NextStep": {"key": "d+5"},
    "Outlook": {"last_step": "d-3", "state": "active"},
    "Payment": {
        "amount": "1160.00",
        "external_id": "P-1001",
        "matures_on": None,
        "received_on": "2026-12-01",
        "tendered": None,
        "unapplied_amount": "0.00",
    },
    "PolicyValidation": {"valid": True},
    "Policy": {"name": "Cobranza estándar"},
    "SendWindow": _WINDOW,
    "Sender": {"address": "cobranza@example.com", "name": "Cobranza Ñandú"},
    "Step": {"key": "d+5", "on_exhausted": None, "template": "first_notice"},
    "TenantWindow": _WINDOW,
    "Tenant": {
        "allocation_order": ["interest", "fees", "principal"],
        "max_contacts_per_day": 1,
        "name": "Comercial Ñandú, S.A. de C.V.",
        "reply_to": "cobranza@example.com",
    },
    "Window": _WINDOW,
    "WriteOff": {"amount": "1160.00", "written_off_on": _DAY},
}
# Of several values, the one that a reader meets first in practice.
_USUAL = frozenset({
    "active", "business", "created", "customer", "delivered", "email", "enabled", "flat", "interest", "live", "mon",
    "none", "not_due", "open", "posted", "published", "sent",
})  # fmt: skip
# Empty in an answer unless something has happened.
_USUALLY_NULL = frozenset({
    "code", "detail", "disabled_reason", "error", "html", "known_at", "last_error", "next_cursor", "paid_at",
    "previous", "reversal_reason", "reversed_on", "reverses_id", "revoked_at", "skip_reason", "void_reason",
    "voided_on",
})  # fmt: skip
_USUALLY_EMPTY = frozenset({"errors", "documents", "lines", "in_flight", "blockers"})
_ID = "019abc5e-7d00-7000-8000-0000000000{:02x}"
_IDS = ("id", "customer_id", "invoice_id", "payment_id", "policy_id", "dunning_policy_id", "case_id", "reminder_id",
        "event_id", "endpoint_id", "charge_id")  # fmt: skip


class Examples:
    """Makes examples for the bodies of one document."""

    def __init__(self, schemas: Json) -> None:
        self.schemas = schemas

    def add(self, document: Json) -> None:
        """Put an example beside every JSON body of requests, answers and webhooks that has none."""
        for item in (*document["paths"].values(), *document["webhooks"].values()):
            for operation in item.values():
                body = operation.get("requestBody", {}).get("content", {})
                self._complete(body, is_request="operationId" in operation)
                for answer in operation["responses"].values():
                    self._complete(answer.get("content", {}), is_request=False)

    def _complete(self, content: Json, *, is_request: bool) -> None:
        media = content.get(_JSON)
        if media is None or not media.get("schema") or "example" in media or "examples" in media:
            return
        # A request shows what is needed and what is telling; an answer shows everything.
        media["example"] = self.make(media["schema"], is_request=is_request)

    def make(self, schema: Json, *, is_request: bool, name: str = "") -> Any:
        """An example of a schema, for a field of that name."""
        if schema.get("examples"):
            return schema["examples"][0]
        if "$ref" in schema:
            target = schema["$ref"].rpartition("/")[2]
            return self._component(target, is_request=is_request, name=name)
        if "const" in schema:
            return schema["const"]
        if "allOf" in schema:
            return self._all_of(schema, is_request=is_request)
        if "anyOf" in schema or "oneOf" in schema:
            return self._any_of(schema, is_request=is_request, name=name)
        if "enum" in schema:
            return next((value for value in schema["enum"] if value in _USUAL), schema["enum"][0])
        match schema.get("type"):
            case "object":
                return self._object(schema, {}, is_request=is_request)
            case "array":
                return [] if name in _USUALLY_EMPTY else [self._item(schema["items"], is_request, name)]
            case "null":
                return None
        return _scalar(schema, name)

    def _component(self, target: str, *, is_request: bool, name: str) -> Any:
        schema = self.schemas[target]
        if schema.get("type") != "object" or schema.get("examples"):
            return self.make(schema, is_request=is_request, name=name)
        known = [fields for prefix, fields in _BY_SCHEMA.items() if target.startswith(prefix)]
        return self._object(schema, known[0] if known else {}, is_request=is_request)

    def _item(self, schema: Json, is_request: bool, name: str) -> Any:
        return self.make(schema, is_request=is_request, name=name.removesuffix("s"))

    def _all_of(self, schema: Json, *, is_request: bool) -> Any:
        parts = [self.make(part, is_request=is_request) for part in schema["allOf"]]
        return {key: value for part in parts for key, value in part.items()}

    def _any_of(self, schema: Json, *, is_request: bool, name: str) -> Any:
        options = schema.get("anyOf") or schema["oneOf"]
        nullable = {"type": "null"} in options
        if nullable and name in _USUALLY_NULL:
            return None
        return self.make(options[0], is_request=is_request, name=name)

    def _object(self, schema: Json, known: Json, *, is_request: bool) -> Json:
        required = set(schema.get("required", ()))
        return {
            field: known[field] if field in known else self.make(form, is_request=is_request, name=field)
            for field, form in schema.get("properties", {}).items()
            if not is_request or field in required or _is_telling(form)
        }


def _is_telling(form: Json) -> bool:
    return bool(form.get("examples")) or any(option.get("examples") for option in form.get("anyOf", ()))


def _scalar(schema: Json, name: str) -> Any:
    match schema.get("type"), schema.get("format"):
        case "integer", _:
            known = _BY_NAME.get(name)
            return known if isinstance(known, int) else schema.get("minimum", 1)
        case "boolean", _:
            return schema.get("default", False)
        case "string", "uuid":
            return _ID.format(_IDS.index(name) + 1 if name in _IDS else 0xFF)
        case "string", "date":
            return _BY_NAME.get(name, _DAY)
        case "string", "date-time":
            return _INSTANT
    return _BY_NAME.get(name, "0.00" if name.endswith(("_amount", "_open")) else "…")
