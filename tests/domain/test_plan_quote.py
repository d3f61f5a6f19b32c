"""Quotes: dates, amounts, fees and interest of every instalment, and what is refused (rules P1, M8, M9)."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from app.domain.errors import Code
from app.domain.interest import DayCount
from app.domain.money import format_amount, parse_amount
from app.domain.plan import Frequency, InterestKind, PlanAsk, PlanError, PlanInterest, Quote
from app.domain.plan_quote import quote, terms, terms_hash
from app.domain.workdays import Calendar, Convention

D = date.fromisoformat
WEEKENDS = Calendar()


def ask(amount: str, currency: str = "EUR", **changed: Any) -> PlanAsk:
    """Monthly from 15 January 2026, unless something else is said; amounts are decimal strings."""
    money = {"charges", "down_payment", "setup_fee", "instalment"}
    fields: dict[str, Any] = {"starts_on": D("2026-01-15"), "first_due_on": D("2026-02-15")}
    for name, value in changed.items():
        if name in money:
            fields[f"{name}_minor"] = parse_amount(value, currency)
        else:
            fields[name] = D(value) if name.endswith("_on") else value
    return PlanAsk(currency=currency, principal_minor=parse_amount(amount, currency), **fields)


def declining(rate: str, day_count: DayCount = DayCount.thirty_360) -> PlanInterest:
    return PlanInterest("declining", Fraction(rate), day_count)


def flat(rate: str, day_count: DayCount = DayCount.thirty_360) -> PlanInterest:
    return PlanInterest("flat", Fraction(rate), day_count)


def totals(offer: Quote) -> list[str]:
    return [format_amount(each.total_minor, offer.ask.currency) for each in offer.instalments]


def interests(offer: Quote) -> list[str]:
    return [format_amount(each.interest_minor, offer.ask.currency) for each in offer.instalments]


def test_equal_instalments_with_interest_on_what_is_left() -> None:
    offer = quote(ask("100.00", instalment_count=6, interest=declining("9.4822")), WEEKENDS)
    assert totals(offer) == ["17.13"] * 6
    assert interests(offer) == ["0.79", "0.66", "0.53", "0.40", "0.27", "0.13"]
    assert (offer.interest_minor, offer.cost_minor, offer.total_minor) == (278, 278, 10278)


@pytest.mark.parametrize(
    ("amount", "currency", "number", "expected"),
    [
        ("1000.00", "EUR", 4, ["250.00"] * 4),
        ("1587.35", "EUR", 4, ["396.84", "396.84", "396.84", "396.83"]),
        ("100.00", "EUR", 3, ["33.33", "33.33", "33.34"]),
        ("100.00", "EUR", 1, ["100.00"]),
        ("1000", "JPY", 3, ["333", "333", "334"]),
        ("7", "JPY", 4, ["2", "2", "2", "1"]),
        ("10.000", "KWD", 3, ["3.333", "3.333", "3.334"]),
        ("0.005", "KWD", 2, ["0.003", "0.002"]),
    ],
)
def test_equal_parts_are_rounded_half_up_and_the_last_takes_the_rest(
    amount: str, currency: str, number: int, expected: list[str]
) -> None:
    offer = quote(ask(amount, currency, instalment_count=number), WEEKENDS)
    assert totals(offer) == expected
    assert offer.cost_minor == 0
    assert offer.effective_annual_rate == 0


@pytest.mark.parametrize(
    ("amount", "instalment", "expected"),
    [
        ("1000.00", "250.00", ["250.00"] * 4),
        ("1000.00", "300.00", ["300.00", "300.00", "300.00", "100.00"]),
        ("1000.00", "333.33", ["333.33", "333.33", "333.33", "0.01"]),
        ("1000.00", "1000.00", ["1000.00"]),
        ("1000.00", "1000.01", ["1000.00"]),
    ],
)
def test_an_instalment_amount_gives_the_number(amount: str, instalment: str, expected: list[str]) -> None:
    assert totals(quote(ask(amount, instalment=instalment), WEEKENDS)) == expected


def test_an_instalment_amount_pays_its_interest_first() -> None:
    # 1 % a month on 1000.00, 704.00, 405.04 and 103.09.
    offer = quote(ask("1000.00", instalment="306.00", interest=declining("12")), WEEKENDS)
    assert interests(offer) == ["10.00", "7.04", "4.05", "1.03"]
    assert totals(offer) == ["306.00", "306.00", "306.00", "104.12"]


def test_flat_interest_is_on_the_whole_for_the_whole_term() -> None:
    offer = quote(ask("1200.00", instalment_count=12, interest=flat("10")), WEEKENDS)
    assert totals(offer) == ["110.00"] * 12
    assert interests(offer) == ["10.00"] * 12
    odd = quote(ask("1000.00", instalment_count=3, interest=flat("20.004")), WEEKENDS)
    assert odd.interest_minor == 5001
    assert totals(odd) == ["350.00", "350.00", "350.01"]
    assert interests(odd) == ["16.67", "16.67", "16.67"]


def test_flat_interest_by_amount_takes_the_first_term_that_pays_it_all() -> None:
    # 12 % flat is 10.00 a month on 1000.00: four months owe 1040.00, which 300.00 a month reach in the fourth.
    offer = quote(ask("1000.00", instalment="300.00", interest=flat("12")), WEEKENDS)
    assert totals(offer) == ["300.00", "300.00", "300.00", "140.00"]
    assert offer.interest_minor == 4000


@pytest.mark.parametrize(
    ("day_count", "kind", "expected"),
    [
        # 2028 is a leap year; 31, 29 and 31 days from 15 January.
        (DayCount.thirty_360, "declining", ["10.00", "6.70", "3.37"]),
        (DayCount.act_365, "declining", ["10.19", "6.39", "3.43"]),
        (DayCount.act_360, "declining", ["10.33", "6.48", "3.48"]),
        (DayCount.act_act, "declining", ["10.16", "6.37", "3.42"]),
        (DayCount.act_365, "flat", ["9.97", "9.97", "9.98"]),
    ],
)
def test_day_counts(day_count: DayCount, kind: InterestKind, expected: list[str]) -> None:
    interest = PlanInterest(kind, Fraction(12), day_count)
    asked = ask("1000.00", starts_on="2028-01-15", first_due_on="2028-02-15", instalment_count=3, interest=interest)
    offer = quote(asked, WEEKENDS)
    assert interests(offer) == expected
    assert sum(each.principal_minor for each in offer.instalments) == 100_000
    assert totals(offer)[0] == totals(offer)[1]
    assert abs(offer.instalments[2].total_minor - offer.instalments[0].total_minor) <= 2


def test_act_act_counts_each_years_days() -> None:
    interest = declining("100", DayCount.act_act)
    asked = ask("1000.00", starts_on="2027-12-31", first_due_on="2028-12-31", instalment_count=1, interest=interest)
    assert interests(quote(asked, WEEKENDS)) == ["1000.00"]
    asked = replace(asked, starts_on=D("2027-12-30"))
    assert interests(quote(asked, WEEKENDS)) == ["1002.74"]


@pytest.mark.parametrize(
    ("first", "frequency", "preferred", "expected"),
    [
        ("2026-01-31", "monthly", None, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2028-01-31", "monthly", 31, ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"]),
        ("2026-02-28", "monthly", 31, ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]),
        ("2026-02-28", "monthly", None, ["2026-02-28", "2026-03-28", "2026-04-28", "2026-05-28", "2026-06-28"]),
        ("2026-01-30", "monthly", 30, ["2026-01-30", "2026-02-28", "2026-03-30", "2026-04-30", "2026-05-30"]),
        # The first one stays where it was asked for.
        ("2026-01-20", "monthly", 5, ["2026-01-20", "2026-02-05", "2026-03-05", "2026-04-05", "2026-05-05"]),
        ("2026-02-20", "weekly", None, ["2026-02-20", "2026-02-27", "2026-03-06", "2026-03-13", "2026-03-20"]),
        ("2026-02-20", "biweekly", None, ["2026-02-20", "2026-03-06", "2026-03-20", "2026-04-03", "2026-04-17"]),
        ("2026-11-30", "monthly", None, ["2026-11-30", "2026-12-30", "2027-01-30", "2027-02-28", "2027-03-30"]),
    ],
)
def test_dates(first: str, frequency: Frequency, preferred: int | None, expected: list[str]) -> None:
    asked = ask(
        "100.00",
        starts_on="2026-01-01",
        first_due_on=first,
        frequency=frequency,
        preferred_day=preferred,
        instalment_count=5,
    )
    assert [each.due_on.isoformat() for each in quote(asked, WEEKENDS).instalments] == expected


def test_whole_months_count_thirty_days_each_at_month_ends_too() -> None:
    asked = ask(
        "1200.00",
        starts_on="2026-01-31",
        first_due_on="2026-02-28",
        preferred_day=31,
        instalment_count=12,
        interest=flat("10"),
    )
    assert quote(asked, WEEKENDS).interest_minor == 12_000
    mid = ask("1000.00", starts_on="2026-01-01", first_due_on="2026-01-31", instalment_count=1, interest=flat("12"))
    assert quote(mid, WEEKENDS).interest_minor == 1000
    late = ask("1000.00", starts_on="2026-01-16", first_due_on="2026-01-31", instalment_count=1, interest=flat("12"))
    assert quote(late, WEEKENDS).interest_minor == 500
    # Half a month from 20 January to 5 February, and a whole one to 5 March.
    uneven = ask(
        "1000.00",
        starts_on="2026-01-20",
        first_due_on="2026-01-20",
        preferred_day=5,
        instalment_count=3,
        interest=flat("12"),
    )
    assert quote(uneven, WEEKENDS).interest_minor == 1500


@pytest.mark.parametrize(
    ("convention", "expected"),
    [
        ("none", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("following", ["2026-02-02", "2026-03-02", "2026-03-31"]),
        ("preceding", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        ("modified_following", ["2026-01-30", "2026-02-27", "2026-03-31"]),
    ],
)
def test_a_roll_moves_the_due_date_and_not_the_interest(convention: Convention, expected: list[str]) -> None:
    asked = ask(
        "1000.00",
        starts_on="2025-12-31",
        first_due_on="2026-01-31",
        instalment_count=3,
        roll=convention,
        interest=declining("12", DayCount.act_365),
    )
    offer = quote(asked, WEEKENDS)
    assert [each.due_on.isoformat() for each in offer.instalments] == expected
    assert [each.nominal_on.isoformat() for each in offer.instalments] == ["2026-01-31", "2026-02-28", "2026-03-31"]
    assert interests(offer) == interests(quote(replace(asked, roll="none"), WEEKENDS))


def test_a_roll_goes_forward_where_it_would_pass_the_start() -> None:
    asked = ask(
        "10.00",
        starts_on="2026-01-31",
        first_due_on="2026-02-01",
        frequency="weekly",
        instalment_count=2,
        roll="preceding",
    )
    assert [each.due_on.isoformat() for each in quote(asked, WEEKENDS).instalments] == ["2026-02-02", "2026-02-06"]


def test_a_down_payment_is_number_0_and_bears_no_interest() -> None:
    asked = ask(
        "1200.00", down_payment="200.00", down_payment_on="2026-01-20", instalment_count=10, interest=flat("12")
    )
    offer = quote(asked, WEEKENDS)
    first = offer.instalments[0]
    assert (first.number, first.due_on, first.principal_minor, first.interest_minor) == (0, D("2026-01-20"), 20_000, 0)
    assert [each.number for each in offer.instalments] == list(range(11))
    assert offer.interest_minor == 10_000
    assert offer.total_minor == 130_000
    assert quote(replace(asked, down_payment_on=None), WEEKENDS).instalments[0].due_on == asked.starts_on


def test_the_fee_is_in_the_first_instalment_or_spread() -> None:
    asked = ask("1000.00", setup_fee="10.00", down_payment="100.00", instalment_count=3)
    assert totals(quote(asked, WEEKENDS)) == ["100.00", "310.00", "300.00", "300.00"]
    spread = quote(replace(asked, fee_placement="spread"), WEEKENDS)
    assert [each.fee_minor for each in spread.instalments] == [0, 333, 333, 334]
    assert totals(spread) == ["100.00", "303.33", "303.33", "303.34"]
    assert spread.cost_minor == 1000
    small = quote(replace(asked, setup_fee_minor=2, fee_placement="spread"), WEEKENDS)
    assert [each.fee_minor for each in small.instalments] == [0, 1, 1, 0]
    tiny = quote(replace(asked, setup_fee_minor=1, fee_placement="spread", instalment_count=2), WEEKENDS)
    assert [each.fee_minor for each in tiny.instalments] == [0, 1, 0]


def test_included_charges_bear_interest_only_where_asked() -> None:
    asked = ask("1000.00", charges="200.00", instalment_count=12, interest=flat("10"))
    assert quote(asked, WEEKENDS).interest_minor == 10_000
    assert quote(asked, WEEKENDS).principal_minor == 120_000
    assert quote(replace(asked, charges_bear_interest=True), WEEKENDS).interest_minor == 12_000
    # A down payment settles both in proportion: 1000 of 1200 of what is left bears interest.
    assert quote(replace(asked, down_payment_minor=60_000), WEEKENDS).interest_minor == 5_000
    left = quote(ask("1000.00", charges="200.00", instalment_count=2, interest=declining("12")), WEEKENDS)
    assert interests(left)[0] == "10.00"


@pytest.mark.parametrize(
    ("changed", "code", "pointer"),
    [
        ({"instalment_count": None}, Code.missing, "/instalment_count"),
        ({"instalment_minor": 100}, Code.invalid_value, "/instalment_count"),
        ({"instalment_count": 0}, Code.out_of_range, "/instalment_count"),
        ({"instalment_count": 521}, Code.out_of_range, "/instalment_count"),
        ({"instalment_count": None, "instalment_minor": 0}, Code.out_of_range, "/instalment_amount"),
        ({"principal_minor": 0}, Code.out_of_range, "/principal"),
        ({"charges_minor": -1}, Code.out_of_range, "/principal"),
        ({"principal_minor": 10**16}, Code.out_of_range, "/principal"),
        ({"down_payment_minor": 10_000}, Code.out_of_range, "/down_payment"),
        ({"down_payment_minor": -1}, Code.out_of_range, "/down_payment"),
        ({"setup_fee_minor": -1}, Code.out_of_range, "/setup_fee"),
        ({"currency": "XXX"}, Code.unknown_currency, "/currency"),
        ({"preferred_day": 0}, Code.out_of_range, "/preferred_day"),
        ({"preferred_day": 32}, Code.out_of_range, "/preferred_day"),
        ({"preferred_day": 1, "frequency": "weekly"}, Code.invalid_value, "/preferred_day"),
        ({"first_due_on": D("2026-01-14")}, Code.date_order, "/first_due_on"),
        ({"down_payment_on": D("2026-01-15")}, Code.invalid_value, "/down_payment_on"),
        ({"down_payment_minor": 1, "down_payment_on": D("2026-01-14")}, Code.date_order, "/down_payment_on"),
        ({"down_payment_minor": 1, "down_payment_on": D("2026-02-16")}, Code.date_order, "/down_payment_on"),
    ],
)
def test_what_cannot_be_asked_for(changed: dict[str, Any], code: Code, pointer: str) -> None:
    with pytest.raises(PlanError) as caught:
        replace(ask("100.00", instalment_count=3), **changed)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


@pytest.mark.parametrize(
    ("asked", "code", "pointer"),
    [
        # Six yen over four are 2, 2, 2 and nothing.
        (ask("6", "JPY", instalment_count=4), Code.invalid_value, "/instalment_count"),
        (ask("3", "JPY", instalment_count=5), Code.invalid_value, "/instalment_count"),
        (ask("3", "JPY", instalment_count=5, interest=flat("12")), Code.invalid_value, "/instalment_count"),
        # 10.00 of interest a month is never paid back with 10.00 a month.
        (ask("1000.00", instalment="10.00", interest=declining("12")), Code.invalid_value, "/instalment_amount"),
        (ask("1000.00", instalment="10.00", interest=flat("12")), Code.out_of_range, "/instalment_amount"),
        (ask("1000.00", instalment="1.92"), Code.out_of_range, "/instalment_amount"),
        (ask("1.00", first_due_on="9999-12-01", instalment_count=2), Code.out_of_range, "/first_due_on"),
        (ask("99999999999999.99", setup_fee="0.01", instalment_count=2), Code.out_of_range, "/principal"),
    ],
)
def test_what_cannot_be_quoted(asked: PlanAsk, code: Code, pointer: str) -> None:
    with pytest.raises(PlanError) as caught:
        quote(asked, WEEKENDS)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


@pytest.mark.parametrize(
    ("kind", "rate"), [("none", "1"), ("flat", "0"), ("declining", "-1"), ("declining", "1000.01")]
)
def test_rates_fit_their_kind(kind: InterestKind, rate: str) -> None:
    with pytest.raises(PlanError) as caught:
        PlanInterest(kind, Fraction(rate))
    assert caught.value.pointer == "/interest/annual_rate"


def test_the_hash_is_of_the_terms_and_of_nothing_else() -> None:
    # printf '{"a":"ñ","b":[1,null,true]}' | sha256sum
    known = "dcdec32a3da83790377e2678e4547089fc2db439d2cc29f6c1ed6f421be5bd69"
    assert terms_hash({"b": [1, None, True], "a": "ñ"}) == known
    assert terms_hash({"a": "ñ", "b": (1, None, True)}) == known
    offer = quote(ask("100.00", instalment_count=6, interest=declining("9.4822")), WEEKENDS)
    shown = terms(offer, grace_days=5, invoices=["a", "b"], total="0.01")
    assert shown["interest"] == {"kind": "declining", "annual_rate": "9.4822", "day_count": "30_360", "amount": "2.78"}
    assert shown["total"] == "102.78"
    assert shown["instalments"][0] == {
        "number": 1,
        "due_on": "2026-02-15",
        "principal": "16.34",
        "interest": "0.79",
        "fee": "0.00",
        "total": "17.13",
    }
    assert terms_hash(shown) == terms_hash(terms(offer, invoices=["a", "b"], grace_days=5))
    assert terms_hash(shown) != terms_hash(terms(offer, grace_days=6, invoices=["a", "b"]))
    for value in (1.5, Fraction(1), {1: "a"}, D("2026-01-01")):
        with pytest.raises(TypeError):
            terms_hash({"value": value})
