"""The tax on charges: added to the net amount, half up, for the kinds that bear it (rule M10)."""

from typing import Any

import pytest

from app.domain.charge_tax import Taxed, add_tax, find_tax

IVA: dict[str, Any] = {"code": "IVA", "percent": "16", "kinds": ["fee", "interest"]}


@pytest.mark.parametrize(
    ("net", "kind", "setting", "taxed"),
    [
        (100_00, "fee", IVA, Taxed(116_00, 16_00, "IVA")),
        (100_00, "recovery_cost", IVA, Taxed(100_00, 0, None)),
        (100_00, "fee", None, Taxed(100_00, 0, None)),
        (3, "fee", IVA, Taxed(3, 0, "IVA")),  # 0.48
        (4, "fee", {**IVA, "percent": "12.5"}, Taxed(5, 1, "IVA")),  # a half goes up
        (1_000, "interest", {**IVA, "percent": "0"}, Taxed(1_000, 0, "IVA")),
    ],
)
def test_tax(net: int, kind: str, setting: dict[str, Any] | None, taxed: Taxed) -> None:
    assert add_tax(net, kind, setting) == taxed


@pytest.mark.parametrize(
    ("gross", "kind", "setting", "taxed"),
    [
        (116_00, "fee", IVA, Taxed(116_00, 16_00, "IVA")),
        (25_13, "interest", IVA, Taxed(25_13, 3_47, "IVA")),  # 3.466
        (100_00, "recovery_cost", IVA, Taxed(100_00, 0, None)),
        (100_00, "fee", None, Taxed(100_00, 0, None)),
        (1_000, "interest", {**IVA, "percent": "0"}, Taxed(1_000, 0, "IVA")),
    ],
)
def test_the_tax_in_an_agreed_amount(gross: int, kind: str, setting: dict[str, Any] | None, taxed: Taxed) -> None:
    assert find_tax(gross, kind, setting) == taxed
