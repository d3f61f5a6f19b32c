"""What a policy may not say: each fault names its field, has a stable code, and tells the fix."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.policies.steps import policy, step

ALL_WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def window(start: str, end: str, days: list[str] | None = None) -> dict[str, Any]:
    return {"send_window": {"start": start, "end": end, "days": ALL_WEEK if days is None else days}}


def one(**fields: Any) -> dict[str, Any]:
    """A policy of one step that has something special."""
    return {"steps": [step(5, **fields)]}


def fee(kind: str, **fields: Any) -> dict[str, Any]:
    return one(fee={"kind": kind, **fields})


# What is sent, the pointer, the code, and a part of the message: what to do.
FAULTS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a blank name": ({"name": "  "}, "/name", "too_short", ""),
    "a long name": ({"name": "x" * 201}, "/name", "too_long", ""),
    "no steps": ({"steps": []}, "/steps", "too_short", ""),
    "51 steps": ({"steps": [step(day) for day in range(51)]}, "/steps", "too_long", ""),
    "an unknown field": ({"grouping_by": "x"}, "/grouping_by", "unknown_field", "spelling"),
    "an unknown grouping": ({"grouping": "contract"}, "/grouping", "invalid_value", "customer"),
    "an unknown catch-up": ({"catch_up": "all"}, "/catch_up", "invalid_value", "one_at_a_time"),
    "an unknown late entry": ({"late_entry": "later"}, "/late_entry", "invalid_value", "restart"),
    "a gap under 0": ({"min_gap_days": -1}, "/min_gap_days", "out_of_range", "0"),
    "a gap over a year": ({"min_gap_days": 366}, "/min_gap_days", "out_of_range", "365"),
    "a gap that is no integer": ({"min_gap_days": True}, "/min_gap_days", "invalid_type", ""),
    "money as a number": ({"min_amount": {"MXN": 100}}, "/min_amount/MXN", "money_not_string", "string"),
    "money below zero": ({"min_amount": {"MXN": "-1.00"}}, "/min_amount/MXN", "amount_range", "zero or more"),
    "too many decimals": ({"min_amount": {"JPY": "1.5"}}, "/min_amount/JPY", "amount_decimals", "0 decimals"),
    "no money": ({"min_amount": {"MXN": "1,000"}}, "/min_amount/MXN", "invalid_format", ""),
    "an unknown currency": ({"min_amount": {"XXX": "1"}}, "/min_amount/XXX", "unknown_currency", "ISO 4217"),
    "an odd currency": ({"min_amount": {"a/b": "1"}}, "/min_amount/a~1b", "unknown_currency", "ISO 4217"),
    "a calendar of nowhere": ({"calendar": "ZZ"}, "/calendar", "invalid_value", "ES-MD"),
    "a region of nowhere": ({"calendar": "ES-ZZ"}, "/calendar", "invalid_value", "ES-MD"),
    "half a calendar": ({"calendar": "MX-"}, "/calendar", "invalid_format", ""),
    "a window backwards": (window("18:00", "09:00"), "/send_window", "window_never_opens", "`start` comes before"),
    "an empty window": (window("09:00", "09:00"), "/send_window", "window_never_opens", "`start` comes before"),
    "a window from 24:00": (window("24:00", "24:00"), "/send_window", "window_never_opens", "`start` comes before"),
    "a window without days": (window("09:00", "10:00", []), "/send_window/days", "too_short", ""),
    "a window after the tenant's": (window("18:00", "24:00"), "/send_window", "window_never_opens", "tenant"),
    "a window on other days": (
        window("09:00", "18:00", ["sat", "sun"]), "/send_window", "window_never_opens", "widen",
    ),
    "a key with a blank": (one(key="d 5"), "/steps/0/key", "invalid_format", ""),
    "a key in capitals": (one(key="D5"), "/steps/0/key", "invalid_format", ""),
    "a key that begins with a sign": (one(key="+5"), "/steps/0/key", "invalid_format", ""),
    "a long key": (one(key="d" * 51), "/steps/0/key", "invalid_format", ""),
    "a key twice": ({"steps": [step(5), step(6, key="d+5")]}, "/steps/1/key", "duplicate_value", "its own"),
    "a day twice": ({"steps": [step(5), step(5, key="x")]}, "/steps/1/offset_days", "steps_out_of_order", "ascending"),
    "a day before": ({"steps": [step(5), step(4)]}, "/steps/1/offset_days", "steps_out_of_order", "at 5 days"),
    "a day too early": (one(offset_days=-366), "/steps/0/offset_days", "out_of_range", "365"),
    "a day too late": (one(offset_days=3651), "/steps/0/offset_days", "out_of_range", "3650"),
    "a day as text": (one(offset_days="5"), "/steps/0/offset_days", "invalid_type", "integer"),
    "an unknown template": (one(template="letter"), "/steps/0/template", "unknown_template", "final_notice, first_not"),
    "no channel": (one(channels=[]), "/steps/0/channels", "too_short", ""),
    "a channel twice": (one(channels=["email", "email"]), "/steps/0/channels/1", "duplicate_value", "once"),
    "a channel without an account": (
        one(channels=["email", "sms"]), "/steps/0/channels/1", "channel_not_available", "account",
    ),
    "an unknown channel": (one(channels=["fax"]), "/steps/0/channels/0", "invalid_value", "email"),
    "approval as text": (one(requires_approval="yes"), "/steps/0/requires_approval", "invalid_type", ""),
    "an unknown ending": (one(on_exhausted="court"), "/steps/0/on_exhausted", "invalid_value", "placement"),
    "a step's minimum below zero": (
        one(min_amount={"MXN": "-0.01"}), "/steps/0/min_amount/MXN", "amount_range", "zero or more",
    ),
    "an unknown kind of fee": (fee("fixed", amount="1"), "/steps/0/fee/kind", "invalid_value", "flat"),
    "a flat fee without amount": (fee("flat"), "/steps/0/fee/amount", "missing", "`amount`"),
    "a flat fee of nothing": (fee("flat", amount="0.00"), "/steps/0/fee/amount", "amount_range", "more than zero"),
    "a flat fee with a percentage": (fee("flat", amount="1", percent="1"), "/steps/0/fee/percent", "invalid_value", ""),
    "a flat fee with a bound": (fee("flat", amount="1", max="2"), "/steps/0/fee/max", "invalid_value", "leave it out"),
    "a fee of too many decimals": (fee("flat", amount="1.001"), "/steps/0/fee/amount", "amount_decimals", "MXN"),
    "a fee in no currency": (
        fee("flat", amount="1", currency="XXX"), "/steps/0/fee/currency", "unknown_currency", "ISO 4217",
    ),
    "a percent fee without one": (fee("percent"), "/steps/0/fee/percent", "missing", "`percent`"),
    "a percent fee with an amount": (
        fee("percent", percent="1", amount="1"), "/steps/0/fee/amount", "invalid_value", "leave it out",
    ),
    "0 percent": (fee("percent", percent="0.0"), "/steps/0/fee/percent", "out_of_range", "above 0"),
    "over 100 percent": (fee("percent", percent="100.0001"), "/steps/0/fee/percent", "out_of_range", "at most 100"),
    "five decimals of a percent": (fee("percent", percent="1.00001"), "/steps/0/fee/percent", "invalid_format", ""),
    "a percent as a number": (fee("percent", percent=1), "/steps/0/fee/percent", "invalid_type", '"8.5"'),
    "bounds that cross": (
        fee("percent", percent="1", min="2", max="1.99"), "/steps/0/fee/max", "amount_range", "at least `min`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_named_with_its_fix(api: Api, name: str) -> None:
    fields, pointer, code, message = FAULTS[name]
    body = policy(**fields)
    problem = await api.post("/dunning-policies", body, expect=422)
    assert problem["code"] == "validation_failed"
    errors = problem["errors"]
    assert [(error["pointer"], error["code"]) for error in errors] == [(pointer, code)]
    assert message in errors[0]["message"]
    assert await api.post("/dunning-policies/validate", body, expect=200) == {
        "valid": False,
        "errors": errors,
        "warnings": [],
    }
    assert await api.all("/dunning-policies") == []


@pytest.mark.parametrize("name", [name for name in FAULTS if name != "an unknown field"])
async def test_a_change_is_checked_like_a_new_policy(api: Api, name: str) -> None:
    fields, pointer, code, _ = FAULTS[name]
    made = await api.policy([5])
    problem = await api.patch(f"/dunning-policies/{made['id']}", fields, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert await api.get(f"/dunning-policies/{made['id']}") == made


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": [step(-365), step(3650)]},
        {"steps": [step(day) for day in range(50)]},
        {"min_gap_days": 365},
        {"name": "x" * 200},
        {"calendar": "MX"},
        one(key="a"),
        one(key="0" * 50),
        one(min_amount={"MXN": "0"}),
        one(fee=None),
        fee("percent", percent="0.0001"),
        fee("percent", percent="100.0000", min="0", max="0.01"),
        window("17:59", "24:00"),
    ],
)
async def test_the_bounds_themselves_are_valid(api: Api, fields: dict[str, Any]) -> None:
    answer = await api.post("/dunning-policies/validate", policy(**fields), expect=200)
    assert answer == {"valid": True, "errors": [], "warnings": []}
    made = await api.post("/dunning-policies", policy(**fields))
    await api.post(f"/dunning-policies/{made['id']}/publish", expect=200)


async def test_all_faults_are_told_at_once(api: Api) -> None:
    body = policy(
        calendar="ZZ",
        min_amount={"MXN": "-1", "XXX": "1"},
        steps=[step(5, template="?"), step(5, channels=["sms"]), step(7, fee={"kind": "flat"})],
    )
    answer = await api.post("/dunning-policies/validate", body, expect=200)
    assert {error["pointer"] for error in answer["errors"]} == {
        "/calendar",
        "/min_amount/MXN",
        "/min_amount/XXX",
        "/steps/0/template",
        "/steps/1/key",
        "/steps/1/offset_days",
        "/steps/1/channels/0",
        "/steps/2/fee/amount",
    }
    problem = await api.post("/dunning-policies", body, expect=422)
    assert problem["errors"] == answer["errors"]


async def test_a_body_that_is_no_policy_is_explained_too(api: Api) -> None:
    missing = await api.post("/dunning-policies/validate", {}, expect=200)
    assert {(error["pointer"], error["code"]) for error in missing["errors"]} == {
        ("/name", "missing"),
        ("/steps", "missing"),
    }
    listed = await api.post("/dunning-policies/validate", [], expect=200)
    assert (listed["valid"], len(listed["errors"])) == (False, 1)


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [(b"", "application/json", 400), (b"{", "application/json", 400), (b"{}", "text/plain", 415)],
)
async def test_a_body_that_is_no_json_is_an_error(api: Api, content: bytes, content_type: str, status: int) -> None:
    await api.call(
        "POST", "/dunning-policies/validate", content=content, headers={"Content-Type": content_type}, expect=status
    )


async def test_a_null_that_means_nothing_is_refused(api: Api) -> None:
    made = await api.policy([5], publish=False)
    for name in ("name", "default", "grouping", "min_gap_days", "min_amount", "steps"):
        problem = await api.patch(f"/dunning-policies/{made['id']}", {name: None}, expect=422)
        assert [error["pointer"] for error in problem["errors"]] == [f"/{name}"]
