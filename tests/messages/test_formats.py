from datetime import date
from decimal import Decimal

import pytest
from babel import Locale
from babel.numbers import format_currency
from hypothesis import given
from hypothesis import strategies as st

from app.messages.formats import currency_exponent, long_date, money_format, short_date
from app.messages.languages import format_locale, resolve_language

NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("locale", "currency", "minor", "expected"),
    [
        ("es_MX", "MXN", 123450, f"$1,234.50{NBSP}MXN"),
        ("es_MX", "USD", 5, f"USD{NBSP}0.05"),
        ("es_MX", "JPY", 1234, f"JPY{NBSP}1,234"),
        ("es_ES", "EUR", 123450, f"1.234,50{NBSP}€"),
        ("es_ES", "EUR", -123450, f"-1.234,50{NBSP}€"),
        ("es_ES", "MXN", 100, f"1,00{NBSP}MXN"),
        ("es_CO", "COP", 123456789, f"$1.234.567,89{NBSP}COP"),
        ("es_CL", "CLP", 1234567, f"$1.234.567{NBSP}CLP"),
        ("en_US", "USD", 123450, f"$1,234.50{NBSP}USD"),
        ("en_US", "KWD", 1234567, f"KWD{NBSP}1,234.567"),
        ("en_US", "HUF", 100001, f"HUF{NBSP}1,000.01"),
        ("en_US", "IQD", 1001, f"IQD{NBSP}1.001"),
        ("ja_JP", "JPY", 1234567, "￥1,234,567"),
        ("en_IN", "INR", 1234567890, "₹1,23,45,678.90"),
        ("en_GB", "GBP", 0, "£0.00"),
    ],
)
def test_money(locale: str, currency: str, minor: int, expected: str) -> None:
    assert money_format(Locale.parse(locale), currency)(minor) == expected


@given(
    st.integers(-(10**18), 10**18),
    st.sampled_from(["es_MX", "es_ES", "es_AR", "es_UY", "en_US", "de_DE", "en_IN", "de_CH", "nl_NL"]),
    st.sampled_from(["EUR", "GBP", "KWD", "JPY"]),
)
def test_digits_agree_with_babel(minor: int, name: str, currency: str) -> None:
    locale = Locale.parse(name)
    exact = Decimal(minor).scaleb(-currency_exponent(currency))
    ours = money_format(locale, currency)(minor)
    assert ours.replace(NBSP, "") == format_currency(exact, currency, locale=locale).replace(NBSP, "")


@pytest.mark.parametrize("currency", ["", "mxn", "MX", "PESOS", "ÑÑÑ", "M N"])
def test_what_is_no_currency_code_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        money_format(Locale.parse("es_MX"), currency)


def test_dates_have_words_and_four_digit_years() -> None:
    day = date(2026, 3, 5)
    assert long_date(day, Locale.parse("es_MX")) == "5 de marzo de 2026"
    assert long_date(day, Locale.parse("en_US")) == "March 5, 2026"
    assert long_date(day, Locale.parse("en_GB")) == "5 March 2026"
    assert short_date(day, Locale.parse("es_ES")) == "5 mar 2026"


@pytest.mark.parametrize(
    ("locale", "fallback", "expected"),
    [
        ("es-MX", "en", "es-MX"),
        ("es_mx", "en", "es-MX"),
        ("es-ES", "en", "es-ES"),
        ("es-Latn-ES", "en", "es-ES"),
        ("es", "en", "es-MX"),
        ("es-419", "en", "es-MX"),
        ("es-CO", "es-ES", "es-MX"),
        ("en", "es-MX", "en"),
        ("en-GB", "es-MX", "en"),
        ("pt-BR", "es-MX", "pt-BR"),
        ("pt-PT", "es-MX", "pt-BR"),
        ("ca-ES", "es-ES", "es-ES"),
        ("fr-FR", "en-US", "en"),
        ("fr-FR", "de-DE", "es-MX"),
        ("", "es-MX", "es-MX"),
        ("est-EE", "en", "en"),
    ],
)
def test_language(locale: str, fallback: str, expected: str) -> None:
    assert resolve_language(locale, fallback=fallback) == expected


@pytest.mark.parametrize(
    ("locale", "language", "expected"),
    [
        ("es-CO", "es-MX", "es_CO"),
        ("es_MX", "es-MX", "es_MX"),
        ("en-GB", "en", "en_GB"),
        ("de-DE", "en", "en"),
        ("es-XX", "es-MX", "es_MX"),
        ("es-!!", "es-MX", "es_MX"),
    ],
)
def test_format_locale_never_mixes_languages(locale: str, language: str, expected: str) -> None:
    assert str(format_locale(locale, language)) == expected
