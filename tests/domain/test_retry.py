from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.retry import MAX_ATTEMPTS, next_attempt_at, send_backoff

FAILED = datetime(2026, 6, 8, 10, tzinfo=UTC)
SECONDS = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


def wait(attempt: int, *, retry_after: int | None = None, jitter: int = 0) -> float | None:
    at = next_attempt_at(
        attempt_number=attempt, failed_at=FAILED, retry_after_seconds=retry_after, jitter_permille=jitter
    )
    return None if at is None else (at - FAILED).total_seconds()


def test_the_schedule_has_nine_retries() -> None:
    assert [wait(attempt) for attempt in range(1, 10)] == SECONDS
    assert MAX_ATTEMPTS == 10
    assert wait(10) is None
    assert wait(11) is None


def test_jitter_only_adds_and_at_most_a_tenth() -> None:
    assert wait(1, jitter=100) == 5.5
    assert wait(2, jitter=1) == 300.3
    assert wait(9, jitter=100) == 95040
    for jitter in (-1, 101):
        with pytest.raises(ValueError, match="Jitter"):
            wait(1, jitter=jitter)


@pytest.mark.parametrize(
    ("attempt", "retry_after", "expected"),
    [
        (1, 4, 5),
        (1, 5, 5),
        (1, 6, 6),
        (1, 120, 120),
        (1, 0, 5),
        (1, -60, 5),
        (2, 120, 300),
        (1, 86399, 86399),
        (1, 86400, 86400),
        (1, 86401, 86400),
        (1, 10**30, 86400),
        (9, 10**30, 86400),
    ],
)
def test_retry_after_is_honoured_up_to_a_day(attempt: int, retry_after: int, expected: int) -> None:
    assert wait(attempt, retry_after=retry_after) == expected


def test_retry_after_gives_no_attempt_beyond_the_last() -> None:
    assert wait(10, retry_after=60) is None


@settings(max_examples=100)
@given(st.integers(1, 9), st.one_of(st.none(), st.integers(-10, 200_000)), st.integers(0, 100))
def test_never_earlier_than_the_schedule_or_the_receiver_asks(attempt: int, asked: int | None, jitter: int) -> None:
    seconds = wait(attempt, retry_after=asked, jitter=jitter)
    assert seconds is not None
    assert seconds >= max(SECONDS[attempt - 1], min(asked or 0, 86400))
    assert seconds <= max(SECONDS[attempt - 1] * 1.1, min(asked or 0, 86400))


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="from 1"):
        wait(0)
    with pytest.raises(ValueError, match="time zone"):
        next_attempt_at(
            attempt_number=1,
            failed_at=datetime(2026, 6, 8),  # noqa: DTZ001 - the refusal of naive datetimes is what is shown
            retry_after_seconds=None,
            jitter_permille=0,
        )


def test_reminders_that_were_not_sent_back_off_to_four_hours() -> None:
    minutes = [1, 5, 15, 60, 240, 240, 240]
    assert [send_backoff(attempt) for attempt in range(1, 8)] == [timedelta(minutes=each) for each in minutes]
    assert send_backoff(10**6) == timedelta(hours=4)
    with pytest.raises(ValueError, match="from 1"):
        send_backoff(0)
