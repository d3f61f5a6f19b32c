"""The calculator of late interest, against worked cases of authorities and other systems."""

from typing import Any

import pytest

from tests.conftest import Api


async def quote(api: Api, **fields: Any) -> Any:
    return await api.post("/charges/quote", {"currency": "EUR", **fields}, expect=200)


@pytest.mark.parametrize(("rounding", "interest"), [("daily", "11.50"), ("total", "11.64"), (None, "11.64")])
async def test_the_british_governments_example(api: Api, rounding: str | None, interest: str) -> None:
    fields = {"principal": "1000.00", "annual_rate": "8.5", "due_on": "2016-01-01", "paid_on": "2016-02-20"}
    answer = await quote(api, **fields, currency="GBP", rounding=rounding)
    assert (answer["interest"], answer["total"], answer["fixed_sum"]) == (interest, interest, "0.00")
    assert answer["segments"] == [
        {
            "from_on": "2016-01-02",
            "through_on": "2016-02-20",
            "days": 50,
            "principal": "1000.00",
            "annual_rate": "8.5",
            "interest": interest,
        }
    ]


async def test_the_united_states_treasurys_example(api: Api) -> None:
    fields = {"principal": "1500.00", "annual_rate": "6.5", "day_count": "act_360"}
    answer = await quote(api, **fields, currency="USD", due_on="2026-04-01", paid_on="2026-04-11")
    assert (answer["segments"][0]["days"], answer["interest"]) == (10, "2.71")


async def test_an_erps_example(api: Api) -> None:
    fields = {"principal": "100.00", "annual_rate": "10", "due_on": "2026-01-01", "paid_on": "2026-01-16"}
    assert (await quote(api, **fields))["interest"] == "0.41"


@pytest.mark.parametrize(
    ("paid_on", "days", "fixed_sum"),
    [("2026-03-30", 0, "0.00"), ("2026-03-31", 0, "0.00"), ("2026-04-01", 1, "40.00"), ("2026-04-02", 2, "40.00")],
)
async def test_lateness_begins_the_day_after(api: Api, paid_on: str, days: int, fixed_sum: str) -> None:
    fields = {"principal": "1000.00", "rate_table": "eu_late_payment", "due_on": "2026-03-31", "paid_on": paid_on}
    answer = await quote(api, **fields)
    assert sum(segment["days"] for segment in answer["segments"]) == days
    assert answer["fixed_sum"] == fixed_sum


@pytest.mark.parametrize(
    ("debt", "fixed_sum"), [("999.99", "40.00"), ("1000.00", "70.00"), ("9999.99", "70.00"), ("10000.00", "100.00")]
)
async def test_the_british_fixed_sum_goes_by_the_debt(api: Api, debt: str, fixed_sum: str) -> None:
    fields = {"rate_table": "uk_late_payment", "due_on": "2025-12-20", "paid_on": "2026-01-10"}
    answer = await quote(api, principal=debt, currency="GBP", **fields)
    assert answer["fixed_sum"] == fixed_sum
    # The rate of the half-year in which it became late holds throughout.
    assert [segment["annual_rate"] for segment in answer["segments"]] == ["12.25"]
    assert (await quote(api, principal=debt, currency="EUR", **fields))["fixed_sum"] == "0.00"


async def test_segments_split_at_payments_stops_and_rates_and_add_up(api: Api) -> None:
    answer = await quote(
        api,
        principal="1000.00",
        rate_table="eu_late_payment",
        due_on="2025-06-20",
        paid_on="2025-07-20",
        payments=[{"paid_on": "2025-06-25", "amount": "333.33"}],
        stopped=[{"from_on": "2025-07-05", "to_on": "2025-07-06"}],
    )
    shape = [(one["from_on"], one["through_on"], one["principal"], one["annual_rate"]) for one in answer["segments"]]
    assert shape == [
        ("2025-06-21", "2025-06-25", "1000.00", "11.15"),
        ("2025-06-26", "2025-06-30", "666.67", "11.15"),
        ("2025-07-01", "2025-07-04", "666.67", "10.15"),
        ("2025-07-07", "2025-07-20", "666.67", "10.15"),
    ]
    cents = [int(one["interest"].replace(".", "")) for one in answer["segments"]]
    assert sum(cents) == int(answer["interest"].replace(".", ""))
    assert answer["uses_unpublished_rate"] is False


async def test_a_rate_beyond_the_last_published_one_says_so(api: Api) -> None:
    fields = {"principal": "1000.00", "rate_table": "eu_late_payment", "due_on": "2026-06-29"}
    assert (await quote(api, **fields, paid_on="2026-06-30"))["uses_unpublished_rate"] is False
    assert (await quote(api, **fields, paid_on="2026-07-01"))["uses_unpublished_rate"] is True


@pytest.mark.parametrize(
    ("currency", "principal", "interest"), [("JPY", "100000", "255"), ("KWD", "1000.000", "2.548")]
)
async def test_currencies_with_other_decimals(api: Api, currency: str, principal: str, interest: str) -> None:
    fields = {"principal": principal, "annual_rate": "3", "due_on": "2026-01-01", "paid_on": "2026-02-01"}
    assert (await quote(api, **fields, currency=currency))["interest"] == interest


async def test_a_cap_and_sums_of_ones_own(api: Api) -> None:
    table = {
        "code": "tope",
        "name": "Con tope",
        "rates": [{"from_on": "2026-01-01", "annual_rate": "365"}],
        "cap_percent": "10",
        "fixed_sums": [{"from_amount": "500.00", "amount": "25.00"}],
        "currency": "EUR",
    }
    await api.post("/rate-tables", table)
    fields = {"rate_table": "tope", "due_on": "2026-02-01", "paid_on": "2026-02-21"}
    answer = await quote(api, principal="1000.00", **fields)
    assert (answer["interest"], answer["capped"], answer["fixed_sum"]) == ("100.00", True, "25.00")
    assert answer["total"] == "125.00"
    assert (await quote(api, principal="499.99", **fields))["fixed_sum"] == "0.00"
    problem = await api.post(
        "/charges/quote", {**fields, "currency": "EUR", "principal": "1", "due_on": "2025-12-01"}, expect=422
    )
    assert problem["errors"][0]["pointer"] == "/due_on"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"annual_rate": None}, ""),
        ({"rate_table": "mx_civil"}, ""),
        ({"annual_rate": None, "rate_table": "nada"}, "/rate_table"),
        ({"principal": "0"}, "/principal"),
        ({"principal": "1.001"}, "/principal"),
        ({"payments": [{"paid_on": "2026-03-01", "amount": "1"}]}, "/payments/0/paid_on"),
        ({"payments": [{"paid_on": "2026-01-05", "amount": "100.01"}]}, "/payments/0/amount"),
        ({"stopped": [{"from_on": "2026-01-05", "to_on": "2026-01-04"}]}, "/stopped/0/to_on"),
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, changes: Any, pointer: str) -> None:
    fields = {"principal": "100.00", "annual_rate": "10", "due_on": "2026-01-01", "paid_on": "2026-01-16"}
    problem = await api.post("/charges/quote", {"currency": "EUR", **fields, **changes}, expect=422)
    assert problem["errors"][0]["pointer"] == pointer
