"""Tenants, their keys, and customers."""

from app.core.wire import instant, money
from app.models import Activity, ApiKey, Customer, Tenant
from app.outbox.payloads.forms import Payload, stamps

_PROMISE_RULES = ("max_open", "max_consecutive_broken", "max_days")
_DISPUTE_RULES = ("response_working_days",)
_WRITE_OFF_RULES: Payload = {"suggest_after_days": None, "suggest_below": {}, "approval_above": {}}
_PLAN_RULES = (
    "allowed_kinds", "max_months", "min_down_payment_percent", "max_open_plans", "max_grace_days",
    "max_allowed_misses", "allowed_interest", "max_annual_rate",
)  # fmt: skip
_PLAN_AMOUNTS = ("min_amount", "max_amount", "min_instalment")


def tenant_payload(tenant: Tenant) -> Payload:
    """The wire form of a tenant."""
    rules = tenant.agreement_rules
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
        "promises": {name: rules.get("promises", {}).get(name) for name in _PROMISE_RULES},
        "disputes": {name: rules.get("disputes", {}).get(name) for name in _DISPUTE_RULES},
        "write_offs": {**_WRITE_OFF_RULES, **rules.get("write_offs", {})},
        "plans": {
            **{name: rules.get("plans", {}).get(name) for name in _PLAN_RULES},
            **{name: rules.get("plans", {}).get(name, {}) for name in _PLAN_AMOUNTS},
        },
        "channels": {name: _account(tenant, name) for name in ("sms", "whatsapp")},
        "sending": tenant.sending,
        "dunning_mode": tenant.dunning_mode,
        **stamps(tenant),
    }


def _account(tenant: Tenant, channel: str) -> Payload | None:
    """A tenant's account at a provider; its secret is shown to nobody."""
    account = tenant.channels.get(channel)
    if account is None:
        return None
    shown = {name: account[name] for name in ("base_url", "account_id", "from")}
    return {**shown, "paused_until": tenant.channel_pauses.get(channel, {}).get("until")}


def api_key_payload(key: ApiKey) -> Payload:
    """The wire form of an API key, without its secret."""
    return {
        "id": str(key.id),
        "name": key.name,
        "prefix": key.public_id,
        "scopes": key.scopes,
        "expires_at": instant(key.expires_at),
        "revoked_at": instant(key.revoked_at),
        **stamps(key),
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
        "contacts": [
            {**contact, "channels": [{"bounced_at": None, **channel} for channel in contact["channels"]]}
            for contact in customer.contacts
        ],
        "metadata": customer.meta,
        "erased_at": instant(customer.erased_at),
        **stamps(customer),
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
