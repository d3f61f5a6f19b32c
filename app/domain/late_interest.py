"""Late interest of one invoice over time (rules M6 and M8): what a period earns, and what is not right any more.

A charge stands for a period. What the period earns is the interest for the whole time through its last day, rounded
once, less that through the day before its first; so the charges of adjoining periods add up to the interest for all of
them, to the cent, and each can be judged by itself when the past has changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from app.domain.interest import Accrual, RateBasis, RateTable, Segment, accrue, shares

Mode = Literal["none", "informational", "posted"]
PostingTime = Literal["at_settlement", "monthly"]

_ONE_DAY: Final = timedelta(days=1)

Balances = tuple[tuple[date, int], ...]
"""Principal open, in minor units, at the end of each day on which it changed."""
Stops = Sequence[tuple[date, date | None]]
"""Days that earn nothing, both ends inclusive; no end means from then on."""


@dataclass(frozen=True, slots=True)
class LateInterest:
    """How lateness is charged."""

    rate_table: str
    mode: Mode
    posting: PostingTime = "at_settlement"

    @property
    def is_posted(self) -> bool:
        """Whether it becomes charges by itself."""
        return self.mode == "posted"

    @property
    def is_monthly(self) -> bool:
        """Whether it is posted month by month, too."""
        return self.is_posted and self.posting == "monthly"


def resolve(*settings: Mapping[str, Any] | None) -> LateInterest | None:
    """The first setting that says something, the most particular first; `none` says that nothing is charged."""
    found = next((setting for setting in settings if setting is not None), None)
    if found is None or found["mode"] == "none":
        return None
    return LateInterest(found["rate_table"], found["mode"], found["posting"])


def month_end_before(day: date) -> date:
    """The last day of the month before."""
    return day.replace(day=1) - _ONE_DAY


def next_month(day: date) -> date:
    """The first day of the month after."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def running(changes: Iterable[tuple[date, int]]) -> Balances:
    """Balances from changes.

    What was paid twice over some days, since a payment was taken back later than another one is dated, counts as
    nothing open and not as less.
    """
    total = 0
    by_day: dict[date, int] = {}
    for on, amount in sorted(changes):
        total += amount
        by_day[on] = max(0, total)
    return tuple(by_day.items())


@dataclass(frozen=True, slots=True)
class Part:
    """What is due on one date: a whole invoice, or an instalment of it."""

    due_on: date
    balances: Balances


def split_parts(balances: Balances, instalments: Sequence[tuple[date, int]]) -> tuple[Part, ...]:
    """An invoice's balances as those of its instalments, which payments fill in order.

    Args:
        balances: Of the whole invoice.
        instalments: Due date and amount of each, in order.
    """
    parts = []
    later = sum(amount for _, amount in instalments)
    for due_on, amount in instalments:
        later -= amount
        parts.append(Part(due_on, tuple((on, max(0, min(amount, left - later))) for on, left in balances)))
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Posted:
    """A charge of interest that was posted for a period, or waived, which is as good as posted for what comes after.

    `net_minor` is without tax.
    """

    id: UUID
    table: RateTable
    from_on: date
    through_on: date
    net_minor: int
    is_waived: bool = False


@dataclass(frozen=True, slots=True)
class Posting:
    """A charge that is to be posted for a period; `interest` is each segment's part of `net_minor`."""

    table: RateTable
    from_on: date
    through_on: date
    net_minor: int
    segments: tuple[Segment, ...]
    interest: tuple[int, ...]
    uses_unpublished_rate: bool = False


@dataclass(frozen=True, slots=True)
class Correction:
    """What makes the charges right: those to be taken back, and those to be posted."""

    reversed_ids: tuple[UUID, ...] = ()
    postings: tuple[Posting, ...] = ()


NOTHING_TO_DO: Final = Correction()


@dataclass(frozen=True, slots=True)
class Debt:
    """The principal of one invoice over time.

    Attributes:
        parts: What is due when.
        stopped: Days that earn nothing.
        bearing: The same parts with what of them bears interest, where a part of the principal bears none.
    """

    parts: tuple[Part, ...]
    stopped: Stops = ()
    bearing: tuple[Part, ...] = ()

    @property
    def due_on(self) -> date:
        """The first due date."""
        return min(part.due_on for part in self.parts)

    @property
    def settled_on(self) -> date | None:
        """The day since which nothing is open; None while something is."""
        days = []
        for part in self.parts:
            if part.balances and part.balances[-1][1] > 0:
                return None
            # The first of the days at the end on which nothing was open.
            last_open = max((index for index, (_, left) in enumerate(part.balances) if left > 0), default=-1)
            days += [on for on, _ in part.balances[last_open + 1 : last_open + 2]]
        return max(days, default=None)

    def principal_on(self, day: date) -> int:
        """What was open at the end of a day."""
        return sum(next((left for on, left in reversed(part.balances) if on <= day), 0) for part in self.parts)

    def interest_minor(self, table: RateTable, through_on: date) -> int:
        """Interest for the whole time through a day, rounded once for each part."""
        return sum(accrual.amount_minor for accrual in self._accruals(table, through_on))

    def between(self, table: RateTable, after_on: date, through_on: date) -> int:
        """What the days after one, through another, add to the interest; negative where the table says `at_payment`."""
        return self.interest_minor(table, through_on) - self.interest_minor(table, after_on)

    def posting(self, table: RateTable, after_on: date, through_on: date, net_minor: int) -> Posting:
        """The charge for the days after one, through another."""
        accruals = self._accruals(table, through_on, [(date.min, after_on)])
        segments = tuple(segment for accrual in accruals for segment in accrual.segments)
        return Posting(
            table=table,
            from_on=after_on + _ONE_DAY,
            through_on=through_on,
            net_minor=net_minor,
            segments=segments,
            interest=shares(table, segments, net_minor),
            uses_unpublished_rate=any(accrual.uses_unpublished_rate for accrual in accruals),
        )

    def without(self, posted: Iterable[Posted]) -> "Debt":
        """The debt as if the periods of some charges earned nothing."""
        return replace(self, stopped=[*self.stopped, *((one.from_on, one.through_on) for one in posted)])

    def _accruals(self, table: RateTable, through_on: date, more: Stops = ()) -> list[Accrual]:
        return [
            accrue(
                table,
                part.balances,
                part.due_on,
                through_on,
                [*self.stopped, *more, *_before_first_rate(table, part.due_on)],
            )
            for part in self.bearing or self.parts
        ]


def correct(debt: Debt, posted: Sequence[Posted], *, table: RateTable | None, through_on: date | None) -> Correction:
    """What makes charges the interest for their periods, and lets the time have charges through a day.

    Each charge is judged by the table that it was posted by. A waived one stays what it is: its period was given up,
    whatever it earns.

    Args:
        debt: The principal as it is known now.
        posted: Standing and waived charges.
        table: Rates for the time that has no charges yet.
        through_on: Through when it is to have some; without one, only what was posted is judged.
    """
    chain = sorted(posted, key=lambda one: (one.through_on, one.from_on))
    latest = table or (chain[-1].table if chain else None)
    if latest is None:
        return NOTHING_TO_DO
    if latest.rate_basis is RateBasis.at_payment:
        return _correct_whole(debt, chain, latest, through_on)
    reversed_ids: list[UUID] = []
    postings: list[Posting] = []

    def post(rates: RateTable, after_on: date, last_on: date) -> None:
        if debt.settled_on is not None and debt.settled_on > after_on:
            last_on = min(last_on, debt.settled_on)
        net = debt.between(rates, after_on, last_on)
        if net > 0:
            postings.append(debt.posting(rates, after_on, last_on, net))

    covered = debt.due_on
    for one in chain:
        before = one.from_on - _ONE_DAY
        if before > covered:
            # Taken back whole before, and now it earns something again.
            post(one.table, covered, before)
        if not one.is_waived and debt.between(one.table, before, one.through_on) != one.net_minor:
            reversed_ids.append(one.id)
            post(one.table, before, one.through_on)
        covered = max(covered, one.through_on)
    if table is not None and through_on is not None and through_on > covered:
        post(table, covered, through_on)
    return Correction(tuple(reversed_ids), tuple(postings))


def _correct_whole(debt: Debt, chain: Sequence[Posted], table: RateTable, through_on: date | None) -> Correction:
    """Where the day of a payment gives the whole time its rate, what was posted before is right or wrong as one."""
    debt = debt.without(one for one in chain if one.is_waived)
    standing = [one for one in chain if not one.is_waived]
    covered = max((one.through_on for one in standing), default=debt.due_on)
    last_on = max(covered, through_on or covered)
    posted_minor = sum(one.net_minor for one in standing)
    total = debt.interest_minor(table, last_on)
    if last_on > covered and debt.interest_minor(table, covered) == posted_minor <= total:
        standing, posted_minor, after_on = [], 0, covered
        total = debt.between(table, covered, last_on)
    else:
        after_on = debt.due_on
    if total == posted_minor:
        return NOTHING_TO_DO
    postings = (debt.posting(table, after_on, last_on, total),) if total else ()
    return Correction(tuple(one.id for one in standing), postings)


def _before_first_rate(table: RateTable, due_on: date) -> list[tuple[date, date | None]]:
    """Days for which a table knows no rate earn nothing."""
    first = table.rates[0].from_on
    if first <= due_on + _ONE_DAY:
        return []
    return [(date.min, None if table.rate_basis is RateBasis.at_start else first - _ONE_DAY)]
