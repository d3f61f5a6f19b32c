"""Public holidays by calendar code: a country (`MX`) or a country and a region (`ES-MD`)."""

from collections.abc import Container
from datetime import date
from functools import lru_cache

import holidays

NO_HOLIDAYS: Container[date] = frozenset()


@lru_cache(maxsize=1)
def _supported() -> dict[str, frozenset[str]]:
    return {country: frozenset(regions) for country, regions in holidays.list_supported_countries().items()}


def is_calendar(code: str) -> bool:
    """Whether a calendar of this code exists."""
    country, _, region = code.partition("-")
    supported = _supported()
    return country in supported and (not region or region in supported[country])


@lru_cache(maxsize=256)
def holidays_of(code: str | None) -> Container[date]:
    """The holidays of a calendar; none for an empty code."""
    if not code:
        return NO_HOLIDAYS
    country, _, region = code.partition("-")
    return holidays.country_holidays(country, subdiv=region or None)
