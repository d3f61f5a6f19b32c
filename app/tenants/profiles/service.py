"""Contact profiles and presets of holds as they are told."""

from typing import Any

from app.core.wire import day
from app.domain.contact_profiles import HOLD_PRESETS, PROFILES, HoldPreset
from app.domain.contact_rules import ChannelClass, ChannelRules, ContactProfile, Norm, ProfileVersion
from app.domain.windows import DayHours, WeeklyHours, format_time_of_day
from app.dunning.definitions import WEEKDAYS

Form = dict[str, Any]
NOTICE = (
    "A help to keep the rules that bind whoever collects, and no legal advice: ask your own counsel what binds you."
)
_KINDS = ("business", "sole_trader", "consumer")


def profiles() -> Form:
    """Every profile and every preset of a hold."""
    return {
        "data": [_profile(profile) for profile in PROFILES.values()],
        "hold_presets": [_preset(preset) for preset in HOLD_PRESETS.values()],
        "notice": NOTICE,
    }


def _profile(profile: ContactProfile) -> Form:
    return {
        "key": profile.key,
        "title": profile.title,
        "country": profile.country,
        "protects": [kind for kind in _KINDS if kind in profile.protects],
        "versions": [_version(version) for version in profile.versions],
    }


def _version(version: ProfileVersion) -> Form:
    return {
        "valid_from": day(version.valid_from),
        "norms": [_norm(norm) for norm in version.norms],
        "rules": [_rules(rules) for rules in version.rules],
        "calendar": version.calendar,
        "needs_granted_consent": version.needs_granted_consent,
        "identifies_collector": version.identifies_collector,
        "needs_opt_out": version.needs_opt_out,
        "in_every_zone": version.in_every_zone,
    }


def _norm(norm: Norm) -> Form:
    return {"name": norm.name, "url": norm.url}


def _rules(rules: ChannelRules) -> Form:
    return {
        "channels": [str(channels) for channels in ChannelClass if channels in rules.channels],
        "hours": _hours(rules.hours),
        "open_on_holidays": rules.open_on_holidays,
        "caps": [
            {"kind": str(cap.kind), "limit": cap.limit, "days": cap.days, "per_debt": cap.per_debt}
            for cap in rules.caps
        ],
    }


def _hours(hours: WeeklyHours) -> list[Form]:
    """Windows, each with the weekdays that share it."""
    windows: dict[DayHours, list[str]] = {}
    for name, open_hours in zip(WEEKDAYS, hours.by_weekday, strict=True):
        if open_hours is not None:
            windows.setdefault(open_hours, []).append(name)
    return [
        {"start": format_time_of_day(shared.start), "end": format_time_of_day(shared.end), "days": days}
        for shared, days in windows.items()
    ]


def _preset(preset: HoldPreset) -> Form:
    return {
        "key": preset.key,
        "title": preset.title,
        "protects": [kind for kind in _KINDS if kind in preset.protects],
        "days": preset.days,
        "effects": list(preset.effects),
        "norm": _norm(preset.norm),
        "valid_from": day(preset.valid_from),
    }
