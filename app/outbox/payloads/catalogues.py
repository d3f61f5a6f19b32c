"""What tenants name once and refer to: policies, terms, rate tables."""

from app.core.wire import day, instant, money
from app.domain.rates_wire import percent_text
from app.domain.statutory import Preset
from app.models import DunningPolicy, DunningPolicyVersion, PaymentTerms, RateTable
from app.outbox.payloads.forms import Payload, stamps


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
        "applies_to": policy.applies_to,
        "priority": policy.priority,
        # Versions never change, and some are older than these fields.
        "max_count": None,
        **version.definition,
        "steps": [{"conditions": None, **step} for step in version.definition["steps"]],
        "published_at": instant(version.published_at),
        "revision": policy.version,
        "created_at": instant(policy.created_at),
        "updated_at": instant(policy.updated_at),
    }


def terms_payload(terms: PaymentTerms) -> Payload:
    """The wire form of payment terms under a code."""
    return {
        "id": str(terms.id),
        "code": terms.code,
        "name": terms.name,
        "definition": terms.definition,
        **stamps(terms),
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
        **stamps(table),
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
