"""What stands between an invoice and being chased: holds, disputes, promises, plans and placements together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from app.domain.errors import Code
from app.domain.holds import DateRange, union

SUSPENDING: Final = frozenset({Code.plan, Code.placed, Code.erased})
"""What suspends a case as long as it lasts; whatever stops its clock does, too."""


class Obstacle(NamedTuple):
    """One thing that stops contact.

    Attributes:
        code: Why, as a blocker says it.
        state: The collection state that it puts the invoice into.
        until_on: The first business date on which it stops nothing any more; None where it takes a new fact.
        stops_clock: Whether the ladder clock stands meanwhile (rule D8).
    """

    code: Code
    state: str
    until_on: date | None = None
    stops_clock: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How an invoice stands on a business date.

    Attributes:
        obstacles: What stops contact now.
        states: Collection states that hold, whether they stop contact or not.
        stops: Days on which the ladder clock stood or stands, merged.
        charge_stops: Days without interest and fees, merged.
        wake_on: The next date on which time alone changes any of this.
    """

    obstacles: tuple[Obstacle, ...] = ()
    states: frozenset[str] = frozenset()
    stops: tuple[DateRange, ...] = ()
    charge_stops: tuple[DateRange, ...] = ()
    wake_on: date | None = None

    @property
    def is_suspended(self) -> bool:
        """Whether a case pauses as such, its clock included."""
        return any(obstacle.stops_clock or obstacle.code in SUSPENDING for obstacle in self.obstacles)


CLEAR: Final = Standing()
"""Nothing stands in the way."""


def combine(parts: Iterable[Standing]) -> Standing:
    """Put together what several things make of one invoice; the order does not matter."""
    known = list(parts)
    if not known:
        return CLEAR
    return Standing(
        obstacles=tuple(sorted({obstacle for part in known for obstacle in part.obstacles}, key=str)),
        states=frozenset(state for part in known for state in part.states),
        stops=union(each for part in known for each in part.stops),
        charge_stops=union(each for part in known for each in part.charge_stops),
        wake_on=min((part.wake_on for part in known if part.wake_on is not None), default=None),
    )
