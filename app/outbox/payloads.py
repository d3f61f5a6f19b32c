"""The wire form of every resource, built from its rows; events carry it and GET answers it, so the two never differ."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from app.core.uow import UnitOfWork
from app.core.wire import day, instant, money
from app.domain.aging import days_overdue
from app.domain.instalments import part_status
from app.domain.invoice_state import due_state
from app.domain.rates_wire import percent_text
from app.domain.statutory import Preset
from app.models import (
    Activity,
    Allocation,
    ApiKey,
    Charge,
    CreditNote,
    Customer,
    DunningCase,
    DunningPolicy,
    DunningPolicyVersion,
    Import,
    Invoice,
    Payment,
    PaymentTerms,
    RateTable,
    Reminder,
    Tenant,
    Versioned,
    WebhookEndpoint,
    WriteOff,
)

Payload = dict[str, Any]


def _stamps(row: Versioned) -> Payload:
    return {"version": row.version, "created_at": instant(row.created_at), "updated_at": instant(row.updated_at)}


def tenant_payload(tenant: Tenant) -> Payload:
    """The wire form of a tenant."""
    return {
        "id": str(tenant.id),
        "name": tenant.name,
        "mode": tenant.mode,
        "time_zone": tenant.time_zone,
        "locale": tenant.locale,
        "currency": tenant.currency,
        "calendar": tenant.calendar,
        "allocation_order": tenant.allocation_order,
        "send_window": tenant.send_window,
        "contact_profile": tenant.contact_profile,
        "contact_rules": tenant.contact_rules,
        "max_contacts_per_day": tenant.max_contacts_per_day,
        "sender": {"name": tenant.sender_name, "address": tenant.sender_address},
        "reply_to": tenant.reply_to,
        "phone": tenant.phone,
        "bank_accounts": tenant.bank_accounts,
        "short_pay_tolerance": tenant.short_pay_tolerance,
        "holds_credit_over_limit": tenant.holds_credit_over_limit,
        "payment_terms": tenant.payment_terms,
        "late_interest": tenant.late_interest,
        "charge_tax": tenant.charge_tax,
        "sending": tenant.sending,
        **_stamps(tenant),
    }


def api_key_payload(key: ApiKey) -> Payload:
    """The wire form of an API key, without its secret."""
    return {
        "id": str(key.id),
        "name": key.name,
        "prefix": key.public_id,
        "scopes": key.scopes,
        "expires_at": instant(key.expires_at),
        "revoked_at": instant(key.revoked_at),
        **_stamps(key),
    }


def customer_payload(customer: Customer) -> Payload:
    """The wire form of a customer."""
    return {
        "id": str(customer.id),
        "external_id": customer.external_id,
        "name": customer.name,
        "kind": customer.kind,
        "tax_id": customer.tax_id,
        "locale": customer.locale,
        "time_zone": customer.time_zone,
        "other_time_zones": customer.other_time_zones,
        "country": customer.country,
        "currency": customer.currency,
        "dunning_policy_id": str(customer.dunning_policy_id) if customer.dunning_policy_id else None,
        "payment_terms": customer.payment_terms,
        "late_interest": customer.late_interest,
        **_credit(customer),
        "contact_profile": customer.contact_profile,
        "send_window": customer.send_window,
        "tags": customer.tags,
        "contacts": customer.contacts,
        "metadata": customer.meta,
        **_stamps(customer),
    }


def _credit(customer: Customer) -> Payload:
    limit, currency = customer.credit_limit_minor, customer.credit_currency
    return {
        "credit_limit": None if limit is None or currency is None else money(limit, currency),
        "credit_currency": currency,
        "credit_state": customer.credit_state,
        "credit_hold": customer.credit_hold,
    }


def inbound_message_payload(activity: Activity) -> Payload:
    """The wire form of a message that a customer has sent, and what was done about it."""
    return {
        "id": str(activity.id),
        "external_id": activity.external_id,
        "customer_id": str(activity.customer_id),
        "channel": activity.meta["channel"],
        "from": activity.meta["from"],
        "text": activity.note,
        "received_at": instant(activity.occurred_at),
        "outcome": activity.outcome,
        "opt_out_word": activity.meta.get("word"),
    }


def invoice_payload(invoice: Invoice, today: date) -> Payload:
    """The wire form of an invoice on a business date; what depends on the date is computed, never read."""
    currency = invoice.currency
    due_on = invoice.oldest_due_on
    state = due_state(invoice.status, due_on=due_on, today=today)
    return {
        "id": str(invoice.id),
        "external_id": invoice.external_id,
        "number": invoice.number,
        "customer_id": str(invoice.customer_id),
        "currency": currency,
        "total": money(invoice.total_minor, currency),
        "open_amount": money(invoice.open_minor, currency),
        "principal_open": money(invoice.principal_open_minor, currency),
        "charges_open": money(invoice.charges_open_minor, currency),
        "disputed_amount": money(invoice.disputed_minor, currency),
        "opening_paid": money(invoice.opening_paid_minor, currency),
        "written_off_amount": money(invoice.written_off_minor, currency),
        "issued_on": day(invoice.issued_on),
        "due_on": day(invoice.due_on),
        "net_total": None if invoice.net_minor is None else money(invoice.net_minor, currency),
        "terms": invoice.terms,
        "discount_terms": invoice.discount_terms,
        "instalments": _instalments(invoice, today),
        "status": invoice.status,
        "due_state": state,
        "days_overdue": days_overdue(due_on, today) if state == "overdue" else 0,
        "collection_state": invoice.collection_state,
        "reference": invoice.reference,
        "payment_url": invoice.payment_url,
        "documents": invoice.documents,
        "lines": invoice.lines,
        "dunning_policy_id": str(invoice.dunning_policy_id) if invoice.dunning_policy_id else None,
        "late_interest": invoice.late_interest,
        "issued_at": instant(invoice.issued_at),
        "paid_at": instant(invoice.paid_at),
        "metadata": invoice.meta,
        **_stamps(invoice),
    }


def _instalments(invoice: Invoice, today: date) -> list[Payload]:
    listed = []
    for part in invoice.parts:
        status = part_status(invoice.status, amount_minor=part.amount_minor, principal_minor=part.principal_minor)
        listed.append({
            "number": part.number,
            "due_on": day(part.due_on),
            "amount": money(part.amount_minor, invoice.currency),
            "open_amount": money(part.principal_minor, invoice.currency),
            "status": status,
            "due_state": due_state(status, due_on=part.due_on, today=today),
        })  # fmt: skip
    return listed


def allocation_payload(allocation: Allocation, currency: str) -> Payload:
    """The wire form of what a payment or credit note settles of one invoice."""
    return {
        "invoice_id": str(allocation.invoice_id),
        "amount": money(allocation.amount_minor, currency),
        "discount_taken": money(allocation.discount_minor, currency),
        "differences": [
            {"reason": item["reason"], "amount": money(item["amount_minor"], currency)}
            for item in allocation.differences
        ],
        "effective_on": day(allocation.effective_on),
    }


def payment_payload(payment: Payment) -> Payload:
    """The wire form of a payment with its live allocations."""
    currency = payment.currency
    return {
        "id": str(payment.id),
        "external_id": payment.external_id,
        "customer_id": str(payment.customer_id) if payment.customer_id else None,
        "currency": currency,
        "amount": money(payment.amount_minor, currency),
        "received_on": day(payment.received_on),
        "matures_on": day(payment.matures_on),
        "tendered": payment.tendered,
        "method": payment.method,
        "reference": payment.reference,
        "allocations": [
            allocation_payload(item, currency)
            for item in payment.allocations
            # One that was wholly moved back to the payer settles nothing any more.
            if item.reversed_at is None and item.settled_minor
        ],
        "unapplied_amount": money(payment.unapplied_minor, currency),
        "refunded_amount": money(payment.refunded_minor, currency),
        "status": payment.status,
        "reversed_on": day(payment.reversed_on),
        "reversal_reason": payment.reversal_reason,
        "metadata": payment.meta,
        **_stamps(payment),
    }


def credit_note_payload(note: CreditNote) -> Payload:
    """The wire form of a credit note with its live allocations."""
    currency = note.currency
    return {
        "id": str(note.id),
        "external_id": note.external_id,
        "number": note.number,
        "customer_id": str(note.customer_id),
        "invoice_id": str(note.invoice_id) if note.invoice_id else None,
        "currency": currency,
        "amount": money(note.amount_minor, currency),
        "issued_on": day(note.issued_on),
        "reason": note.reason,
        "allocations": [
            {
                "invoice_id": str(item.invoice_id),
                "amount": money(item.amount_minor, currency),
                "effective_on": day(item.effective_on),
            }
            for item in note.allocations
            if item.reversed_at is None
        ],
        "unapplied_amount": money(note.unapplied_minor, currency),
        "status": note.status,
        "voided_on": day(note.voided_on),
        "void_reason": note.void_reason,
        "metadata": note.meta,
        **_stamps(note),
    }


def write_off_payload(written: WriteOff) -> Payload:
    """The wire form of a write-off."""
    return {
        "id": str(written.id),
        "invoice_id": str(written.invoice_id),
        "currency": written.currency,
        "amount": money(written.amount_minor, written.currency),
        "recovered_amount": money(written.recovered_minor, written.currency),
        "reason": written.reason,
        "written_off_on": day(written.written_off_on),
        "status": written.status,
        "reversed_on": day(written.reversed_on),
        "reversal_reason": written.reversal_reason,
        **_stamps(written),
    }


def in_flight_payload(reminders: Iterable[Reminder]) -> list[Payload]:
    """The wire form of the reminders that a command came too late for (rule D7)."""
    return [
        {
            "reminder_id": str(reminder.id),
            "channel": reminder.channel,
            "invoice_ids": [str(item.invoice_id) for item in reminder.items if item.dropped_reason is None],
        }
        for reminder in reminders
    ]


def policy_payload(policy: DunningPolicy, version: DunningPolicyVersion) -> Payload:
    """The wire form of one version of a dunning policy.

    `version` is the policy's own version number; `revision` counts every change and is the ETag. A published version
    tells whether the policy is the default, a draft whether publishing makes it so.
    """
    return {
        "id": str(policy.id),
        "name": version.name,
        "status": version.status,
        "version": version.version_number,
        "published_version": policy.published_number,
        "default": policy.is_default if version.status == "published" else policy.wants_default,
        **version.definition,
        "published_at": instant(version.published_at),
        "revision": policy.version,
        "created_at": instant(policy.created_at),
        "updated_at": instant(policy.updated_at),
    }


def case_payload(case: DunningCase) -> Payload:
    """The wire form of a dunning case."""
    return {
        "id": str(case.id),
        "customer_id": str(case.customer_id),
        "invoice_id": str(case.invoice_id),
        "instalment_number": case.instalment_number,
        "policy_id": str(case.policy_id),
        "policy_version": case.policy_version,
        "state": case.state,
        "cycle": case.cycle,
        "last_step": case.last_sent_step_key,
        "last_sent_on": day(case.last_sent_on),
        "opened_at": instant(case.opened_at),
        "closed_at": instant(case.closed_at),
        **_stamps(case),
    }


def reminder_payload(reminder: Reminder) -> Payload:
    """The wire form of a reminder; items that were dropped before it left are not listed."""
    currency = reminder.currency
    return {
        "id": str(reminder.id),
        "customer_id": str(reminder.customer_id),
        "policy_id": str(reminder.policy_id),
        "policy_version": reminder.policy_version,
        "currency": currency,
        "channel": reminder.channel,
        "to": reminder.to,
        "language": reminder.language,
        "template": reminder.template,
        "status": reminder.status,
        "shadow": reminder.is_shadow,
        "nominal_on": day(reminder.nominal_on),
        "scheduled_at": instant(reminder.scheduled_at),
        "sent_at": instant(reminder.sent_at),
        "provider_message_id": reminder.provider_message_id,
        "skip_reason": reminder.skip_reason,
        "attempts": reminder.attempt_count,
        "last_error": reminder.last_error,
        "total_due": money(reminder.total_due_minor, currency),
        "items": [
            {
                "invoice_id": str(item.invoice_id),
                "case_id": str(item.case_id),
                "step_key": item.step_key,
                "cycle": item.cycle,
                "amount": money(item.amount_minor, currency),
            }
            for item in reminder.items
            if item.dropped_reason is None or reminder.skip_reason is not None
        ],
        **_stamps(reminder),
    }


def charge_payload(charge: Charge) -> Payload:
    """The wire form of a charge."""
    return {
        "id": str(charge.id),
        "customer_id": str(charge.customer_id),
        "invoice_id": str(charge.invoice_id),
        "external_id": charge.external_id,
        "kind": charge.kind,
        "currency": charge.currency,
        "amount": money(charge.amount_minor, charge.currency),
        "tax_code": charge.tax_code,
        "tax_amount": money(charge.tax_minor, charge.currency),
        "paid_amount": money(charge.paid_minor, charge.currency),
        "posted_on": day(charge.posted_on),
        "status": charge.status,
        "reason": charge.reason,
        "from_on": day(charge.from_on),
        "through_on": day(charge.through_on),
        "rate_table": charge.rate_table,
        "segments": charge.segments,
        "waived_on": day(charge.waived_on),
        "waiver_reason": charge.waiver_reason,
        "case_id": str(charge.case_id) if charge.case_id else None,
        "step_key": charge.step_key,
        "reminder_id": str(charge.reminder_id) if charge.reminder_id else None,
        "metadata": charge.meta,
        **_stamps(charge),
    }


def rate_table_payload(table: RateTable) -> Payload:
    """The wire form of a tenant's own rate table."""
    return {
        "id": str(table.id),
        "code": table.code,
        "name": table.name,
        "built_in": False,
        **table.definition,
        "published_through": None,
        "customer_kinds": ["business", "sole_trader", "consumer"],
        "sources": [],
        "note": None,
        **_stamps(table),
    }


def preset_payload(preset: Preset) -> Payload:
    """The wire form of a statutory rate table; it has no owner and never changes but with a release."""
    table = preset.table
    return {
        "id": None,
        "code": table.code,
        "name": preset.title,
        "built_in": True,
        "day_count": str(table.day_count),
        "rates": [
            {"from_on": day(rate.from_on), "annual_rate": percent_text(rate.annual_rate)} for rate in table.rates
        ],
        "rate_basis": str(table.rate_basis),
        "rounding": str(table.rounding),
        "fixed_sums": [
            {
                "from_amount": money(fixed.from_amount_minor, table.currency),
                "amount": money(fixed.amount_minor, table.currency),
            }
            for fixed in table.fixed_sums
            if table.currency is not None
        ],
        "currency": table.currency,
        "cap_percent": None if table.cap_percent is None else percent_text(table.cap_percent),
        "source": table.source,
        "published_through": day(table.published_through),
        "customer_kinds": sorted(preset.customer_kinds),
        "sources": [{"name": source.name, "url": source.url} for source in preset.sources],
        "note": preset.note,
        "version": 1,
        "created_at": None,
        "updated_at": None,
    }


def endpoint_payload(endpoint: WebhookEndpoint) -> Payload:
    """The wire form of a webhook endpoint, without its secrets."""
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": endpoint.event_types,
        "status": endpoint.status,
        "disabled_reason": endpoint.disabled_reason,
        "metadata": endpoint.meta,
        **_stamps(endpoint),
    }


def import_payload(found: Import) -> Payload:
    """The wire form of an import."""
    options = found.mapping["options"]
    return {
        "id": str(found.id),
        "kind": found.kind,
        "format": found.format,
        "status": found.status,
        "mapping": options["fields"],
        "delimiter": options["delimiter"],
        "date_format": options["date_format"],
        "decimal": options["decimal"],
        "unknown_columns": options["unknown_columns"],
        "bytes_total": found.total_bytes,
        "bytes_done": found.next_byte,
        "rows": found.row_count,
        "created": found.created_count,
        "updated": found.updated_count,
        "unchanged": found.unchanged_count,
        "failed": found.failed_count,
        "failure": found.failure,
        "finished_at": instant(found.finished_at),
        **_stamps(found),
    }


def terms_payload(terms: PaymentTerms) -> Payload:
    """The wire form of payment terms under a code."""
    return {
        "id": str(terms.id),
        "code": terms.code,
        "name": terms.name,
        "definition": terms.definition,
        **_stamps(terms),
    }


def describe(uow: UnitOfWork, resource: object) -> tuple[str, Payload]:
    """The type name and wire form of any resource that has events."""
    match resource:
        case Invoice():
            return "invoice", invoice_payload(resource, uow.today)
        case Customer():
            return "customer", customer_payload(resource)
        case Payment():
            return "payment", payment_payload(resource)
        case CreditNote():
            return "credit_note", credit_note_payload(resource)
        case DunningCase():
            return "dunning_case", case_payload(resource)
        case Reminder():
            return "reminder", reminder_payload(resource)
        case Charge():
            return "charge", charge_payload(resource)
        case WebhookEndpoint():
            return "webhook_endpoint", endpoint_payload(resource)
        case Import():
            return "import", import_payload(resource)
    raise TypeError(f"no wire form for {type(resource).__name__}")
