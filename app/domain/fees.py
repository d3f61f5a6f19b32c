"""Late fees (rule M10): flat, a percentage within bounds, or by tiers of what is owed."""

from dataclasses import dataclass
from fractions import Fraction

from app.domain.errors import Code
from app.domain.money import MoneyError, round_half_up


@dataclass(frozen=True, slots=True)
class FeeTier:
    """What a fee charges from an open principal on: an amount in minor units, or a percentage, never both.

    Raises:
        MoneyError: `invalid_value`.
    """

    from_amount_minor: int
    amount_minor: int | None = None
    percent: Fraction | None = None

    def __post_init__(self) -> None:
        if (self.amount_minor is None) == (self.percent is None):
            raise MoneyError(Code.invalid_value, "A tier of a fee has an amount or a percent.")


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee on an invoice (rule M10): a flat amount, a percentage of the open principal within bounds, or tiers.

    `currency` limits it to invoices of that currency; amounts are in its minor units. With tiers, the highest that
    the open principal reaches is charged, and nothing below the lowest; the bounds hold for percentages alone.
    """

    currency: str | None
    flat_minor: int | None
    percent: Fraction | None
    min_minor: int | None
    max_minor: int | None
    tiers: tuple[FeeTier, ...] = ()

    def amount_minor(self, *, principal_open_minor: int, currency: str) -> int:
        """What the fee comes to on an invoice, rounded once, half up; 0 when it does not apply."""
        if self.currency is not None and self.currency != currency:
            return 0
        if self.flat_minor is not None:
            return self.flat_minor
        if not self.tiers:
            return self._share(self.percent or Fraction(0), principal_open_minor)
        reached = [tier for tier in self.tiers if tier.from_amount_minor <= principal_open_minor]
        if not reached:
            return 0
        tier = max(reached, key=lambda tier: tier.from_amount_minor)
        if tier.amount_minor is not None:
            return tier.amount_minor
        return self._share(tier.percent or Fraction(0), principal_open_minor)

    def _share(self, percent: Fraction, principal_open_minor: int) -> int:
        amount = round_half_up(percent * principal_open_minor / 100)
        if self.min_minor is not None:
            amount = max(amount, self.min_minor)
        if self.max_minor is not None:
            amount = min(amount, self.max_minor)
        return amount
