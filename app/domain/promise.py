"""Promises to pay: how they are judged (rule D10).

A promise counts what was paid on its invoices from the day it was made through its date and tolerance, inclusive, by
effective date. It is kept at once when that reaches the amount, since nothing that comes later can break it except a
reversal; otherwise it is open through the last of these days and judged at the start of the next one. The judgement is
a function of the payments that stand, so a reversal or a backdated payment gives another one (rules M5, M6): a promise
that was kept ahead of its day is open again where the payment is taken back before that day is over.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal

from app.domain.errors import Code, RuleError

PromiseStatus = Literal["open", "kept", "partially_kept", "broken", "cancelled"]
"""The states of `states.PROMISE`."""

MAX_TOLERANCE_DAYS = 365


class PromiseError(RuleError):
    """A promise that cannot be."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a customer promised.

    Attributes:
        amount_minor: The amount, in minor units.
        made_on: The day it was made, the first whose payments count.
        promised_on: The day by which it is paid.
        tolerance_days: Days after `promised_on` that still count.
        tolerance_percent: What may be missing of the amount, in percent, from 0 to below 100.

    Raises:
        PromiseError: `out_of_range` or `date_order`.
    """

    amount_minor: int
    made_on: date
    promised_on: date
    tolerance_days: int = 0
    tolerance_percent: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.amount_minor <= 0:
            raise PromiseError(Code.out_of_range, "A promised amount is above zero.", "/amount")
        if self.promised_on < self.made_on:
            raise PromiseError(
                Code.date_order, "A promise is for the day on which it is made, or later.", "/promised_on"
            )
        if not 0 <= self.tolerance_days <= MAX_TOLERANCE_DAYS:
            message = f"tolerance_days goes from 0 to {MAX_TOLERANCE_DAYS}."
            raise PromiseError(Code.out_of_range, message, "/tolerance_days")
        if not 0 <= self.tolerance_percent < 100:
            raise PromiseError(Code.out_of_range, "A tolerance is at least 0 % and below 100 %.", "/tolerance_percent")
        if (date.max - self.promised_on).days <= self.tolerance_days:
            raise PromiseError(Code.out_of_range, "The date of a promise lies before the year 9999.", "/promised_on")

    @property
    def counts_until_on(self) -> date:
        """The last day whose payments count, and on which it pauses chasing."""
        return self.promised_on + timedelta(days=self.tolerance_days)

    @property
    def judged_from_on(self) -> date:
        """The day at whose start it is judged where it was not kept before."""
        return self.counts_until_on + timedelta(days=1)

    @property
    def enough_minor(self) -> int:
        """The least that keeps it, in minor units: what the tolerance leaves, rounded up, and never nothing."""
        exact = self.amount_minor * (100 - self.tolerance_percent) / 100
        return max(1, -(-exact.numerator // exact.denominator))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What has become of a promise.

    Attributes:
        status: `open`, `kept`, `partially_kept` or `broken`.
        paid_minor: What counts towards it, in minor units.
        decided_on: The effective date of the payment that kept it, or the day on which it was found not kept; None
            while it is open.
        wake_on: The date on which it is judged by time alone; None once it is judged.
    """

    status: PromiseStatus
    paid_minor: int
    decided_on: date | None
    wake_on: date | None


def judge(promise: Promise, payments: Iterable[tuple[date, int]], today: date) -> Judgement:
    """Judge a promise on a business date.

    Args:
        promise: What was promised.
        payments: Effective date and minor units of what was paid on its invoices, in any order; reversed payments
            are left out, and so are credits, which are no payments.
        today: The business date.
    """
    counted = sorted(
        (on, amount) for on, amount in payments if promise.made_on <= on <= min(promise.counts_until_on, today)
    )
    paid = sum(amount for _, amount in counted)
    if paid >= promise.enough_minor:
        return Judgement("kept", paid, _reached_on(counted, promise.enough_minor), None)
    if today < promise.judged_from_on:
        return Judgement("open", paid, None, promise.judged_from_on)
    return Judgement("partially_kept" if paid > 0 else "broken", paid, promise.judged_from_on, None)


def consecutive_broken(history: Iterable[tuple[Promise, PromiseStatus]]) -> int:
    """How many promises of a customer were broken in a row, up to the last one that was judged.

    A kept or partly kept one ends the row; open and cancelled ones neither end nor lengthen it. The order is that of
    the days by which they were to be kept, and of the days on which they were made.
    """
    row = 0
    for _, status in sorted(history, key=lambda each: (each[0].counts_until_on, each[0].made_on)):
        if status == "broken":
            row += 1
        elif status in {"kept", "partially_kept"}:
            row = 0
    return row


def _reached_on(counted: list[tuple[date, int]], enough_minor: int) -> date | None:
    total = 0
    for on, amount in counted:
        total += amount
        if total >= enough_minor:
            return on
    return None
