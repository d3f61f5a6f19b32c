"""A tenant's limits as they are kept, by currency."""

from fractions import Fraction

from app.domain.plan_rules import PlanRules
from app.domain.plan_rules_wire import plan_rules

KEPT = {
    "allowed_kinds": ["business"],
    "min_amount": {"MXN": "500.00", "JPY": "1000"},
    "max_amount": {},
    "max_months": 12,
    "min_down_payment_percent": "10.5",
    "min_instalment": {"JPY": "100"},
    "max_open_plans": 1,
    "max_grace_days": 0,
    "max_allowed_misses": None,
    "allowed_interest": None,
    "max_annual_rate": "36",
}


def test_limits_are_those_of_the_currency() -> None:
    found = plan_rules(KEPT, "MXN")
    assert found == PlanRules(
        allowed_kinds=["business"],
        min_amount_minor=50_000,
        max_months=12,
        min_down_payment_percent=Fraction(21, 2),
        max_open_plans=1,
        max_grace_days=0,
        max_annual_rate=Fraction(36),
    )
    yen = plan_rules(KEPT, "JPY")
    assert (yen.min_amount_minor, yen.min_instalment_minor) == (1_000, 100)
    assert plan_rules(KEPT, "EUR").min_amount_minor is None


def test_nothing_set_limits_nothing() -> None:
    assert plan_rules(None, "MXN") == plan_rules({}, "MXN") == PlanRules()
