"""The texts of messages: those that ship, those of the tenant's own, and which of them a customer reads."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from uuid import UUID

from app.messages.languages import LANGUAGES, primary_language, shipped_language
from app.messages.words import TEXTS

CHANNELS: Final = ("email", "sms", "whatsapp", "letter", "call")
"""What a text is written for; append only, since the ids of shipped texts count on the order."""

TONES: Final = {
    "friendly_reminder": "friendly",
    "first_notice": "friendly",
    "second_notice": "firm",
    "formal_notice": "formal",
    "final_notice": "final",
    "due_today": "friendly",
    "instalment_reminder": "friendly",
    "instalment_missed": "firm",
    "broken_promise": "firm",
    "plan_default": "formal",
}
"""The keys of the texts that ship, and their tones; append only, for the same reason."""

TEMPLATE_KEYS: Final = frozenset(TONES)
WITH_SUBJECT: Final = frozenset({"email", "letter"})

# Your own system is told what an e-mail would say.
_OF_OTHERS: Final = {"phone": "call", "post": "letter", "erp": "email"}
# What serves a channel for which there is nothing at all under a key.
_STAND_INS: Final = {"letter": ("email",), "whatsapp": ("sms",)}
_LETTER: Final = """\
{{ greeting }}

%s

{{ invoice_table }}

{{ payment_details }}

%s

%s

{{ signature }}"""
_COMPANY: Final = "{{ company.name }}: "
_LAST_RESORT: Final = "es"


@dataclass(frozen=True, slots=True)
class Text:
    """One text in one language for one channel; `body` may be empty where there is a `body_html`."""

    id: UUID
    key: str
    language: str
    channel: str
    tone: str
    name: str
    subject: str | None
    body: str
    body_html: str | None = None
    provider_template: str | None = None
    is_shipped: bool = False


def text_channel(channel: str) -> str:
    """What kind of text a step's channel or a kind of address takes: a letter by post, a script for the phone."""
    return _OF_OTHERS.get(channel, channel)


def shipped(key: str, language: str, channel: str) -> Text | None:
    """The text that ships under a key, in one of `LANGUAGES`."""
    return _shipped().get((key, language, channel))


def all_shipped() -> Iterator[Text]:
    """Every text that ships."""
    return iter(_shipped().values())


@cache
def shipped_by_id() -> Mapping[UUID, Text]:
    """Every text that ships, by its id."""
    return {text.id: text for text in all_shipped()}


@dataclass(frozen=True, slots=True)
class Texts:
    """What a tenant can say: its own active texts before the shipped ones."""

    own: Mapping[tuple[str, str], tuple[Text, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, own: Iterable[Text]) -> "Texts":
        """From the tenant's active texts."""
        grouped: dict[tuple[str, str], tuple[Text, ...]] = {}
        # A text for the whole language goes before one for a country that is not the reader's.
        for text in sorted(own, key=lambda text: ("-" in text.language, text.language)):
            grouped[text.key, text.channel] = (*grouped.get((text.key, text.channel), ()), text)
        return cls(grouped)

    def choose(self, key: str, channel: str, *, locale: str, fallback: str) -> Text | None:
        """The text that a customer reads.

        In this order: exactly the customer's locale, the customer's language, the same of the tenant's locale, and
        Spanish; each time the tenant's own text before the shipped one. A tenant's text in any language goes before
        none.
        """
        for candidate in (channel, *_STAND_INS.get(channel, ())):
            own = self.own.get((key, candidate), ())
            for wanted in (locale, fallback, _LAST_RESORT):
                found = _own_in(own, wanted) or shipped(key, shipped_language(wanted) or "", candidate)
                if found is not None:
                    return found
            if own:
                return own[0]
        return None

    def channels_of(self, key: str) -> frozenset[str]:
        """The kinds of text that a key has something for; none for a key that is not known."""
        if key in TEMPLATE_KEYS:
            return frozenset(CHANNELS)
        written = {channel for own_key, channel in self.own if own_key == key}
        return frozenset(written | {name for name, others in _STAND_INS.items() if written.intersection(others)})

    def keys(self) -> list[str]:
        """Every key that a policy's step may name."""
        return sorted(TEMPLATE_KEYS | {key for key, _ in self.own})


def _own_in(own: tuple[Text, ...], locale: str) -> Text | None:
    wanted = locale.replace("_", "-").lower()
    for text in own:
        if text.language.lower() == wanted:
            return text
    language = primary_language(locale)
    return next((text for text in own if primary_language(text.language) == language), None)


@cache
def _shipped() -> dict[tuple[str, str, str], Text]:
    found = {}
    for language in LANGUAGES:
        with (TEXTS / language / "letters.toml").open("rb") as file:
            content = tomllib.load(file)
        for key in TONES:
            for channel in CHANNELS:
                text = _compose(content, key, language, channel)
                found[key, language, channel] = text
    return found


def _compose(content: Mapping[str, Any], key: str, language: str, channel: str) -> Text:
    own, frames = content[key], content["frames"]
    if channel in WITH_SUBJECT:
        body = _LETTER % (own["opening"], own["closing"], own.get("signoff", content["signoff"]))
    elif channel == "sms":
        body = f"{own['sms']} {{{{ if_paid }}}} {{{{ pay_or_call }}}}"
    else:
        body = frames[channel].replace("{short}", own["short"])
    position = (LANGUAGES.index(language), list(TONES).index(key), CHANNELS.index(channel))
    return Text(
        # Below every id that is made from a time, so that lists end with the texts that ship.
        id=UUID("00000000-0000-8000-8000-{:04x}{:04x}{:04x}".format(*position)),
        key=key,
        language=language,
        channel=channel,
        tone=TONES[key],
        name=own["name"],
        subject=_subject(own["subject"], channel),
        body=body,
        is_shipped=True,
    )


def _subject(subject: str, channel: str) -> str | None:
    # A letter has the company in its head.
    return {"email": subject, "letter": subject.removeprefix(_COMPANY)}.get(channel)
