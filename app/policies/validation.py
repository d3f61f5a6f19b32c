"""What makes a policy one that can run: the checks that go beyond one field, each with its fix in the message."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from app.core.calendars import is_calendar
from app.core.errors import FieldError
from app.core.wire import money
from app.domain.channels import THROUGH_ACCOUNTS
from app.domain.errors import Code
from app.domain.money import MoneyError, parse_amount
from app.domain.windows import SendWindow, WindowError, intersect
from app.dunning.definitions import WEEKDAYS, parse_window
from app.messages.texts import Texts, text_channel

DEFINITION_FIELDS: Final = (
    "grouping", "catch_up", "late_entry", "max_count", "min_gap_days", "min_amount", "send_window", "calendar",
    "steps",
)  # fmt: skip
"""What a version's stored definition is made of; name and default are kept beside it."""

_FEE_FIELDS: Final = {
    "flat": ("amount", ("percent", "min", "max", "tiers")),
    "percent": ("percent", ("amount", "tiers")),
    "tiers": ("tiers", ("amount", "percent")),
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of the tenant and the installation decides whether a policy makes sense.

    Attributes:
        accounts: Channels for which the tenant has an account.
        makes_letters: Whether letters can be made here.
    """

    currency: str
    send_window: SendWindow
    texts: Texts = field(default_factory=Texts)
    accounts: Collection[str] = ()
    makes_letters: bool = False


@dataclass(slots=True)
class Checked:
    """A definition in the form that is stored, and what is wrong with it; with faults it is not to be stored."""

    definition: dict[str, Any]
    faults: list[FieldError] = field(default_factory=list)


def check_definition(fields: Mapping[str, Any], surroundings: Surroundings) -> Checked:
    """Check a policy whose fields have the right shape, and fill in what follows from the tenant.

    Args:
        fields: the policy's wire form with its defaults.
        surroundings: the tenant's currency and send window.
    """
    check = _Check(surroundings)
    definition = {name: fields[name] for name in DEFINITION_FIELDS}
    definition["min_amount"] = check.amounts("/min_amount", fields["min_amount"])
    definition["steps"] = check.steps(fields["steps"])
    definition["send_window"] = check.window(fields["send_window"])
    check.calendar(fields["calendar"])
    return Checked(definition, check.faults)


def check_segment(applies_to: Mapping[str, Any] | None, surroundings: Surroundings) -> Checked | None:
    """Check what invoices a policy takes by itself; None where it takes none."""
    if applies_to is None:
        return None
    check = _Check(surroundings)
    return Checked(check.conditions("/applies_to", applies_to) or {}, check.faults)


@dataclass(slots=True)
class _Check:
    """Goes through one policy and keeps what is wrong."""

    surroundings: Surroundings
    faults: list[FieldError] = field(default_factory=list)

    def fault(self, pointer: str, code: Code, message: str) -> None:
        self.faults.append(FieldError(pointer, code, message))

    def amount(self, pointer: str, text: str, currency: str, *, above_zero: bool = False) -> int | None:
        """Minor units, or None after a fault."""
        try:
            minor = parse_amount(text, currency)
        except MoneyError as error:
            self.fault(pointer, error.code, error.message)
            return None
        if minor < 0 or (above_zero and minor == 0):
            least = "more than zero" if above_zero else "zero or more"
            self.fault(pointer, Code.amount_range, f"This amount is {least}.")
            return None
        return minor

    def amounts(self, pointer: str, amounts: Mapping[str, str]) -> dict[str, str]:
        stored = {}
        for currency, text in amounts.items():
            minor = self.amount(f"{pointer}/{_escaped(currency)}", text, currency)
            if minor is not None:
                stored[currency] = money(minor, currency)
        return stored

    def steps(self, steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        stored = []
        keys: set[str] = set()
        highest: int | None = None
        for index, step in enumerate(steps):
            pointer = f"/steps/{index}"
            if step["key"] in keys:
                self.fault(f"{pointer}/key", Code.duplicate_value, "Another step has this key; give each its own.")
            keys.add(step["key"])
            if highest is not None and step["offset_days"] <= highest:
                self.fault(
                    f"{pointer}/offset_days",
                    Code.steps_out_of_order,
                    f"A step before this one is at {highest} days: list steps by ascending offset_days, each day once.",
                )
            highest = step["offset_days"] if highest is None else max(highest, step["offset_days"])
            stored.append(self.step(pointer, step))
        return stored

    def step(self, pointer: str, step: Mapping[str, Any]) -> dict[str, Any]:
        self.channels(f"{pointer}/channels", step["channels"])
        self.template(f"{pointer}/template", step["template"], step["channels"])
        return {
            **step,
            "min_amount": self.amounts(f"{pointer}/min_amount", step["min_amount"]),
            "conditions": self.conditions(f"{pointer}/conditions", step["conditions"]),
            "fee": self.fee(f"{pointer}/fee", step["fee"]) if step["fee"] is not None else None,
        }

    def template(self, pointer: str, key: str, channels: Sequence[str]) -> None:
        texts = self.surroundings.texts
        written = texts.channels_of(key)
        if not written:
            known = ", ".join(texts.keys())
            self.fault(pointer, Code.unknown_template, f"No such template; there are: {known}.")
            return
        missing = sorted({text_channel(channel) for channel in channels} - written)
        if missing:
            self.fault(
                pointer,
                Code.unknown_template,
                f"This template has no text for {', '.join(missing)}; add one with POST /v1/templates.",
            )

    def channels(self, pointer: str, channels: Sequence[str]) -> None:
        for index, channel in enumerate(channels):
            if channel in channels[:index]:
                self.fault(f"{pointer}/{index}", Code.duplicate_value, "This channel is listed already; name it once.")
            elif channel in THROUGH_ACCOUNTS and channel not in self.surroundings.accounts:
                self.fault(
                    f"{pointer}/{index}",
                    Code.channel_not_available,
                    f"Set `channels.{channel}` with PATCH /v1/tenant first: this channel needs your account.",
                )
            elif channel == "letter" and not self.surroundings.makes_letters:
                self.fault(
                    f"{pointer}/{index}",
                    Code.channel_not_available,
                    "This installation cannot make letters; whoever runs it adds them with the extra `letters`.",
                )

    def conditions(self, pointer: str, conditions: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if conditions is None:
            return None
        least = self.amounts(f"{pointer}/min_amount", conditions["min_amount"])
        most = self.amounts(f"{pointer}/max_amount", conditions["max_amount"])
        for currency in most:
            if currency in least and parse_amount(least[currency], currency) > parse_amount(most[currency], currency):
                self.fault(
                    f"{pointer}/max_amount/{_escaped(currency)}",
                    Code.amount_range,
                    "This is below `min_amount` of the same currency, so no amount would do; `max_amount` is at least "
                    "`min_amount`.",
                )
        sets = {name: list(dict.fromkeys(value)) for name, value in conditions.items() if isinstance(value, list)}
        return {**conditions, **sets, "min_amount": least, "max_amount": most}

    def fee(self, pointer: str, fee: Mapping[str, Any]) -> dict[str, Any]:
        kind = fee["kind"]
        needed, foreign = _FEE_FIELDS[kind]
        if fee[needed] is None:
            self.fault(f"{pointer}/{needed}", Code.missing, f"A {kind} fee needs `{needed}`.")
        for name in foreign:
            if fee[name] is not None:
                self.fault(f"{pointer}/{name}", Code.invalid_value, f"A {kind} fee has no `{name}`; leave it out.")
        self.percent(f"{pointer}/percent", fee["percent"])
        given = {name: fee[name] for name in ("amount", "min", "max") if fee[name] is not None}
        tiers = fee["tiers"] or []
        currency = fee["currency"] or (self.surroundings.currency if given or tiers else None)
        amounts = self.fee_amounts(pointer, given, currency) if currency else {}
        if tiers and currency:
            fee = {**fee, "tiers": self.tiers(f"{pointer}/tiers", tiers, currency)}
        return {**fee, "currency": currency, **amounts}

    def percent(self, pointer: str, percent: str | None) -> None:
        if percent is not None and not 0 < Fraction(percent) <= 100:
            self.fault(pointer, Code.out_of_range, "A percent is above 0 and at most 100.")

    def tiers(self, pointer: str, tiers: Sequence[Mapping[str, Any]], currency: str) -> list[dict[str, Any]]:
        stored = []
        highest = -1
        for index, tier in enumerate(tiers):
            at = f"{pointer}/{index}"
            start = self.amount(f"{at}/from_amount", tier["from_amount"], currency)
            if start is not None and start <= highest:
                self.fault(f"{at}/from_amount", Code.invalid_value, "List tiers by ascending `from_amount`, each once.")
            highest = max(highest, start or 0)
            if (tier["amount"] is None) == (tier["percent"] is None):
                self.fault(at, Code.missing, "A tier has an `amount` or a `percent`, one of the two.")
            self.percent(f"{at}/percent", tier["percent"])
            charged = (
                None
                if tier["amount"] is None
                else self.amount(f"{at}/amount", tier["amount"], currency, above_zero=True)
            )
            stored.append({
                "from_amount": money(start or 0, currency),
                "amount": None if charged is None else money(charged, currency),
                "percent": tier["percent"],
            })  # fmt: skip
        return stored

    def fee_amounts(self, pointer: str, given: Mapping[str, str], currency: str) -> dict[str, str]:
        minors = {
            name: self.amount(f"{pointer}/{name}", text, currency, above_zero=name != "min")
            for name, text in given.items()
        }
        least, most = minors.get("min"), minors.get("max")
        if least is not None and most is not None and least > most:
            self.fault(f"{pointer}/max", Code.amount_range, "`max` is at least `min`.")
        return {name: money(minor, currency) for name, minor in minors.items() if minor is not None}

    def window(self, window: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if window is None:
            return None
        stored = {**window, "days": [name for name in WEEKDAYS if name in window["days"]]}
        try:
            own = parse_window(window)
        except WindowError:
            self.fault(
                "/send_window",
                Code.window_never_opens,
                "This window never opens: `start` comes before `end`, on the same day.",
            )
            return stored
        if intersect([self.surroundings.send_window, own]) is None:
            self.fault(
                "/send_window",
                Code.window_never_opens,
                "This window shares no time with the tenant's send_window, so nothing could ever leave; "
                "widen one of them.",
            )
        return stored

    def calendar(self, calendar: str | None) -> None:
        if calendar is not None and not is_calendar(calendar):
            self.fault(
                "/calendar",
                Code.invalid_value,
                "Send a country (MX) or a country and its region (ES-MD), or null for no holidays.",
            )


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
