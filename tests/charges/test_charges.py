"""Charges by command: fees, recovery costs and interest, posted, listed, paid and waived."""

from typing import Any

import pytest

from tests.conftest import Api

TODAY = "2026-03-02"


async def late(api: Api, total: str = "1000.00", *, kind: str = "business", **fields: Any) -> Any:
    """An invoice that has been late since 31 January, thirty days by now."""
    customer = await api.customer(kind=kind)
    return await api.invoice(customer["id"], total, "2026-01-01", "2026-01-31", **fields)


async def post(api: Api, invoice: Any, expect: int = 201, **fields: Any) -> Any:
    return await api.post("/charges", {"invoice_id": invoice["id"], **fields}, expect=expect)


async def open_of(api: Api, invoice: Any) -> tuple[str, str, str]:
    read = await api.get(f"/invoices/{invoice['id']}")
    return read["principal_open"], read["charges_open"], read["status"]


async def announced(api: Api, *types: str) -> list[Any]:
    await api.advance((await api.get("/test-clock"))["now"])
    return [event for event in await api.all("/events") if event["type"] in types]


async def test_a_fee_is_posted_and_found(api: Api) -> None:
    invoice = await late(api, external_id="F-7")
    body = {
        "invoice_external_id": "F-7",
        "kind": "fee",
        "amount": "50.00",
        "reason": "Devolución",
        "external_id": "CH-1",
        "metadata": {"branch": "norte"},
    }
    made = await api.post("/charges", body)
    assert (made["amount"], made["tax_amount"], made["paid_amount"]) == ("50.00", "0.00", "0.00")
    assert (made["status"], made["posted_on"], made["reason"]) == ("posted", TODAY, "Devolución")
    assert (made["invoice_id"], made["metadata"], made["segments"]) == (invoice["id"], {"branch": "norte"}, [])
    assert await api.get(f"/charges/{made['id']}") == made
    assert await open_of(api, invoice) == ("1000.00", "50.00", "open")
    found = {"external_id": "CH-1"}, {"invoice_id": invoice["id"]}, {"kind": "fee"}, {"posted_on_from": TODAY}
    for wanted in found:
        assert await api.all("/charges", **wanted) == [made]
    for other in ({"kind": "interest"}, {"status": "waived"}, {"posted_on_to": "2026-03-01"}, {"external_id": "CH"}):
        assert await api.all("/charges", **other) == []
    problem = await api.post("/charges", body, expect=409)
    assert problem["code"] == "external_id_taken"
    (event,) = await announced(api, "charge.posted")
    assert event["data"] == made


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "fee"}, "/amount"),
        ({"kind": "fee", "amount": "0"}, "/amount"),
        ({"kind": "fee", "amount": "1.001"}, "/amount"),
        ({"kind": "fee", "amount": "1", "rate_table": "mx_civil"}, "/rate_table"),
        ({"kind": "fee", "amount": "1", "through_on": TODAY}, "/through_on"),
        ({"kind": "fee", "amount": "1", "posted_on": "2026-03-03"}, "/posted_on"),
        ({"kind": "fee", "amount": "1", "posted_on": "2025-12-31"}, "/posted_on"),
        ({"kind": "interest"}, "/rate_table"),
        ({"kind": "interest", "rate_table": "nada"}, "/rate_table"),
        ({"kind": "interest", "annual_rate": "10", "through_on": "2026-03-03"}, "/through_on"),
        ({"kind": "interest", "annual_rate": "10", "through_on": "2026-01-31"}, "/through_on"),
        ({"kind": "interest", "annual_rate": "0"}, "/through_on"),
        ({"kind": "interest", "amount": "1", "annual_rate": "10"}, "/annual_rate"),
        ({"kind": "recovery_cost", "rate_table": "mx_comercial"}, "/rate_table"),
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, fields: Any, pointer: str) -> None:
    invoice = await late(api)
    problem = await post(api, invoice, expect=422, **fields)
    assert problem["errors"][0]["pointer"] == pointer
    assert await open_of(api, invoice) == ("1000.00", "0.00", "open")


async def test_only_what_is_owed_bears_charges(api: Api) -> None:
    draft = await late(api, status="draft")
    await post(api, draft, kind="fee", amount="1", expect=409)
    paid = await late(api)
    await api.pay(paid["customer_id"], "1000.00", TODAY)
    await post(api, paid, kind="fee", amount="1", expect=409)
    unknown = {"invoice_external_id": "none", "kind": "fee", "amount": "1"}
    problem = await api.post("/charges", unknown, expect=422)
    assert problem["errors"][0]["pointer"] == "/invoice_external_id"


@pytest.mark.parametrize(
    ("total", "table", "currency", "cost"),
    [
        ("0.01", "eu_late_payment", "EUR", "40.00"),
        ("999.99", "uk_late_payment", "GBP", "40.00"),
        ("1000.00", "uk_late_payment", "GBP", "70.00"),
        ("10000.00", "uk_late_payment", "GBP", "100.00"),
    ],
)
async def test_the_fixed_sum_is_charged_once(api: Api, total: str, table: str, currency: str, cost: str) -> None:
    invoice = await late(api, total, currency=currency)
    # What was open when it became late decides, not what is open now.
    if total != "0.01":
        allocations = [{"invoice_id": invoice["id"], "amount": "900.00"}]
        await api.pay(invoice["customer_id"], "900.00", "2026-02-01", currency=currency, allocations=allocations)
    made = await post(api, invoice, kind="recovery_cost", rate_table=table)
    assert (made["amount"], made["rate_table"], made["from_on"]) == (cost, table, None)
    await post(api, invoice, kind="recovery_cost", rate_table=table, expect=409)
    await post(api, invoice, kind="recovery_cost", rate_table=table, amount="5", expect=409)
    # One that was waived is owed no more, and may be charged after all.
    await api.post(f"/charges/{made['id']}/waive", {"reason": "Error"}, expect=200)
    await post(api, invoice, kind="recovery_cost", rate_table=table)


async def test_the_law_protects_consumers(api: Api) -> None:
    invoice = await late(api, kind="consumer", currency="EUR")
    for kind in ("recovery_cost", "interest"):
        problem = await post(api, invoice, kind=kind, rate_table="eu_late_payment", expect=422)
        assert problem["errors"][0]["code"] == "customer_kind_not_allowed"
    sole_trader = await late(api, kind="sole_trader", currency="EUR")
    await post(api, sole_trader, kind="recovery_cost", rate_table="eu_late_payment")
    setting = {"rate_table": "eu_late_payment", "mode": "informational"}
    problem = await api.patch(f"/customers/{invoice['customer_id']}", {"late_interest": setting}, expect=422)
    assert problem["errors"][0]["pointer"] == "/late_interest/rate_table"
    problem = await api.patch(f"/invoices/{invoice['id']}", {"late_interest": setting}, expect=422)
    assert problem["errors"][0]["code"] == "customer_kind_not_allowed"


async def test_a_recovery_cost_is_owed_from_the_day_after_the_due_date(api: Api) -> None:
    customer = await api.customer()
    due = await api.invoice(customer["id"], "100.00", "2026-01-01", TODAY, currency="EUR")
    await post(api, due, kind="recovery_cost", rate_table="eu_late_payment", expect=409)
    yesterday = await api.invoice(customer["id"], "100.00", "2026-01-01", "2026-03-01", currency="EUR")
    await post(api, yesterday, kind="recovery_cost", rate_table="eu_late_payment")
    # In another currency the law names no sum; one of one's own is possible.
    pesos = await api.invoice(customer["id"], "100.00", "2026-01-01", "2026-03-01")
    problem = await post(api, pesos, kind="recovery_cost", rate_table="eu_late_payment", expect=422)
    assert problem["errors"][0]["pointer"] == "/rate_table"
    assert (await post(api, pesos, kind="recovery_cost", amount="800.00"))["rate_table"] is None


async def test_interest_is_charged_for_days_that_were_not(api: Api) -> None:
    invoice = await late(api, "36500.00")
    first = await post(api, invoice, kind="interest", annual_rate="10", through_on="2026-02-10")
    assert (first["amount"], first["from_on"], first["through_on"]) == ("100.00", "2026-02-01", "2026-02-10")
    assert first["segments"] == [
        {
            "from_on": "2026-02-01",
            "through_on": "2026-02-10",
            "days": 10,
            "principal": "36500.00",
            "annual_rate": "10",
            "interest": "100.00",
        }
    ]
    second = await post(api, invoice, kind="interest", rate_table="mx_comercial")
    assert (second["amount"], second["from_on"], second["through_on"]) == ("120.00", "2026-02-11", TODAY)
    assert second["rate_table"] == "mx_comercial"
    await post(api, invoice, kind="interest", annual_rate="10", expect=422)
    assert await open_of(api, invoice) == ("36500.00", "220.00", "open")


async def test_what_is_paid_fills_the_oldest_charge_first(api: Api) -> None:
    invoice = await late(api)
    first = await post(api, invoice, kind="fee", amount="30.00", posted_on="2026-02-10")
    second = await post(api, invoice, kind="fee", amount="20.00", posted_on="2026-02-05")
    payment = await api.pay(invoice["customer_id"], "35.00", TODAY)

    async def shown() -> list[tuple[str, str]]:
        read = [await api.get(f"/charges/{one['id']}") for one in (second, first)]
        return [(one["status"], one["paid_amount"]) for one in read]

    assert await shown() == [("paid", "20.00"), ("posted", "15.00")]
    await api.pay(invoice["customer_id"], "15.00", TODAY)
    assert await shown() == [("paid", "20.00"), ("paid", "30.00")]
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert await shown() == [("posted", "15.00"), ("posted", "0.00")]


async def test_a_waiver_is_an_entry_and_an_event(api: Api) -> None:
    invoice = await late(api)
    made = await post(api, invoice, kind="fee", amount="50.00", posted_on="2026-02-20")
    waived = await api.post(
        f"/charges/{made['id']}/waive", {"reason": "Acuerdo", "waived_on": "2026-02-25"}, expect=200
    )
    assert (waived["status"], waived["waived_on"], waived["waiver_reason"]) == ("waived", "2026-02-25", "Acuerdo")
    assert await open_of(api, invoice) == ("1000.00", "0.00", "open")
    entries = [entry for entry in await api.all(f"/invoices/{invoice['id']}/ledger") if entry["account"] == "fees"]
    shape = [(entry["kind"], entry["amount"], entry["effective_on"]) for entry in entries]
    assert shape == [("charge_posted", "50.00", "2026-02-20"), ("charge_waived", "-50.00", "2026-02-25")]
    assert entries[1]["reverses_id"] == entries[0]["id"]
    (event,) = await announced(api, "charge.waived")
    assert (event["data"]["status"], event["previous"]["status"]) == ("waived", "posted")
    await api.post(f"/charges/{made['id']}/waive", {"reason": "Again"}, expect=409)


@pytest.mark.parametrize("waived_on", ["2026-02-19", "2026-03-03"])
async def test_a_waiver_is_neither_before_the_charge_nor_ahead(api: Api, waived_on: str) -> None:
    made = await post(api, await late(api), kind="fee", amount="50.00", posted_on="2026-02-20")
    problem = await api.post(f"/charges/{made['id']}/waive", {"reason": "x", "waived_on": waived_on}, expect=422)
    assert problem["errors"][0]["pointer"] == "/waived_on"


async def test_money_that_had_paid_a_waived_charge_pays_the_rest(api: Api) -> None:
    invoice = await late(api)
    made = await post(api, invoice, kind="fee", amount="50.00")
    payment = await api.pay(invoice["customer_id"], "80.00", TODAY)
    assert await open_of(api, invoice) == ("970.00", "0.00", "partially_paid")
    waived = await api.post(f"/charges/{made['id']}/waive", {"reason": "x"}, expect=200)
    assert (waived["status"], waived["paid_amount"]) == ("waived", "0.00")
    assert await open_of(api, invoice) == ("920.00", "0.00", "partially_paid")
    assert (await api.get(f"/payments/{payment['id']}"))["unapplied_amount"] == "0.00"


async def test_money_that_nothing_is_left_for_goes_back_to_the_payer(api: Api) -> None:
    await api.patch("/tenant", {"allocation_order": ["principal", "interest", "fees"]})
    invoice = await late(api)
    made = await post(api, invoice, kind="fee", amount="50.00")
    first = await api.pay(invoice["customer_id"], "1010.00", TODAY)
    second = await api.pay(invoice["customer_id"], "40.00", TODAY)
    assert await open_of(api, invoice) == ("0.00", "0.00", "paid")
    await api.post(f"/charges/{made['id']}/waive", {"reason": "x"}, expect=200)
    assert await open_of(api, invoice) == ("0.00", "0.00", "paid")
    # One that settles nothing any more is not told as an allocation.
    second = await api.get(f"/payments/{second['id']}")
    assert (second["unapplied_amount"], second["allocations"]) == ("40.00", [])
    assert (await api.get(f"/payments/{first['id']}"))["unapplied_amount"] == "10.00"
    told = await announced(api, "payment.allocated")
    assert {event["object"]["id"] for event in told} == {first["id"], second["id"]}
    # What went back can be used, and the other payment still bounces whole.
    await api.post(f"/payments/{second['id']}/refund", {"amount": "40.00"}, expect=200)
    await api.post(f"/payments/{first['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert await open_of(api, invoice) == ("1000.00", "0.00", "open")


async def test_a_payer_of_others_gets_the_money_back(api: Api) -> None:
    invoice = await late(api)
    made = await post(api, invoice, kind="fee", amount="50.00")
    parent = await api.customer()
    allocations = [{"invoice_id": invoice["id"], "amount": "1050.00"}]
    payment = await api.pay(parent["id"], "1050.00", TODAY, allocations=allocations, for_other_customers=True)
    await api.post(f"/charges/{made['id']}/waive", {"reason": "x"}, expect=200)
    assert (await api.get(f"/payments/{payment['id']}"))["unapplied_amount"] == "50.00"


TAX = {"code": "IVA16", "percent": "16"}


@pytest.mark.parametrize(
    ("kinds", "kind", "amount", "tax"),
    [
        (["fee", "interest"], "fee", "116.00", "16.00"),
        (["interest"], "fee", "100.00", "0.00"),
        (None, "recovery_cost", "116.00", "16.00"),
    ],
)
async def test_tax_is_added_to_the_kinds_that_bear_it(api: Api, kinds: Any, kind: str, amount: str, tax: str) -> None:
    await api.patch("/tenant", {"charge_tax": TAX if kinds is None else {**TAX, "kinds": kinds}})
    invoice = await late(api)
    made = await post(api, invoice, kind=kind, amount="100.00")
    assert (made["amount"], made["tax_amount"]) == (amount, tax)
    assert made["tax_code"] == ("IVA16" if tax != "0.00" else None)
    assert (await open_of(api, invoice))[1] == amount


@pytest.mark.parametrize(
    ("currency", "net", "gross"),
    [("JPY", "3", "3"), ("JPY", "4", "5"), ("KWD", "0.003", "0.003"), ("MXN", "0.03", "0.03")],
)
async def test_tax_rounds_half_up_in_the_currency(api: Api, currency: str, net: str, gross: str) -> None:
    await api.patch("/tenant", {"charge_tax": {"code": "T", "percent": "12.5"}})
    invoice = await late(api, "1000", currency=currency)
    assert (await post(api, invoice, kind="fee", amount=net))["amount"] == gross


async def test_a_steps_fee_bears_the_tax_and_has_tiers(api: Api) -> None:
    await api.always_open()
    await api.patch("/tenant", {"charge_tax": TAX})
    tiers = [
        {"from_amount": "500.00", "amount": "50.00"},
        {"from_amount": "1000.00", "percent": "10"},
    ]
    step = {"key": "d+1", "offset_days": 1, "channels": ["email"], "template": "first_notice"}
    fee = {"kind": "tiers", "tiers": tiers, "max": "150.00"}
    policy = await api.policy([], steps=[{**step, "fee": fee}])
    assert policy["steps"][0]["fee"]["tiers"] == [
        {"from_amount": "500.00", "amount": "50.00", "percent": None},
        {"from_amount": "1000.00", "amount": None, "percent": "10"},
    ]
    customer = await api.customer()
    owed = {}
    for total in ("499.99", "500.00", "999.99", "1000.00", "9000.00"):
        owed[total] = await api.invoice(customer["id"], total, "2026-02-01", "2026-03-01")
    await api.advance("2026-03-03T18:00:00Z")
    charged = {total: (await open_of(api, invoice))[1] for total, invoice in owed.items()}
    assert charged == {
        "499.99": "0.00",
        "500.00": "58.00",
        "999.99": "58.00",
        "1000.00": "116.00",
        "9000.00": "174.00",
    }


@pytest.mark.parametrize(
    ("fee", "pointer"),
    [
        ({"kind": "tiers"}, "/steps/0/fee/tiers"),
        ({"kind": "flat", "amount": "1", "tiers": [{"from_amount": "0", "amount": "1"}]}, "/steps/0/fee/tiers"),
        ({"kind": "tiers", "amount": "1", "tiers": [{"from_amount": "0", "amount": "1"}]}, "/steps/0/fee/amount"),
        ({"kind": "tiers", "tiers": [{"from_amount": "0"}]}, "/steps/0/fee/tiers/0"),
        (
            {"kind": "tiers", "tiers": [{"from_amount": "5", "amount": "1"}, {"from_amount": "5", "amount": "2"}]},
            "/steps/0/fee/tiers/1/from_amount",
        ),
        ({"kind": "tiers", "tiers": [{"from_amount": "0", "amount": "0"}]}, "/steps/0/fee/tiers/0/amount"),
        ({"kind": "tiers", "tiers": [{"from_amount": "0", "percent": "101"}]}, "/steps/0/fee/tiers/0/percent"),
    ],
)
async def test_tiers_that_make_no_sense_are_refused(api: Api, fee: Any, pointer: str) -> None:
    step = {"key": "d+1", "offset_days": 1, "channels": ["email"], "template": "first_notice"}
    problem = await api.post("/dunning-policies", {"name": "P", "steps": [{**step, "fee": fee}]}, expect=422)
    assert pointer in [error["pointer"] for error in problem["errors"]]
