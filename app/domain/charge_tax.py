"""The tax on charges (rule M10): what is charged is the net amount and the tax on it, where its kind is taxable."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from app.domain.money import round_half_up


class Taxed(NamedTuple):
    """A charge with its tax, in minor units; `gross_minor` is what is owed."""

    gross_minor: int
    tax_minor: int
    code: str | None


def add_tax(net_minor: int, kind: str, setting: Mapping[str, Any] | None) -> Taxed:
    """Add the tax to a net amount, rounded half up.

    Args:
        net_minor: Before tax.
        kind: Kind of the charge.
        setting: The tenant's `{code, percent, kinds}`, or None where charges are not taxed.
    """
    if setting is None or kind not in setting["kinds"]:
        return Taxed(net_minor, 0, None)
    tax = round_half_up(Fraction(setting["percent"]) * net_minor / 100)
    return Taxed(net_minor + tax, tax, setting["code"])


def find_tax(gross_minor: int, kind: str, setting: Mapping[str, Any] | None) -> Taxed:
    """The tax that an agreed amount includes, rounded half up; the arguments are as for `add_tax`."""
    if setting is None or kind not in setting["kinds"]:
        return Taxed(gross_minor, 0, None)
    percent = Fraction(setting["percent"])
    return Taxed(gross_minor, round_half_up(gross_minor * percent / (100 + percent)), setting["code"])
