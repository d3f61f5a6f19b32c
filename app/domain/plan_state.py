"""Where a plan stands: a function of what was agreed, what has been paid, and the date (rules P2 to P4).

An instalment is due on its due date, and missed, which is in default, from the day after its last day of grace on,
however much of it has been paid short of all. One that is paid after that is in default no more. A plan is in default
from the first day at whose start more instalments are missed than it allows; it stays so, whatever is paid later,
because acceleration and dunning have begun. A reversal gives the former states back, since nothing is remembered.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal, NamedTuple

from app.domain.holds import after
from app.domain.plan import Agreement
from app.domain.plan_payments import Book, Distribution, Share, by_day, fill
from app.domain.states import INSTALMENT

InstalmentStatus = Literal["pending", "due", "partially_paid", "paid", "missed", "waived"]
"""The states of `states.INSTALMENT`."""

PlanStatus = Literal["active", "completed", "defaulted"]
"""The states of `states.PLAN` that follow from payments and dates; the others are commands."""


class InstalmentState(NamedTuple):
    """One instalment on a date.

    Attributes:
        share: What it has come to.
        status: Its state.
        missed_on: The day from which it is in default; None unless it is missed.
    """

    share: Share
    status: InstalmentStatus
    missed_on: date | None

    @property
    def number(self) -> int:
        """Its number."""
        return self.share.number


class PlanStanding(NamedTuple):
    """A plan on a date.

    Attributes:
        status: `active`, `completed` or `defaulted`; good standing (rule D11) is `active`.
        instalments: In order.
        changed_on: For a completed plan, the effective date of the payment or waiver that completed it; for a
            defaulted one, the day of the default; None for an active one.
        wake_on: The next date on which time alone changes a state; None where there is none.
    """

    status: PlanStatus
    instalments: tuple[InstalmentState, ...]
    changed_on: date | None
    wake_on: date | None


def judge(agreement: Agreement, payments: Iterable[tuple[date, int]], today: date) -> PlanStanding:
    """Say where a plan stands on a business date.

    Args:
        agreement: The plan as agreed.
        payments: As for `plan_payments.fill`.
        today: The business date.

    Raises:
        ValueError: A payment is negative.
    """
    paid = tuple(payments)
    defaulted_on = _defaulted_on(agreement, paid, today)
    distribution = fill(agreement, paid, today).read(today)
    states = tuple(_state(agreement, share, today) for share in distribution.shares)
    if defaulted_on is not None:
        return PlanStanding("defaulted", states, defaulted_on, None)
    if all(state.status in {"paid", "waived"} for state in states):
        return PlanStanding("completed", states, _completed_on(agreement, distribution), None)
    return PlanStanding("active", states, None, _wake_on(agreement, distribution, today))


def missed_on(agreement: Agreement, due_on: date) -> date:
    """The day from which an instalment that is not paid in full is in default (rule P4)."""
    try:
        return due_on + timedelta(days=agreement.grace_days + 1)
    except OverflowError:
        return date.max


def path(old: str, new: str) -> tuple[str, ...]:
    """The states through which an instalment goes, `new` being the last: a late run finds one missed that was pending.

    Raises:
        IllegalTransition: No way leads there.
    """
    if old == new:
        return ()
    if not INSTALMENT.allows(old, new) and INSTALMENT.allows(old, "due") and INSTALMENT.allows("due", new):
        return ("due", new)
    INSTALMENT.require(old, new)
    return (new,)


def _state(agreement: Agreement, share: Share, today: date) -> InstalmentState:
    in_default_on = missed_on(agreement, share.due_on)
    if share.is_waived:
        return InstalmentState(share, "waived", None)
    if share.open_minor == 0:
        return InstalmentState(share, "paid", None)
    if today >= in_default_on:
        return InstalmentState(share, "missed", in_default_on)
    if share.paid_minor:
        return InstalmentState(share, "partially_paid", None)
    return InstalmentState(share, "due" if today >= share.due_on else "pending", None)


def _defaulted_on(agreement: Agreement, payments: Iterable[tuple[date, int]], today: date) -> date | None:
    """The first day at whose start too many instalments are missed, by what had been paid through the day before."""
    days = sorted({missed_on(agreement, row.due_on) for row in agreement.instalments})
    coming = list(by_day(payments, today))
    book = Book(agreement)
    for day in days:
        if day > today:
            return None
        while coming and coming[0][0] < day:
            book.receive(*coming.pop(0))
        late = [index for index, row in enumerate(agreement.instalments) if missed_on(agreement, row.due_on) <= day]
        if sum(book.open_of(index, day) > 0 for index in late) > agreement.allowed_misses:
            return day
    return None


def _completed_on(agreement: Agreement, distribution: Distribution) -> date:
    return max(
        share.paid_on or agreement.waived.get(share.number, agreement.starts_on) for share in distribution.shares
    )


def _wake_on(agreement: Agreement, distribution: Distribution, today: date) -> date | None:
    coming = set()
    for share in distribution.shares:
        if share.open_minor:
            coming |= {share.due_on, missed_on(agreement, share.due_on)}
            waived_on = agreement.waived.get(share.number)
            coming |= set() if waived_on is None else {waived_on}
    return min((day for day in coming if after(today) <= day), default=None)
