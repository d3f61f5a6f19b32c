"""What a tenant allows of plans: each rule at its limit, and on both sides of it."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from app.domain.errors import Code
from app.domain.plan import PlanAsk, PlanInterest
from app.domain.plan_quote import quote
from app.domain.plan_rules import CHECKS, PlanFacts, PlanRules, check
from app.domain.workdays import Calendar

D = date.fromisoformat
ASK = PlanAsk("EUR", 100_000, D("2026-01-15"), D("2026-02-15"), instalment_count=6)
FACTS = PlanFacts("consumer")


def broken(rules: PlanRules, facts: PlanFacts = FACTS, **changed: Any) -> list[str]:
    found = check(quote(replace(ASK, **changed), Calendar()), rules, facts)
    assert all(each.code is Code.plan_not_allowed and each.message.endswith(".") for each in found)
    return [each.rule for each in found]


def test_no_rules_allow_everything() -> None:
    assert broken(PlanRules()) == []


@pytest.mark.parametrize(
    ("rules", "kept", "over", "rule"),
    [
        ({"min_amount_minor": 100_000}, {}, {"principal_minor": 99_999}, "min_amount"),
        ({"max_amount_minor": 100_000}, {}, {"charges_minor": 1}, "max_amount"),
        ({"max_months": 6}, {}, {"instalment_count": 7}, "max_months"),
        ({"max_months": 6}, {}, {"first_due_on": D("2026-02-16")}, "max_months"),
        ({"max_months": 6}, {"first_due_on": D("2026-02-14")}, {"starts_on": D("2026-01-14")}, "max_months"),
        (
            {"max_months": 1},
            {
                "starts_on": D("2026-02-28"),
                "first_due_on": D("2026-03-31"),
                "preferred_day": 31,
                "instalment_count": 1,
            },
            {"starts_on": D("2026-02-28"), "first_due_on": D("2026-03-30"), "instalment_count": 1},
            "max_months",
        ),
        (
            {"min_down_payment_percent": Fraction("12.5")},
            {"down_payment_minor": 12_500},
            {"down_payment_minor": 12_499},
            "min_down_payment_percent",
        ),
        ({"min_instalment_minor": 16_667}, {}, {"principal_minor": 99_990}, "min_instalment"),
        (
            {"min_instalment_minor": 30_000},
            {"instalment_count": None, "instalment_minor": 30_000},
            {"instalment_count": None, "instalment_minor": 29_999},
            "min_instalment",
        ),
        ({"min_instalment_minor": 100_001}, {"instalment_count": 1, "setup_fee_minor": 1}, {"instalment_count": 1},
         "min_instalment"),
        (
            {"allowed_interest": {"none", "flat"}},
            {"interest": PlanInterest("flat", Fraction(5))},
            {"interest": PlanInterest("declining", Fraction(5))},
            "allowed_interest",
        ),
        (
            {"max_annual_rate": Fraction(5)},
            {"interest": PlanInterest("flat", Fraction(5))},
            {"interest": PlanInterest("flat", Fraction("5.01"))},
            "max_annual_rate",
        ),
    ],
)  # fmt: skip
def test_limits_are_inclusive(rules: dict[str, Any], kept: dict[str, Any], over: dict[str, Any], rule: str) -> None:
    assert broken(PlanRules(**rules), **kept) == []
    assert broken(PlanRules(**rules), **over) == [rule]


@pytest.mark.parametrize(
    ("rules", "kept", "over", "rule"),
    [
        ({"allowed_kinds": {"consumer"}}, {}, {"customer_kind": "business"}, "allowed_kinds"),
        ({"max_open_plans": 1}, {"open_plans": 0}, {"open_plans": 1}, "max_open_plans"),
        ({"max_grace_days": 5}, {"grace_days": 5}, {"grace_days": 6}, "max_grace_days"),
        ({"max_allowed_misses": 1}, {"allowed_misses": 1}, {"allowed_misses": 2}, "max_allowed_misses"),
    ],
)
def test_limits_of_the_customer(rules: dict[str, Any], kept: dict[str, Any], over: dict[str, Any], rule: str) -> None:
    assert broken(PlanRules(**rules), replace(FACTS, **kept)) == []
    assert broken(PlanRules(**rules), replace(FACTS, **over)) == [rule]


def test_interest_on_included_charges_needs_an_agreement_whatever_is_allowed() -> None:
    changed: dict[str, Any] = {
        "charges_minor": 100,
        "charges_bear_interest": True,
        "interest": PlanInterest("flat", Fraction(5)),
    }
    assert broken(PlanRules(), **changed) == ["compound_agreement"]
    assert broken(PlanRules(), replace(FACTS, has_compound_agreement=True), **changed) == []
    assert broken(PlanRules(), **{**changed, "charges_minor": 0}) == []
    assert broken(PlanRules(), **{**changed, "charges_bear_interest": False}) == []
    assert broken(PlanRules(), **{**changed, "interest": PlanInterest()}) == []


def test_every_broken_rule_is_named_with_the_limit() -> None:
    rules = PlanRules(max_amount_minor=50_000, max_months=3, min_down_payment_percent=Fraction(10))
    found = check(quote(ASK, Calendar()), rules, FACTS)
    assert [each.rule for each in found] == ["max_amount", "max_months", "min_down_payment_percent"]
    assert [each.message for each in found] == [
        "A plan covers at most 500.00 EUR.",
        "A plan ends within 3 months of its start.",
        "At least 10.00 % of the covered amount is paid down.",
    ]
    assert len(CHECKS) == 12
