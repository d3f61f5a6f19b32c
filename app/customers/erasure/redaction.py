"""What is taken out of every table when a customer is erased.

Kept are amounts, dates, states, document numbers and the integrator's own ids: the law asks for the books, and whoever
keeps them knows by those ids whose they were. The ledger is append-only and names nobody but in a reason that somebody
wrote there. Free texts go whole, since nobody can tell which of them name a person.
"""

from typing import Any, Final

import orjson

from app.core.uow import UnitOfWork
from app.models import Customer

ERASED: Final = "erased"
# Replaces the personal fields of events; those that are text in every form stay text.
_FIELDS: Final[dict[str, Any]] = {
    "name": ERASED, "tax_id": None, "contacts": [], "tags": [], "other_time_zones": [], "credit_hold": None,
    "metadata": {}, "to": None, "last_error": None, "provider_message_id": None, "reference": None,
    "payment_url": None, "documents": [], "lines": [], "note": None, "reason": ERASED, "release_reason": None,
    "reversal_reason": None, "void_reason": None, "waiver_reason": None, "resolution_note": None, "end_reason": None,
    "contact_name": None,
    "text": ERASED, "from": ERASED, "address": ERASED, "title": ERASED, "script": None,
    "acceptance": None, "accepted_by": ERASED, "message": {"subject": None, "text": ERASED, "html": None},
    "agency_reference": None, "subject": None, "text_body": None,
}  # fmt: skip
# Codes that share their name with a free text.
_CODED: Final = {"dispute": ["reason"], "dunning_case": ["reason"], "reminder": ["reason"]}

_CUSTOMER: Final = "tenant_id = $1 AND customer_id = $2"
_OWN_REMINDERS: Final = f"(SELECT id FROM reminders WHERE {_CUSTOMER})"  # noqa: S608  built of constants
_OWN_PLANS: Final = f"(SELECT id FROM payment_plans WHERE {_CUSTOMER})"  # noqa: S608  built of constants
_OWN_EVENTS: Final = f"""(
    SELECT id FROM events WHERE {_CUSTOMER}
    UNION ALL
    SELECT e.id FROM events e JOIN payments p ON p.tenant_id = e.tenant_id AND p.id = e.object_id
    WHERE e.tenant_id = $1 AND p.customer_id = $2
)"""  # noqa: S608  built of constants
# By table: what is set, and of which rows.
_REDACTIONS: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "invoices",
        "reference = NULL, payment_url = NULL, documents = '[]', lines = '[]', meta = '{}'",
        _CUSTOMER,
    ),
    ("payments", "reference = NULL, reversal_reason = NULL, meta = '{}'", _CUSTOMER),
    ("credit_notes", "reason = NULL, void_reason = NULL, meta = '{}'", _CUSTOMER),
    ("write_offs", "reversal_reason = NULL", _CUSTOMER),
    ("charges", "reason = NULL, waiver_reason = NULL, meta = '{}'", _CUSTOMER),
    (
        "reminders",
        (
            '"to" = NULL, to_name = NULL, subject = NULL, text_body = NULL, html_body = NULL, content = NULL, '
            "last_error = NULL, provider_message_id = NULL"
        ),
        _CUSTOMER,
    ),
    ("reminder_receipts", "detail = NULL", f"tenant_id = $1 AND reminder_id IN {_OWN_REMINDERS}"),
    ("dunning_run_items", "\"to\" = 'erased', subject = NULL, text_body = NULL", _CUSTOMER),
    ("tasks", "title = 'erased', script = NULL, note = NULL, meta = '{}'", _CUSTOMER),
    (
        "activities",
        (
            "external_id = NULL, contact_name = NULL, note = NULL, meta = CASE WHEN meta ? 'from' "
            "THEN jsonb_build_object('channel', meta->'channel', 'from', 'erased') ELSE '{}' END"
        ),
        _CUSTOMER,
    ),
    ("holds", "reason = 'erased', note = NULL, release_reason = NULL, meta = '{}'", _CUSTOMER),
    ("promises", "note = NULL, meta = '{}'", _CUSTOMER),
    ("disputes", "note = NULL, documents = '[]', resolution_note = NULL, meta = '{}'", _CUSTOMER),
    (
        "payment_plans",
        (
            "end_reason = NULL, meta = '{}', acceptance = CASE WHEN acceptance IS NULL THEN NULL ELSE "
            "jsonb_build_object('by', 'erased', 'at', acceptance->'at', 'address', NULL, 'method', "
            "CASE acceptance->>'method' WHEN 'link' THEN 'link' ELSE 'erased' END, 'terms_hash', "
            "acceptance->'terms_hash') END"
        ),
        _CUSTOMER,
    ),
    ("placements", "agency_reference = NULL, note = NULL, end_reason = NULL, meta = '{}'", _CUSTOMER),
)
_EVENT_FORM: Final = """
(SELECT json_object_agg(f.key, CASE WHEN $3::jsonb ? f.key AND NOT coalesce($4::jsonb -> e.object_type ? f.key, false)
    AND json_typeof(f.value) <> 'null' THEN $3::json -> f.key ELSE f.value END)::text FROM json_each(e.{0}::json) AS f)
"""
_EVENTS: Final = f"""
UPDATE events e SET data = {_EVENT_FORM.format("data")},
    previous = CASE WHEN e.previous IS NULL THEN NULL ELSE {_EVENT_FORM.format("previous")} END
WHERE e.tenant_id = $1 AND e.id IN {_OWN_EVENTS}
"""  # noqa: S608  built of constants
# A body that has not been delivered is signed as it then is; its event, and the order of events, stay as they were.
_DELIVERIES: Final = f"""
UPDATE deliveries d SET body = convert_to((
    SELECT json_object_agg(f.key, CASE f.key WHEN 'data' THEN e.data::json
        WHEN 'previous' THEN coalesce(e.previous::json, 'null'::json) ELSE f.value END)::text
    FROM json_each(convert_from(d.body, 'UTF8')::json) AS f
), 'UTF8')
FROM events e
WHERE d.tenant_id = $1 AND e.tenant_id = d.tenant_id AND e.id = d.event_id AND e.id IN {_OWN_EVENTS}
"""  # noqa: S608  built of constants
_ATTEMPTS: Final = f"""
UPDATE delivery_attempts a SET response_excerpt = '', error = CASE WHEN a.error IS NULL THEN NULL ELSE 'erased' END
FROM deliveries d
WHERE a.tenant_id = $1 AND d.tenant_id = a.tenant_id AND d.id = a.delivery_id AND d.event_id IN {_OWN_EVENTS}
"""  # noqa: S608  built of constants
# The stored answers of requests that were about the customer: the request is not done twice, and answers no more than
# that it was done.
_ANSWERS: Final = f"""
UPDATE idempotency_keys k SET body = convert_to($4, 'UTF8'), headers = k.headers - 'cache-control'
WHERE k.tenant_id = $1 AND k.body IS NOT NULL AND (
    position(convert_to($3, 'UTF8') IN k.body) > 0
    OR k.key IN (SELECT e.idempotency_key FROM events e WHERE e.tenant_id = $1 AND e.id IN {_OWN_EVENTS})
)
"""  # noqa: S608  built of constants
_REQUESTS: Final = f"DELETE FROM plan_links WHERE tenant_id = $1 AND plan_id IN {_OWN_PLANS}"  # noqa: S608  constants


def redact_customer(customer: Customer) -> None:
    """Take out of the customer's own row what says who it is."""
    customer.name = ERASED
    customer.tax_id = None
    customer.contacts = []
    customer.tags = []
    customer.other_time_zones = []
    customer.meta = {}
    if customer.credit_hold is not None:
        customer.credit_hold = {**customer.credit_hold, "reason": ERASED}


async def redact_rows(uow: UnitOfWork, customer: Customer) -> None:
    """Take the same out of every other table, stored events and answers included.

    What this unit of work has loaded of them before is out of date; load it anew.
    """
    for table, changes, of in _REDACTIONS:
        statement = f"UPDATE {table} SET {changes} WHERE {of}"  # noqa: S608  built of constants
        await uow.driver.execute(statement, uow.tenant_id, customer.id)
    fields, coded = orjson.dumps(_FIELDS).decode(), orjson.dumps(_CODED).decode()
    await uow.driver.execute(_EVENTS, uow.tenant_id, customer.id, fields, coded)
    await uow.driver.execute(_DELIVERIES, uow.tenant_id, customer.id)
    await uow.driver.execute(_ATTEMPTS, uow.tenant_id, customer.id)
    told = orjson.dumps({"customer_id": str(customer.id), "detail": "The customer was erased."}).decode()
    await uow.driver.execute(_ANSWERS, uow.tenant_id, customer.id, str(customer.id), told)
    await uow.driver.execute(_REQUESTS, uow.tenant_id, customer.id)
