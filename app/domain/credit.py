"""Credit limits: whether a customer owes more than may be owed."""

from typing import Literal

CreditState = Literal["within_limit", "over_limit"]
"""Owing exactly the limit is within it."""


def credit_state(exposure_minor: int, limit_minor: int | None) -> CreditState:
    """Compare what is owed with the limit; without a limit nobody is over it.

    Args:
        exposure_minor: All open receivables in the limit's currency, due or not, charges included, less unapplied cash
            and unapplied credit; negative for a customer in credit.
        limit_minor: The limit, in the same currency.
    """
    return "over_limit" if limit_minor is not None and exposure_minor > limit_minor else "within_limit"
