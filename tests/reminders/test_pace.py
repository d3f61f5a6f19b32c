"""How many reminders are claimed follows from how fast the mail server has been taking them."""

import pytest

from app.reminders import pace as module
from app.reminders.pace import FIRST_BATCH, SMALLEST_BATCH, Pace

CONNECTIONS = 8


class Server:
    """A mail server on a clock of its own: it takes eight messages at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module, "monotonic_seconds", lambda: self.now)

    def take(self, pace: Pace, count: int, seconds: float) -> None:
        """A batch that goes over the wire."""
        pace.begin(count)
        for start in range(0, count, CONNECTIONS):
            self.now += seconds
            for _ in range(min(CONNECTIONS, count - start)):
                pace.end(answered=True)

    def expire(self, pace: Pace, count: int, seconds: float) -> None:
        """A batch of which nothing is answered within its permit."""
        pace.begin(count)
        self.now += seconds
        for _ in range(count):
            pace.end(answered=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(monkeypatch)


def test_a_server_that_is_not_known_yet_is_given_few(server: Server) -> None:
    assert Pace(1.0).room == FIRST_BATCH == 16


@pytest.mark.parametrize(("seconds", "fewest", "most"), [(0.2, 30, 50), (0.02, 300, 500), (0.001, 5000, 10_000)])
def test_what_is_claimed_is_through_in_half_a_permit(server: Server, seconds: float, fewest: int, most: int) -> None:
    pace = Pace(1.0)
    for _ in range(20):
        server.take(pace, min(64, pace.room), seconds)
    # Eight connections side by side, a second long.
    assert fewest <= pace.room <= most


def test_a_slow_server_is_given_no_more_than_it_begins_at_once(server: Server) -> None:
    pace = Pace(1.0)
    for _ in range(10):
        server.take(pace, min(64, pace.room), 3.0)
    assert pace.room == SMALLEST_BATCH == CONNECTIONS


def test_a_server_that_stops_answering_is_given_few_until_it_answers_again(server: Server) -> None:
    pace = Pace(1.0)
    for _ in range(10):
        server.take(pace, min(64, pace.room), 0.01)
    assert pace.room > 64
    for _ in range(4):
        server.expire(pace, min(64, pace.room), 2.0)
    assert pace.room == SMALLEST_BATCH
    for _ in range(20):
        server.take(pace, min(64, pace.room), 0.01)
    assert pace.room > 64


def test_a_quiet_hour_says_nothing_about_the_server(server: Server) -> None:
    pace = Pace(1.0)
    for _ in range(10):
        server.take(pace, 16, 0.01)
    before = pace.room
    server.now += 3600
    server.take(pace, 16, 0.01)
    assert pace.room >= before


def test_what_is_on_the_wire_leaves_less_room() -> None:
    pace = Pace(1.0)
    pace.begin(10)
    assert pace.room == FIRST_BATCH - 10
    pace.end(answered=False)
    assert (pace.room, pace.ended.is_set()) == (FIRST_BATCH - 9, True)
