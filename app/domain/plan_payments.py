"""How payments fill the instalments of a plan, and what pays it off early (rule P3).

Payments are taken by effective date, those of one day together, so that their order does not matter and a reversal or a
backdated payment simply gives another result. On each day they fill, in order, the instalments through the current one,
which is the first that is due on that day or later. What is left over is a surplus:

- `next` fills the following ones in order, interest and all;
- `shorten` pays principal and fees of the last ones, so that the plan ends sooner;
- `reamortise` lowers principal and fees of all that follow by the same share, so that the plan ends when it would.

A surplus of the last two kinds pays principal that has not run yet: the interest of every later instalment falls in
proportion to the principal left at the start of its period. The period that has begun keeps its interest.

Early payoff, of any kind: what reaches principal, fees and the interest earned until that day settles everything, and
interest not yet earned is dropped. A last instalment that is paid in full before its day is no early payoff.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from app.domain.interest import days_between
from app.domain.money import round_half_up
from app.domain.plan import DOWN_PAYMENT, Agreement


class Share(NamedTuple):
    """What one instalment has come to, in minor units.

    Attributes:
        number: Its number.
        due_on: Its due date.
        principal_minor: Principal as agreed.
        interest_minor: Interest that is owed on it: as agreed, or less after a surplus or an early payoff.
        fee_minor: Fee as agreed.
        paid_minor: What has been paid of it.
        open_minor: What is still owed on it; nothing once it is waived.
        paid_on: The effective date on which nothing was owed on it any more; None until then and for a waived one.
        is_waived: Nothing is owed on it since it was waived before it was paid.
    """

    number: int
    due_on: date
    principal_minor: int
    interest_minor: int
    fee_minor: int
    paid_minor: int
    open_minor: int
    paid_on: date | None
    is_waived: bool

    @property
    def total_minor(self) -> int:
        """Principal, interest and fee together."""
        return self.principal_minor + self.interest_minor + self.fee_minor


class Distribution(NamedTuple):
    """What has been paid, by instalment.

    Attributes:
        shares: One for each instalment, in order.
        dropped_minor: Agreed interest that is not owed any more.
    """

    shares: tuple[Share, ...]
    dropped_minor: int

    @property
    def paid_minor(self) -> int:
        """All that was paid and used."""
        return sum(share.paid_minor for share in self.shares)

    @property
    def open_minor(self) -> int:
        """All that is still owed, with the interest of the time to come."""
        return sum(share.open_minor for share in self.shares)


class Payoff(NamedTuple):
    """What pays a plan off on a day, in minor units.

    Attributes:
        amount_minor: What is to be paid; 0 where nothing is owed.
        principal_minor: Of it, principal and fees.
        interest_minor: Of it, interest earned until that day.
        dropped_minor: Interest not yet earned, which is not owed then.
    """

    amount_minor: int
    principal_minor: int
    interest_minor: int
    dropped_minor: int


def fill(agreement: Agreement, payments: Iterable[tuple[date, int]], on: date) -> "Book":
    """The instalments of a plan after all that has been paid through a day.

    Args:
        agreement: The plan as agreed.
        payments: Effective date and minor units of what the covered invoices have been paid since the plan became
            active, in any order. Reversed payments are left out; no amount is negative.
        on: The day; what is paid later does not count.

    Raises:
        ValueError: A payment is negative.
    """
    book = Book(agreement)
    for day, amount in by_day(payments, on):
        book.receive(day, amount)
    return book


def payoff(agreement: Agreement, payments: Iterable[tuple[date, int]], on: date) -> Payoff:
    """What pays a plan off on a day, after all that has been paid through it.

    Args:
        agreement: The plan as agreed.
        payments: As for `fill`.
        on: The day on which it would be paid.

    Raises:
        ValueError: A payment is negative.
    """
    return fill(agreement, payments, on).payoff(on)


def cut_off(agreement: Agreement, payments: Iterable[tuple[date, int]], on: date) -> Distribution:
    """What has been paid where the plan ends on a day: interest not yet earned by then is not owed any more.

    What has been paid of such interest is not given back.

    Args:
        agreement: The plan as agreed.
        payments: As for `fill`.
        on: The day on which it ends.

    Raises:
        ValueError: A payment is negative.
    """
    return fill(agreement, payments, on).end(on)


def by_day(payments: Iterable[tuple[date, int]], through_on: date) -> Iterator[tuple[date, int]]:
    """The payments of each day in one sum, in order of time.

    Raises:
        ValueError: A payment is negative.
    """
    counted = sorted(payment for payment in payments if payment[0] <= through_on)
    if any(amount < 0 for _, amount in counted):
        raise ValueError("A payment is not negative; a reversed one is left out.")
    for day, same_day in groupby(counted, key=itemgetter(0)):
        yield day, sum(amount for _, amount in same_day)


class Book:
    """The instalments of a plan while payments come in, day after day; days are given in order."""

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self._rows = agreement.instalments
        self._core = [row.principal_minor + row.fee_minor for row in self._rows]
        self._interest = [row.interest_minor for row in self._rows]
        self._paid = [0] * len(self._rows)
        self._paid_on: list[date | None] = [None] * len(self._rows)
        self._waived: set[int] = set()

    def receive(self, day: date, amount_minor: int) -> None:
        """Take in all that was paid on a day, which is not before the last one."""
        self._waive(day)
        current = self._current(day)
        through, later = range(current + 1), range(current + 1, len(self._rows))
        if self._pays_off(day, amount_minor, later):
            self._settle(day)
        else:
            left = self._fill(through, amount_minor)
            if left and self._agreement.surplus != "next":
                left = self._prepay(day, later, left)
            self._fill(later, left)
        for index in range(len(self._rows)):
            if self._paid_on[index] is None and index not in self._waived and self.open_of(index) == 0:
                self._paid_on[index] = day

    def open_of(self, index: int, on: date | None = None) -> int:
        """What is owed on the instalment at a place, in minor units; on a day, if it was waived through it."""
        if on is not None:
            self._waive(on)
        if index in self._waived:
            return 0
        return self._core[index] + self._interest[index] - self._paid[index]

    def payoff(self, on: date) -> Payoff:
        """What pays the plan off on a day."""
        self._waive(on)
        owed = self._owed()
        face = sum(self.open_of(index) for index in owed)
        if face == 0:
            return Payoff(0, 0, 0, 0)
        amount = self._payoff_minor(on)
        # Within an instalment interest comes first (rule M3).
        interest = min(amount, sum(max(0, self._earned(index, on) - self._paid[index]) for index in owed))
        return Payoff(amount, amount - interest, interest, face - amount)

    def end(self, on: date) -> Distribution:
        """What it has come to on its last day: interest that is neither earned nor paid is let go."""
        self._waive(on)
        for index in self._owed():
            prepaid = self._paid[index] - self._core[index]
            self._interest[index] = max(self._earned(index, on), prepaid)
        return self.read(on)

    def read(self, today: date) -> Distribution:
        """What it has come to on a day."""
        self._waive(today)
        shares = tuple(
            Share(
                row.number,
                row.due_on,
                row.principal_minor,
                self._interest[index],
                row.fee_minor,
                self._paid[index],
                self.open_of(index),
                self._paid_on[index],
                index in self._waived,
            )
            for index, row in enumerate(self._rows)
        )
        dropped = sum(row.interest_minor for row in self._rows) - sum(self._interest)
        return Distribution(shares, dropped)

    def _waive(self, day: date) -> None:
        if not self._agreement.waived:
            return
        for index, row in enumerate(self._rows):
            waived_on = self._agreement.waived.get(row.number)
            if waived_on is not None and waived_on <= day and self.open_of(index) > 0:
                self._waived.add(index)

    def _owed(self) -> list[int]:
        return [index for index in range(len(self._rows)) if index not in self._waived]

    def _current(self, day: date) -> int:
        """The place of the first instalment that is due on a day or later, the last of several that are due then."""
        due_on = next((row.due_on for row in self._rows if row.due_on >= day), self._rows[-1].due_on)
        return max(index for index, row in enumerate(self._rows) if row.due_on == due_on)

    def _fill(self, places: Sequence[int], amount: int) -> int:
        for index in places:
            part = min(amount, self.open_of(index))
            self._paid[index] += part
            amount -= part
        return amount

    def _prepay(self, day: date, later: Sequence[int], amount: int) -> int:
        """Pay principal and fees that have not run yet, and let the interest on them go, but what is earned already.

        Something is where a due date rolled: the next period has begun by its nominal date.
        """
        owed = [index for index in later if index not in self._waived]
        cores = [self._core[index] - self._paid[index] for index in owed]
        used = min(amount, sum(cores))
        kept = _scaled(cores, used) if self._agreement.surplus == "reamortise" else _cut(cores, used)
        for index, left in zip(owed, kept, strict=True):
            self._paid[index] = self._core[index] - left
        left_after = agreed_after = 0
        for index in reversed(owed):
            left_after += self._core[index] - self._paid[index]
            agreed_after += self._core[index]
            agreed = self._rows[index].interest_minor
            share = round_half_up(Fraction(agreed * left_after, agreed_after)) if agreed_after else 0
            self._interest[index] = max(share, self._earned(index, day))
        return amount - used

    def _pays_off(self, day: date, amount: int, later: Sequence[int]) -> bool:
        face = sum(self.open_of(index) for index in self._owed())
        if face == 0 or (amount >= face and not any(self.open_of(index) for index in later)):
            return False
        return amount >= self._payoff_minor(day)

    def _settle(self, day: date) -> None:
        for index in self._owed():
            self._interest[index] = self._earned(index, day)
            self._paid[index] = self._core[index] + self._interest[index]

    def _payoff_minor(self, day: date) -> int:
        owed = self._owed()
        return max(0, sum(self._core[index] + self._earned(index, day) - self._paid[index] for index in owed))

    def _earned(self, index: int, day: date) -> int:
        """Interest of an instalment through a day: day by day over its period, rounded once."""
        row = self._rows[index]
        if day >= row.nominal_on or self._interest[index] == 0:
            return self._interest[index]
        before = self._rows[index - 1] if index and self._rows[index - 1].number != DOWN_PAYMENT else None
        start = self._agreement.starts_on if before is None else before.nominal_on
        if day <= start:
            return 0
        count = self._agreement.day_count
        length = days_between(count, start, row.nominal_on)
        elapsed = min(days_between(count, start, day), length)
        return round_half_up(Fraction(self._interest[index] * elapsed, length)) if length > 0 else self._interest[index]


def _cut(cores: Sequence[int], used: int) -> list[int]:
    """What is left of each when an amount pays the last ones."""
    kept: list[int] = []
    for core in reversed(cores):
        part = min(used, core)
        kept.append(core - part)
        used -= part
    return kept[::-1]


def _scaled(cores: Sequence[int], used: int) -> list[int]:
    """What is left of each when an amount lowers all by the same share; the last one takes the rounding (rule M9)."""
    total = sum(cores)
    if total == 0:
        return list(cores)
    kept = [round_half_up(Fraction(core * (total - used), total)) for core in cores[:-1]]
    last = total - used - sum(kept)
    if 0 <= last <= cores[-1]:
        return [*kept, last]
    # Where the last one cannot take it, the rounding is carried along instead.
    found: list[int] = []
    through = 0
    for core in cores:
        through += core
        found.append(round_half_up(Fraction(through * (total - used), total)) - sum(found))
    return found
