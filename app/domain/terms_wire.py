"""Payment terms from their wire form, where percents and amounts are decimal strings."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from app.domain.errors import Code
from app.domain.money import MoneyError, parse_amount
from app.domain.terms import Offset, Part, Terms, TermsError, Tier

_PERCENT: Final = re.compile(r"(0|[1-9][0-9]{0,2})([.][0-9]{1,4})?")


def read_terms(wire: Mapping[str, Any], currency: str | None = None) -> Terms:
    """Read terms from their wire form, whose fields have the right types already.

    An instalment with a `kind` states its own `days_after` and `pay_days`; one without takes all three from the terms.

    Args:
        wire: The JSON object; what is left out or null has its default.
        currency: Currency of the invoice, by which fixed amounts are read; without one there may be none.

    Raises:
        TermsError: With the pointer of the first fault.
    """
    offset = _read_offset(wire)
    tiers: list[Tier] = []
    for index, tier in enumerate(wire.get("discounts") or ()):
        with _at(f"/discounts/{index}"):
            tiers.append(Tier(_read_percent(tier["percent"]), tier["days"]))
    parts: list[Part] = []
    for index, part in enumerate(wire.get("instalments") or ()):
        with _at(f"/instalments/{index}"):
            parts.append(_read_part(part, offset, currency))
    return Terms(offset, wire.get("roll") or "none", wire.get("calendar"), tuple(tiers), tuple(parts))


def _read_offset(wire: Mapping[str, Any]) -> Offset:
    return Offset(
        kind=wire.get("kind") or "net",
        days=wire.get("days") or 0,
        months=wire.get("months") or 0,
        days_after=wire.get("days_after") or 0,
        pay_days=tuple(wire.get("pay_days") or ()),
    )


def _read_part(wire: Mapping[str, Any], default: Offset, currency: str | None) -> Part:
    if wire.get("kind"):
        offset = _read_offset(wire)
    else:
        for name in ("days_after", "pay_days"):
            if wire.get(name):
                raise TermsError(Code.invalid_value, f"An instalment with {name} needs a kind of its own.", f"/{name}")
        offset = replace(default, days=wire.get("days") or 0, months=wire.get("months") or 0)
    percent, amount = wire.get("percent"), wire.get("amount")
    return Part(
        offset,
        percent=None if percent is None else _read_percent(percent),
        amount_minor=None if amount is None else _read_amount(amount, currency),
        remainder=bool(wire.get("remainder")),
        of=wire.get("of") or "total",
    )


def _read_percent(text: str) -> Fraction:
    if _PERCENT.fullmatch(text) is None:
        message = "A percent is a decimal string such as '8.5', with at most four decimals."
        raise TermsError(Code.invalid_format, message, "/percent")
    return Fraction(text)


def _read_amount(text: str, currency: str | None) -> int:
    if currency is None:
        raise TermsError(Code.invalid_value, "A fixed amount needs a currency; use a percent.", "/amount")
    try:
        return parse_amount(text, currency)
    except MoneyError as error:
        raise TermsError(error.code, error.message, "/amount") from None


@contextmanager
def _at(pointer: str) -> Iterator[None]:
    try:
        yield
    except TermsError as error:
        raise TermsError(error.code, error.message, pointer + error.pointer) from None
