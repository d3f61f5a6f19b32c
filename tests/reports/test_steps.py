"""The report on steps through the API: what was sent, and what was paid within how many days of it."""

from typing import Any

import pytest

from tests.conftest import Api


async def report(api: Api, **params: Any) -> dict[str, Any]:
    found = await api.get("/reports/steps", **{"from": "2026-03-01", "to": "2026-03-31", **params})
    return {step["step_key"]: step for step in found["data"]}


async def chased(api: Api, offsets: list[int], total: str = "100.00", **fields: Any) -> tuple[Any, Any]:
    await api.always_open()
    policy = await api.policy(offsets)
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], total, "2026-02-01", "2026-03-01", **fields)
    await api.advance("2026-03-02T20:00:00Z")
    return policy, invoice


async def pay(api: Api, invoice: Any, amount: str, on: str) -> Any:
    settles = [{"invoice_id": invoice["id"], "amount": amount}]
    return await api.pay(invoice["customer_id"], amount, on, allocations=settles, currency=invoice["currency"])


@pytest.mark.parametrize(
    ("paid_on", "in_7", "in_14"),
    # The step went out on 2 March.
    [
        ("2026-03-01", ("0.00", 0), ("0.00", 0)),
        ("2026-03-02", ("30.00", 1), ("30.00", 1)),
        ("2026-03-09", ("30.00", 1), ("30.00", 1)),
        ("2026-03-10", ("0.00", 0), ("30.00", 1)),
        ("2026-03-16", ("0.00", 0), ("30.00", 1)),
        ("2026-03-17", ("0.00", 0), ("0.00", 0)),
    ],
)
async def test_days_count_from_the_message(
    api: Api, paid_on: str, in_7: tuple[str, int], in_14: tuple[str, int]
) -> None:
    policy, invoice = await chased(api, [1])
    await api.advance("2026-03-20T20:00:00Z")
    await pay(api, invoice, "30.00", paid_on)
    step = (await report(api))["d+1"]
    assert (step["policy_id"], step["policy_version"], step["sent_count"]) == (policy["id"], 1, 1)
    (pesos,) = step["currencies"]
    assert (pesos["currency"], pesos["sent_amount"]) == ("MXN", "100.00")
    assert (pesos["paid_7_days"]["amount"], pesos["paid_7_days"]["count"]) == in_7
    assert (pesos["paid_14_days"]["amount"], pesos["paid_14_days"]["count"]) == in_14


async def test_each_step_and_currency_by_itself_and_reversals_are_taken_back(api: Api) -> None:
    policy, pesos = await chased(api, [1, 4])
    customer = await api.customer()
    dollars = await api.invoice(customer["id"], "50.00", "2026-02-01", "2026-03-01", currency="USD")
    await api.advance("2026-03-03T20:00:00Z")
    await pay(api, dollars, "50.00", "2026-03-03")
    bounced = await pay(api, pesos, "20.00", "2026-03-03")
    await api.advance("2026-03-05T20:00:00Z")
    await api.post(f"/payments/{bounced['id']}/reverse", {"reason": "bounced"}, expect=200)
    await pay(api, pesos, "100.00", "2026-03-05")
    steps = await report(api, policy_id=policy["id"])
    found = {
        (key, each["currency"]): (each["sent_count"], each["paid_7_days"]["amount"])
        for key, step in steps.items()
        for each in step["currencies"]
    }
    # The second step has asked for what was open beside the payment that bounced later.
    assert found == {("d+1", "MXN"): (1, "100.00"), ("d+1", "USD"): (1, "50.00"), ("d+4", "MXN"): (1, "80.00")}
    assert list(steps) == ["d+1", "d+4"]
    assert await report(api, policy_id=pesos["id"]) == {}
    assert await report(api, **{"from": "2026-03-03", "to": "2026-03-04"}) != steps
    await api.get("/reports/steps", **{"from": "2026-03-03", "to": "2026-03-02"}, expect=422)


async def test_what_never_left_is_not_counted(api: Api) -> None:
    await api.patch("/tenant", {"sending": "shadow"})
    await chased(api, [1])
    assert len(await api.all("/reminders", status="sent")) == 1
    assert await report(api) == {}
