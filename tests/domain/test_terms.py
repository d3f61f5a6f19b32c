from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from app.domain.discount import DiscountTerm
from app.domain.errors import Code
from app.domain.money import format_amount, parse_amount
from app.domain.terms import TermsError, discounts, due_dates, schedule
from app.domain.terms_wire import read_terms
from app.domain.workdays import Calendar, Convention

D = date.fromisoformat
WEEKENDS = Calendar()
MEXICO = Calendar(
    frozenset(
        {date(2026, 1, 1), date(2026, 2, 2), date(2026, 3, 16), date(2026, 5, 1), date(2026, 9, 16), date(2026, 11, 16)}
    )
)
SPAIN = Calendar(
    frozenset(
        {date(2026, 1, 1), date(2026, 1, 6), date(2026, 4, 3), date(2026, 5, 1), date(2026, 10, 12), date(2027, 1, 1)}
    )
)


def due(wire: dict[str, Any], issued_on: str, calendar: Calendar = WEEKENDS) -> str:
    """The one due date of terms."""
    (found,) = due_dates(read_terms(wire), D(issued_on), calendar)
    return found.due_on.isoformat()


def split(
    wire: list[dict[str, Any]], total: str, currency: str, net: str | None = None, issued_on: str = "2026-01-15"
) -> list[tuple[str, str]]:
    """Dates and amounts of instalments, as decimal strings."""
    terms = read_terms({"kind": "net", "instalments": wire}, currency)
    net_minor = None if net is None else parse_amount(net, currency)
    parts = schedule(terms, D(issued_on), parse_amount(total, currency), WEEKENDS, net_minor)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    return [(part.due_on.isoformat(), format_amount(part.amount_minor, currency)) for part in parts]


@pytest.mark.parametrize(
    ("wire", "issued_on", "due_on"),
    [
        # Counting days, around a leap day and around the end of a year.
        ({"kind": "net"}, "2026-03-01", "2026-03-01"),
        ({"kind": "net", "days": 30}, "2026-01-01", "2026-01-31"),
        ({"kind": "net", "days": 30}, "2027-12-15", "2028-01-14"),
        ({"kind": "net", "days": 1}, "2028-02-27", "2028-02-28"),
        ({"kind": "net", "days": 1}, "2028-02-28", "2028-02-29"),
        ({"kind": "net", "days": 1}, "2028-02-29", "2028-03-01"),
        ({"kind": "net", "days": 1}, "2027-02-28", "2027-03-01"),
        # Months keep the day, or take the month's last.
        ({"kind": "net", "months": 1}, "2026-01-28", "2026-02-28"),
        ({"kind": "net", "months": 1}, "2026-01-29", "2026-02-28"),
        ({"kind": "net", "months": 1}, "2026-01-31", "2026-02-28"),
        ({"kind": "net", "months": 1}, "2028-01-29", "2028-02-29"),
        ({"kind": "net", "months": 1}, "2028-01-31", "2028-02-29"),
        ({"kind": "net", "months": 1}, "2026-02-28", "2026-03-28"),
        ({"kind": "net", "months": 1}, "2026-03-30", "2026-04-30"),
        ({"kind": "net", "months": 1}, "2026-03-31", "2026-04-30"),
        ({"kind": "net", "months": 1}, "2026-12-31", "2027-01-31"),
        ({"kind": "net", "months": 12}, "2028-02-29", "2029-02-28"),
        ({"kind": "net", "months": 48}, "2028-02-29", "2032-02-29"),
        # Months first, then days: the other way round would give 28 February.
        ({"kind": "net", "months": 1, "days": 1}, "2026-01-30", "2026-03-01"),
    ],
)
def test_net_terms_count_months_and_then_days(wire: dict[str, Any], issued_on: str, due_on: str) -> None:
    assert due(wire, issued_on) == due_on


@pytest.mark.parametrize(
    ("wire", "issued_on", "due_on"),
    [
        ({"days": 60}, "2015-01-30", "2015-03-31"),
        # The end of a month is the last day of it, from its first to its last.
        ({}, "2026-03-31", "2026-03-31"),
        ({}, "2026-04-01", "2026-04-30"),
        ({}, "2026-04-30", "2026-04-30"),
        ({}, "2028-02-01", "2028-02-29"),
        ({}, "2027-02-01", "2027-02-28"),
        ({"months": 1}, "2026-01-31", "2026-02-28"),
        ({"months": 1}, "2026-02-28", "2026-03-31"),
        # 30 days, end of month: around the date on which the month changes.
        ({"days": 30}, "2026-03-31", "2026-04-30"),
        ({"days": 30}, "2026-04-01", "2026-05-31"),
        # 45 days and then the month's end; the month's end and then 45 days.
        ({"days": 45}, "2026-01-14", "2026-02-28"),
        ({"days": 45}, "2026-01-15", "2026-03-31"),
        ({"days_after": 45}, "2026-01-14", "2026-03-17"),
        ({"days_after": 45}, "2026-01-31", "2026-03-17"),
        ({"days_after": 45}, "2026-02-01", "2026-04-14"),
        ({"days_after": 30}, "2026-01-31", "2026-03-02"),
        ({"days_after": 15}, "2026-01-31", "2026-02-15"),
        ({"days": 10, "days_after": 10}, "2026-01-25", "2026-03-10"),
        # The end of the month, then the customer's pay day.
        ({"pay_days": [5]}, "2020-01-01", "2020-02-05"),
        ({"pay_days": [15]}, "2020-02-29", "2020-03-15"),
        ({"pay_days": [-1]}, "2020-02-01", "2020-02-29"),
        ({"days_after": 5, "pay_days": [5, 6]}, "2020-01-01", "2020-02-05"),
        ({"days_after": 6, "pay_days": [5]}, "2020-01-01", "2020-03-05"),
    ],
)
def test_end_of_month(wire: dict[str, Any], issued_on: str, due_on: str) -> None:
    assert due({"kind": "end_of_month", **wire}, issued_on) == due_on


@pytest.mark.parametrize(
    ("wire", "issued_on", "due_on"),
    [
        ({"pay_days": [5, 10]}, "2020-01-01", "2020-01-05"),
        ({"pay_days": [5, 10]}, "2020-01-04", "2020-01-05"),
        ({"pay_days": [5, 10]}, "2020-01-05", "2020-01-05"),
        ({"pay_days": [5, 10]}, "2020-01-06", "2020-01-10"),
        ({"pay_days": [10, 5]}, "2020-01-06", "2020-01-10"),
        ({"pay_days": [5, 10]}, "2020-01-10", "2020-01-10"),
        ({"pay_days": [5, 10]}, "2020-01-11", "2020-02-05"),
        ({"pay_days": [5, 10]}, "2020-12-11", "2021-01-05"),
        ({"pay_days": [20], "days": 60}, "2026-01-19", "2026-03-20"),
        ({"pay_days": [20], "days": 60}, "2026-01-20", "2026-04-20"),
        ({"pay_days": [31], "months": 1}, "2026-01-31", "2026-02-28"),
        # A day that the month does not have is its last.
        ({"pay_days": [31]}, "2026-02-01", "2026-02-28"),
        ({"pay_days": [30]}, "2026-02-28", "2026-02-28"),
        ({"pay_days": [30]}, "2028-02-28", "2028-02-29"),
        ({"pay_days": [30]}, "2026-03-30", "2026-03-30"),
        ({"pay_days": [30]}, "2026-03-31", "2026-04-30"),
        ({"pay_days": [31]}, "2026-04-01", "2026-04-30"),
        ({"pay_days": [-1]}, "2026-04-30", "2026-04-30"),
        ({"pay_days": [15, -1]}, "2026-02-16", "2026-02-28"),
    ],
)
def test_pay_days(wire: dict[str, Any], issued_on: str, due_on: str) -> None:
    assert due({"kind": "pay_days", **wire}, issued_on) == due_on


def test_a_customers_own_pay_days_bind_every_instalment() -> None:
    wire = {"kind": "end_of_month", "instalments": [{"percent": "50", "kind": "net"}, {"percent": "50", "months": 1}]}
    terms = read_terms(wire)
    assert [day.isoformat() for day, _ in due_dates(terms, D("2026-01-12"), WEEKENDS)] == ["2026-01-12", "2026-02-28"]
    own = terms.with_pay_days((10, 20))
    assert [day.isoformat() for day, _ in due_dates(own, D("2026-01-12"), WEEKENDS)] == ["2026-01-20", "2026-03-10"]
    assert terms.with_pay_days(()) == terms
    (single,) = due_dates(read_terms({"kind": "net", "days": 30}).with_pay_days((5,)), D("2026-01-15"), WEEKENDS)
    assert single.due_on == D("2026-03-05")


@pytest.mark.parametrize(
    ("issued_on", "convention", "calendar", "due_on"),
    [
        # Mexico: Monday 16 March is a holiday after a weekend.
        ("2026-03-13", "following", MEXICO, "2026-03-13"),
        ("2026-03-14", "following", MEXICO, "2026-03-17"),
        ("2026-03-16", "following", MEXICO, "2026-03-17"),
        ("2026-03-17", "following", MEXICO, "2026-03-17"),
        ("2026-03-16", "following", SPAIN, "2026-03-16"),
        ("2026-03-14", "none", MEXICO, "2026-03-14"),
        # Mexico: a Saturday that ends January, and a holiday on the Monday after.
        ("2026-01-31", "following", MEXICO, "2026-02-03"),
        ("2026-01-31", "modified_following", MEXICO, "2026-01-30"),
        ("2026-01-31", "preceding", MEXICO, "2026-01-30"),
        ("2026-01-30", "modified_following", MEXICO, "2026-01-30"),
        # Spain: Epiphany, a Tuesday; Good Friday; the Friday of New Year.
        ("2026-01-05", "preceding", SPAIN, "2026-01-05"),
        ("2026-01-06", "preceding", SPAIN, "2026-01-05"),
        ("2026-01-06", "following", SPAIN, "2026-01-07"),
        ("2026-01-07", "preceding", SPAIN, "2026-01-07"),
        ("2026-04-03", "following", SPAIN, "2026-04-06"),
        ("2026-04-03", "following", MEXICO, "2026-04-03"),
        ("2027-01-01", "following", SPAIN, "2027-01-04"),
        ("2027-01-01", "modified_following", SPAIN, "2027-01-04"),
    ],
)
def test_due_dates_roll_and_keep_their_nominal_date(
    issued_on: str, convention: Convention, calendar: Calendar, due_on: str
) -> None:
    # Issued ten days earlier, so that the dates above are the nominal ones.
    terms = read_terms({"kind": "net", "days": 10, "roll": convention})
    (found,) = due_dates(terms, D(issued_on) - timedelta(days=10), calendar)
    assert found == (D(due_on), D(issued_on))


@pytest.mark.parametrize(
    ("convention", "days", "due_on"),
    [
        # Issued on Saturday 31 January 2026: back would be before the issue.
        ("preceding", 0, "2026-02-03"),
        ("preceding", 1, "2026-02-03"),
        ("preceding", 3, "2026-02-03"),
        ("modified_following", 0, "2026-02-03"),
        ("preceding", 7, "2026-02-06"),
    ],
)
def test_no_roll_takes_a_due_date_before_the_issue(convention: Convention, days: int, due_on: str) -> None:
    assert due({"kind": "net", "days": days, "roll": convention}, "2026-01-31", MEXICO) == due_on


@pytest.mark.parametrize(
    ("instalments", "total", "currency", "net", "parts"),
    [
        # 1,000 and 10 % of tax: 10 % of the net, 40 % of the net, the balance.
        (
            [
                {"percent": "10", "of": "net"},
                {"percent": "40", "of": "net", "days": 30},
                {"remainder": True, "months": 2},
            ],
            "1100.00",
            "EUR",
            "1000.00",
            [("2026-01-15", "100.00"), ("2026-02-14", "400.00"), ("2026-03-15", "600.00")],
        ),
        (
            [{"percent": "50"}, {"percent": "50", "days": 30}],
            "0.03",
            "MXN",
            None,
            [("2026-01-15", "0.02"), ("2026-02-14", "0.01")],
        ),
        (
            [{"percent": "33.3333"}, {"percent": "33.3333", "days": 1}, {"percent": "33.3334", "days": 2}],
            "100.00",
            "EUR",
            None,
            [("2026-01-15", "33.33"), ("2026-01-16", "33.33"), ("2026-01-17", "33.34")],
        ),
        # Yen have no decimals, dinars have three.
        (
            [{"percent": "33.5"}, {"percent": "33.5", "days": 30}, {"remainder": True, "days": 60}],
            "1001",
            "JPY",
            None,
            [("2026-01-15", "335"), ("2026-02-14", "335"), ("2026-03-16", "331")],
        ),
        (
            [{"percent": "12.5"}, {"amount": "1.005", "days": 30}, {"remainder": True, "days": 60}],
            "10.001",
            "KWD",
            None,
            [("2026-01-15", "1.250"), ("2026-02-14", "1.005"), ("2026-03-16", "7.746")],
        ),
        # By date, whatever the order they were written in; the last one written takes the remainder.
        (
            [{"amount": "70.00", "days": 30}, {"remainder": True}],
            "100.00",
            "EUR",
            None,
            [("2026-01-15", "30.00"), ("2026-02-14", "70.00")],
        ),
        # Tax withheld: the total is below the net amount.
        (
            [{"percent": "50", "of": "net"}, {"remainder": True, "days": 30}],
            "90.00",
            "MXN",
            "100.00",
            [("2026-01-15", "50.00"), ("2026-02-14", "40.00")],
        ),
        ([{"remainder": True, "days": 5}], "1.00", "EUR", None, [("2026-01-20", "1.00")]),
        ([{"percent": "100", "days": 5}], "1.00", "EUR", None, [("2026-01-20", "1.00")]),
    ],
)
def test_instalments(
    instalments: list[dict[str, Any]], total: str, currency: str, net: str | None, parts: list[tuple[str, str]]
) -> None:
    assert split(instalments, total, currency, net) == parts


def test_without_instalments_everything_is_due_at_once() -> None:
    terms = read_terms({"kind": "net", "days": 2, "roll": "following"})
    assert schedule(terms, D("2026-03-12"), 10_000, MEXICO) == ((1, D("2026-03-17"), D("2026-03-14"), 10_000),)


def test_an_instalment_without_a_kind_takes_that_of_the_terms() -> None:
    wire = {
        "kind": "end_of_month",
        "days_after": 5,
        "pay_days": [10],
        "instalments": [{"percent": "20", "kind": "net"}, {"percent": "40", "days": 30}, {"percent": "40", "days": 60}],
    }
    found = [due.due_on.isoformat() for due in due_dates(read_terms(wire), D("2026-01-15"), WEEKENDS)]
    assert found == ["2026-01-15", "2026-03-10", "2026-04-10"]


@pytest.mark.parametrize(
    ("instalments", "total", "net", "code", "pointer"),
    [
        ([{"amount": "99.99"}, {"remainder": True}], "100.00", None, None, ""),
        ([{"amount": "100.00"}, {"remainder": True}], "100.00", None, Code.invalid_value, "/instalments/1"),
        ([{"amount": "100.01"}, {"remainder": True}], "100.00", None, Code.invalid_value, "/instalments/1"),
        ([{"percent": "50"}, {"percent": "50"}], "0.02", None, None, ""),
        ([{"percent": "50"}, {"percent": "50"}], "0.01", None, Code.invalid_value, "/instalments/1"),
        ([{"percent": "1"}, {"percent": "99"}], "0.49", None, Code.invalid_value, "/instalments/0"),
        ([{"percent": "1"}, {"percent": "99"}], "0.50", None, None, ""),
        (
            [{"percent": "10", "of": "net"}, {"remainder": True}],
            "1.00",
            "0.00",
            Code.invalid_value,
            "/instalments/0",
        ),
        ([{"percent": "10", "of": "net"}, {"remainder": True}], "1.00", None, Code.missing, "/instalments/0/of"),
        ([], "0.00", None, Code.invalid_value, ""),
        ([], "-1.00", None, Code.invalid_value, ""),
    ],
)
def test_splits_that_make_a_part_vanish_are_refused(
    instalments: list[dict[str, Any]], total: str, net: str | None, code: Code | None, pointer: str
) -> None:
    if code is None:
        assert split(instalments, total, "EUR", net)
        return
    with pytest.raises(TermsError) as caught:
        split(instalments, total, "EUR", net)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


def test_discounts_have_dates_that_do_not_roll() -> None:
    wire = {"roll": "following", "discounts": [{"percent": "1", "days": 20}, {"percent": "2", "days": 10}]}
    # 14 February 2026 is a Saturday.
    assert discounts(read_terms(wire), D("2026-02-04")) == (
        DiscountTerm(D("2026-02-14"), Fraction(2)),
        DiscountTerm(D("2026-02-24"), Fraction(1)),
    )
    assert discounts(read_terms({"kind": "net", "days": 30}), D("2026-02-04")) == ()


@pytest.mark.parametrize(
    ("wire", "issued_on"),
    [
        ({"days": 1}, "9999-12-31"),
        ({"months": 1}, "9999-12-01"),
        ({"kind": "end_of_month", "days_after": 1}, "9999-12-01"),
        ({"kind": "pay_days", "pay_days": [5]}, "9999-12-06"),
    ],
)
def test_dates_beyond_the_last_year_are_refused(wire: dict[str, Any], issued_on: str) -> None:
    terms = read_terms({**wire, "discounts": [{"percent": "2", "days": 40}]})
    with pytest.raises(TermsError) as caught:
        due_dates(terms, D(issued_on), WEEKENDS)
    assert caught.value.code is Code.out_of_range
    with pytest.raises(TermsError) as caught:
        discounts(terms, D(issued_on))
    assert caught.value.code is Code.out_of_range
