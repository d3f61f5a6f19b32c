"""What random chases are judged by: a provider that remembers, and the rules of contact written a second time.

Nothing here asks the code that decides. Hours, holidays, limits and what is left to ask for are worked out from the
answers of the API and from the statutes as they are written in DOMAIN.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import httpx

from app.main import create_app
from app.reminders.channels.base import Inquiry, Outcome, OutgoingMessage, SendResult
from app.reminders.sender import Sender
from tests.scenarios.offices import Office

TENANT_ZONE = ZoneInfo("America/Mexico_City")
WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
REACHED = frozenset({Outcome.accepted, Outcome.unknown})
OWED = frozenset({"open", "partially_paid"})
FEE = {"MXN": 5000}

Window = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message that the provider was handed, and when it was claimed by the tenant's clock."""

    key: str
    at: datetime
    outcome: Outcome


@dataclass(slots=True)
class Provider:
    """A mail provider that fails as it is told, and accepts when the script is over.

    Attributes:
        script: How the next messages end; a fault is a provider that is down.
        known: What it says when it is asked about a message whose outcome is unknown.
        denied: Messages that it said it never had.
    """

    script: list[tuple[Outcome, bool]] = field(default_factory=list)
    known: bool | None = None
    attempts: list[Attempt] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Forget the story before."""
        self.script, self.known = [], None
        self.attempts, self.denied = [], set()

    async def send(self, message: OutgoingMessage) -> SendResult:
        """The next answer of the script."""
        outcome, is_fault = self.script.pop(0) if self.script else (Outcome.accepted, False)
        at = parsedate_to_datetime(message_from_bytes(message.content)["Date"])
        self.attempts.append(Attempt(message.message_key, at, outcome))
        return SendResult(
            outcome,
            "provider-1" if outcome is Outcome.accepted else None,
            f"scripted {outcome}",
            is_provider_fault=is_fault,
        )

    async def look_up(self, inquiry: Inquiry) -> bool | None:
        """What became of a message."""
        if self.known is False:
            self.denied.add(inquiry.message_key)
        return self.known

    async def close(self) -> None:
        """Nothing to close."""


class ChaseOffice(Office):
    """An office whose e-mail goes to a provider that remembers."""

    provider: Provider

    async def _open(self) -> httpx.AsyncClient:
        app = create_app(self.config)
        await self.stack.enter_async_context(app.router.lifespan_context(app))
        self.provider = Provider()
        app.state.simulation.sender = Sender(app.state.database, self.config, {"email": self.provider})
        transport = httpx.ASGITransport(app=app)
        return await self.stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))


@dataclass(frozen=True, slots=True)
class Law:
    """A contact profile as its statute says it."""

    windows: tuple[Window, ...]
    calendar: str
    per_day: int | None = None
    per_week: int | None = None
    gap_days: int = 0
    asks_consent: bool = False
    counts_spoken: bool = True
    one_channel: bool = False


SPOKEN = frozenset({"call", "visit"})
COLOMBIA = Law(
    windows=({"start": "07:00", "end": "19:00", "days": WEEK[:5]}, {"start": "08:00", "end": "15:00", "days": ["sat"]}),
    calendar="CO",
    per_day=1,
    asks_consent=True,
    one_channel=True,
)
CHILE = Law(
    windows=({"start": "08:00", "end": "20:00", "days": WEEK[:6]},),
    calendar="CL",
    per_week=2,
    gap_days=2,
    counts_spoken=False,
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who owes, and the law that protects them."""

    fields: dict[str, Any]
    law: Law | None = None

    @property
    def zone(self) -> ZoneInfo:
        """Where they are."""
        return ZoneInfo(self.fields["time_zone"])


RULES = [{"country": "CO", "kinds": ["consumer"], "profile": "co_ley_2300"}, {"country": "CL", "profile": "cl_19496"}]
NIGHTS = {"start": "19:00", "end": "24:00", "days": WEEK}
CAST = (
    Person({"country": "MX", "kind": "business", "time_zone": "America/Mexico_City"}),
    Person({"country": "CO", "kind": "consumer", "time_zone": "America/Bogota"}, COLOMBIA),
    Person({"country": "CL", "kind": "consumer", "time_zone": "America/Santiago"}, CHILE),
    Person({"country": "ES", "kind": "business", "time_zone": "Europe/Madrid"}),
    Person({"country": "JP", "kind": "sole_trader", "time_zone": "Asia/Tokyo"}),
    # The law of Chile protects consumers only; the customer's own profile goes before the tenant's rules.
    Person({"country": "CL", "kind": "business", "time_zone": "America/Santiago"}),
    Person({"country": "CO", "kind": "consumer", "time_zone": "America/Bogota", "contact_profile": "none"}),
    Person(
        {"country": "JP", "kind": "consumer", "time_zone": "Asia/Tokyo", "contact_profile": "cl_19496"},
        CHILE,
    ),
    Person(
        {"country": "ES", "kind": "consumer", "time_zone": "Europe/Madrid", "contact_profile": "co_ley_2300"}, COLOMBIA
    ),
    Person({"country": "ES", "kind": "business", "time_zone": "Europe/Madrid", "send_window": NIGHTS}),
)


def is_open(windows: Iterable[Window], at: datetime) -> bool:
    """Whether one of the windows is open at a local time."""
    return any(
        WEEK[at.weekday()] in window["days"] and window["start"] <= at.strftime("%H:%M") < window["end"]
        for window in windows
    )


def is_holiday(calendar: str | None, day: date) -> bool:
    """Whether a calendar has a holiday."""
    return calendar is not None and day in holidays.country_holidays(calendar, years=day.year)


@dataclass(frozen=True, slots=True)
class Contact:
    """A message that reached somebody, or may have; or what a person has done.

    Attributes:
        is_conversation: Somebody was spoken with.
    """

    key: str
    customer_id: str
    on: date
    channel: str
    is_conversation: bool = False


def check_caps(
    contacts: Sequence[Contact], on: date, *, channel: str, law: Law | None, per_day: int | None, gap_days: int
) -> None:
    """One more message on a local date is within every limit."""
    days = [contact.on for contact in contacts]
    assert per_day is None or days.count(on) < per_day, "over the tenant's contacts of a day"
    assert not gap_days or all(on >= day + timedelta(days=gap_days) for day in days), "within the policy's gap"
    if law is None:
        return
    days = [contact.on for contact in contacts if law.counts_spoken or contact.channel not in SPOKEN]
    assert law.per_day is None or days.count(on) < law.per_day, "over the law's contacts of a day"
    monday = on - timedelta(days=on.weekday())
    sunday = monday + timedelta(days=6)
    this_week = sum(monday <= day <= sunday for day in days)
    assert law.per_week is None or this_week < law.per_week, "over the law's contacts of a week"
    assert not law.gap_days or all(abs(on - day).days >= law.gap_days for day in days), "too soon by law"
    spoken = [contact for contact in contacts if contact.is_conversation and monday <= contact.on <= sunday]
    if law.one_channel and spoken:
        first = min(spoken, key=lambda contact: contact.on)
        assert first.channel == channel, "by a second channel in the week of a conversation"


def instant(text: str) -> datetime:
    """An instant of the wire."""
    return datetime.fromisoformat(text).astimezone(UTC)


def wire(at: datetime) -> str:
    """An instant for the wire."""
    return at.isoformat().replace("+00:00", "Z")
