"""Money as integers of minor units: currencies, decimal strings and rounding (rules M1 and M8)."""

import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from app.domain.errors import Code, RuleError

_WITHOUT_DECIMALS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_WITH_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"
_WITH_FOUR: Final = "CLF UYW"
_WITH_TWO: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
    COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
    MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
    STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""

EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        code: decimals
        for decimals, codes in ((0, _WITHOUT_DECIMALS), (2, _WITH_TWO), (3, _WITH_THREE), (4, _WITH_FOUR))
        for code in codes.split()
    }
)
"""Decimals of every active ISO 4217 code that has minor units; metals, test codes and withdrawn ones are not money."""

MAX_MINOR: Final = 10**16 - 1
"""Largest single amount, in minor units, either sign.

A ten-thousand-million-dollar invoice is 10**12 cents, and the cheapest currencies with two decimals trade near a
million to the dollar, so 10**16 leaves room for every real receivable. (The wire's fifteen digits before the point
bind first where a currency has no decimals.) PostgreSQL adds bigints up in numeric; what is
stored back must fit bigint (9.22 * 10**18), which a million rows do as long as they average less than 9 * 10**12.
"""

_AMOUNT: Final = re.compile(r"(-?)(0|[1-9][0-9]{0,14})(?:[.]([0-9]{1,4}))?")


class MoneyError(RuleError):
    """An amount or a currency that cannot be."""


def is_currency(code: str) -> bool:
    """Tell whether `code` is an active ISO 4217 code, in upper case as the standard writes it (rule M1)."""
    return code in EXPONENTS


def exponent(currency: str) -> int:
    """Return how many decimals `currency` has: 0, 2, 3 or 4 (rule M1).

    Raises:
        MoneyError: `unknown_currency`.
    """
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise MoneyError(Code.unknown_currency, "The currency is not an active ISO 4217 code.") from None


def parse_amount(text: str, currency: str) -> int:
    """Read a decimal string as minor units, never rounding (rule M1).

    Zeros count as decimals: `1.000` is refused for a currency with two, because a sender that writes three may mean
    them the next time.

    Args:
        text: Decimal string of the wire, such as `-1234.5`.
        currency: ISO 4217 code that decides how many decimals there may be.

    Returns:
        Minor units, at most `MAX_MINOR` in absolute value.

    Raises:
        MoneyError: `unknown_currency`, `amount_format`, `amount_decimals` or `amount_range`.
    """
    decimals = exponent(currency)
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise MoneyError(Code.amount_format, "An amount is a decimal string such as '1234.56'.")
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    if len(fraction) > decimals:
        raise MoneyError(Code.amount_decimals, f"An amount in {currency} has at most {decimals} decimals.")
    minor = int(whole + fraction.ljust(decimals, "0"))
    if minor > MAX_MINOR:
        raise MoneyError(Code.amount_range, f"An amount in {currency} is at most {format_amount(MAX_MINOR, currency)}.")
    return -minor if sign else minor


def format_amount(minor: int, currency: str) -> str:
    """Write minor units as the decimal string of the wire, with all the decimals of the currency (rule M1).

    Sums may exceed `MAX_MINOR`, so nothing is bounded here.

    Raises:
        MoneyError: `unknown_currency`.
    """
    return with_point(minor, exponent(currency))


def with_point(scaled: int, decimals: int) -> str:
    """Write a number that counts units of its last decimal: 1225 with two decimals is `12.25`."""
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else sign + digits


def round_half_up(value: Fraction) -> int:
    """Round an exact amount of minor units to the nearest whole one, halves away from zero (rule M8).

    Symmetric around zero, so that the reversal of an entry is exactly its opposite.
    """
    magnitude = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return -magnitude if value < 0 else magnitude
