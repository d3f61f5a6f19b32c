"""Credit limits and holds through the API."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import Api
from tests.contract.test_statements import recorded

Begin = Callable[[UUID], Any]
CREDIT_EVENTS = "customer.over_limit,customer.within_limit,customer.credit_held,customer.credit_released"


async def credit(api: Api, customer: Any) -> tuple[str, Any]:
    read = await api.get(f"/customers/{customer['id']}")
    return read["credit_state"], read["credit_hold"]


async def announced(api: Api) -> list[str]:
    await api.advance((await api.get("/test-clock"))["now"])
    return [event["type"].removeprefix("customer.") for event in await api.all("/events", types=CREDIT_EVENTS)]


async def test_a_customer_without_a_limit_is_within_it(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "999999.00", "2026-02-01", "2026-02-20")
    read = await api.get(f"/customers/{customer['id']}")
    shown = {name: read[name] for name in ("credit_limit", "credit_currency", "credit_state", "credit_hold")}
    assert shown == {
        "credit_limit": None,
        "credit_currency": None,
        "credit_state": "within_limit",
        "credit_hold": None,
    }


async def test_the_limit_is_crossed_by_a_cent_and_announced_once(api: Api) -> None:
    customer = await api.customer(credit_limit="1000.00")
    assert (customer["credit_limit"], customer["credit_currency"]) == ("1000.00", "MXN")
    await api.invoice(customer["id"], "600.00", "2026-02-01", "2026-02-20")
    await api.invoice(customer["id"], "400.00", "2026-03-01", "2026-12-31")
    assert await credit(api, customer) == ("within_limit", None)
    await api.invoice(customer["id"], "0.01", "2026-03-01", "2026-12-31")
    assert await credit(api, customer) == ("over_limit", None)
    await api.invoice(customer["id"], "50.00", "2026-03-01", "2026-12-31")
    await api.pay(customer["id"], "50.00", "2026-03-02")
    assert await credit(api, customer) == ("over_limit", None)
    await api.pay(customer["id"], "0.01", "2026-03-02")
    assert await credit(api, customer) == ("within_limit", None)
    assert await announced(api) == ["over_limit", "within_limit"]


async def test_the_event_tells_the_state_before_and_after(api: Api) -> None:
    customer = await api.customer(credit_limit="10.00")
    await api.invoice(customer["id"], "11.00", "2026-02-01", "2026-02-20")
    await announced(api)
    (event,) = await api.all("/events", types="customer.over_limit")
    assert event["previous"] == {"credit_state": "within_limit"}
    assert event["data"] == await api.get(f"/customers/{customer['id']}")


async def test_unapplied_cash_counts_and_goes_with_its_payment(api: Api) -> None:
    customer = await api.customer(credit_limit="100.00")
    payment = await api.pay(customer["id"], "50.00", "2026-03-02", auto_allocate=False)
    await api.invoice(customer["id"], "150.00", "2026-03-01", "2026-03-31")
    assert (await credit(api, customer))[0] == "within_limit"
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert (await credit(api, customer))[0] == "over_limit"
    await api.pay(customer["id"], "50.00", "2026-03-02", auto_allocate=False)
    assert (await credit(api, customer))[0] == "within_limit"


async def test_only_the_currency_of_the_limit_counts(api: Api) -> None:
    customer = await api.customer(currency="KWD", credit_limit="10.500")
    await api.invoice(customer["id"], "9000.00", "2026-03-01", "2026-03-31")
    await api.invoice(customer["id"], "10.500", "2026-03-01", "2026-03-31", currency="KWD")
    assert (await credit(api, customer))[0] == "within_limit"
    await api.invoice(customer["id"], "0.001", "2026-03-01", "2026-03-31", currency="KWD")
    assert (await credit(api, customer))[0] == "over_limit"


async def test_a_new_limit_judges_what_is_owed(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "500.00", "2026-03-01", "2026-03-31")
    path = f"/customers/{customer['id']}"
    for limit, state in [
        ("499.99", "over_limit"),
        ("500.00", "within_limit"),
        ("0", "over_limit"),
        (None, "within_limit"),
    ]:
        changed = await api.patch(path, {"credit_limit": limit})
        assert changed["credit_state"] == state, limit
        assert changed == await api.get(path)
    assert await announced(api) == ["over_limit", "within_limit"] * 2


async def test_a_put_without_a_limit_takes_it_away(api: Api) -> None:
    path = "/customers/by-external-id/C-7"
    made = (await api.call("PUT", path, json={"name": "A", "credit_limit": "5"}, expect=201)).json()
    assert made["credit_limit"] == "5.00"
    assert (await api.put(path, {"name": "A", "credit_limit": "5.00"}))["credit_limit"] == "5.00"
    assert (await api.put(path, {"name": "A"}))["credit_limit"] is None


async def test_the_limit_keeps_its_currency(api: Api) -> None:
    customer = await api.customer(credit_limit="100.00")
    path = f"/customers/{customer['id']}"
    await api.patch("/tenant", {"currency": "JPY"})
    assert (await api.get(path))["credit_currency"] == "MXN"
    problem = await api.patch(path, {"currency": "EUR"}, expect=422)
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/currency", "currency_mismatch")]
    changed = await api.patch(path, {"currency": "EUR", "credit_limit": "90.00"})
    assert (changed["credit_limit"], changed["credit_currency"]) == ("90.00", "EUR")
    assert (await api.patch(path, {"currency": "EUR"}))["credit_limit"] == "90.00"
    assert (await api.patch(path, {"currency": None, "credit_limit": None}))["credit_limit"] is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"credit_limit": "-0.01"}, "out_of_range"),
        ({"credit_limit": "10.001"}, "amount_decimals"),
        ({"credit_limit": "10.0", "currency": "JPY"}, "amount_decimals"),
        ({"credit_limit": 10}, "money_not_string"),
        ({"credit_limit": "1e3"}, "invalid_format"),
    ],
)
async def test_a_limit_is_an_amount(api: Api, fields: Any, code: str) -> None:
    problem = await api.post("/customers", {"name": "A", **fields}, expect=422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/credit_limit", code)]


async def test_going_over_holds_credit_where_the_tenant_says_so(api: Api) -> None:
    assert (await api.get("/tenant"))["holds_credit_over_limit"] is False
    customer = await api.customer(credit_limit="100.00")
    changed = await api.patch("/tenant", {"holds_credit_over_limit": True})
    assert changed["holds_credit_over_limit"] is True
    await api.invoice(customer["id"], "100.01", "2026-03-01", "2026-03-31")
    hold = {"reason": "over_limit", "held_at": "2026-03-02T12:00:00Z", "automatic": True}
    assert await credit(api, customer) == ("over_limit", hold)
    await api.pay(customer["id"], "0.01", "2026-03-02")
    assert await credit(api, customer) == ("within_limit", None)
    assert await announced(api) == ["over_limit", "credit_held", "within_limit", "credit_released"]


async def test_a_hold_by_hand_stays_until_it_is_released(api: Api) -> None:
    await api.patch("/tenant", {"holds_credit_over_limit": True})
    customer = await api.customer(credit_limit="100.00")
    path = f"/customers/{customer['id']}"
    held = await api.post(f"{path}/hold-credit", {"reason": "Insolvency rumours"}, expect=200)
    hold = {"reason": "Insolvency rumours", "held_at": "2026-03-02T12:00:00Z", "automatic": False}
    assert held["credit_hold"] == hold
    problem = await api.post(f"{path}/hold-credit", {"reason": "Again"}, expect=409)
    assert problem["code"] == "state_conflict"
    await api.invoice(customer["id"], "150.00", "2026-03-01", "2026-03-31")
    await api.pay(customer["id"], "150.00", "2026-03-02")
    assert await credit(api, customer) == ("within_limit", hold)
    released = await api.post(f"{path}/release-credit", expect=200)
    assert released["credit_hold"] is None
    assert (await api.post(f"{path}/release-credit", expect=409))["code"] == "state_conflict"
    assert await announced(api) == ["credit_held", "over_limit", "within_limit", "credit_released"]


async def test_a_release_by_hand_lasts_until_the_limit_is_crossed_anew(api: Api) -> None:
    await api.patch("/tenant", {"holds_credit_over_limit": True})
    customer = await api.customer(credit_limit="100.00")
    await api.invoice(customer["id"], "150.00", "2026-03-01", "2026-03-31")
    await api.post(f"/customers/{customer['id']}/release-credit", expect=200)
    await api.invoice(customer["id"], "10.00", "2026-03-01", "2026-03-31")
    assert await credit(api, customer) == ("over_limit", None)
    await api.pay(customer["id"], "60.00", "2026-03-02")
    await api.invoice(customer["id"], "10.00", "2026-03-01", "2026-03-31")
    state, hold = await credit(api, customer)
    assert (state, hold["automatic"]) == ("over_limit", True)


async def test_a_person_can_take_over_a_hold_that_came_by_itself(api: Api) -> None:
    await api.patch("/tenant", {"holds_credit_over_limit": True})
    customer = await api.customer(credit_limit="100.00")
    await api.invoice(customer["id"], "150.00", "2026-03-01", "2026-03-31")
    await api.post(f"/customers/{customer['id']}/hold-credit", {"reason": "Prepay only"}, expect=200)
    await api.pay(customer["id"], "150.00", "2026-03-02")
    state, hold = await credit(api, customer)
    assert (state, hold["reason"], hold["automatic"]) == ("within_limit", "Prepay only", False)


async def test_commands_heed_the_version_and_other_tenants_do_not_exist(api: Api, make_api: Any) -> None:
    customer = await api.customer()
    path = f"/customers/{customer['id']}/hold-credit"
    stale = {"If-Match": '"7"'}
    assert (await api.post(path, {"reason": "x"}, headers=stale, expect=412))["code"] == "precondition_failed"
    other = await make_api()
    assert (await other.post(path, {"reason": "x"}, expect=404))["code"] == "not_found"
    assert (await api.post(path, {"reason": ""}, expect=422))["errors"][0]["pointer"] == "/reason"


async def test_a_credit_hold_stops_no_reminder(api: Api) -> None:
    await api.always_open()
    await api.policy([1])
    customer = await api.customer(credit_limit="10.00")
    await api.post(f"/customers/{customer['id']}/hold-credit", {"reason": "Too late too often"}, expect=200)
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-02")
    advanced = await api.advance("2026-03-03T23:00:00Z")
    assert advanced["reminders_sent"] == 1


async def test_a_fee_can_cross_the_limit(api: Api) -> None:
    await api.always_open()
    step = {"key": "d+1", "offset_days": 1, "channels": ["email"], "template": "first_notice"}
    await api.policy([], steps=[{**step, "fee": {"kind": "flat", "amount": "50.00"}}])
    customer = await api.customer(credit_limit="149.99")
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-02")
    assert (await credit(api, customer))[0] == "within_limit"
    await api.advance("2026-03-03T23:00:00Z")
    assert (await credit(api, customer))[0] == "over_limit"


async def test_a_batch_is_judged_as_a_whole_and_customers_without_limit_cost_nothing(api: Api, database: Any) -> None:
    limited, free = await api.customer(credit_limit="100.00"), await api.customer()

    def rows(customer: Any) -> Any:
        common = {"customer_id": customer["id"], "currency": "MXN", "issued_on": "2026-03-01", "due_on": "2026-03-31"}
        return {"invoices": [{**common, "number": f"B-{index}", "total": "60.00"} for index in range(3)]}

    def judged(statements: list[str]) -> int:
        return sum("-n.unapplied_minor" in statement for statement in statements)

    with recorded(database) as seen:
        await api.post("/invoices/batch", rows(free), expect=200)
    assert judged(seen) == 0
    with recorded(database) as seen:
        await api.post("/invoices/batch", rows(limited), expect=200)
    assert judged(seen) == 1
    assert (await credit(api, limited))[0] == "over_limit"
    assert await announced(api) == ["over_limit"]
