"""Amounts and dates as the reader writes them, exact to the last minor unit."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Final

from babel import Locale
from babel.dates import format_date

_UNUSUAL_EXPONENTS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS: Final = {code: exponent for exponent, codes in _UNUSUAL_EXPONENTS.items() for code in codes.split()}


def currency_exponent(currency: str) -> int:
    """Return the ISO 4217 exponent, which CLDR's display digits contradict for a score of currencies."""
    return _EXPONENTS.get(currency, 2)


@lru_cache(maxsize=512)
def money_format(locale: Locale, currency: str) -> Callable[[int], str]:
    """Build the function that writes minor units of a currency in a locale.

    Every decimal of ISO 4217 is written. A bare dollar sign means a different currency in every country, so the code
    follows it.

    Raises:
        ValueError: The currency is not a three-letter code.
    """
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise ValueError("a currency is a three-letter ISO 4217 code")
    pattern = locale.currency_formats["standard"]
    symbol = locale.currency_symbols.get(currency, currency)
    signs = locale.number_symbols["latn"]
    positive, negative = (
        (_place(prefix, symbol, before=True), _place(suffix, symbol, before=False))
        for prefix, suffix in zip(pattern.prefix, pattern.suffix, strict=True)
    )
    code = f"\N{NO-BREAK SPACE}{currency}" if symbol == "$" else ""
    exponent = currency_exponent(currency)
    scale = 10**exponent
    group = _grouping(pattern.grouping, signs["group"])
    decimal = signs["decimal"]

    def write(minor: int) -> str:
        prefix, suffix = negative if minor < 0 else positive
        whole, fraction = divmod(abs(minor), scale)
        cents = f"{decimal}{fraction:0{exponent}d}" if exponent else ""
        return f"{prefix}{group(whole)}{cents}{suffix}{code}"

    return write


@lru_cache(maxsize=4096)
def long_date(day: date, locale: Locale) -> str:
    """Write a date with its month in words, for sentences."""
    return str(format_date(day, "long", locale=locale))


@lru_cache(maxsize=4096)
def short_date(day: date, locale: Locale) -> str:
    """Write a date for a table; the month is in words where the locale does so, never a year of two digits."""
    # "22 de jan. de 2026" is no date for a table.
    form = "dd/MM/yyyy" if locale.language == "pt" else "medium"
    return str(format_date(day, form, locale=locale))


def _place(affix: str, symbol: str, *, before: bool) -> str:
    # CLDR sets letters apart from digits, "USD 5" beside "$5"; its patterns leave that to the formatter.
    if before and affix.endswith("¤") and symbol[-1].isalpha():
        symbol = f"{symbol}\N{NO-BREAK SPACE}"
    elif not before and affix.startswith("¤") and symbol[0].isalpha():
        symbol = f"\N{NO-BREAK SPACE}{symbol}"
    return affix.replace("¤", symbol)


def _grouping(sizes: tuple[int, int], separator: str) -> Callable[[int], str]:
    first, rest = sizes
    if (first, rest) == (3, 3):
        return lambda whole: f"{whole:,}".replace(",", separator)

    def write(whole: int) -> str:
        digits = str(whole)
        head, parts = digits[:-first], [digits[-first:]]
        while head:
            parts.append(head[-rest:])
            head = head[:-rest]
        return separator.join(reversed(parts))

    return write
