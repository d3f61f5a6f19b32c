"""How fast a channel takes messages, so that no more are claimed than begin in time."""

import asyncio
from dataclasses import dataclass, field

from app.core.clock import monotonic_seconds

SMALLEST_BATCH = 8
FIRST_BATCH = 16
_WEIGHT = 1 / 32


@dataclass(slots=True)
class Pace:
    """An estimate of a channel's time for one message, and what is on the wire now.

    A message that does not begin within its permit waits a minute for the next attempt, so what is on the wire is kept
    to what is through within `seconds`. Only the channel's rhythm is measured: the time between one answer and the
    next, which is shorter than that of one message where several connections work side by side.
    """

    seconds: float
    # Set whenever a message is through; the paces of a process share one.
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    on_wire: int = 0
    message_seconds: float = field(init=False)
    _since: float = 0.0

    def __post_init__(self) -> None:
        self.message_seconds = self.seconds / FIRST_BATCH

    @property
    def room(self) -> int:
        """How many more messages may go on the wire."""
        return max(SMALLEST_BATCH, int(self.seconds / self.message_seconds)) - self.on_wire

    def begin(self, count: int) -> None:
        """Messages are handed to the channel."""
        if self.on_wire == 0:
            self._since = monotonic_seconds()
        self.on_wire += count

    def end(self, *, answered: bool) -> None:
        """One of them is through.

        Args:
            answered: whether the channel dealt with it.
        """
        self.on_wire -= 1
        self.ended.set()
        # Permits run out all at once, which says nothing, and after a wait, which says something.
        if answered or self.on_wire == 0:
            now = monotonic_seconds()
            self.message_seconds += _WEIGHT * (max(now - self._since, 1e-6) - self.message_seconds)
            self._since = now
