"""What the tests of reminders share: a provider that answers by script, and looks behind the API."""

import asyncio
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.core.settings import Settings
from app.core.uow import Database, UnitOfWork
from app.messages.pdf import letters_available
from app.models import Event
from app.reminders.channels.base import Inquiry, Outcome, OutgoingMessage, SendResult
from app.reminders.sender import Sender
from app.simulation.advance import Simulation
from tests.conftest import Api

# 10:00 on Thursday 2026-03-05 in Mexico City, inside office hours.
THURSDAY = "2026-03-05T16:00:00Z"


@dataclass(slots=True)
class ScriptedChannel:
    """A provider that answers as it is told, and accepts when the script is over."""

    script: list[Outcome | Exception] = field(default_factory=list)
    known: bool | None = None
    sent: list[OutgoingMessage] = field(default_factory=list)

    async def send(self, message: OutgoingMessage) -> SendResult:
        """The next answer of the script."""
        assert asyncio.get_running_loop().time() < message.deadline
        self.sent.append(message)
        outcome = self.script.pop(0) if self.script else Outcome.accepted
        if isinstance(outcome, Exception):
            raise outcome
        return SendResult(outcome, "provider-1" if outcome is Outcome.accepted else None, f"scripted {outcome}")

    async def look_up(self, inquiry: Inquiry) -> bool | None:
        """What the provider says of an unknown outcome."""
        return self.known

    async def close(self) -> None:
        """Nothing to close."""

    def letters(self) -> list[EmailMessage]:
        """What was handed over, parsed."""
        return [parse(message.content) for message in self.sent]


def parse(content: bytes) -> EmailMessage:
    """An encoded message as a mail reader sees it."""
    parsed = message_from_bytes(content, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def text_of(letter: EmailMessage) -> str:
    """The plain text, with ordinary spaces."""
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture
def scripted(app: FastAPI, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ScriptedChannel:
    """The provider of this test's advances."""
    channel = ScriptedChannel()
    simulation: Simulation = app.state.simulation
    monkeypatch.setattr(simulation, "sender", Sender(database, settings, {"email": channel}))
    return channel


@dataclass(frozen=True, slots=True)
class Behind:
    """One tenant behind the API."""

    api: Api
    database: Database

    def unit(self) -> Any:
        """A unit of work of the tenant."""
        return self.database.unit_of_work(self.api.tenant_id)

    async def event_types(self, object_id: str) -> list[str]:
        """Types of the events about one resource, in order."""
        uow: UnitOfWork
        async with self.unit() as uow:
            types = await uow.session.scalars(
                select(Event.type)
                .where(Event.tenant_id == uow.tenant_id, Event.object_id == UUID(object_id))
                .order_by(Event.position)
            )
            return list(types)


@pytest.fixture
def behind(api: Api, database: Database) -> Behind:
    """The test's tenant behind the API."""
    return Behind(api, database)


def mail(api: Api, reminder: Any) -> Path:
    """Where the local mailbox keeps a reminder's message."""
    return Path(api.settings.data_dir) / "mailbox" / f"{reminder['id']}.eml"


async def reminders(api: Api, **filters: Any) -> list[Any]:
    """The tenant's reminders, oldest first."""
    return list(reversed(await api.all("/reminders", **filters)))


async def overdue_invoice(api: Api, offsets: list[int], total: str = "1160.00", **policy_fields: Any) -> Any:
    """At 10:00 on a Thursday: an invoice three days overdue, chased by a policy with these offsets."""
    await api.advance(THURSDAY)
    await api.policy(offsets, **policy_fields)
    customer = await api.customer()
    return await api.invoice(customer["id"], total, "2026-02-02", "2026-03-02")


def step(offset: int, **fields: Any) -> dict[str, Any]:
    """A step of a policy, by e-mail."""
    return {
        "key": f"d{offset:+d}",
        "offset_days": offset,
        "channels": ["email"],
        "template": "first_notice",
        **fields,
    }


# Pango is the system's, and not everywhere.
needs_letters = pytest.mark.skipif(not letters_available(), reason="Pango is not installed")
