"""When something that failed is tried again: webhook attempts, and reminders that were not sent."""

from datetime import datetime, timedelta
from typing import Final

RETRY_DELAYS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Wait after the first, second, ... failed webhook attempt; the first attempt goes out at once."""

MAX_ATTEMPTS: Final = len(RETRY_DELAYS) + 1
"""Webhook attempts in all, the first included."""

MAX_JITTER_PERMILLE: Final = 100
"""Jitter only adds: a wait is at most a tenth longer than its entry in the schedule, and never shorter."""

MAX_RETRY_AFTER: Final = timedelta(hours=24)
"""Most that a receiver can put an attempt off, so that a wrong header does not park a delivery for good."""

SEND_BACKOFF: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
)
"""Wait after a reminder was definitely not sent; the last one repeats."""


FIRST_CHANNEL_PAUSE: Final = timedelta(seconds=30)
LONGEST_CHANNEL_PAUSE: Final = timedelta(hours=1)
"""How long a channel rests whose provider is down or limits us; each time in a row twice as long, up to the longest."""


def channel_pause(failures: int) -> timedelta:
    """Return how long a channel rests after so many failures in a row.

    Raises:
        ValueError: There was none.
    """
    if failures < 1:
        raise ValueError("Failures count from 1.")
    doubled: int = 2 ** min(failures - 1, 10)
    return min(FIRST_CHANNEL_PAUSE * doubled, LONGEST_CHANNEL_PAUSE)


def next_attempt_at(
    *, attempt_number: int, failed_at: datetime, retry_after_seconds: int | None, jitter_permille: int
) -> datetime | None:
    """Return when a webhook delivery is tried again.

    Args:
        attempt_number: The attempt that failed, counting from 1.
        failed_at: When it failed.
        retry_after_seconds: What the receiver asked for, if it did. The next attempt is never earlier than that, up
            to 24 h; a value in the past changes nothing.
        jitter_permille: Thousandths of the wait to add, 0 to 100, chosen by the caller so that this stays pure.

    Returns:
        The instant of the next attempt, or None when the attempts are used up.

    Raises:
        ValueError: The attempt number, the jitter or the instant is impossible.
    """
    if attempt_number < 1:
        raise ValueError("Attempts count from 1.")
    if not 0 <= jitter_permille <= MAX_JITTER_PERMILLE:
        raise ValueError("Jitter is 0 to 100 thousandths.")
    if failed_at.utcoffset() is None:
        raise ValueError("An instant needs a time zone.")
    if attempt_number >= MAX_ATTEMPTS:
        return None
    planned = RETRY_DELAYS[attempt_number - 1]
    wait = planned + planned * jitter_permille // 1000
    # Capped as a number first: a hostile header may hold more seconds than a timedelta can.
    asked = timedelta(seconds=min(max(retry_after_seconds or 0, 0), int(MAX_RETRY_AFTER.total_seconds())))
    return failed_at + max(wait, asked)


def send_backoff(attempt: int) -> timedelta:
    """Return how long a reminder that was not sent waits before its next attempt.

    Args:
        attempt: The attempt that did not send, counting from 1.

    Raises:
        ValueError: The attempt is below 1.
    """
    if attempt < 1:
        raise ValueError("Attempts count from 1.")
    return SEND_BACKOFF[min(attempt, len(SEND_BACKOFF)) - 1]
