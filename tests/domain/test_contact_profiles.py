"""Which contact profile protects whom, from when on, and by which words a customer ends what it allows."""

from datetime import date, timedelta
from typing import Any

import pytest

from app.domain.contact_profiles import HOLD_PRESETS, PROFILES
from app.domain.contact_rules import channel_class, profile_key_for, week_begins_on
from app.domain.opt_out import opt_out_word
from tests.domain.chasing import D

# Which profile --------------------------------------------------------------------------------------------------------

ENTRIES: list[dict[str, Any]] = [
    {"country": "CO", "kinds": ["consumer"], "profile": "co_ley_2300"},
    {"country": "CO", "kinds": [], "profile": "none"},
    {"country": None, "kinds": ["consumer"], "profile": "us_reg_f"},
]


@pytest.mark.parametrize(
    ("own", "country", "kind", "key"),
    [
        (None, "CO", "consumer", "co_ley_2300"),
        (None, "CO", "business", "none"),
        (None, "CL", "consumer", "us_reg_f"),
        (None, None, "consumer", "us_reg_f"),
        (None, "CL", "business", "mx_condusef"),
        ("cl_19496", "CO", "consumer", "cl_19496"),
        ("none", "CO", "consumer", "none"),
    ],
)
def test_the_customers_own_profile_goes_before_the_tenants_entries_in_order(
    own: str | None, country: str | None, kind: str, key: str
) -> None:
    assert profile_key_for(own=own, country=country, kind=kind, entries=ENTRIES, fallback="mx_condusef") == key


@pytest.mark.parametrize(
    ("profile", "first_day"),
    [
        ("co_ley_2300", "2023-10-10"),
        ("cl_19496", "2021-04-20"),
        ("us_reg_f", "2021-11-30"),
        ("mx_condusef", "2014-10-07"),
    ],
)
def test_a_rule_begins_on_its_first_day(profile: str, first_day: str) -> None:
    on = D(first_day)
    assert PROFILES[profile].on(on - timedelta(days=1)) is None
    assert PROFILES[profile].on(on) == PROFILES[profile].on(on + timedelta(days=1)) == PROFILES[profile].versions[0]


def test_every_profile_is_sound_data() -> None:
    for key, profile in PROFILES.items():
        assert key == profile.key
        assert list(profile.versions) == sorted(profile.versions, key=lambda item: item.valid_from)
        for item in profile.versions:
            named = [channels for rules in item.rules for channels in rules.channels]
            assert len(named) == len(set(named))
            assert item.norms
            assert item.calendar == (
                profile.country if not all(rules.open_on_holidays for rules in item.rules) else None
            )
    assert PROFILES["none"].versions == ()
    assert HOLD_PRESETS["uk_breathing_space"].days == 60


def test_weeks_begin_on_monday() -> None:
    assert [week_begins_on(date(2026, 3, day)) for day in (1, 2, 8, 9)] == [
        D("2026-02-23"),
        *[D("2026-03-02")] * 2,
        D("2026-03-09"),
    ]
    assert [channel_class(name) for name in ("phone", "call", "visit")] == ["calls_and_visits"] * 3
    assert [channel_class(name) for name in ("email", "sms", "whatsapp", "post", "letter")] == ["messages"] * 5


# Opting out -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("STOP", "stop"),
        ("  stop. ", "stop"),
        ("¡Baja!", "baja"),
        ("ALTO", "alto"),
        ("No molestar", "no molestar"),
        ("no\nmolestar…", "no molestar"),
        ("Cancelár", "cancelar"),
        ("ＳＴＯＰ", "stop"),
        ("Sair", "sair"),
        ("unsubscribe", "unsubscribe"),
        ("please stop by on Monday", None),
        ("stopped", None),
        ("Ya pagué", None),
        ("molestar", None),
        ("", None),
        ("!!!", None),
    ],
)
def test_a_message_is_an_opt_out_as_a_whole_or_not_at_all(text: str, word: str | None) -> None:
    assert opt_out_word(text) == word
