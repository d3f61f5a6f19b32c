"""Rate tables through the API: the statutory ones, and the tenant's own."""

from typing import Any

import pytest

from tests.conftest import Api, MakeApi

STATUTORY = ["eu_late_payment", "es_ley_3_2004", "uk_late_payment", "mx_comercial", "mx_civil"]
OWN: dict[str, Any] = {
    "code": "contrato",
    "name": "Contrato marco",
    "rates": [{"from_on": "2025-01-01", "annual_rate": "24"}],
}


async def test_the_statutory_tables_tell_their_law(api: Api) -> None:
    tables = await api.all("/rate-tables")
    assert [table["code"] for table in tables] == STATUTORY
    assert all(table["built_in"] and table["sources"] and table["id"] is None for table in tables)
    kinds = {table["code"]: "consumer" in table["customer_kinds"] for table in tables}
    assert kinds == {code: code == "mx_civil" for code in STATUTORY}
    british = await api.get("/rate-tables/uk_late_payment")
    assert (british["rate_basis"], british["rounding"], british["currency"]) == ("at_start", "daily", "GBP")
    assert british["fixed_sums"][1] == {"from_amount": "1000.00", "amount": "70.00"}
    assert {"from_on": "2025-07-01", "annual_rate": "12.25"} in british["rates"]
    assert british["published_through"] == "2026-06-30"


async def test_a_table_of_ones_own_has_the_documented_defaults(api: Api) -> None:
    made = await api.post("/rate-tables", OWN)
    defaults: dict[str, Any] = {
        "day_count": "act_365",
        "rate_basis": "split",
        "rounding": "total",
        "fixed_sums": [],
        "currency": None,
        "cap_percent": None,
        "source": None,
    }
    assert {name: made[name] for name in defaults} == defaults
    assert made["built_in"] is False
    assert await api.get("/rate-tables/contrato") == made
    assert [table["code"] for table in await api.all("/rate-tables")] == [*STATUTORY, "contrato"]
    problem = await api.post("/rate-tables", OWN, expect=409)
    assert problem["code"] == "external_id_taken"


async def test_a_rate_is_added_by_put(api: Api) -> None:
    body = {name: value for name, value in OWN.items() if name != "code"}
    made = await api.put("/rate-tables/contrato", body, expect=201)
    rates = [*OWN["rates"], {"from_on": "2026-07-01", "annual_rate": "18.5"}]
    changed = await api.put("/rate-tables/contrato", {**body, "rates": rates})
    assert (changed["id"], changed["version"], changed["rates"]) == (made["id"], 2, rates)
    same = await api.put("/rate-tables/contrato", {**body, "rates": rates})
    assert same["version"] == 2
    headers = {"If-Match": '"1"'}
    await api.call("PUT", "/rate-tables/contrato", json=body, headers=headers, expect=412)


@pytest.mark.parametrize("code", STATUTORY)
async def test_the_code_of_a_statutory_table_is_not_to_be_had(api: Api, code: str) -> None:
    await api.post("/rate-tables", {**OWN, "code": code}, expect=409)
    await api.put(f"/rate-tables/{code}", {"name": "Mine", "rates": OWN["rates"]}, expect=409)


async def test_another_tenants_table_is_not_seen(api: Api, make_api: MakeApi) -> None:
    await api.post("/rate-tables", OWN)
    other = await make_api()
    await other.get("/rate-tables/contrato", expect=404)
    assert len(await other.all("/rate-tables")) == len(STATUTORY)
    await other.post("/rate-tables", OWN)


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"rates": []}, "/rates", "too_short"),
        ({"rates": [{"from_on": "2025-01-01", "annual_rate": 8.5}]}, "/rates/0/annual_rate", "invalid_type"),
        ({"rates": [{"from_on": "2025-01-01", "annual_rate": "-1"}]}, "/rates/0/annual_rate", "invalid_format"),
        (
            {"rates": [{"from_on": "2025-02-01", "annual_rate": "1"}, {"from_on": "2025-02-01", "annual_rate": "2"}]},
            "/rates/1/from_on",
            "date_order",
        ),
        ({"fixed_sums": [{"from_amount": "0", "amount": "40"}]}, "/currency", "missing"),
        (
            {"fixed_sums": [{"from_amount": "0", "amount": "40.5"}], "currency": "JPY"},
            "/fixed_sums/0/amount",
            "amount_decimals",
        ),
        (
            {"fixed_sums": [{"from_amount": "0", "amount": "-1"}], "currency": "EUR"},
            "/fixed_sums/0/amount",
            "out_of_range",
        ),
        (
            {
                "fixed_sums": [{"from_amount": "9", "amount": "1"}, {"from_amount": "9", "amount": "2"}],
                "currency": "EUR",
            },
            "/fixed_sums/1/from_amount",
            "invalid_value",
        ),
        ({"day_count": "act_366"}, "/day_count", "invalid_value"),
    ],
)
async def test_what_contradicts_itself_is_refused(api: Api, changes: Any, pointer: str, code: str) -> None:
    problem = await api.post("/rate-tables", {**OWN, **changes}, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
