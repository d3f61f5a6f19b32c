"""The tenant's limits of payment plans, from the form in which they are kept."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from app.domain.money import parse_amount
from app.domain.plan_rules import PlanRules


def plan_rules(setting: Mapping[str, Any] | None, currency: str) -> PlanRules:
    """The limits for plans in a currency; amounts that are set for other currencies alone limit nothing.

    Args:
        setting: What the tenant has set, under the names of `PlanRules`: amounts as `{currency: amount}`, percents and
            rates as decimal strings; None where it has set nothing.
        currency: ISO 4217 code.
    """
    known = setting or {}

    def amount(name: str) -> int | None:
        found = (known.get(name) or {}).get(currency)
        return None if found is None else parse_amount(found, currency)

    def exact(name: str) -> Fraction | None:
        found = known.get(name)
        return None if found is None else Fraction(found)

    return PlanRules(
        allowed_kinds=known.get("allowed_kinds"),
        min_amount_minor=amount("min_amount"),
        max_amount_minor=amount("max_amount"),
        max_months=known.get("max_months"),
        min_down_payment_percent=exact("min_down_payment_percent"),
        min_instalment_minor=amount("min_instalment"),
        max_open_plans=known.get("max_open_plans"),
        max_grace_days=known.get("max_grace_days"),
        max_allowed_misses=known.get("max_allowed_misses"),
        allowed_interest=known.get("allowed_interest"),
        max_annual_rate=exact("max_annual_rate"),
    )
