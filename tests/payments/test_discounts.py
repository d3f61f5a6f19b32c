"""Early payment: what a payment settles inside a discount window, and in which order dues are served."""

import pytest

from tests.conftest import Api

TERMS = [{"percent": "2", "until": "2026-02-20"}, {"percent": "1", "until": "2026-02-25"}]


async def invoice_of(api: Api, total: str = "1000.00") -> tuple[str, str]:
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, total, "2026-02-10", "2026-03-10", discount_terms=TERMS)
    return customer, invoice["id"]


@pytest.mark.parametrize(
    ("received_on", "amount", "discount", "left", "unapplied"),
    [
        ("2026-02-19", "980.00", "20.00", "0.00", "0.00"),
        ("2026-02-20", "980.00", "20.00", "0.00", "0.00"),
        ("2026-02-21", "980.00", "9.90", "10.10", "0.00"),
        ("2026-02-25", "990.00", "10.00", "0.00", "0.00"),
        ("2026-02-26", "990.00", "0.00", "10.00", "0.00"),
        ("2026-02-20", "1000.00", "20.00", "0.00", "20.00"),
        ("2026-02-20", "490.00", "10.00", "500.00", "0.00"),
    ],
)
async def test_the_window_is_inclusive_and_the_best_tier_counts(
    api: Api, received_on: str, amount: str, discount: str, left: str, unapplied: str
) -> None:
    customer, invoice = await invoice_of(api)
    payment = await api.pay(customer, amount, received_on)
    assert payment["allocations"][0]["discount_taken"] == discount
    assert payment["unapplied_amount"] == unapplied
    assert (await api.get(f"/invoices/{invoice}"))["open_amount"] == left


async def test_a_part_payment_earns_its_share(api: Api) -> None:
    customer, invoice = await invoice_of(api, "3720.00")
    payment = await api.pay(customer, "980.00", "2026-02-15")
    assert payment["allocations"][0]["discount_taken"] == "20.00"
    assert (await api.get(f"/invoices/{invoice}"))["open_amount"] == "2720.00"


async def test_an_erp_may_state_the_discount_that_it_booked(api: Api) -> None:
    customer, invoice = await invoice_of(api)
    allocations = [{"invoice_id": invoice, "amount": "980.00", "discount_taken": "0.00"}]
    payment = await api.pay(customer, "980.00", "2026-02-15", allocations=allocations)
    assert payment["allocations"][0]["discount_taken"] == "0.00"
    assert (await api.get(f"/invoices/{invoice}"))["open_amount"] == "20.00"
    late = [{"invoice_id": invoice, "amount": "0.00", "discount_taken": "20.00"}]
    body = {"customer_id": customer, "currency": "MXN", "amount": "1.00", "received_on": "2026-03-01"}
    await api.post("/payments", {**body, "allocations": late})
    assert (await api.get(f"/invoices/{invoice}"))["status"] == "paid"


async def test_a_bounced_payment_takes_its_discount_with_it(api: Api) -> None:
    customer, invoice = await invoice_of(api)
    payment = await api.pay(customer, "980.00", "2026-02-15")
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert (await api.get(f"/invoices/{invoice}"))["open_amount"] == "1000.00"
    # Paid again too late, nothing is earned; dated into the window, it is.
    late = await api.pay(customer, "980.00", "2026-03-01")
    assert late["allocations"][0]["discount_taken"] == "0.00"


async def test_a_discount_lets_a_payment_reach_the_next_invoice(api: Api) -> None:
    customer, first = await invoice_of(api)
    second = (await api.invoice(customer, "50.00", "2026-02-12", "2026-03-15"))["id"]
    await api.pay(customer, "1000.00", "2026-02-15")
    assert (await api.get(f"/invoices/{first}"))["status"] == "paid"
    assert (await api.get(f"/invoices/{second}"))["open_amount"] == "30.00"


async def test_instalments_are_served_by_their_own_due_dates(api: Api) -> None:
    customer = (await api.customer())["id"]
    terms = {"kind": "net", "instalments": [{"percent": "50", "days": 5}, {"remainder": True, "days": 60}]}
    body = {"customer_id": customer, "number": "A", "currency": "MXN", "total": "100.00", "issued_on": "2026-01-10"}
    divided = (await api.post("/invoices", {**body, "terms": terms}))["id"]
    whole = (await api.invoice(customer, "40.00", "2026-01-10", "2026-02-01"))["id"]
    await api.pay(customer, "70.00", "2026-02-20")
    assert (await api.get(f"/invoices/{divided}"))["open_amount"] == "50.00"
    assert (await api.get(f"/invoices/{whole}"))["open_amount"] == "20.00"
    payment = await api.pay(customer, "30.00", "2026-02-21")
    assert [item["amount"] for item in payment["allocations"]] == ["20.00", "10.00"]
    assert (await api.get(f"/invoices/{divided}"))["open_amount"] == "40.00"
