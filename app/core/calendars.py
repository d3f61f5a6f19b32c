"""Public holidays by calendar code: a country (`MX`), a country and a region (`ES-MD`), or `EU`.

`EU` is no country: its holidays are those of TARGET, on which no euro is settled between banks, and so the dates on
which payment terms of the euro area roll.
"""

from collections.abc import Container
from datetime import date
from functools import lru_cache
from typing import Final

import holidays

from app.domain.workdays import Calendar

NO_HOLIDAYS: Container[date] = frozenset()

EURO_AREA: Final = "EU"
_TARGET: Final = "XECB"
# Terms reach at most twenty years ahead; beyond 2100 nobody has announced a holiday.
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2100


@lru_cache(maxsize=1)
def _supported() -> dict[str, frozenset[str]]:
    countries = {country: frozenset(regions) for country, regions in holidays.list_supported_countries().items()}
    return countries | {EURO_AREA: frozenset()}


def is_calendar(code: str) -> bool:
    """Whether a calendar of this code exists."""
    country, dash, region = code.partition("-")
    supported = _supported()
    return country in supported and (not dash or region in supported[country])


@lru_cache(maxsize=256)
def holidays_of(code: str | None) -> Container[date]:
    """The holidays of a calendar; none for an empty code."""
    return _table(code) if code else NO_HOLIDAYS


@lru_cache(maxsize=64)
def calendar_of(code: str | None) -> Calendar:
    """The working days of a calendar, for rolling due dates (rule T4): its holidays and its weekend.

    Without a code there are no holidays, and Saturday and Sunday are the weekend.
    """
    if not code:
        return Calendar()
    table = _table(code)
    span = range(max(_FIRST_YEAR, table.start_year), min(_LAST_YEAR, table.end_year) + 1)
    return Calendar(frozenset(_table(code, span)), frozenset(table.weekend))


def _table(code: str, years: range | None = None) -> holidays.HolidayBase:
    country, _, region = code.partition("-")
    if country == EURO_AREA:
        return holidays.financial_holidays(_TARGET, years=years)
    return holidays.country_holidays(country, subdiv=region or None, years=years)
