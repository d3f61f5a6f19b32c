"""How punctually a customer pays."""

from typing import Any

from tests.conftest import Api
from tests.reports.written import Begin, divide


async def behaviour(api: Api, customer: Any, **params: Any) -> Any:
    return (await api.get(f"/customers/{customer['id']}/payment-behaviour", **params))["currencies"]


async def test_days_late_are_weighted_by_what_was_paid(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "300.00", "2026-01-01", "2026-01-31")
    await api.invoice(customer["id"], "100.00", "2026-01-01", "2026-02-15")
    await api.pay(customer["id"], "200.00", "2026-01-31")
    await api.pay(customer["id"], "100.00", "2026-02-10")
    last = await api.pay(customer["id"], "100.00", "2026-02-11")
    asked: dict[str, Any] = {"from": "2026-01-01"}
    report = await api.get(f"/customers/{customer['id']}/payment-behaviour", **asked)
    assert (report["from"], report["to"], report["known_at"]) == ("2026-01-01", "2026-03-02", None)
    # (200 x 0 + 100 x 10 - 100 x 4) / 400
    assert report["currencies"] == [
        {
            "currency": "MXN",
            "paid": "400.00",
            "paid_late": "100.00",
            "average_days_late": "1.5",
            "late_amount_percent": "25.0",
            "invoice_count": 2,
            "late_invoice_count": 1,
            "late_invoice_percent": "50.0",
            "last_payment": {"payment_id": last["id"], "received_on": "2026-02-11", "amount": "100.00"},
        }
    ]


async def test_the_due_date_itself_is_not_late(api: Api) -> None:
    for paid_on, days, late in [("2026-01-30", "-1.0", 0), ("2026-01-31", "0.0", 0), ("2026-02-01", "1.0", 1)]:
        customer = await api.customer()
        await api.invoice(customer["id"], "10.00", "2026-01-01", "2026-01-31")
        await api.pay(customer["id"], "10.00", paid_on)
        (found,) = await behaviour(api, customer)
        assert (found["average_days_late"], found["late_invoice_count"]) == (days, late), paid_on


async def test_only_payments_of_the_range_count_and_its_edges_are_in_it(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "40.00", "2026-01-01", "2026-01-10")
    for paid_on in ["2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01"]:
        await api.pay(customer["id"], "10.00", paid_on)
    (found,) = await behaviour(api, customer, **{"from": "2026-02-01", "to": "2026-02-28"})
    assert (found["paid"], found["average_days_late"], found["invoice_count"]) == ("20.00", "35.5", 1)
    assert found["last_payment"]["received_on"] == "2026-02-28"
    (found,) = await behaviour(api, customer, **{"from": "2026-02-02", "to": "2026-02-27"})
    assert (found["paid"], found["average_days_late"], found["late_amount_percent"]) == ("0.00", None, None)
    assert (found["invoice_count"], found["late_invoice_percent"]) == (0, None)
    assert found["last_payment"]["received_on"] == "2026-02-01"


async def test_a_payment_that_came_to_nothing_counts_until_it_was_reversed(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "10.00", "2026-01-01", "2026-01-31")
    payment = await api.pay(customer["id"], "10.00", "2026-01-31")
    body = {"reason": "bounced", "reversed_on": "2026-02-20"}
    await api.post(f"/payments/{payment['id']}/reverse", body, expect=200)
    await api.pay(customer["id"], "10.00", "2026-03-02")
    (before,) = await behaviour(api, customer, to="2026-02-19")
    assert (before["paid"], before["average_days_late"]) == ("10.00", "0.0")
    assert before["last_payment"]["payment_id"] == payment["id"]
    assert await behaviour(api, customer, to="2026-02-20") == []
    (after,) = await behaviour(api, customer)
    assert (after["paid"], after["average_days_late"]) == ("10.00", "30.0")


async def test_instalments_are_compared_with_their_own_dates(api: Api, unit_of_work: Begin) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "1000.00", "2026-01-01", "2026-03-31", opening_paid="100.00")
    # What was paid before fills the first: 300 are left of it.
    await divide(api, unit_of_work, invoice["id"], ("2026-01-31", 40000), ("2026-02-10", 30000), ("2026-03-31", 30000))
    await api.pay(customer["id"], "200.00", "2026-01-31")
    await api.pay(customer["id"], "300.00", "2026-02-20")
    (found,) = await behaviour(api, customer)
    # 200 on the day, 100 twenty days late, 200 ten days late.
    assert (found["paid"], found["paid_late"], found["average_days_late"]) == ("500.00", "300.00", "8.0")
    assert (found["invoice_count"], found["late_invoice_count"]) == (1, 1)


async def test_currencies_are_never_mixed_and_backdated_payments_can_be_left_out(api: Api) -> None:
    customer = await api.customer()
    for currency, amount in [("JPY", "500"), ("KWD", "1.005")]:
        await api.invoice(customer["id"], amount, "2026-01-01", "2026-01-31", currency=currency)
    await api.pay(customer["id"], "500", "2026-02-02", currency="JPY")
    await api.advance("2026-03-03T12:00:00Z")
    await api.pay(customer["id"], "1.005", "2026-01-30", currency="KWD")
    found = await behaviour(api, customer)
    assert [(item["currency"], item["paid"], item["average_days_late"]) for item in found] == [
        ("JPY", "500", "2.0"), ("KWD", "1.005", "-1.0"),
    ]  # fmt: skip
    known = await behaviour(api, customer, known_at="2026-03-02T23:00:00Z")
    assert [item["currency"] for item in known] == ["JPY"]
    assert [item["currency"] for item in await behaviour(api, customer, currency="KWD")] == ["KWD"]
    wrong: dict[str, Any] = {"from": "2026-02-02", "to": "2026-02-01"}
    problem = await api.get(f"/customers/{customer['id']}/payment-behaviour", expect=422, **wrong)
    assert problem["errors"][0]["code"] == "date_order"
