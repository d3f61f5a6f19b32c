"""Disputes: what is disputed, what an outcome does, and what becomes of the charges meanwhile (rule D9)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from app.domain.errors import Code, RuleError
from app.domain.holds import DateRange, after, before, lasting
from app.domain.workdays import Calendar, add_working_days

Outcome = Literal["accepted", "partially_accepted", "rejected", "withdrawn"]
"""How a dispute ends."""

DisputeStatus = Literal["open", "accepted", "partially_accepted", "rejected", "withdrawn"]
"""The states of `states.DISPUTE`."""

MAX_WORKING_DAYS: Final = 365


class DisputeError(RuleError):
    """An outcome that a dispute cannot have, or a term that cannot be."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """What a customer objects to, of one invoice.

    Attributes:
        opened_on: The day it was raised.
        amount_minor: The disputed part, in minor units; None for the whole invoice.
        status: Its state.
        resolved_on: The day it was resolved; None while it is open.
        credited_minor: What was credited when it was resolved.
    """

    opened_on: date
    amount_minor: int | None = None
    status: DisputeStatus = "open"
    resolved_on: date | None = None
    credited_minor: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether it is about the whole invoice and therefore stops the ladder clock (rule D8)."""
        return self.amount_minor is None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be resolved."""
        return self.status == "open"


def whole_or_part(amount_minor: int | None, open_minor: int) -> int | None:
    """What a new dispute is about: a part in minor units, or None for the whole invoice.

    A part that reaches all that is open is the whole, and stops the ladder clock as such.

    Raises:
        DisputeError: `out_of_range` where nothing is open or the part is not above zero.
    """
    if open_minor <= 0:
        raise DisputeError(Code.out_of_range, "Nothing is open that could be disputed.", "/invoice_id")
    if amount_minor is not None and amount_minor <= 0:
        raise DisputeError(Code.out_of_range, "A disputed amount is above zero.", "/amount")
    return None if amount_minor is None or amount_minor >= open_minor else amount_minor


def disputed_minor(disputes: Iterable[Dispute], open_minor: int) -> int:
    """What open disputes cover of an invoice: never more than is open of it, charges included."""
    live = [dispute for dispute in disputes if dispute.is_open]
    if any(dispute.is_whole for dispute in live):
        return max(0, open_minor)
    return min(sum(dispute.amount_minor or 0 for dispute in live), max(0, open_minor))


def resolve(
    dispute: Dispute, outcome: Outcome, *, open_minor: int, accepted_minor: int | None = None, pointer: str = "/amount"
) -> int:
    """What an outcome credits, in minor units; the rest is owed after all: chased again, with its deferred charges.

    Args:
        dispute: An open dispute.
        outcome: How it ends.
        open_minor: What is open of the invoice, which caps what is disputed.
        accepted_minor: What is credited by `partially_accepted`; the other outcomes take none.
        pointer: Where the command has that amount, for the error.

    Raises:
        DisputeError: `missing` or `invalid_value` for an amount that does not fit the outcome, `out_of_range` for one
            that is not above zero and below what is disputed.
    """
    disputed = disputed_minor([dispute], open_minor)
    if outcome == "partially_accepted":
        if accepted_minor is None:
            raise DisputeError(Code.missing, "A partial acceptance needs the amount that is credited.", pointer)
        if not 0 < accepted_minor < disputed:
            message = "What is accepted in part is above zero and below what is disputed and open."
            raise DisputeError(Code.out_of_range, message, pointer)
        return accepted_minor
    if accepted_minor is not None:
        raise DisputeError(Code.invalid_value, "Only a partial acceptance takes an amount.", pointer)
    return disputed if outcome == "accepted" else 0


def ladder_stops(disputes: Iterable[Dispute]) -> tuple[DateRange, ...]:
    """When disputes of the whole invoice stop the ladder clock: from the opening to the day before the resolution."""
    days = (lasting(dispute.opened_on, dispute.resolved_on) for dispute in disputes if dispute.is_whole)
    return tuple(each for each in days if each is not None)


def bearing_balances(balances: Sequence[tuple[date, int]], disputes: Iterable[Dispute]) -> tuple[tuple[date, int], ...]:
    """Take what is disputed off the principal that bears interest, for `interest.accrue`.

    While a dispute is open, its part earns nothing from the day of the opening on: the charge is deferred. A rejected
    or withdrawn one leaves no trace, so that the interest for the whole time is what is then still to be posted. An
    accepted one keeps the credited part free through the day of the resolution, the credit itself doing the rest.

    Args:
        balances: Principal in minor units from each effective date on, which earns from the day after that date.
        disputes: Every dispute of the invoice, resolved or not.

    Returns:
        The balances that bear interest, one for each date on which they change.
    """
    steps = sorted(dict(balances).items())
    stops = [stop for dispute in disputes if (stop := _deferred(dispute)) is not None]
    if not stops or not steps:
        return tuple(steps)
    # An amount counts from the day after its date, so a stop of a day is dated on the day before it.
    dates = {on for on, _ in steps}
    dates |= {max(before(days.start_on), steps[0][0]) for days, _ in stops}
    dates |= {days.end_on for days, _ in stops if days.end_on is not None and days.end_on > steps[0][0]}
    found: list[tuple[date, int]] = []
    for on in sorted(dates):
        principal = next(amount for start, amount in reversed(steps) if start <= on)
        for days, amount_minor in stops:
            if days.start_on <= after(on) and (days.end_on is None or after(on) <= days.end_on):
                principal = 0 if amount_minor is None else max(0, principal - amount_minor)
        if not found or found[-1][1] != principal:
            found.append((on, principal))
    return tuple(found)


def respond_by_on(opened_on: date, working_days: int, calendar: Calendar) -> date:
    """The last day to answer a dispute: so many working days after its opening, which is not counted.

    Raises:
        DisputeError: `out_of_range`.
    """
    if not 1 <= working_days <= MAX_WORKING_DAYS:
        message = f"A term to respond goes from 1 to {MAX_WORKING_DAYS} working days."
        raise DisputeError(Code.out_of_range, message, "/respond_within_working_days")
    return add_working_days(opened_on, working_days, calendar)


def is_overdue(dispute: Dispute, respond_by: date | None, today: date) -> bool:
    """Whether an open dispute has waited for longer than its term: from the day after the last one."""
    return dispute.is_open and respond_by is not None and today > respond_by


def _deferred(dispute: Dispute) -> tuple[DateRange, int | None] | None:
    """The days on which a part of the principal earns nothing, and the part; None for the whole of it."""
    if dispute.is_open:
        return DateRange(dispute.opened_on, None), dispute.amount_minor
    if dispute.status in {"accepted", "partially_accepted"} and dispute.credited_minor:
        return DateRange(dispute.opened_on, dispute.resolved_on), dispute.credited_minor
    return None
