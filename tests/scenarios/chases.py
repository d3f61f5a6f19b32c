"""What random chases are judged by: a provider that remembers, and the rules of contact written a second time.

Nothing here asks the code that decides. Hours, holidays, limits and what is left to ask for are worked out from the
answers of the API and from the statutes as they are written in DOMAIN.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import httpx

from app.domain.money import parse_amount
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


COLOMBIA = Law(
    windows=({"start": "07:00", "end": "19:00", "days": WEEK[:5]}, {"start": "08:00", "end": "15:00", "days": ["sat"]}),
    calendar="CO",
    per_day=1,
    asks_consent=True,
)
CHILE = Law(windows=({"start": "08:00", "end": "20:00", "days": WEEK[:6]},), calendar="CL", per_week=2, gap_days=2)


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
    """A message that reached somebody, or may have."""

    key: str
    customer_id: str
    on: date
    at: datetime


def check_caps(contacts: Sequence[Contact], on: date, *, law: Law | None, per_day: int | None, gap_days: int) -> None:
    """One more contact on a local date is within every limit."""
    days = [contact.on for contact in contacts]
    same_day = days.count(on)
    assert per_day is None or same_day < per_day, "over the tenant's contacts of a day"
    assert not gap_days or all(on >= day + timedelta(days=gap_days) for day in days), "within the policy's gap"
    if law is None:
        return
    assert law.per_day is None or same_day < law.per_day, "over the law's contacts of a day"
    monday = on - timedelta(days=on.weekday())
    this_week = sum(monday <= day <= monday + timedelta(days=6) for day in days)
    assert law.per_week is None or this_week < law.per_week, "over the law's contacts of a week"
    assert not law.gap_days or all(abs(on - day).days >= law.gap_days for day in days), "too soon by law"


@dataclass(frozen=True, slots=True)
class Books:
    """What the API says is owed, paid, on its way and held, before the clock moves.

    Attributes:
        designated: Of pending payments, the invoice that they were handed over for.
    """

    invoices: dict[str, Any]
    payments: list[Any]
    credit_notes: list[Any]
    holds: list[Any]
    designated: dict[str, str]

    def residuals(self, customer_id: str, currency: str, on: date, *, fees_minor: int = 0) -> dict[str, int]:
        """What may be asked for on a business date, by invoice, if so much is charged to each meanwhile."""

        def unapplied(rows: Iterable[Any]) -> int:
            return sum(parse_amount(row["unapplied_amount"], currency) for row in rows)

        own = [row for row in self.payments if (row["customer_id"], row["currency"]) == (customer_id, currency)]
        notes = [row for row in self.credit_notes if (row["customer_id"], row["currency"]) == (customer_id, currency)]
        spare = unapplied(row for row in own if row["status"] == "posted")
        spare += unapplied(row for row in notes if row["status"] == "open")
        named: dict[str, int] = defaultdict(int)
        for payment in own:
            if payment["status"] == "pending" and on < date.fromisoformat(payment["matures_on"]):
                amount = parse_amount(payment["amount"], currency)
                invoice_id = self.designated.get(payment["id"])
                if invoice_id is None:
                    spare += amount
                else:
                    named[invoice_id] += amount
        left = {}
        mine = [
            row for row in self.invoices.values() if (row["customer_id"], row["currency"]) == (customer_id, currency)
        ]
        for invoice in sorted(mine, key=lambda row: (row["due_on"], row["issued_on"], row["id"])):
            amount = parse_amount(invoice["open_amount"], currency) if invoice["status"] in OWED else 0
            amount += fees_minor if amount else 0
            amount -= min(amount, named[invoice["id"]])
            covered = min(amount, spare)
            spare -= covered
            left[invoice["id"]] = amount - covered
        return left

    def is_held(self, invoice: Any, on: date) -> bool:
        """Whether a hold stops contact or escalation on a business date."""
        return any(
            hold["customer_id"] == invoice["customer_id"]
            and hold["invoice_id"] in {None, invoice["id"]}
            and {"contact", "escalation"} & set(hold["effects"])
            and hold["released_on"] is None
            and date.fromisoformat(hold["starts_on"]) <= on
            and (hold["ends_on"] is None or on <= date.fromisoformat(hold["ends_on"]))
            for hold in self.holds
        )


def instant(text: str) -> datetime:
    """An instant of the wire."""
    return datetime.fromisoformat(text).astimezone(UTC)


def wire(at: datetime) -> str:
    """An instant for the wire."""
    return at.isoformat().replace("+00:00", "Z")
