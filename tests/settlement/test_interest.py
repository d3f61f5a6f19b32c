"""Late interest by itself: shown, posted at settlement, posted by month (rule M8)."""

from typing import Any

import pytest

from tests.settlement.conftest import Tenant
from tests.settlement.lateness import (
    AT_SETTLEMENT,
    INFORMATIONAL,
    MONTHLY,
    PRINCIPAL_FIRST,
    allocate,
    interest,
    late,
    open_of,
    read,
)

# Shown


@pytest.mark.parametrize(
    ("today", "accrued"),
    [("2026-01-30", None), ("2026-01-31", None), ("2026-02-01", "1.00"), ("2026-02-02", "2.00")],
)
async def test_what_has_accrued_is_shown_from_the_day_after(tenant: Tenant, today: str, accrued: str | None) -> None:
    api = await tenant(today, INFORMATIONAL)
    invoice = await late(api)
    found = (await read(api, invoice))["accrued_interest"]
    wanted = {"amount": accrued, "through_on": today, "rate_table": "diario", "uses_unpublished_rate": False}
    assert found == (wanted if accrued else None)
    assert (await api.all("/invoices"))[0]["accrued_interest"] == found


async def test_what_is_only_shown_is_never_charged(tenant: Tenant) -> None:
    api = await tenant("2026-03-02", INFORMATIONAL)
    invoice = await late(api)
    await api.advance("2026-04-05T18:00:00Z")
    assert (await read(api, invoice))["accrued_interest"]["amount"] == "64.00"
    await allocate(api, invoice, "1000.00", "2026-04-01")
    assert await open_of(api, invoice) == ("0.00", "0.00", "paid")
    assert (await read(api, invoice))["accrued_interest"] is None
    events = await api.all("/events")
    assert all("accrued_interest" not in event["data"] for event in events)


async def test_the_most_particular_setting_counts(tenant: Tenant) -> None:
    api = await tenant("2026-03-02", INFORMATIONAL)
    customer = await api.customer(late_interest={"mode": "none"})
    silent = await api.invoice(customer["id"], "1000.00", "2026-01-01", "2026-01-31")
    own = {"rate_table": "mx_comercial", "mode": "informational"}
    loud = await api.invoice(customer["id"], "36500.00", "2026-01-01", "2026-01-31", late_interest=own)
    assert (await read(api, silent))["accrued_interest"] is None
    assert (await read(api, loud))["accrued_interest"]["amount"] == "180.00"
    assert (await read(api, loud))["late_interest"] == {**own, "posting": "at_settlement"}
    await api.patch(f"/customers/{customer['id']}", {"late_interest": None})
    assert (await read(api, silent))["accrued_interest"]["amount"] == "30.00"
    await api.patch(f"/invoices/{loud['id']}", {"late_interest": {"mode": "none"}})
    assert (await read(api, loud))["accrued_interest"] is None
    await api.patch("/tenant", {"late_interest": None})
    assert (await read(api, silent))["accrued_interest"] is None


async def test_a_law_that_protects_the_customer_accrues_nothing(tenant: Tenant) -> None:
    api = await tenant("2026-03-02", {"rate_table": "eu_late_payment", "mode": "posted"})
    customer = await api.customer(kind="consumer")
    invoice = await api.invoice(customer["id"], "1000.00", "2026-01-01", "2026-01-31", currency="EUR")
    assert (await read(api, invoice))["accrued_interest"] is None
    await allocate(api, invoice, "1000.00", "2026-03-02")
    assert await open_of(api, invoice) == ("0.00", "0.00", "paid")


@pytest.mark.parametrize("where", ["tenant", "customer", "invoice"])
@pytest.mark.parametrize("setting", [{"rate_table": "nada", "mode": "posted"}, {"mode": "posted"}])
async def test_a_table_that_is_not_there_is_refused(tenant: Tenant, where: str, setting: Any) -> None:
    api = await tenant()
    invoice = await late(api)
    path = {
        "tenant": "/tenant",
        "customer": f"/customers/{invoice['customer_id']}",
        "invoice": f"/invoices/{invoice['id']}",
    }[where]
    problem = await api.patch(path, {"late_interest": setting}, expect=422)
    assert problem["errors"][0]["pointer"].startswith("/late_interest")
    again = {**invoice, "late_interest": setting}
    body = {name: again[name] for name in ("customer_id", "number", "currency", "total", "issued_on", "due_on")}
    await api.post("/invoices", {**body, "late_interest": setting}, expect=422)


# Posted at settlement


@pytest.mark.parametrize(
    ("paid_on", "charged", "status"),
    [
        ("2026-01-30", [], "paid"),
        ("2026-01-31", [], "paid"),
        ("2026-02-01", [("2026-02-01", "2026-02-01", "1.00")], "partially_paid"),
        ("2026-03-02", [("2026-02-01", "2026-03-02", "30.00")], "partially_paid"),
    ],
)
async def test_a_late_payment_brings_its_interest(tenant: Tenant, paid_on: str, charged: Any, status: str) -> None:
    api = await tenant("2026-03-02", AT_SETTLEMENT)
    invoice = await late(api)
    assert (await read(api, invoice))["accrued_interest"]["amount"] == "30.00"
    await allocate(api, invoice, "1000.00", paid_on)
    assert await interest(api, invoice) == charged
    assert (await open_of(api, invoice))[2] == status
    # It earns nothing more, and is posted once.
    await api.advance("2026-04-10T18:00:00Z")
    assert await interest(api, invoice) == charged
    if charged:
        assert (await read(api, invoice))["accrued_interest"]["amount"] == "0.00"
        await allocate(api, invoice, charged[0][2], "2026-04-10")
    assert (await open_of(api, invoice))[2] == "paid"
    types = [event["type"] for event in await api.all("/events") if event["object"]["id"] == invoice["id"]]
    assert types.count("invoice.paid") == 0 if charged else types.count("invoice.paid") == 1


async def test_part_payments_make_segments_and_one_charge(tenant: Tenant) -> None:
    api = await tenant("2026-03-02", AT_SETTLEMENT)
    invoice = await late(api)
    await allocate(api, invoice, "400.00", "2026-02-10")
    assert await interest(api, invoice) == []
    await allocate(api, invoice, "600.00", "2026-02-20")
    (charge,) = await api.all("/charges", invoice_id=invoice["id"])
    assert (charge["kind"], charge["amount"], charge["rate_table"]) == ("interest", "16.00", "diario")
    shape = [(one["from_on"], one["through_on"], one["principal"], one["interest"]) for one in charge["segments"]]
    assert shape == [
        ("2026-02-01", "2026-02-10", "1000.00", "10.00"),
        ("2026-02-11", "2026-02-20", "600.00", "6.00"),
    ]


async def test_credits_alone_owe_no_interest(tenant: Tenant) -> None:
    api = await tenant("2026-03-02", AT_SETTLEMENT)
    invoice = await late(api)
    body = {
        "customer_id": invoice["customer_id"],
        "currency": "MXN",
        "amount": "1000.00",
        "issued_on": "2026-02-20",
        "invoice_id": invoice["id"],
    }
    await api.post("/credit-notes", body)
    assert (await open_of(api, invoice))[0] == "0.00"
    assert await interest(api, invoice) == []


@pytest.mark.parametrize(
    ("currency", "total", "amount"), [("JPY", "1005", "30"), ("JPY", "1017", "31"), ("KWD", "1.005", "0.030")]
)
async def test_other_currencies_round_once(tenant: Tenant, currency: str, total: str, amount: str) -> None:
    api = await tenant("2026-03-02", AT_SETTLEMENT)
    invoice = await late(api, total, currency=currency)
    await allocate(api, invoice, total, "2026-03-02")
    assert await interest(api, invoice) == [("2026-02-01", "2026-03-02", amount)]


async def test_interest_bears_tax_where_it_is_taxable(tenant: Tenant) -> None:
    api = await tenant("2026-03-02", MONTHLY)
    await api.patch("/tenant", {"charge_tax": {"code": "IVA16", "percent": "16", "kinds": ["interest"]}})
    await api.patch("/tenant", PRINCIPAL_FIRST)
    invoice = await late(api)
    await api.advance("2026-04-01T18:00:00Z")
    charges = await api.all("/charges", invoice_id=invoice["id"])
    assert [(one["amount"], one["tax_amount"]) for one in charges] == [("35.96", "4.96"), ("32.48", "4.48")]
    # The tax earns nothing, and what was charged is compared before it.
    await allocate(api, invoice, "1000.00", "2026-02-10")
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-10", "11.60")]


# Posted by month


async def test_a_month_is_posted_on_the_first_of_the_next(tenant: Tenant) -> None:
    api = await tenant("2026-02-10", MONTHLY)
    invoice = await late(api)
    # The first of March begins in Mexico at six o'clock UTC.
    await api.advance("2026-03-01T05:59:59Z")
    assert await interest(api, invoice) == []
    await api.advance("2026-03-01T06:00:00Z")
    february = ("2026-02-01", "2026-02-28", "28.00")
    assert await interest(api, invoice) == [february]
    await api.advance("2026-03-31T18:00:00Z")
    assert await interest(api, invoice) == [february]
    assert (await read(api, invoice))["accrued_interest"]["amount"] == "31.00"
    await api.advance("2026-05-15T18:00:00Z")
    months = [february, ("2026-03-01", "2026-03-31", "31.00"), ("2026-04-01", "2026-04-30", "30.00")]
    assert await interest(api, invoice) == months
    posted_on = [charge["posted_on"] for charge in await api.all("/charges", invoice_id=invoice["id"])]
    assert posted_on == ["2026-05-01", "2026-04-01", "2026-03-01"]
    # Interest goes before principal, so paying all of the principal takes what has been posted, too.
    await allocate(api, invoice, "1089.00", "2026-05-15")
    assert await interest(api, invoice) == [*months, ("2026-05-01", "2026-05-15", "15.00")]
    assert await open_of(api, invoice) == ("0.00", "15.00", "partially_paid")


async def test_an_invoice_that_falls_due_later_is_looked_at_in_time(tenant: Tenant) -> None:
    api = await tenant("2026-01-10", MONTHLY)
    invoice = await late(api, due_on="2026-02-27")
    await api.advance("2026-03-05T18:00:00Z")
    assert await interest(api, invoice) == [("2026-02-28", "2026-02-28", "1.00")]
    on_the_last = await late(api, due_on="2026-02-28")
    await api.advance("2026-04-05T18:00:00Z")
    assert await interest(api, on_the_last) == [("2026-03-01", "2026-03-31", "31.00")]


async def test_a_setting_that_comes_later_posts_the_time_before(tenant: Tenant) -> None:
    api = await tenant("2026-03-20")
    invoice = await late(api)
    await api.patch(f"/invoices/{invoice['id']}", {"late_interest": MONTHLY})
    await api.advance("2026-03-20T13:00:00Z")
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-28", "28.00")]
    tenant_wide = await late(api)
    await api.patch("/tenant", {"late_interest": MONTHLY})
    await api.advance("2026-03-20T14:00:00Z")
    assert await interest(api, tenant_wide) == [("2026-02-01", "2026-02-28", "28.00")]


async def test_a_table_that_begins_later_earns_from_then(tenant: Tenant) -> None:
    api = await tenant("2026-03-02")
    young = {"code": "nueva", "name": "Nueva", "rates": [{"from_on": "2026-02-11", "annual_rate": "36.5"}]}
    await api.post("/rate-tables", young)
    await api.patch("/tenant", {"late_interest": {"rate_table": "nueva", "mode": "posted"}})
    invoice = await late(api)
    await allocate(api, invoice, "1000.00", "2026-02-20")
    (charge,) = await api.all("/charges", invoice_id=invoice["id"])
    assert (charge["amount"], charge["segments"][0]["from_on"]) == ("10.00", "2026-02-11")


async def test_instalments_are_late_each_by_itself(tenant: Tenant) -> None:
    api = await tenant("2026-03-02", AT_SETTLEMENT)
    customer = await api.customer()
    parts = [{"percent": "50", "days": 30}, {"remainder": True, "days": 40}]
    terms = {"kind": "net", "days": 0, "instalments": parts}
    body = {
        "customer_id": customer["id"],
        "number": "F-P",
        "currency": "MXN",
        "total": "2000.00",
        "issued_on": "2026-01-01",
        "terms": terms,
    }
    invoice = await api.post("/invoices", body)
    assert [part["due_on"] for part in invoice["instalments"]] == ["2026-01-31", "2026-02-10"]
    await allocate(api, invoice, "1000.00", "2026-02-05")
    await allocate(api, invoice, "1000.00", "2026-02-20")
    # Five days of the first, ten of the second.
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-20", "15.00")]
