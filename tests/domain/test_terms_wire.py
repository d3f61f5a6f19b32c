from fractions import Fraction
from typing import Any

import pytest

from app.domain.errors import Code
from app.domain.terms import MAX_DAYS, Offset, Part, Terms, TermsError, Tier
from app.domain.terms_wire import read_terms


def refusal(wire: dict[str, Any], currency: str | None = "EUR") -> tuple[Code, str]:
    """Why terms cannot be read, and where."""
    with pytest.raises(TermsError) as caught:
        read_terms(wire, currency)
    assert str(caught.value) == caught.value.message
    return caught.value.code, caught.value.pointer


@pytest.mark.parametrize(
    ("wire", "code", "pointer"),
    [
        ({"kind": "net", "days": -1}, Code.out_of_range, "/days"),
        ({"kind": "net", "days": MAX_DAYS + 1}, Code.out_of_range, "/days"),
        ({"kind": "net", "months": 121}, Code.out_of_range, "/months"),
        ({"kind": "end_of_month", "days_after": -1}, Code.out_of_range, "/days_after"),
        ({"kind": "net", "days_after": 1}, Code.invalid_value, "/days_after"),
        ({"kind": "pay_days", "pay_days": [5], "days_after": 1}, Code.invalid_value, "/days_after"),
        ({"kind": "net", "pay_days": [5]}, Code.invalid_value, "/pay_days"),
        ({"kind": "pay_days"}, Code.missing, "/pay_days"),
        ({"kind": "pay_days", "pay_days": [5, 0]}, Code.out_of_range, "/pay_days/1"),
        ({"kind": "pay_days", "pay_days": [32]}, Code.out_of_range, "/pay_days/0"),
        ({"kind": "pay_days", "pay_days": [-2]}, Code.out_of_range, "/pay_days/0"),
        ({"discounts": [{"percent": "0", "days": 5}]}, Code.out_of_range, "/discounts/0/percent"),
        ({"discounts": [{"percent": "100", "days": 5}]}, Code.out_of_range, "/discounts/0/percent"),
        ({"discounts": [{"percent": "2", "days": -1}]}, Code.out_of_range, "/discounts/0/days"),
        ({"discounts": [{"percent": "2,5", "days": 5}]}, Code.invalid_format, "/discounts/0/percent"),
        (
            {"discounts": [{"percent": "2", "days": 5}, {"percent": "3", "days": 5}]},
            Code.duplicate_value,
            "/discounts/1/days",
        ),
        ({"discounts": [{"percent": "2", "days": days} for days in range(11)]}, Code.too_long, "/discounts"),
        ({"instalments": [{}]}, Code.invalid_value, "/instalments/0"),
        ({"instalments": [{"percent": "50", "amount": "5.00"}]}, Code.invalid_value, "/instalments/0"),
        ({"instalments": [{"percent": "50", "remainder": True}]}, Code.invalid_value, "/instalments/0"),
        ({"instalments": [{"percent": "0"}]}, Code.out_of_range, "/instalments/0/percent"),
        ({"instalments": [{"percent": "100.0001"}]}, Code.out_of_range, "/instalments/0/percent"),
        ({"instalments": [{"percent": "1/3"}]}, Code.invalid_format, "/instalments/0/percent"),
        ({"instalments": [{"percent": "1e9"}]}, Code.invalid_format, "/instalments/0/percent"),
        ({"instalments": [{"amount": "0.00"}]}, Code.out_of_range, "/instalments/0/amount"),
        ({"instalments": [{"amount": "1.001"}]}, Code.amount_decimals, "/instalments/0/amount"),
        ({"instalments": [{"remainder": True, "of": "net"}]}, Code.invalid_value, "/instalments/0/of"),
        ({"instalments": [{"remainder": True, "days": -1}]}, Code.out_of_range, "/instalments/0/days"),
        ({"instalments": [{"remainder": True, "pay_days": [5]}]}, Code.invalid_value, "/instalments/0/pay_days"),
        ({"instalments": [{"remainder": True, "days_after": 5}]}, Code.invalid_value, "/instalments/0/days_after"),
        ({"instalments": [{"remainder": True}, {"percent": "5"}]}, Code.invalid_value, "/instalments/0/remainder"),
        ({"instalments": [{"percent": "50"}, {"percent": "49.9999"}]}, Code.invalid_value, "/instalments"),
        ({"instalments": [{"percent": "50"}, {"percent": "50.0001"}]}, Code.invalid_value, "/instalments"),
        ({"instalments": [{"percent": "50"}, {"percent": "50", "of": "net"}]}, Code.invalid_value, "/instalments"),
        ({"instalments": [{"percent": "50"}, {"amount": "50.00"}]}, Code.invalid_value, "/instalments"),
        ({"instalments": [{"percent": "100"}, {"remainder": True}]}, Code.invalid_value, "/instalments"),
        ({"instalments": [{"amount": "1.00"}] * 120 + [{"remainder": True}]}, Code.too_long, "/instalments"),
        ({"days": 30, "instalments": [{"remainder": True}]}, Code.invalid_value, "/days"),
        ({"months": 1, "instalments": [{"remainder": True}]}, Code.invalid_value, "/months"),
    ],
)
def test_terms_that_are_refused(wire: dict[str, Any], code: Code, pointer: str) -> None:
    assert refusal(wire) == (code, pointer)


def test_fixed_amounts_need_a_currency() -> None:
    wire = {"instalments": [{"amount": "10.00"}, {"remainder": True}]}
    assert refusal(wire, None) == (Code.invalid_value, "/instalments/0/amount")
    assert refusal(wire, "JPY") == (Code.amount_decimals, "/instalments/0/amount")


def test_nulls_are_defaults() -> None:
    names = ("kind", "days", "months", "days_after", "pay_days", "roll", "calendar", "discounts", "instalments")
    assert read_terms(dict.fromkeys(names)) == read_terms({}) == Terms(Offset())


def test_the_wire_form_is_read_whole() -> None:
    wire = {
        "kind": "end_of_month",
        "days_after": 3,
        "roll": "preceding",
        "calendar": "ES-MD",
        "discounts": [{"percent": "2.5", "days": 10}],
        "instalments": [
            {"amount": "5.00", "kind": "pay_days", "pay_days": [5, -1], "days": 1},
            {"remainder": True, "months": 2},
        ],
    }
    assert read_terms(wire, "EUR") == Terms(
        Offset("end_of_month", days_after=3),
        roll="preceding",
        calendar="ES-MD",
        discounts=(Tier(Fraction(5, 2), 10),),
        parts=(
            Part(Offset("pay_days", days=1, pay_days=(5, -1)), amount_minor=500),
            Part(Offset("end_of_month", months=2, days_after=3), remainder=True),
        ),
    )
