"""The feed of events: read by sequence, so that a reader who follows it sees every event once and misses none."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.uow import UnitOfWork
from app.models import Event
from app.webhooks import repository

# Sequences looked at in one request, so that a rare type in a long history does not make a slow one.
WINDOW: Final = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the feed."""

    events: Sequence[Event]
    next_after: int
    has_more: bool


async def read(uow: UnitOfWork, *, after: int, types: Collection[str], limit: int) -> Part:
    """The next events behind a sequence.

    Args:
        uow: one transaction.
        after: the last sequence that the reader has seen.
        types: types and families; all when empty.
        limit: most events.
    """
    # Read before the events: what is numbered in between lies behind it and is for the next request.
    last = await repository.last_sequence(uow)
    until = min(last, after + WINDOW)
    found = await repository.list_events(uow, after=after, until=until, types=types, limit=limit)
    if len(found) > limit:
        shown = found[:limit]
        return Part(shown, shown[-1].sequence or after, has_more=True)
    return Part(found, max(after, until), has_more=until < last)
