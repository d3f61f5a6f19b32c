"""Discounts for early payment: what a payment settles inside a discount window (rule M7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from app.domain.errors import Code
from app.domain.money import MoneyError, round_half_up

NO_DISCOUNT: Final = Fraction(0)


@dataclass(frozen=True, slots=True, order=True)
class DiscountTerm:
    """One tier of an early-payment discount, with its date worked out.

    Attributes:
        until: Last date, inclusive, on which a payment earns it.
        percent: Exact percent of what is settled, above 0 and below 100.
    """

    until: date
    percent: Fraction

    def __post_init__(self) -> None:
        if not 0 < self.percent < 100:
            raise MoneyError(Code.out_of_range, "A discount is above 0 % and below 100 %.")


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a payment settles of one open amount, in minor units.

    Attributes:
        cash_minor: What is taken from the payment; the rest of it is left over.
        discount_minor: What the discount adds.
    """

    cash_minor: int
    discount_minor: int

    @property
    def credited_minor(self) -> int:
        """By how much the open amount falls."""
        return self.cash_minor + self.discount_minor


def best_percent(terms: Iterable[DiscountTerm], effective_on: date) -> Fraction:
    """Return the highest percent among the tiers whose window holds `effective_on`, and 0 where none does."""
    return max((term.percent for term in terms if effective_on <= term.until), default=NO_DISCOUNT)


def cash_needed(open_minor: int, percent: Fraction) -> int:
    """Return the least cash that settles an open amount in full at a discount.

    The discount is the exact percent of the open amount, rounded once, half up, and is never the whole amount: nothing
    is settled without cash.

    Args:
        open_minor: What the discount is on, in minor units.
        percent: Exact percent, `Fraction(2)` being 2 %; 0 for none.

    Raises:
        MoneyError: `out_of_range` for a negative amount, or a percent that is negative or not below 100.
    """
    if not 0 <= percent < 100:
        raise MoneyError(Code.out_of_range, "A discount is at least 0 % and below 100 %.")
    _check_amount(open_minor)
    return max(open_minor - round_half_up(open_minor * percent / 100), min(1, open_minor))


def credited(cash_minor: int, open_minor: int, terms: Iterable[DiscountTerm], effective_on: date) -> Settlement:
    """Settle an open amount with cash, at the best discount whose window is open (rule M7).

    Cash that reaches the discounted amount settles all of it; what is above that is left over, even where the payer
    sent the undiscounted amount. Less cash earns its share: it credits `cash / (1 - percent)`, rounded half up, so
    that 980.00 of 3,720.00 at 2 % credits 1,000.00. Outside every window cash credits itself.

    Args:
        cash_minor: What the payment brings, in minor units.
        open_minor: What is open, in minor units, and discountable (the principal, not charges).
        terms: The tiers, in any order.
        effective_on: The payment's effective date; windows are inclusive.

    Returns:
        Cash taken and discount granted, which together are never more than `open_minor`.

    Raises:
        MoneyError: `out_of_range` for a negative amount.
    """
    _check_amount(cash_minor)
    percent = best_percent(terms, effective_on)
    needed = cash_needed(open_minor, percent)
    if cash_minor >= needed:
        return Settlement(needed, open_minor - needed)
    # One unit short of the discounted amount is, grossed up, more than half a unit short of the open one, so rounding
    # never brings a part payment to full settlement.
    return Settlement(cash_minor, round_half_up(cash_minor * percent / (100 - percent)))


def _check_amount(minor: int) -> None:
    if minor < 0:
        raise MoneyError(Code.out_of_range, "An amount to settle is not negative.")
