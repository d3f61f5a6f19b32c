"""Policies as documents: exported here, imported anywhere; and what validation warns of."""

from typing import Any

import pytest

from tests.conftest import Api, MakeApi
from tests.policies.steps import policy, step

FULL = policy(
    name="Consumo",
    default=True,
    applies_to={"kinds": ["consumer"], "max_amount": {"MXN": "5000"}},
    priority=10,
    grouping="invoice",
    catch_up="one_at_a_time",
    late_entry="hold",
    max_count=3,
    min_gap_days=2,
    min_amount={"MXN": "100"},
    send_window={"start": "10:00", "end": "16:30", "days": ["mon", "fri"]},
    calendar="MX",
    steps=[
        step(-3),
        step(5, conditions={"tags": ["vip"], "min_amount": {"MXN": "1"}}, fee={"kind": "percent", "percent": "2.5"}),
        step(20, min_amount={"MXN": "50.5"}, on_exhausted="suggest_placement", requires_approval=True),
    ],
)


async def test_what_is_exported_is_imported_elsewhere(make_api: MakeApi) -> None:
    here, there = await make_api(), await make_api()
    made = await here.post("/dunning-policies", FULL)
    document = await here.get(f"/dunning-policies/{made['id']}/export")
    assert document["format"] == "puntual.dunning-policy/1"
    assert not {"id", "version", "created_at", "status"} & document.keys()
    taken = await there.post("/dunning-policies/import", document)
    assert (taken["status"], taken["version"]) == ("draft", 1)
    assert await there.get(f"/dunning-policies/{taken['id']}/export") == document
    content = {name: value for name, value in made.items() if name in document}
    assert {name: taken[name] for name in content} == content


async def test_an_import_changes_the_policy_of_its_name(api: Api) -> None:
    published = await api.policy([5], name="Cobranza")
    document = await api.get(f"/dunning-policies/{published['id']}/export")
    assert await api.post("/dunning-policies/import", document, expect=200) == published
    draft = await api.post("/dunning-policies/import", {**document, "steps": [step(9)]}, expect=200)
    assert (draft["id"], draft["version"], draft["status"]) == (published["id"], 2, "draft")
    assert await api.get(f"/dunning-policies/{published['id']}/export", version=1) == document
    await api.post("/dunning-policies", policy(name="Cobranza"))
    problem = await api.post("/dunning-policies/import", document, expect=409)
    assert problem["code"] == "state_conflict"


async def test_an_import_is_checked_like_a_new_policy(api: Api) -> None:
    problem = await api.post("/dunning-policies/import", policy(format="other/1", steps=[]), expect=422)
    assert {error["pointer"] for error in problem["errors"]} == {"/format", "/steps"}
    problem = await api.post("/dunning-policies/import", policy(steps=[step(5, template="?")]), expect=422)
    assert [error["code"] for error in problem["errors"]] == ["unknown_template"]
    assert await api.all("/dunning-policies") == []


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"max_count": 1}, "/max_count", "out_of_range"),
        ({"steps": [step(5, on_exhausted="task"), step(9)]}, "/steps/0/on_exhausted", "invalid_value"),
        (
            {"steps": [step(5, min_amount={"MXN": "50"}, fee={"kind": "flat", "amount": "50.01"})]},
            "/steps/0/fee/amount", "amount_range",
        ),
        (
            {"steps": [step(5, min_amount={"MXN": "50"}, conditions={"max_amount": {"MXN": "49.99"}})]},
            "/steps/0/min_amount/MXN", "amount_range",
        ),
    ],
)  # fmt: skip
async def test_what_is_odd_is_told_and_allowed(api: Api, fields: dict[str, Any], pointer: str, code: str) -> None:
    body = policy(**fields)
    answer = await api.post("/dunning-policies/validate", body, expect=200)
    assert (answer["valid"], answer["errors"]) == (True, [])
    assert [(warning["pointer"], warning["code"]) for warning in answer["warnings"]] == [(pointer, code)]
    made = await api.post("/dunning-policies", body)
    await api.post(f"/dunning-policies/{made['id']}/publish", expect=200)


async def test_hours_that_a_profile_never_allows_are_told(api: Api) -> None:
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    await api.patch(
        "/tenant",
        {"send_window": {"start": "00:00", "end": "24:00", "days": days}, "contact_profile": "mx_condusef"},
    )
    early = policy(send_window={"start": "05:00", "end": "07:00", "days": days})
    answer = await api.post("/dunning-policies/validate", early, expect=200)
    found = {(warning["pointer"], warning["code"]) for warning in answer["warnings"]}
    assert found == {(f"/steps/{index}/channels/0", "window_never_opens") for index in range(3)}
    later = policy(send_window={"start": "05:00", "end": "07:01", "days": days})
    assert (await api.post("/dunning-policies/validate", later, expect=200))["warnings"] == []
