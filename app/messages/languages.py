"""Which language a customer reads, and which locale writes the amounts and dates of a text."""

import re
from functools import lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError

LANGUAGES: Final = ("es-MX", "es-ES", "en", "pt-BR")
"""The languages in which texts ship; append only, since the ids of shipped texts count on the order."""

_SUBTAGS: Final = re.compile(r"[-_]")


@lru_cache(maxsize=1024)
def resolve_language(locale: str, *, fallback: str = "es-MX") -> str:
    """Choose the shipped language of a message.

    Spanish of Spain is es-ES, any other Spanish es-MX, any English en, any Portuguese pt-BR. A language without texts
    takes what the same rule makes of `fallback`, the tenant's own locale, and es-MX when that has none either.

    Args:
        locale: The customer's locale, with hyphens or underscores, in any case.
        fallback: The tenant's locale.

    Returns:
        One of `LANGUAGES`.
    """
    return shipped_language(locale) or shipped_language(fallback) or "es-MX"


@lru_cache(maxsize=1024)
def shipped_language(locale: str) -> str | None:
    """The shipped language that is nearest to a locale, in the same language; None where none is."""
    language, *rest = _SUBTAGS.split(locale.strip().lower())
    if language == "es":
        return "es-ES" if "es" in rest else "es-MX"
    return {"en": "en", "pt": "pt-BR"}.get(language)


@lru_cache(maxsize=1024)
def primary_language(locale: str) -> str:
    """The language of a locale without its country: `es` of es-MX."""
    return _SUBTAGS.split(locale.strip().lower(), maxsplit=1)[0]


@lru_cache(maxsize=1024)
def format_locale(locale: str, language: str) -> Locale:
    """Choose the locale that formats amounts and dates inside a text of `language`.

    It is the customer's own when it speaks that language, so that a Colombian reads 1.234,50 in a text shared with
    Mexico; otherwise it is the text's, because a German month name has no place in an English sentence.
    """
    for candidate in (locale, language) if primary_language(locale) == primary_language(language) else (language,):
        try:
            return Locale.parse("-".join(_SUBTAGS.split(candidate.strip())), sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(resolve_language(language), sep="-")
