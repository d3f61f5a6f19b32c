"""Quotes of payment plans, and the hash of the terms that somebody accepts (rules P1, P2)."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from app.domain.decimals import format_decimal
from app.domain.errors import Code
from app.domain.money import MAX_MINOR, format_amount
from app.domain.plan import DOWN_PAYMENT, Instalment, PlanAsk, PlanError, Quote
from app.domain.plan_rate import effective_annual_rate, years_until
from app.domain.plan_schedule import Part, even_parts, parts
from app.domain.workdays import Calendar, roll

_RATE_DECIMALS = 2


def quote(ask: PlanAsk, calendar: Calendar) -> Quote:
    """Work out a plan: every instalment with its principal, interest, fee and date (rule P1).

    Args:
        ask: What is asked for.
        calendar: The days that are worked, for the roll of due dates.

    Raises:
        PlanError: `invalid_value` where an instalment would be zero or negative or does not cover its interest (rule
            M9), `out_of_range` where there would be too many, too much, or a date after the year 9999.
    """
    try:
        return _quote(ask, calendar)
    except OverflowError:
        message = "A date of this plan lies outside the years 1 to 9999."
        raise PlanError(Code.out_of_range, message, "/first_due_on") from None


def terms(offer: Quote, **agreed: Any) -> dict[str, Any]:
    """The terms of a plan in the form that is hashed: every figure as a string or a whole number.

    Args:
        offer: The quote that was shown.
        agreed: What else was shown and is agreed, such as the invoices, grace days, misses and the surplus rule; it
            never takes the place of a figure of the quote.
    """
    ask = offer.ask

    def amount(minor: int) -> str:
        return format_amount(minor, ask.currency)

    rate = offer.effective_annual_rate
    return {
        **agreed,
        "currency": ask.currency,
        "principal": amount(offer.principal_minor),
        "included_charges": amount(ask.charges_minor),
        "charges_bear_interest": ask.charges_bear_interest,
        "down_payment": amount(ask.down_payment_minor),
        "setup_fee": amount(ask.setup_fee_minor),
        "interest": {
            "kind": ask.interest.kind,
            "annual_rate": exact_percent(ask),
            "day_count": ask.interest.day_count.value,
            "amount": amount(offer.interest_minor),
        },
        "frequency": ask.frequency,
        "starts_on": ask.starts_on.isoformat(),
        "first_due_on": ask.first_due_on.isoformat(),
        "total": amount(offer.total_minor),
        "effective_annual_rate": None if rate is None else format_decimal(rate, _RATE_DECIMALS),
        "instalments": [
            {
                "number": each.number,
                "due_on": each.due_on.isoformat(),
                "principal": amount(each.principal_minor),
                "interest": amount(each.interest_minor),
                "fee": amount(each.fee_minor),
                "total": amount(each.total_minor),
            }
            for each in offer.instalments
        ],
    }


def terms_hash(agreed: Mapping[str, Any]) -> str:
    """The SHA-256 of terms in canonical JSON, as 64 hexadecimal digits (rule P2).

    Canonical is: UTF-8, keys sorted by code point, no spaces, nothing escaped that need not be. Terms hold strings,
    whole numbers, truth values, nulls, lists and mappings; everything else has more than one spelling and is refused.

    Raises:
        TypeError: A value of another kind, or a key that is no string.
    """
    text = json.dumps(_canonical(agreed), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def exact_percent(ask: PlanAsk) -> str:
    """The rate with as many decimals as it was given, or as a quotient where it has no end."""
    rate = ask.interest.annual_rate
    for decimals in range(13):
        if (rate * 10**decimals).denominator == 1:
            return format_decimal(rate, decimals)
    return f"{rate.numerator}/{rate.denominator}"


def _quote(ask: PlanAsk, calendar: Calendar) -> Quote:
    instalments = (*_down_payment(ask), *_dated(ask, parts(ask), calendar))
    if sum(each.total_minor for each in instalments) > MAX_MINOR:
        raise PlanError(Code.out_of_range, "The plan comes to more than an amount may be.", "/principal")
    payments = [(years_until(ask.starts_on, each.nominal_on, ask.frequency), each.total_minor) for each in instalments]
    return Quote(ask, instalments, effective_annual_rate(ask.covered_minor, payments))


def _down_payment(ask: PlanAsk) -> tuple[Instalment, ...]:
    if ask.down_payment_minor == 0:
        return ()
    due_on = ask.down_payment_on or ask.starts_on
    return (Instalment(DOWN_PAYMENT, due_on, due_on, ask.down_payment_minor),)


def _dated(ask: PlanAsk, planned: Sequence[Part], calendar: Calendar) -> list[Instalment]:
    fees = (
        even_parts(ask.setup_fee_minor, len(planned))
        if ask.fee_placement == "spread"
        else (ask.setup_fee_minor, *(0,) * (len(planned) - 1))
    )
    # A roll takes no instalment before the down payment, nor before the plan has started.
    not_before = ask.down_payment_on or ask.starts_on
    found = []
    for number, (part, fee) in enumerate(zip(planned, fees, strict=True), start=1):
        due_on = roll(part.nominal_on, ask.roll, calendar)
        if due_on < not_before:
            due_on = roll(part.nominal_on, "following", calendar)
        found.append(Instalment(number, due_on, part.nominal_on, part.principal_minor, part.interest_minor, fee))
    return found


def _canonical(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("The keys of terms are strings.")
        return {key: _canonical(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(each) for each in value]
    raise TypeError("Terms hold strings, whole numbers, truth values, nulls, lists and mappings.")
