"""Payment terms under codes of the tenant, and the calculator."""

from typing import Any

import pytest

from tests.conftest import Api, MakeApi

NET_30 = {"kind": "net", "days": 30, "discounts": [{"percent": "2", "days": 10}]}
OF_NET = {"kind": "net", "instalments": [{"percent": "50", "of": "net"}, {"remainder": True}]}
ALL_FIXED = {"kind": "net", "instalments": [{"amount": "100.00"}, {"remainder": True}]}
HALVES = {"kind": "net", "instalments": [{"percent": "50", "days": 30}, {"percent": "50", "days": 60}]}


async def preview(api: Api, terms: dict[str, Any], *, expect: int = 200, **fields: Any) -> Any:
    body = {"terms": terms, "issued_on": "2026-01-31", "currency": "MXN", "total": "100.00", **fields}
    return await api.post("/terms/preview", body, expect=expect)


async def test_terms_are_kept_under_a_code(api: Api) -> None:
    made = await api.post("/terms", {"code": "N30", "name": "30 días", "definition": NET_30})
    assert made["definition"]["days"] == 30
    assert made["definition"]["discounts"] == [{"percent": "2", "days": 10}]
    assert await api.get(f"/terms/{made['id']}") == made
    other = await api.put("/terms/by-code/MITADES", {"name": "Mitades", "definition": HALVES}, expect=201)
    assert [row["code"] for row in await api.all("/terms")] == ["MITADES", "N30"]
    assert [row["id"] for row in await api.all("/terms", code="MITADES")] == [other["id"]]
    again = await api.post("/terms", {"code": "N30", "name": "Otra vez", "definition": NET_30}, expect=409)
    assert again["code"] == "external_id_taken"


async def test_a_code_is_changed_and_the_same_again_changes_nothing(api: Api) -> None:
    first = await api.put("/terms/by-code/N30", {"name": "30 días", "definition": NET_30}, expect=201)
    same = await api.put("/terms/by-code/N30", {"name": "30 días", "definition": NET_30})
    assert (same["id"], same["version"]) == (first["id"], 1)
    changed = await api.put("/terms/by-code/N30", {"name": "30 días", "definition": {**NET_30, "days": 31}})
    assert (changed["id"], changed["version"], changed["definition"]["days"]) == (first["id"], 2, 31)


async def test_terms_of_another_tenant_are_not_seen(api: Api, make_api: MakeApi) -> None:
    made = await api.post("/terms", {"code": "N30", "name": "30 días", "definition": NET_30})
    other = await make_api()
    await other.get(f"/terms/{made['id']}", expect=404)
    assert await other.all("/terms") == []
    await other.post("/terms", {"code": "N30", "name": "Theirs", "definition": NET_30})


@pytest.mark.parametrize(
    ("definition", "pointer", "code"),
    [
        ({}, "/definition/kind", "missing"),
        ({"kind": "someday"}, "/definition/kind", "invalid_value"),
        ({"kind": "net", "days": -1}, "/definition/days", "out_of_range"),
        ({"kind": "net", "days": "30"}, "/definition/days", "invalid_type"),
        ({"kind": "net", "when": 1}, "/definition/when", "unknown_field"),
        ({"kind": "net", "calendar": "XX"}, "/definition/calendar", "invalid_value"),
        ({"kind": "net", "pay_days": [5]}, "/definition/pay_days", "invalid_value"),
        ({"kind": "pay_days"}, "/definition/pay_days", "missing"),
        (
            {"kind": "net", "discounts": [{"percent": "0", "days": 1}]},
            "/definition/discounts/0/percent",
            "out_of_range",
        ),
        ({"kind": "net", "discounts": [{"percent": 2, "days": 1}]}, "/definition/discounts/0/percent", "invalid_type"),
        (
            {"kind": "net", "instalments": [{"percent": "0", "days": 1}, {"remainder": True}]},
            "/definition/instalments/0/percent",
            "out_of_range",
        ),
        ({"kind": "net", "instalments": [{"percent": "50"}]}, "/definition/instalments", "invalid_value"),
        (
            {"kind": "net", "instalments": [{"amount": "5.00"}, {"remainder": True}]},
            "/definition/instalments/0/amount",
            "invalid_value",
        ),
        (
            {"kind": "net", "currency": "JPY", "instalments": [{"amount": "5.00"}, {"remainder": True}]},
            "/definition/instalments/0/amount",
            "amount_decimals",
        ),
    ],
)
async def test_terms_that_contradict_themselves_say_where(
    api: Api, definition: dict[str, Any], pointer: str, code: str
) -> None:
    for method, path in (("POST", "/terms"), ("PUT", "/terms/by-code/T")):
        body = {"name": "T", "definition": definition, **({"code": "T"} if method == "POST" else {})}
        problem = (await api.call(method, path, json=body, expect=422)).json()
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert await api.all("/terms") == []


async def test_a_code_is_plain(api: Api) -> None:
    for code in ("", "ñ", "a b", "-a", "x" * 51):
        problem = await api.post("/terms", {"code": code, "name": "T", "definition": NET_30}, expect=422)
        assert problem["errors"][0]["pointer"] == "/code"


async def test_the_calculator_splits_dates_and_amounts(api: Api) -> None:
    told = await preview(api, {**HALVES, "discounts": [{"percent": "2.50", "days": 10}]}, total="100.01")
    assert told == {
        "due_on": "2026-04-01",
        "instalments": [
            {"number": 1, "due_on": "2026-03-02", "nominal_on": "2026-03-02", "amount": "50.01"},
            {"number": 2, "due_on": "2026-04-01", "nominal_on": "2026-04-01", "amount": "50.00"},
        ],
        "discounts": [{"percent": "2.5", "until": "2026-02-10"}],
    }
    whole = await preview(api, {"kind": "net", "months": 1})
    assert (whole["due_on"], len(whole["instalments"]), whole["discounts"]) == ("2026-02-28", 1, [])


async def test_the_calculator_rolls_and_goes_by_pay_days(api: Api) -> None:
    # 2026-02-28 is a Saturday; 2 March is a Monday, and Andalusia's 28 February a holiday.
    rolled = await preview(api, {"kind": "net", "days": 28, "roll": "following"})
    assert rolled["instalments"][0] | {"amount": ""} == {
        "number": 1, "due_on": "2026-03-02", "nominal_on": "2026-02-28", "amount": "",
    }  # fmt: skip
    assert (await preview(api, {"kind": "net", "days": 28, "roll": "modified_following"}))["due_on"] == "2026-02-27"
    friday = {"kind": "net", "days": 27, "roll": "preceding", "calendar": "MX"}
    assert (await preview(api, friday))["due_on"] == "2026-02-27"
    assert (await preview(api, {"kind": "net", "days": 28}, pay_days=[5, 20]))["due_on"] == "2026-03-05"


async def test_the_calculator_takes_a_code(api: Api) -> None:
    fixed = {"kind": "net", "currency": "MXN", "instalments": [{"amount": "30.00", "days": 5}, {"remainder": True}]}
    await api.put("/terms/by-code/FIJO", {"name": "Fijo", "definition": fixed}, expect=201)
    body = {"code": "FIJO", "issued_on": "2026-01-01", "currency": "MXN", "total": "100.00"}
    told = await api.post("/terms/preview", body, expect=200)
    assert [part["amount"] for part in told["instalments"]] == ["70.00", "30.00"]
    for changes, code in (
        ({"currency": "EUR"}, "currency_mismatch"),
        ({"total": "30.00"}, "invalid_value"),
        ({"code": "NADA"}, "unknown_reference"),
    ):
        problem = await api.post("/terms/preview", {**body, **changes}, expect=422)
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/code", code)]


@pytest.mark.parametrize(
    ("terms", "fields", "pointer", "code"),
    [
        (NET_30, {"total": "0"}, "/total", "out_of_range"),
        (NET_30, {"total": "1.001"}, "/total", "amount_decimals"),
        (NET_30, {"total": "-1.00"}, "/total", "out_of_range"),
        (NET_30, {"net_total": "100.01"}, "/net_total", "out_of_range"),
        (NET_30, {"code": "N30"}, "", "missing"),
        (OF_NET, {}, "/net_total", "missing"),
        (ALL_FIXED, {}, "/terms/instalments/1", "invalid_value"),
        ({"kind": "pay_days", "pay_days": [5, 0]}, {}, "/terms/pay_days/1", "out_of_range"),
    ],
)  # fmt: skip
async def test_the_calculator_says_what_does_not_fit(
    api: Api, terms: dict[str, Any], fields: dict[str, Any], pointer: str, code: str
) -> None:
    problem = await preview(api, terms, expect=422, **fields)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


async def test_a_percent_of_the_net_total(api: Api) -> None:
    terms = {"kind": "net", "instalments": [{"percent": "50", "of": "net"}, {"remainder": True, "days": 30}]}
    told = await preview(api, terms, total="116.00", net_total="100.00")
    assert [part["amount"] for part in told["instalments"]] == ["50.00", "66.00"]


async def test_keys_need_the_scope(api: Api) -> None:
    key = await api.post("/api-keys", {"name": "reader", "scopes": ["terms:read"]})
    api.key = key["key"]
    assert await api.all("/terms") == []
    await api.put("/terms/by-code/N30", {"name": "30", "definition": NET_30}, expect=403)
