"""Which of the shipped languages a customer reads, and which locale writes the amounts and dates of that text."""

import re
from functools import lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError

LANGUAGES: Final = frozenset({"es-MX", "es-ES", "en"})

_SUBTAGS: Final = re.compile(r"[-_]")


@lru_cache(maxsize=1024)
def resolve_language(locale: str, *, fallback: str = "es-MX") -> str:
    """Choose the language of a message.

    Spanish of Spain is es-ES, any other Spanish es-MX, any English en. A language without texts takes what the same
    rule makes of `fallback`, the tenant's own locale, and English when that has none either.

    Args:
        locale: The customer's locale, with hyphens or underscores, in any case.
        fallback: The tenant's locale.

    Returns:
        One of `LANGUAGES`.
    """
    return _shipped(locale) or _shipped(fallback) or "en"


def _shipped(locale: str) -> str | None:
    language, *rest = _SUBTAGS.split(locale.strip().lower())
    if language == "es":
        return "es-ES" if "es" in rest else "es-MX"
    return "en" if language == "en" else None


@lru_cache(maxsize=1024)
def format_locale(locale: str, language: str) -> Locale:
    """Choose the locale that formats amounts and dates inside a text of `language`.

    It is the customer's own when it speaks that language, so that a Colombian reads 1.234,50 in a text shared with
    Mexico; otherwise it is the text's, because a German month name has no place in an English sentence.
    """
    if _shipped(locale) == language:
        try:
            return Locale.parse("-".join(_SUBTAGS.split(locale.strip())), sep="-")
        except (UnknownLocaleError, ValueError):
            pass
    return Locale.parse(language, sep="-")
