"""What a legal contact profile asks for, as values, and how its limits count (rules D6, T4, T5).

A profile is data with effective dates, and a help to keep the rules that bind whoever collects; it is never legal
advice. What the countries ask for is in `contact_profiles`.

Days and weeks are the customer's local calendar. A week begins on Monday and ends on Sunday, because the statutes that
count by the week name no other one. "Seven days" in the sense of Regulation F are rolling: seven consecutive dates, the
day of the contact being the first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from app.domain.windows import WeeklyHours

_WEEK: Final = 7
_ONE_DAY: Final = timedelta(days=1)


class ChannelClass(StrEnum):
    """What the law tells apart: being spoken to, and being written to."""

    calls_and_visits = "calls_and_visits"
    messages = "messages"


EVERY_CHANNEL: Final = frozenset(ChannelClass)
SPOKEN: Final = frozenset({"call", "phone", "visit"})
"""Channels of addresses and kinds of activities by which somebody is spoken to."""

# The same channel under the name of an address and of an activity.
_SYNONYMS: Final = {"phone": "call", "post": "letter"}


def channel_class(channel: str) -> ChannelClass:
    """The class of a channel or of a kind of activity."""
    return ChannelClass.calls_and_visits if channel in SPOKEN else ChannelClass.messages


def same_channel(one: str, other: str) -> bool:
    """Whether two names mean one channel."""
    return _SYNONYMS.get(one, one) == _SYNONYMS.get(other, other)


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact that counts.

    Attributes:
        on: its date, where the customer is.
        channel: an address's channel or an activity's kind.
        is_conversation: the debtor was spoken with; this is what the statutes call a direct contact.
        invoice_ids: what it was about; empty where nobody said, which then counts for every debt.
    """

    on: date
    channel: str
    is_conversation: bool = False
    invoice_ids: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A contact that is asked for: how, on which local date, and about which invoices."""

    on: date
    channel: str
    invoice_ids: frozenset[UUID] = frozenset()


class CapKind(StrEnum):
    """How a limit counts."""

    per_day = "per_day"
    per_week = "per_week"
    gap = "gap"
    rolling = "rolling"
    after_conversation = "after_conversation"
    one_channel_after_conversation = "one_channel_after_conversation"


@dataclass(frozen=True, slots=True)
class Cap:
    """One limit on the contacts of the channels that it is written for.

    Attributes:
        kind: how it counts.
        limit: contacts that are allowed, for the kinds that count.
        days: how long, for the kinds that look at rolling dates.
        per_debt: counted for each invoice, and not for the customer as a whole.
    """

    kind: CapKind
    limit: int = 1
    days: int = 0
    per_debt: bool = False


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """What binds some classes of channels.

    Attributes:
        channels: the classes; the caps count the contacts of all of them together.
        hours: when contact may be made, in the debtor's local time.
        open_on_holidays: whether the profile's public holidays are days like others.
        caps: how often.
    """

    channels: frozenset[ChannelClass]
    hours: WeeklyHours
    open_on_holidays: bool
    caps: tuple[Cap, ...] = ()


@dataclass(frozen=True, slots=True)
class Norm:
    """Where a rule is written."""

    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ProfileVersion:
    """What a profile asks for from a date on.

    Attributes:
        valid_from: first local date of it.
        norms: where it is written.
        rules: at most one for each class of channels; a class without any is free.
        calendar: whose public holidays the rules mean.
        needs_granted_consent: only addresses whose consent was granted may be used.
        identifies_collector: every message says who collects, and for whom.
        needs_opt_out: every electronic message says how to end them.
        in_every_zone: the hours hold in every time zone that the debtor may be in.
    """

    valid_from: date
    norms: tuple[Norm, ...]
    rules: tuple[ChannelRules, ...]
    calendar: str | None = None
    needs_granted_consent: bool = False
    identifies_collector: bool = False
    needs_opt_out: bool = False
    in_every_zone: bool = False

    def rules_for(self, channel: str) -> ChannelRules | None:
        """What binds a channel."""
        wanted = channel_class(channel)
        return next((rules for rules in self.rules if wanted in rules.channels), None)


@dataclass(frozen=True, slots=True)
class ContactProfile:
    """A legal profile.

    Attributes:
        key: its name on the wire.
        title: its name for people.
        country: ISO 3166-1 country whose law it is; None for the profile without rules.
        protects: kinds of customers; for others it does nothing.
        versions: by ascending `valid_from`.
    """

    key: str
    title: str
    country: str | None
    protects: frozenset[str]
    versions: tuple[ProfileVersion, ...]

    def on(self, day: date) -> ProfileVersion | None:
        """The version in force on a local date."""
        return next((version for version in reversed(self.versions) if version.valid_from <= day), None)


def first_allowed_on(version: ProfileVersion | None, contacts: Sequence[Contact], attempt: Attempt) -> date:
    """The first date from the attempt's on that a profile's limits on how often leave free.

    Without further contacts, every later date is free, too. The profile's hours are part of the send window.

    Args:
        version: what is in force; None allows everything.
        contacts: the customer's contacts of the last 31 days, over all invoices, policies and channels (rule D6).
        attempt: what is asked for.
    """
    rules = version.rules_for(attempt.channel) if version is not None else None
    if rules is None or not rules.caps:
        return attempt.on
    counted = [contact for contact in contacts if channel_class(contact.channel) in rules.channels]
    on = attempt.on
    while True:
        free_on = max(_free_on(cap, counted, Attempt(on, attempt.channel, attempt.invoice_ids)) for cap in rules.caps)
        if free_on == on:
            return on
        on = free_on


def _free_on(cap: Cap, contacts: Sequence[Contact], attempt: Attempt) -> date:
    """The first date from the attempt's on that one cap allows."""
    judge = _JUDGES[cap.kind]
    if not cap.per_debt:
        return judge(cap, contacts, attempt)
    # With several debts the strictest one counts; an attempt about none in particular is about all that was spoken of.
    debts = attempt.invoice_ids or frozenset(debt for contact in contacts for debt in contact.invoice_ids)
    of_debts: Iterable[list[Contact]] = (
        [contact for contact in contacts if not contact.invoice_ids or debt in contact.invoice_ids] for debt in debts
    )
    unnamed = [contact for contact in contacts if not contact.invoice_ids]
    return max([judge(cap, unnamed, attempt), *(judge(cap, own, attempt) for own in of_debts)])


def _per_day(cap: Cap, contacts: Sequence[Contact], attempt: Attempt) -> date:
    on_the_day = sum(contact.on == attempt.on for contact in contacts)
    return attempt.on + _ONE_DAY if on_the_day >= cap.limit else attempt.on


def _per_week(cap: Cap, contacts: Sequence[Contact], attempt: Attempt) -> date:
    begins_on = week_begins_on(attempt.on)
    ends_before = begins_on + timedelta(days=_WEEK)
    in_the_week = sum(begins_on <= contact.on < ends_before for contact in contacts)
    return ends_before if in_the_week >= cap.limit else attempt.on


def _gap(cap: Cap, contacts: Sequence[Contact], attempt: Attempt) -> date:
    return _after_last(contacts, attempt, cap.days)


def _rolling(cap: Cap, contacts: Sequence[Contact], attempt: Attempt) -> date:
    latest = sorted((contact.on for contact in contacts), reverse=True)
    if len(latest) < cap.limit:
        return attempt.on
    return max(attempt.on, latest[cap.limit - 1] + timedelta(days=cap.days))


def _after_conversation(cap: Cap, contacts: Sequence[Contact], attempt: Attempt) -> date:
    return _after_last([contact for contact in contacts if contact.is_conversation], attempt, cap.days)


def _one_channel(_cap: Cap, contacts: Sequence[Contact], attempt: Attempt) -> date:
    begins_on = week_begins_on(attempt.on)
    ends_before = begins_on + timedelta(days=_WEEK)
    direct = [contact for contact in contacts if contact.is_conversation and begins_on <= contact.on < ends_before]
    if not direct or same_channel(min(direct, key=lambda contact: contact.on).channel, attempt.channel):
        return attempt.on
    return ends_before


def _after_last(contacts: Iterable[Contact], attempt: Attempt, days: int) -> date:
    last_on = max((contact.on for contact in contacts), default=None)
    return attempt.on if last_on is None else max(attempt.on, last_on + timedelta(days=days))


_JUDGES: Final[Mapping[CapKind, Callable[[Cap, Sequence[Contact], Attempt], date]]] = {
    CapKind.per_day: _per_day,
    CapKind.per_week: _per_week,
    CapKind.gap: _gap,
    CapKind.rolling: _rolling,
    CapKind.after_conversation: _after_conversation,
    CapKind.one_channel_after_conversation: _one_channel,
}


def week_begins_on(day: date) -> date:
    """The Monday of a date's week."""
    return day - timedelta(days=day.weekday())


def profile_key_for(
    *, own: str | None, country: str | None, kind: str, entries: Iterable[Mapping[str, Any]], fallback: str
) -> str:
    """Which profile a customer falls under.

    The customer's own one, or else that of the tenant's first entry which fits the customer's country and kind, or else
    the tenant's. An entry without a country, or without kinds, fits any.
    """
    if own is not None:
        return own
    for entry in entries:
        if entry["country"] in {None, country} and (not entry["kinds"] or kind in entry["kinds"]):
            return str(entry["profile"])
    return fallback
