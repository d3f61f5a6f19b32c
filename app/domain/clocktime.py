"""Where local times become instants, and instants business dates (rules T1 and T5).

Nothing else in Puntual turns a wall-clock time into an instant: PostgreSQL and Python disagree about times that exist
twice, and one message would then have two hours.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_MIDNIGHT: Final = time(0)
_FIRST: Final = 0
_SECOND: Final = 1
_ONE_SECOND: Final = timedelta(seconds=1)
_ONE_DAY: Final = timedelta(days=1)


# Asked for again and again: the ends of the same few days, in the zones of the tenants and their customers.
@lru_cache(maxsize=4096)
def to_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the one instant at which clocks in `zone` show `at` on `day` (rule T5).

    A time that daylight saving skips becomes the first instant after the gap; a time that exists twice becomes the
    second of the two.

    Args:
        day: Local date.
        at: Local time without a zone of its own.
        zone: Zone whose clocks are meant.

    Returns:
        An aware datetime in UTC.
    """
    return _resolve(datetime.combine(day, at, zone), fold=_SECOND)


def business_date(now: datetime, zone: ZoneInfo) -> date:
    """Return the date that calendars in `zone` show at the instant `now` (rule T1).

    Raises:
        ValueError: `now` has no zone; the machine's own would be taken silently.
    """
    if now.utcoffset() is None:
        raise ValueError("An instant needs a time zone.")
    return now.astimezone(zone).date()


@lru_cache(maxsize=4096)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of `day` in `zone`, in UTC (rules T1 and T5).

    Where midnight is skipped, that is the first instant after the gap. Where midnight exists twice, it is the first
    of the two, since both belong to the day. A date that a zone left out has the start of the next one.
    """
    return _resolve(datetime.combine(day, _MIDNIGHT, zone), fold=_FIRST)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant after `day` in `zone`, in UTC: days are half-open, so no instant is lost (rule T1)."""
    return start_of_day(day + _ONE_DAY, zone)


def _resolve(local: datetime, *, fold: int) -> datetime:
    """Turn an aware wall time into UTC, choosing among two by `fold`, and skipping ahead where there is none."""
    chosen = local.replace(fold=fold)
    instant = chosen.astimezone(UTC)
    # Two datetimes of the same zone are compared by their wall time alone, which is what is asked here.
    if instant.astimezone(chosen.tzinfo) == chosen:
        return instant
    return _end_of_gap(local)


def _end_of_gap(local: datetime) -> datetime:
    """Find the transition that skips `local`.

    Read with the offset after the gap, a skipped time lies before the transition, and with the one before, after it.
    zoneinfo does not tell its transitions, so the interval between is halved until one whole second is left.
    """
    before = local.replace(fold=_SECOND).astimezone(UTC)
    after = local.replace(fold=_FIRST).astimezone(UTC)
    while after - before > _ONE_SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(local.tzinfo) > local:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)
