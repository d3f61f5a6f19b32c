"""The legal contact profiles that can be chosen, and the presets of holds that go with them: data, never legal advice.

What a statute asks of the wording or the conduct of people (no threats, no third parties, no papers that look like a
court's) is not here: a program cannot keep it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from app.domain.contact_rules import (
    EVERY_CHANNEL,
    Cap,
    CapKind,
    ChannelClass,
    ChannelRules,
    ContactProfile,
    Norm,
    ProfileVersion,
)
from app.domain.windows import SendWindow, WeeklyHours

ProfileKey = Literal["none", "co_ley_2300", "cl_19496", "pe_29571", "mx_condusef", "us_reg_f"]

_EVERYBODY: Final = frozenset({"business", "sole_trader", "consumer"})
_CONSUMERS: Final = frozenset({"consumer"})
_MON_FRI: Final = range(5)
_MON_SAT: Final = range(6)
_EVERY_DAY: Final = range(7)


def _hours(*windows: tuple[Iterable[int], str, str]) -> WeeklyHours:
    return WeeklyHours.of(SendWindow.of(start, end, days) for days, start, end in windows)


_COLOMBIA: Final = ContactProfile(
    key="co_ley_2300",
    title="Colombia, Ley 2300 de 2023",
    country="CO",
    protects=_CONSUMERS,
    versions=(
        ProfileVersion(
            valid_from=date(2023, 10, 10),
            norms=(
                Norm(
                    "Ley 2300 de 2023, arts. 1-5",
                    "http://www.secretariasenado.gov.co/senado/basedoc/ley_2300_2023.html",
                ),
            ),
            rules=(
                ChannelRules(
                    channels=EVERY_CHANNEL,
                    hours=_hours((_MON_FRI, "07:00", "19:00"), ([5], "08:00", "15:00")),
                    open_on_holidays=False,
                    caps=(Cap(CapKind.per_day), Cap(CapKind.one_channel_after_conversation)),
                ),
            ),
            calendar="CO",
            needs_granted_consent=True,
        ),
    ),
)

# Working days and their hours are those of the code of civil procedure.
_CHILEAN_HOURS: Final = _hours((_MON_SAT, "08:00", "20:00"))
_CHILE: Final = ContactProfile(
    key="cl_19496",
    title="Chile, Ley 19.496, art. 37",
    country="CL",
    protects=_CONSUMERS,
    versions=(
        ProfileVersion(
            valid_from=date(2021, 4, 20),
            norms=(
                Norm(
                    "Ley 19.496, art. 37, as amended by Ley 21.320",
                    "https://www.bcn.cl/leychile/navegar?idNorma=61438",
                ),
                Norm("Código de Procedimiento Civil, art. 59"),
            ),
            rules=(
                ChannelRules(
                    channels=frozenset({ChannelClass.calls_and_visits}),
                    hours=_CHILEAN_HOURS,
                    open_on_holidays=False,
                    caps=(Cap(CapKind.per_week),),
                ),
                ChannelRules(
                    channels=frozenset({ChannelClass.messages}),
                    hours=_CHILEAN_HOURS,
                    open_on_holidays=False,
                    caps=(Cap(CapKind.per_week, limit=2), Cap(CapKind.gap, days=2)),
                ),
            ),
            calendar="CL",
        ),
    ),
)

_PERU: Final = ContactProfile(
    key="pe_29571",
    title="Perú, Ley 29571, arts. 61-62",
    country="PE",
    protects=_CONSUMERS,
    versions=(
        ProfileVersion(
            valid_from=date(2010, 10, 2),
            norms=(
                Norm(
                    "Ley 29571, Código de Protección y Defensa del Consumidor, arts. 61 and 62",
                    "https://www.leyes.congreso.gob.pe/Documentos/Leyes/29571.pdf",
                ),
            ),
            rules=(
                ChannelRules(
                    channels=frozenset({ChannelClass.calls_and_visits}),
                    hours=_hours((_MON_FRI, "07:00", "20:00")),
                    open_on_holidays=False,
                ),
            ),
            calendar="PE",
        ),
    ),
)

_MEXICO: Final = ContactProfile(
    key="mx_condusef",
    title="México, CONDUSEF: despachos de cobranza",
    country="MX",
    # Debtors of financial entities, whoever they are.
    protects=_EVERYBODY,
    versions=(
        ProfileVersion(
            valid_from=date(2014, 10, 7),
            norms=(
                Norm(
                    "CONDUSEF, Disposiciones de carácter general aplicables a las entidades financieras en materia de "
                    "despachos de cobranza (DOF 2014-10-07)",
                    "https://www.dof.gob.mx",
                ),
            ),
            rules=(
                ChannelRules(
                    channels=EVERY_CHANNEL, hours=_hours((_EVERY_DAY, "07:00", "22:00")), open_on_holidays=True
                ),
            ),
            identifies_collector=True,
        ),
    ),
)

_UNITED_STATES_HOURS: Final = _hours((_EVERY_DAY, "08:00", "21:00"))
_UNITED_STATES: Final = ContactProfile(
    key="us_reg_f",
    title="United States, Regulation F: third-party collectors of consumer debt",
    country="US",
    protects=_CONSUMERS,
    versions=(
        ProfileVersion(
            valid_from=date(2021, 11, 30),
            norms=(
                Norm(
                    "12 CFR Part 1006 (Regulation F), §§ 1006.6 and 1006.14",
                    "https://www.ecfr.gov/current/title-12/chapter-X/part-1006",
                ),
            ),
            rules=(
                ChannelRules(
                    channels=frozenset({ChannelClass.calls_and_visits}),
                    hours=_UNITED_STATES_HOURS,
                    open_on_holidays=True,
                    caps=(
                        Cap(CapKind.rolling, limit=7, days=7, per_debt=True),
                        Cap(CapKind.after_conversation, days=7, per_debt=True),
                    ),
                ),
                ChannelRules(
                    channels=frozenset({ChannelClass.messages}), hours=_UNITED_STATES_HOURS, open_on_holidays=True
                ),
            ),
            needs_opt_out=True,
            in_every_zone=True,
        ),
    ),
)

_NONE: Final = ContactProfile(
    key="none", title="No legal rule: your own settings alone", country=None, protects=_EVERYBODY, versions=()
)

PROFILES: Final = {profile.key: profile for profile in (_NONE, _COLOMBIA, _CHILE, _PERU, _MEXICO, _UNITED_STATES)}


@dataclass(frozen=True, slots=True)
class HoldPreset:
    """A hold that a law knows, ready to be placed.

    Attributes:
        key: its name on the wire.
        title: its name for people.
        protects: kinds of customers who can ask for it.
        days: how long it lasts, its first day counted.
        effects: what it stops.
        norm: where it is written.
        valid_from: since when there is such a hold.
    """

    key: str
    title: str
    protects: frozenset[str]
    days: int
    effects: tuple[str, ...]
    norm: Norm
    valid_from: date


UK_BREATHING_SPACE: Final = HoldPreset(
    key="uk_breathing_space",
    title="England and Wales, breathing space",
    protects=frozenset({"consumer", "sole_trader"}),
    days=60,
    effects=("contact", "charges"),
    norm=Norm(
        "Debt Respite Scheme (Breathing Space Moratorium and Mental Health Crisis Moratorium) (England and Wales) "
        "Regulations 2020, SI 2020/1311",
        "https://www.legislation.gov.uk/uksi/2020/1311",
    ),
    valid_from=date(2021, 5, 4),
)

HOLD_PRESETS: Final = {preset.key: preset for preset in (UK_BREATHING_SPACE,)}
