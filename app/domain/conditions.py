"""Which debts a policy or one of its steps is for: conditions on the debtor, the currency and the amount (rule D2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["ANYBODY", "EVERYTHING", "Conditions", "Debtor"]


@dataclass(frozen=True, slots=True)
class Debtor:
    """What of a customer conditions look at."""

    kind: str
    country: str | None = None
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Conditions:
    """What has to be so, all of it; what says nothing asks for nothing.

    Attributes:
        kinds: One of these kinds of customers.
        countries: One of these countries; a customer without a country is in none of them.
        currencies: One of these currencies.
        tags: A customer with one of these tags at least.
        min_amount: Least amount by currency, inclusive; a currency that is not listed has no least.
        max_amount: Greatest amount by currency, inclusive; a currency that is not listed has no greatest.
    """

    kinds: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    min_amount: Mapping[str, int] = field(default_factory=dict)
    max_amount: Mapping[str, int] = field(default_factory=dict)

    def met_by(self, debtor: Debtor, *, currency: str, amount_minor: int) -> bool:
        """Whether a debt of this debtor is one that they are for."""
        most = self.max_amount.get(currency)
        return (
            (not self.kinds or debtor.kind in self.kinds)
            and (not self.countries or debtor.country in self.countries)
            and (not self.currencies or currency in self.currencies)
            and (not self.tags or not self.tags.isdisjoint(debtor.tags))
            and amount_minor >= self.min_amount.get(currency, 0)
            and (most is None or amount_minor <= most)
        )


EVERYTHING: Final = Conditions()
"""Conditions that every debt meets."""

ANYBODY: Final = Debtor("business")
"""A debtor about whom nothing special is known."""
