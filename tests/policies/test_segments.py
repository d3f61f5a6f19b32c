"""Which policy follows an invoice: its own, its customer's, a segment's, or the tenant's default."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.policies.steps import policy, step

EMPTY: dict[str, Any] = {"kinds": [], "countries": [], "currencies": [], "tags": [], "min_amount": {}, "max_amount": {}}


async def segment(api: Api, name: str, applies_to: dict[str, Any], **fields: Any) -> str:
    """A published policy that takes some invoices by itself."""
    made = await api.post("/dunning-policies", policy(name=name, applies_to=applies_to, **fields))
    await api.post(f"/dunning-policies/{made['id']}/publish", expect=200)
    return str(made["id"])


async def follower(api: Api, customer: Any, total: str = "100.00", **fields: Any) -> str | None:
    """The policy that a new invoice of a customer starts with."""
    invoice = await api.invoice(customer["id"], total, "2026-03-01", "2026-03-20", **fields)
    found: str | None = (await api.get(f"/invoices/{invoice['id']}/dunning"))["policy_id"]
    return found


@pytest.mark.parametrize(
    ("applies_to", "customer", "invoice", "fits"),
    [
        ({"kinds": ["consumer"]}, {"kind": "consumer"}, {}, True),
        ({"kinds": ["consumer"]}, {"kind": "business"}, {}, False),
        ({"countries": ["CO", "MX"]}, {"country": "MX"}, {}, True),
        ({"countries": ["CO"]}, {}, {}, False),
        ({"currencies": ["EUR"]}, {}, {"currency": "EUR"}, True),
        ({"currencies": ["EUR"]}, {}, {}, False),
        ({"tags": ["vip"]}, {"tags": ["norte", "vip"]}, {}, True),
        ({"tags": ["vip"]}, {"tags": ["norte"]}, {}, False),
        ({"min_amount": {"MXN": "100"}}, {}, {"total": "100.00"}, True),
        ({"min_amount": {"MXN": "100"}}, {}, {"total": "99.99"}, False),
        ({"max_amount": {"MXN": "100"}}, {}, {"total": "100.00"}, True),
        ({"max_amount": {"MXN": "100"}}, {}, {"total": "100.01"}, False),
    ],
)
async def test_a_segment_takes_the_invoices_that_meet_all_it_says(
    api: Api, applies_to: dict[str, Any], customer: dict[str, Any], invoice: dict[str, Any], fits: bool
) -> None:
    default = (await api.policy([5]))["id"]
    special = await segment(api, "Especial", applies_to)
    debtor = await api.customer(**customer)
    assert await follower(api, debtor, **invoice) == (special if fits else default)


async def test_who_names_a_policy_comes_before_the_segments(api: Api) -> None:
    await api.policy([5])
    special = await segment(api, "Especial", {})
    own, named = await segment(api, "De la factura", {}), await segment(api, "Del cliente", {})
    plain, loyal = await api.customer(), await api.customer(dunning_policy_id=named)
    assert await follower(api, plain) == special
    assert await follower(api, loyal) == named
    assert await follower(api, loyal, dunning_policy_id=own) == own


async def test_the_lowest_priority_comes_first_and_a_draft_takes_nothing(api: Api) -> None:
    default = (await api.policy([5]))["id"]
    first = await segment(api, "Cien", {}, priority=100)
    draft = await api.post("/dunning-policies", policy(name="Borrador", applies_to={}, priority=1))
    customer = await api.customer()
    assert await follower(api, customer) == first
    second = await segment(api, "Cincuenta", {}, priority=50)
    assert await follower(api, customer) == second
    await api.patch(f"/dunning-policies/{second}", {"priority": 101})
    assert await follower(api, customer) == first
    await api.patch(f"/dunning-policies/{first}", {"applies_to": None})
    assert await follower(api, customer) == second
    await api.patch(f"/dunning-policies/{second}", {"applies_to": {"kinds": ["consumer"]}})
    assert await follower(api, customer) == default
    await api.post(f"/dunning-policies/{draft['id']}/publish", expect=200)
    assert await follower(api, customer) == draft["id"]


async def test_a_segment_belongs_to_the_policy_and_not_to_a_version(api: Api) -> None:
    made = await api.policy([5])
    path = f"/dunning-policies/{made['id']}"
    changed = await api.patch(path, {"applies_to": {"tags": ["vip", "vip"]}, "priority": 7})
    assert (changed["version"], changed["status"], changed["revision"]) == (1, "published", made["revision"] + 1)
    assert (changed["applies_to"], changed["priority"]) == ({**EMPTY, "tags": ["vip"]}, 7)
    assert (await api.get(path)) == changed
    same = await api.patch(path, {"applies_to": {"tags": ["vip"]}, "priority": 7})
    assert same["revision"] == changed["revision"]


async def test_invoices_without_a_policy_are_taken_when_a_segment_comes_to_fit(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-03-01", "2026-03-20")
    special = await segment(api, "Especial", {"kinds": ["consumer"]})
    await api.advance("2026-03-03T12:00:00Z")
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["policy_id"] is None
    await api.patch(f"/dunning-policies/{special}", {"applies_to": {}})
    await api.advance("2026-03-04T12:00:00Z")
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["policy_id"] == special


async def test_a_running_case_stays_with_its_policy(api: Api) -> None:
    default = (await api.policy([5]))["id"]
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-03-01", "2026-03-20")
    await segment(api, "Especial", {})
    await api.patch(f"/dunning-policies/{default}", {"steps": [step(9)]})
    await api.post(f"/dunning-policies/{default}/publish", expect=200)
    await api.advance("2026-03-04T12:00:00Z")
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    assert (outlook["policy_id"], outlook["policy_version"]) == (default, 1)
    assert outlook["next_step"]["key"] == "d+5"


@pytest.mark.parametrize(
    ("applies_to", "pointer", "code"),
    [
        ({"kinds": ["person"]}, "/applies_to/kinds/0", "invalid_value"),
        ({"countries": ["mx"]}, "/applies_to/countries/0", "invalid_format"),
        ({"currencies": ["XXX"]}, "/applies_to/currencies/0", "unknown_currency"),
        ({"min_amount": {"XXX": "1"}}, "/applies_to/min_amount/XXX", "unknown_currency"),
        ({"min_amount": {"MXN": "2"}, "max_amount": {"MXN": "1"}}, "/applies_to/max_amount/MXN", "amount_range"),
        ({"kind": ["consumer"]}, "/applies_to/kind", "unknown_field"),
    ],
)
async def test_what_a_segment_may_not_say(api: Api, applies_to: dict[str, Any], pointer: str, code: str) -> None:
    body = policy(applies_to=applies_to)
    problem = await api.post("/dunning-policies", body, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    answer = await api.post("/dunning-policies/validate", body, expect=200)
    assert [(error["pointer"], error["code"]) for error in answer["errors"]] == [(pointer, code)]
