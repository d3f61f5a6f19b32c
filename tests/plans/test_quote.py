"""The calculator: instalments to the cent, what they cost, and what the tenant does not allow."""

from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import Api
from tests.plans.agreeing import declining, over, owing


def figures(found: Any, name: str) -> list[str]:
    return [part[name] for part in found["instalments"]]


async def test_a_hundred_over_six_months_with_interest(api: Api) -> None:
    invoices = await owing(api, "100.00")
    found = await api.post(
        "/payment-plans/quote", over(invoices, instalment_count=6, interest=declining("9.4822")), expect=200
    )
    assert figures(found, "total") == ["17.13"] * 6
    assert figures(found, "interest") == ["0.79", "0.66", "0.53", "0.40", "0.27", "0.13"]
    assert figures(found, "due_on")[-1] == "2026-09-02"
    assert (found["principal"], found["total_cost"], found["total"]) == ("100.00", "2.78", "102.78")
    assert found["interest"] == {
        "kind": "declining",
        "annual_rate": "9.4822",
        "day_count": "30_360",
        "amount": "2.78",
    }
    # Six times 17.13 at the end of each month are worth 100.00 at 9.8914 % a year.
    assert found["effective_annual_rate"] == "9.89"
    assert len(found["terms_hash"]) == 64
    assert await api.all("/payment-plans") == []


@pytest.mark.parametrize(
    ("total", "terms", "expected"),
    [
        ("1000.00", {}, ["250.00"] * 4),
        ("1587.35", {}, ["396.84", "396.84", "396.84", "396.83"]),
        ("1000.00", {"instalment_amount": "300.00", "frequency": "weekly"}, ["300.00", "300.00", "300.00", "100.00"]),
        (
            "1000.00",
            {"down_payment": "100.00", "setup_fee": "8.00", "fee_placement": "spread"},
            ["100.00", *["227.00"] * 4],
        ),
    ],
)
async def test_what_is_shown_adds_up(api: Api, total: str, terms: dict[str, Any], expected: list[str]) -> None:
    found = await api.post("/payment-plans/quote", over(await owing(api, total), **terms), expect=200)
    assert figures(found, "total") == expected


async def test_several_invoices_by_either_id_and_their_charges(api: Api) -> None:
    first, second = await owing(api, "600.00", "400.00")
    third = await api.invoice(first["customer_id"], "50.00", "2026-02-01", "2026-02-10", external_id="F-3")
    await api.post("/charges", {"invoice_id": second["id"], "kind": "fee", "amount": "25.00"})
    body = {**over([first, second]), "invoice_external_ids": ["F-3"]}
    found = await api.post("/payment-plans/quote", body, expect=200)
    # In the order in which they are settled: oldest due first.
    assert [item["invoice_id"] for item in found["invoices"]] == [third["id"], first["id"], second["id"]]
    assert [(item["principal"], item["charges"]) for item in found["invoices"]] == [
        ("50.00", "0.00"),
        ("600.00", "0.00"),
        ("400.00", "25.00"),
    ]
    assert (found["principal"], found["included_charges"], found["total"]) == ("1075.00", "25.00", "1075.00")
    beside = await api.post("/payment-plans/quote", {**body, "include_charges": False}, expect=200)
    assert (beside["principal"], beside["included_charges"]) == ("1050.00", "0.00")


async def test_month_ends_and_days_that_are_not_worked(api: Api) -> None:
    terms = {"first_due_on": "2026-03-31", "roll": "following", "interest": declining()}
    found = await api.post("/payment-plans/quote", over(await owing(api, "100.00"), **terms), expect=200)
    # 31 May 2026 is a Sunday; the month end is kept.
    assert figures(found, "due_on") == ["2026-03-31", "2026-04-30", "2026-06-01", "2026-06-30"]


@pytest.mark.parametrize(
    ("terms", "pointer", "code"),
    [
        ({"instalment_amount": "10.00", "instalment_count": 4}, "", "missing"),
        ({"down_payment": "100.00"}, "/down_payment", "out_of_range"),
        ({"down_payment": "-1.00"}, "/down_payment", "out_of_range"),
        ({"setup_fee": "1.001"}, "/setup_fee", "amount_decimals"),
        ({"first_due_on": "2026-03-01"}, "/first_due_on", "date_order"),
        ({"interest": {"kind": "none", "annual_rate": "1"}}, "/interest/annual_rate", "invalid_value"),
        ({"interest": {"kind": "flat"}}, "/interest/annual_rate", "out_of_range"),
        ({"preferred_day": 5, "frequency": "weekly"}, "/preferred_day", "invalid_value"),
        ({"down_payment_on": "2026-03-05"}, "/down_payment_on", "invalid_value"),
        ({"instalment_count": 521}, "/instalment_count", "out_of_range"),
        ({"invoice_ids": []}, "/invoice_ids", "missing"),
        ({"invoice_external_ids": ["nobody's"]}, "/invoice_external_ids/0", "unknown_reference"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(api: Api, terms: dict[str, Any], pointer: str, code: str) -> None:
    body = {**over(await owing(api, "100.00")), **terms}
    problem = await api.post("/payment-plans/quote", body, expect=422)
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [(pointer, code)]


async def test_invoices_of_one_customer_and_currency_with_something_open(api: Api) -> None:
    [ours] = await owing(api, "100.00")
    [theirs] = await owing(api, "100.00")
    dollars = await api.invoice(ours["customer_id"], "10.00", "2026-02-01", "2026-02-20", currency="USD")
    paid = await api.invoice(ours["customer_id"], "10.00", "2026-02-01", "2026-02-20")
    await api.pay(
        ours["customer_id"], "10.00", "2026-03-01", allocations=[{"invoice_id": paid["id"], "amount": "10.00"}]
    )
    for other, code in (
        (theirs, "invalid_value"),
        (dollars, "currency_mismatch"),
        (paid, "state_conflict"),
        (ours, "duplicate_value"),
    ):
        problem = await api.post("/payment-plans/quote", over([ours, other]), expect=422)
        assert problem["errors"][0]["pointer"] == "/invoice_ids/1"
        assert problem["errors"][0]["code"] == code


@pytest.mark.parametrize(
    ("rule", "limit", "terms"),
    [
        ("allowed_kinds", ["consumer"], {}),
        ("min_amount", {"MXN": "1000.01"}, {}),
        ("max_amount", {"MXN": "999.99"}, {}),
        ("max_months", 3, {}),
        ("min_down_payment_percent", "10.5", {"down_payment": "104.99"}),
        ("min_instalment", {"MXN": "250.01"}, {}),
        ("max_grace_days", 5, {"grace_days": 6}),
        ("max_allowed_misses", 0, {"allowed_misses": 1}),
        ("allowed_interest", ["none", "declining"], {"interest": {"kind": "flat", "annual_rate": "5"}}),
        ("max_annual_rate", "11.99", {"interest": declining("12")}),
    ],
)
async def test_a_plan_that_breaks_a_rule_names_it(api: Api, rule: str, limit: Any, terms: dict[str, Any]) -> None:
    invoices = await owing(api, "1000.00")
    body = over(invoices, **terms)
    await api.post("/payment-plans/quote", body, expect=200)
    tenant = await api.patch("/tenant", {"plans": {rule: limit}})
    assert tenant["plans"][rule] == limit
    problem = await api.post("/payment-plans/quote", body, expect=422)
    assert problem["code"] == "plan_not_allowed"
    assert [fault["message"].partition(":")[0] for fault in problem["errors"]] == [f"plans.{rule}"]
    assert (await api.post("/payment-plans", body, expect=422))["code"] == "plan_not_allowed"
    # A limit in another currency is none.
    if isinstance(limit, dict):
        await api.patch("/tenant", {"plans": {rule: {"USD": limit["MXN"]}}})
        await api.post("/payment-plans/quote", body, expect=200)


async def test_interest_on_interest_needs_the_customers_word(api: Api) -> None:
    [invoice] = await owing(api, "100.00")
    await api.post("/charges", {"invoice_id": invoice["id"], "kind": "interest", "amount": "10.00"})
    body = over([invoice], charges_bear_interest=True, interest=declining())
    problem = await api.post("/payment-plans/quote", body, expect=422)
    assert problem["errors"][0]["message"].startswith("plans.compound_agreement:")
    found = await api.post("/payment-plans/quote", {**body, "compound_agreement": "letter of 1 March"}, expect=200)
    plain = await api.post("/payment-plans/quote", over([invoice], interest=declining()), expect=200)
    assert Decimal(found["total_cost"]) > Decimal(plain["total_cost"])


async def test_what_cannot_be_set_as_a_rule(api: Api) -> None:
    for wrong in ({"min_amount": {"MXN": "-1.00"}}, {"max_months": 0}, {"max_annual_rate": "x"}, {"unknown": 1}):
        await api.patch("/tenant", {"plans": wrong}, expect=422)
