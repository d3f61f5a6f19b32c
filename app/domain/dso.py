"""How fast receivables turn into money: days sales outstanding, and the collection effectiveness index.

Sources: the simple formula and the index are those of the Credit Research Foundation ("Ratios and Formulas in Customer
Financial Analysis"); the count-back method is described by Credit Today ("Why You Should Switch to the Countback Method
to Calculate DSO") and taught as the exhaustion method.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class SalesPeriod:
    """Net credit sales of a run of days, inclusive at both ends."""

    first_on: date
    last_on: date
    sales_minor: int

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last_on - self.first_on).days + 1


@dataclass(frozen=True, slots=True)
class CountedBack:
    """How much of the receivables a period's sales account for, and for how many days it therefore counts."""

    period: SalesPeriod
    matched_minor: int
    days: Fraction


def simple_dso(receivables_minor: int, sales_minor: int, days: int) -> Fraction | None:
    """Days sales outstanding: receivables / credit sales of a period x days of the period.

    Args:
        receivables_minor: What is open at the end of the period.
        sales_minor: Net credit sales of the period.
        days: Length of the period.

    Returns:
        Days, exact; 0 where nothing is open, and None where something is and nothing was sold.
    """
    if receivables_minor <= 0:
        return Fraction(0)
    return Fraction(receivables_minor * days, sales_minor) if sales_minor > 0 else None


def count_back(receivables_minor: int, periods: Sequence[SalesPeriod]) -> list[CountedBack]:
    """Exhaust the receivables by whole months' sales, going backwards; their days add up to the DSO.

    A month whose sales are used up counts with all its days, the last one with the share of its days that is left of
    the receivables. A month without sales in between counts whole: nothing in it is newer than what is still open.

    Args:
        receivables_minor: What is open at the end of the first period.
        periods: Months, the newest first, which may end before its month does.

    Returns:
        The months that were needed; where even all sales do not account for what is open, those to the oldest sale.
    """
    left = receivables_minor
    counted: list[CountedBack] = []
    for period in periods:
        if left <= 0:
            break
        matched = min(left, max(0, period.sales_minor))
        is_last = matched == left
        days = Fraction(matched * period.days, period.sales_minor) if is_last else Fraction(period.days)
        counted.append(CountedBack(period, matched, days))
        left -= matched
    while left > 0 and counted and counted[-1].matched_minor == 0:
        counted.pop()
    return counted


def months_back(as_of: date, count: int) -> Iterator[tuple[date, date]]:
    """First and last day of `count` months, the newest first; the newest ends on `as_of`."""
    first, last = as_of.replace(day=1), as_of
    for _ in range(count):
        yield first, last
        last = first - timedelta(days=1)
        first = last.replace(day=1)


def collection_effectiveness(
    *, beginning_minor: int, sales_minor: int, ending_minor: int, ending_current_minor: int
) -> Fraction | None:
    """The collection effectiveness index: what was collected of what could be, in percent; 100 is all that was due.

    (beginning receivables + credit sales - ending total receivables)
    / (beginning receivables + credit sales - ending current receivables) x 100

    Args:
        beginning_minor: What was open before the period.
        sales_minor: Net credit sales of the period.
        ending_minor: What is open at its end.
        ending_current_minor: How much of that is not overdue.

    Returns:
        Percent, exact; None where nothing was there to collect.
    """
    available = beginning_minor + sales_minor
    collectable = available - ending_current_minor
    return Fraction((available - ending_minor) * 100, collectable) if collectable > 0 else None
