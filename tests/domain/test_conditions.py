"""Conditions of segments and steps: all of what they say has to be so, and what they leave out is not asked for."""

import pytest

from app.domain.conditions import EVERYTHING, Conditions, Debtor

CONSUMER = Debtor("consumer", "MX", frozenset({"norte", "vip"}))
NOBODY = Debtor("business")


@pytest.mark.parametrize(
    ("conditions", "debtor", "currency", "amount", "met"),
    [
        pytest.param(EVERYTHING, NOBODY, "MXN", 0, True, id="nothing asked"),
        pytest.param(Conditions(kinds=frozenset({"consumer"})), CONSUMER, "MXN", 1, True, id="kind"),
        pytest.param(Conditions(kinds=frozenset({"consumer"})), NOBODY, "MXN", 1, False, id="another kind"),
        pytest.param(Conditions(countries=frozenset({"MX", "CO"})), CONSUMER, "MXN", 1, True, id="country"),
        pytest.param(Conditions(countries=frozenset({"MX"})), NOBODY, "MXN", 1, False, id="no country"),
        pytest.param(Conditions(currencies=frozenset({"MXN"})), NOBODY, "MXN", 1, True, id="currency"),
        pytest.param(Conditions(currencies=frozenset({"MXN"})), NOBODY, "EUR", 1, False, id="another currency"),
        pytest.param(Conditions(tags=frozenset({"sur", "vip"})), CONSUMER, "MXN", 1, True, id="one tag of two"),
        pytest.param(Conditions(tags=frozenset({"sur"})), CONSUMER, "MXN", 1, False, id="another tag"),
        pytest.param(Conditions(tags=frozenset({"sur"})), NOBODY, "MXN", 1, False, id="no tag"),
        pytest.param(Conditions(min_amount={"MXN": 100}), NOBODY, "MXN", 99, False, id="below the least"),
        pytest.param(Conditions(min_amount={"MXN": 100}), NOBODY, "MXN", 100, True, id="the least itself"),
        pytest.param(Conditions(max_amount={"MXN": 100}), NOBODY, "MXN", 100, True, id="the most itself"),
        pytest.param(Conditions(max_amount={"MXN": 100}), NOBODY, "MXN", 101, False, id="above the most"),
        pytest.param(Conditions(min_amount={"EUR": 100}), NOBODY, "MXN", 1, True, id="a least of another currency"),
        pytest.param(Conditions(max_amount={"EUR": 100}), NOBODY, "MXN", 999, True, id="a most of another currency"),
        pytest.param(
            Conditions(kinds=frozenset({"consumer"}), tags=frozenset({"sur"})), CONSUMER, "MXN", 1, False,
            id="one of two is not enough",
        ),
    ],
)  # fmt: skip
def test_conditions(conditions: Conditions, debtor: Debtor, currency: str, amount: int, met: bool) -> None:
    assert conditions.met_by(debtor, currency=currency, amount_minor=amount) is met
