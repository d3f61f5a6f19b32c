"""When one channel may be used for one customer: hours and holidays where the customer is, and what other zones ask."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from app.domain.clocktime import business_date
from app.domain.windows import HORIZON_DAYS, Hours, first_open_instant

_HORIZON: Final = timedelta(days=HORIZON_DAYS)


class ZoneHours(NamedTuple):
    """Hours that must be open in another zone too."""

    zone: ZoneInfo
    hours: Hours


@dataclass(frozen=True, slots=True)
class EitherDays:
    """Dates that are in one of two calendars."""

    one: Container[date]
    other: Container[date]

    def __contains__(self, day: object) -> bool:
        return day in self.one or day in self.other


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a message may leave (rules T4, T5).

    Attributes:
        window: hours where the customer is.
        holidays: dates without contact, where the customer is.
        elsewhere: other zones that the customer may be in, with the hours that hold there at the same instant.
    """

    window: Hours
    holidays: Container[date]
    elsewhere: tuple[ZoneHours, ...] = ()

    def opens_at(self, *, not_before: datetime, on_or_after: date, zone: ZoneInfo) -> datetime | None:
        """The first instant at which it is open, or None within a year and its holidays.

        Args:
            not_before: instant before which nothing leaves.
            on_or_after: first local date on which it may leave.
            zone: where the customer is.
        """
        at = first_open_instant(
            not_before=not_before, on_or_after=on_or_after, window=self.window, zone=zone, holidays=self.holidays
        )
        if not self.elsewhere or at is None:
            return at
        last = at + _HORIZON
        while at is not None and at <= last:
            later = self._opens_elsewhere(at)
            if later is None or later == at:
                return later
            at = first_open_instant(
                not_before=later, on_or_after=on_or_after, window=self.window, zone=zone, holidays=self.holidays
            )
        return None

    def _opens_elsewhere(self, at: datetime) -> datetime | None:
        later: datetime | None = at
        for zone, hours in self.elsewhere:
            if later is None:
                break
            later = first_open_instant(
                not_before=later, on_or_after=business_date(later, zone), window=hours, zone=zone, holidays=()
            )
        return later
