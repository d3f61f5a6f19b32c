"""What a customer owes, on any day and as it was known at any instant."""

from typing import Any

from tests.conftest import Api, MakeApi
from tests.reports.written import Begin, divide


async def balance(api: Api, customer: Any, currency: str = "MXN", **params: Any) -> Any:
    report = await api.get(f"/customers/{customer['id']}/balance", **params)
    found = {item["currency"]: item for item in report["balances"]}
    return found.get(currency)


async def test_nothing_is_owed_before_anything_was_sold(api: Api) -> None:
    customer = await api.customer()
    assert await api.get(f"/customers/{customer['id']}/balance") == {
        "customer_id": customer["id"],
        "as_of": "2026-03-02",
        "known_at": None,
        "balances": [],
        "credit": None,
    }


async def test_the_whole_picture(api: Api) -> None:
    customer = await api.customer(credit_limit="1500.00")
    await api.invoice(customer["id"], "1160.00", "2026-01-01", "2026-01-31")
    await api.invoice(customer["id"], "500.00", "2026-02-15", "2026-03-31")
    await api.pay(customer["id"], "160.00", "2026-02-10")
    await api.pay(customer["id"], "70.00", "2026-02-20", auto_allocate=False)
    report = await api.get(f"/customers/{customer['id']}/balance")
    assert report["balances"] == [
        {
            "currency": "MXN",
            "open_amount": "1500.00",
            "principal_open": "1500.00",
            "charges_open": "0.00",
            "overdue": "1000.00",
            "not_due": "500.00",
            "unapplied_cash": "70.00",
            "unapplied_credit": "0.00",
            "pending_payments": "0.00",
            "net": "1430.00",
        }
    ]
    assert report["credit"] == {"currency": "MXN", "limit": "1500.00", "exposure": "1430.00"}


async def test_currencies_are_never_mixed(api: Api) -> None:
    customer = await api.customer(currency="KWD", credit_limit="5.000")
    await api.invoice(customer["id"], "12800", "2026-02-01", "2026-03-31", currency="JPY")
    await api.invoice(customer["id"], "1.005", "2026-02-01", "2026-03-01", currency="KWD")
    await api.invoice(customer["id"], "0.99", "2026-02-01", "2026-03-31")
    report = await api.get(f"/customers/{customer['id']}/balance")
    assert [(b["currency"], b["open_amount"], b["overdue"], b["net"]) for b in report["balances"]] == [
        ("JPY", "12800", "0", "12800"),
        ("KWD", "1.005", "1.005", "1.005"),
        ("MXN", "0.99", "0.00", "0.99"),
    ]
    assert report["credit"]["exposure"] == "1.005"


async def test_it_is_overdue_from_the_day_after_the_due_date(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-02-28")
    for as_of, overdue in [("2026-02-27", "0.00"), ("2026-02-28", "0.00"), ("2026-03-01", "100.00")]:
        found = await balance(api, customer, as_of=as_of)
        assert (found["overdue"], found["open_amount"]) == (overdue, "100.00"), as_of
    assert await balance(api, customer, as_of="2026-01-31") is None


async def test_a_past_day_stays_what_it_was_and_what_was_known_of_it(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-01-10", "2026-01-31")
    first: dict[str, Any] = {"as_of": "2026-02-15", "known_at": "2026-03-02T12:00:00Z"}
    asked = await api.get(f"/customers/{customer['id']}/balance", **first)
    assert asked["balances"][0]["net"] == "100.00"

    await api.advance("2026-03-05T12:00:00Z")
    backdated = await api.pay(customer["id"], "30.00", "2026-02-10")
    await api.pay(customer["id"], "20.00", "2026-03-05")
    assert (await balance(api, customer, as_of="2026-02-15"))["net"] == "70.00"
    assert await api.get(f"/customers/{customer['id']}/balance", **first) == asked

    await api.advance("2026-03-08T12:00:00Z")
    body = {"reason": "bounced", "reversed_on": "2026-02-12"}
    await api.post(f"/payments/{backdated['id']}/reverse", body, expect=200)
    assert await api.get(f"/customers/{customer['id']}/balance", **first) == asked
    known = {"known_at": "2026-03-05T12:00:00Z"}
    for as_of, then, now in [
        ("2026-02-09", "100.00", "100.00"),
        ("2026-02-11", "70.00", "70.00"),
        ("2026-02-12", "70.00", "100.00"),
        ("2026-03-08", "50.00", "80.00"),
    ]:
        assert (await balance(api, customer, as_of=as_of, **known))["net"] == then, as_of
        assert (await balance(api, customer, as_of=as_of))["net"] == now, as_of


async def test_instalments_fall_due_one_by_one_and_are_filled_in_order(api: Api, unit_of_work: Begin) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "900.00", "2026-01-01", "2026-03-31")
    await divide(api, unit_of_work, invoice["id"], ("2026-01-31", 30000), ("2026-02-28", 30000), ("2026-03-31", 30000))
    for as_of, overdue in [
        ("2026-01-31", "0.00"), ("2026-02-01", "300.00"), ("2026-02-28", "300.00"), ("2026-03-01", "600.00"),
        ("2026-03-31", "600.00"), ("2026-04-01", "900.00"),
    ]:  # fmt: skip
        assert (await balance(api, customer, as_of=as_of))["overdue"] == overdue, as_of
    await api.pay(customer["id"], "450.00", "2026-02-15")
    for as_of, overdue, open_amount in [
        ("2026-02-14", "300.00", "900.00"), ("2026-02-15", "0.00", "450.00"), ("2026-03-01", "150.00", "450.00"),
        ("2026-04-01", "450.00", "450.00"),
    ]:  # fmt: skip
        found = await balance(api, customer, as_of=as_of)
        assert (found["overdue"], found["open_amount"]) == (overdue, open_amount), as_of
    statement = await api.get(f"/customers/{customer['id']}/statement", kind="open_item", to="2026-03-02")
    (account,) = statement["accounts"]
    shown = [
        (item["instalment_number"], item["amount"], item["paid"], item["open_amount"], item["days_overdue"])
        for item in account["items"]
    ]
    assert shown == [(2, "300.00", "150.00", "150.00", 2), (3, "300.00", "0.00", "300.00", 0)]
    assert account["closing_balance"] == "450.00"


async def test_charges_are_shown_apart(api: Api) -> None:
    await api.always_open()
    step = {"key": "d+1", "offset_days": 1, "channels": ["email"], "template": "first_notice"}
    await api.policy([], steps=[{**step, "fee": {"kind": "flat", "amount": "50.00"}}])
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-02")
    await api.advance("2026-03-03T23:00:00Z")
    assert (await balance(api, customer, as_of="2026-03-02"))["charges_open"] == "0.00"
    found = await balance(api, customer)
    shown = (found["principal_open"], found["charges_open"], found["open_amount"], found["overdue"], found["net"])
    assert shown == ("100.00", "50.00", "150.00", "150.00", "150.00")


async def test_other_tenants_customers_do_not_exist(api: Api, make_api: MakeApi) -> None:
    customer = await api.customer()
    other = await make_api()
    for report in ("balance", "statement", "payment-behaviour"):
        problem = await other.get(f"/customers/{customer['id']}/{report}", expect=404)
        assert problem["code"] == "not_found"


async def test_a_pending_instrument_lowers_nothing_until_it_is_received(api: Api) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-01-10", "2026-01-31")
    instrument = {"status": "pending", "matures_on": "2026-03-10"}
    payment = await api.pay(customer["id"], "80.00", "2026-02-20", **instrument)
    bounced = await api.pay(customer["id"], "5.00", "2026-02-21", **instrument)
    for as_of, pending in [("2026-02-19", "0.00"), ("2026-02-20", "80.00"), ("2026-03-02", "85.00")]:
        found = await balance(api, customer, as_of=as_of)
        assert (found["pending_payments"], found["net"]) == (pending, "100.00"), as_of
    await api.advance("2026-03-12T12:00:00Z")
    await api.post(f"/payments/{bounced['id']}/reverse", {"reason": "returned"}, expect=200)
    await api.post(f"/payments/{payment['id']}/confirm", {"received_on": "2026-03-11"}, expect=200)
    for as_of, pending, net in [
        ("2026-03-10", "85.00", "100.00"), ("2026-03-11", "5.00", "20.00"), ("2026-03-12", "0.00", "20.00"),
    ]:  # fmt: skip
        found = await balance(api, customer, as_of=as_of)
        assert (found["pending_payments"], found["net"]) == (pending, net), as_of
    found = await balance(api, customer, as_of="2026-03-12", known_at="2026-03-02T12:00:00Z")
    assert (found["pending_payments"], found["net"]) == ("80.00", "100.00")


async def test_money_of_nobody_is_nobodys_until_it_is_assigned(api: Api) -> None:
    customer = await api.customer(credit_limit="60.00")
    await api.invoice(customer["id"], "100.00", "2026-01-10", "2026-01-31")
    body = {"currency": "MXN", "amount": "40.00", "received_on": "2026-02-20"}
    payment = await api.post("/payments", body)
    assert (await balance(api, customer))["net"] == "100.00"
    assert (await api.get(f"/customers/{customer['id']}"))["credit_state"] == "over_limit"
    assigned = {"customer_id": customer["id"], "auto_allocate": False}
    await api.post(f"/payments/{payment['id']}/assign", assigned, expect=200)
    found = await balance(api, customer)
    assert (found["unapplied_cash"], found["net"]) == ("40.00", "60.00")
    assert (await api.get(f"/customers/{customer['id']}"))["credit_state"] == "within_limit"
    await api.post(f"/payments/{payment['id']}/refund", {"amount": "0.01"}, expect=200)
    assert (await balance(api, customer))["net"] == "60.01"
    assert (await api.get(f"/customers/{customer['id']}"))["credit_state"] == "over_limit"
