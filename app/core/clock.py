"""The only place that reads the system's clock (rule T3: every "now" of a tenant is the tenant's clock)."""

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from app.domain.clocktime import business_date


def system_now() -> datetime:
    """Real time in UTC: for leases' display, webhook timestamps, key expiry and idempotency."""
    return datetime.now(UTC)


def monotonic_seconds() -> float:
    """Seconds on a clock that never jumps, for durations and permits."""
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Clock:
    """Business time of one tenant during one unit of work: an instant that does not move while it runs."""

    now: datetime
    zone: ZoneInfo
    today: date = field(init=False)
    """The business date: the tenant's local date (rule T1)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "today", business_date(self.now, self.zone))
