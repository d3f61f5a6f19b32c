"""Messages whose outcome nobody told are asked about, several at once: a provider that is slow costs its time once."""

import asyncio
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI

from app.core.settings import Settings
from app.core.uow import Database
from app.reminders.channels.base import Inquiry, Outcome
from app.reminders.sender import Sender
from app.simulation.advance import Simulation
from tests.conftest import Api
from tests.reminders.conftest import ScriptedChannel, overdue_invoice, reminders

LOST = 13


@dataclass(slots=True)
class SlowToTell(ScriptedChannel):
    """A provider that answers no inquiry before several have come."""

    asked: int = 0
    most_asked: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def look_up(self, inquiry: Inquiry) -> bool | None:
        """What it says, once enough are waiting."""
        self.asked += 1
        self.most_asked = max(self.asked, self.most_asked)
        if self.asked >= 5:
            self.enough.set()
        await asyncio.wait_for(self.enough.wait(), 10)
        self.asked -= 1
        return inquiry.recipient != "c1@example.com"


async def test_lost_messages_are_asked_about_together(
    api: Api, app: FastAPI, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = SlowToTell(script=[Outcome.unknown] * LOST)
    simulation: Simulation = app.state.simulation
    monkeypatch.setattr(simulation, "sender", Sender(database, settings, {"email": provider}))
    await overdue_invoice(api, [3])
    for _ in range(LOST - 1):
        await api.invoice((await api.customer())["id"], "10.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-05T16:16:00Z")
    # Each is told its own answer: the first one surely never left, and has been sent since.
    found = {row["to"]: (row["status"], row["attempts"]) for row in await reminders(api)}
    assert len(found) == LOST
    assert found.pop("c1@example.com") == ("sent", 2)
    assert set(found.values()) == {("sent", 1)}
    assert 5 <= provider.most_asked <= 10
