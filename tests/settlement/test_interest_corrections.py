"""Late interest is put right when the past changes (rule M6)."""

from app.core.uow import Database
from tests.contract.test_statements import recorded
from tests.settlement.conftest import Tenant
from tests.settlement.lateness import (
    AT_SETTLEMENT,
    MONTHLY,
    PRINCIPAL_FIRST,
    allocate,
    interest,
    late,
    open_of,
    read,
)

# The past changes


async def test_a_full_backdated_payment_leaves_no_interest(tenant: Tenant) -> None:
    api = await tenant("2026-02-10", MONTHLY)
    invoice = await late(api)
    await api.advance("2026-04-02T18:00:00Z")
    assert len(await interest(api, invoice)) == 2
    payment = await allocate(api, invoice, "1000.00", "2026-01-31")
    # Allocated to interest first, by the tenant's order; with its ground gone, all of it pays the principal.
    assert await open_of(api, invoice) == ("0.00", "0.00", "paid")
    assert await interest(api, invoice) == []
    assert len(await interest(api, invoice, "reversed")) == 2
    assert payment["allocations"][0]["amount"] == "1000.00"
    entries = await api.all(f"/invoices/{invoice['id']}/ledger")
    reversals = [entry for entry in entries if entry["kind"] == "charge_reversed"]
    assert [entry["amount"] for entry in reversals] == ["-28.00", "-31.00"]
    await api.advance("2026-04-03T18:00:00Z")
    told = [event["type"] for event in await api.all("/events") if event["type"].startswith("charge.")]
    assert sorted(told) == ["charge.posted"] * 2 + ["charge.reversed"] * 2
    await api.advance("2026-06-03T18:00:00Z")
    assert await interest(api, invoice) == []


async def test_what_was_paid_for_interest_without_ground_goes_back(tenant: Tenant) -> None:
    api = await tenant("2026-02-10", MONTHLY)
    invoice = await late(api)
    await api.advance("2026-03-02T18:00:00Z")
    first = await allocate(api, invoice, "28.00", "2026-03-02")
    assert (await open_of(api, invoice))[:2] == ("1000.00", "0.00")
    await allocate(api, invoice, "1000.00", "2026-01-31")
    assert await open_of(api, invoice) == ("0.00", "0.00", "paid")
    first = await api.get(f"/payments/{first['id']}")
    assert (first["unapplied_amount"], first["allocations"]) == ("28.00", [])


async def test_a_promise_to_pay_interest_without_ground_is_judged_anew_at_once(tenant: Tenant) -> None:
    api = await tenant("2026-02-10", MONTHLY)
    invoice = await late(api)
    await api.advance("2026-03-02T18:00:00Z")
    named = {"customer_id": invoice["customer_id"], "invoice_ids": [invoice["id"]]}
    promise = await api.post("/promises", {**named, "promised_on": "2026-03-10", "amount": "28.00"})
    await allocate(api, invoice, "28.00", "2026-03-02")
    path = f"/promises/{promise['id']}"
    assert [(await api.get(path))[name] for name in ("status", "paid_amount")] == ["kept", "28.00"]
    # What had paid interest is the payer's again, and the payment dated back is from before the promise.
    await allocate(api, invoice, "1000.00", "2026-01-31")
    assert [(await api.get(path))[name] for name in ("status", "paid_amount")] == ["open", "0.00"]


async def test_a_part_payment_dated_back_takes_its_share(tenant: Tenant) -> None:
    api = await tenant("2026-02-10", MONTHLY)
    await api.patch("/tenant", PRINCIPAL_FIRST)
    invoice = await late(api)
    await api.advance("2026-04-02T18:00:00Z")
    payment = await allocate(api, invoice, "500.00", "2026-03-10")
    # February stands; March is 10 days on 1000 and 21 on 500.
    assert await interest(api, invoice) == [
        ("2026-02-01", "2026-02-28", "28.00"),
        ("2026-03-01", "2026-03-31", "20.50"),
    ]
    assert await interest(api, invoice, "reversed") == [("2026-03-01", "2026-03-31", "31.00")]
    # And taken off again, it is as before.
    await api.post(f"/payments/{payment['id']}/unallocate", {}, expect=200)
    assert await interest(api, invoice) == [
        ("2026-02-01", "2026-02-28", "28.00"),
        ("2026-03-01", "2026-03-31", "31.00"),
    ]


async def test_interest_that_was_given_up_is_given_back_to_nobody(tenant: Tenant) -> None:
    """What a write-off has settled stays as it was charged, though a payment of before has taken its ground."""
    api = await tenant("2026-02-10", MONTHLY)
    invoice = await late(api)
    await api.advance("2026-03-02T18:00:00Z")
    charged = [("2026-02-01", "2026-02-28", "28.00")]
    assert await interest(api, invoice) == charged
    body = {"reason": "other", "amount": "28.00"}
    await api.post(f"/invoices/{invoice['id']}/write-off", body, expect=200)
    payment = await allocate(api, invoice, "1000.00", "2026-02-10")
    assert payment["unapplied_amount"] == "0.00"
    assert await interest(api, invoice) == charged
    assert await interest(api, invoice, "reversed") == []
    assert await open_of(api, invoice) == ("0.00", "0.00", "written_off")


async def test_a_payment_that_bounced_earned_nothing_while_it_was_there(tenant: Tenant) -> None:
    api = await tenant("2026-03-02", AT_SETTLEMENT)
    invoice = await late(api)
    payment = await allocate(api, invoice, "1000.00", "2026-02-10")
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-10", "10.00")]
    body = {"reason": "bounced", "reversed_on": "2026-02-20"}
    await api.post(f"/payments/{payment['id']}/reverse", body, expect=200)
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-10", "10.00")]
    await allocate(api, invoice, "1010.00", "2026-03-02")
    # Ten days from the day after the reversal on.
    assert await interest(api, invoice) == [
        ("2026-02-01", "2026-02-10", "10.00"),
        ("2026-02-11", "2026-03-02", "10.00"),
    ]


async def test_interest_taken_back_whole_comes_again_with_its_ground(tenant: Tenant) -> None:
    api = await tenant("2026-02-10", MONTHLY)
    invoice = await late(api)
    await api.advance("2026-04-02T18:00:00Z")
    payment = await allocate(api, invoice, "1000.00", "2026-01-31")
    assert await interest(api, invoice) == []
    # It was booked in error, so it never was.
    body = {"reason": "error", "reversed_on": "2026-01-31"}
    await api.post(f"/payments/{payment['id']}/reverse", body, expect=200)
    assert await interest(api, invoice) == [("2026-02-01", "2026-03-31", "59.00")]


async def test_a_credit_note_dated_back_takes_its_share(tenant: Tenant) -> None:
    api = await tenant("2026-02-10", MONTHLY)
    invoice = await late(api)
    await api.advance("2026-03-02T18:00:00Z")
    body = {
        "customer_id": invoice["customer_id"],
        "currency": "MXN",
        "amount": "400.00",
        "issued_on": "2026-01-31",
        "invoice_id": invoice["id"],
    }
    await api.post("/credit-notes", body)
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-28", "16.80")]


async def test_waived_days_are_not_charged_again(tenant: Tenant) -> None:
    api = await tenant("2026-02-10", MONTHLY)
    invoice = await late(api)
    await api.advance("2026-03-02T18:00:00Z")
    (charge,) = await api.all("/charges", invoice_id=invoice["id"])
    await api.post(f"/charges/{charge['id']}/waive", {"reason": "Acuerdo"}, expect=200)
    await api.advance("2026-04-02T18:00:00Z")
    assert await interest(api, invoice) == [("2026-03-01", "2026-03-31", "31.00")]
    # Whatever those days would have earned.
    await api.patch("/tenant", PRINCIPAL_FIRST)
    await allocate(api, invoice, "500.00", "2026-02-14")
    assert await interest(api, invoice) == [("2026-03-01", "2026-03-31", "15.50")]
    assert await interest(api, invoice, "waived") == [("2026-02-01", "2026-02-28", "28.00")]


async def test_interest_by_command_is_put_right_too(tenant: Tenant) -> None:
    api = await tenant("2026-03-02")
    await api.patch("/tenant", PRINCIPAL_FIRST)
    for rates in ({"annual_rate": "36.5"}, {"rate_table": "diario"}):
        invoice = await late(api)
        await api.post("/charges", {"invoice_id": invoice["id"], "kind": "interest", **rates})
        fixed = await api.post("/charges", {"invoice_id": invoice["id"], "kind": "interest", "amount": "7.00"})
        assert await open_of(api, invoice) == ("1000.00", "37.00", "open")
        await allocate(api, invoice, "500.00", "2026-02-15")
        assert (await open_of(api, invoice))[:2] == ("500.00", "29.50")
        await allocate(api, invoice, "500.00", "2026-01-31")
        # 15 days on 500, and the amount that nobody worked out here.
        assert await open_of(api, invoice) == ("0.00", "14.50", "partially_paid")
        assert (await api.get(f"/charges/{fixed['id']}"))["status"] == "posted"


async def test_a_rate_at_the_payment_holds_for_the_whole_time(tenant: Tenant) -> None:
    api = await tenant("2026-02-10")
    rates = [{"from_on": "2020-01-01", "annual_rate": "36.5"}, {"from_on": "2026-03-10", "annual_rate": "18.25"}]
    table = {"code": "pago", "name": "Al pago", "rates": rates, "rate_basis": "at_payment"}
    await api.post("/rate-tables", table)
    await api.patch("/tenant", {"late_interest": {"rate_table": "pago", "mode": "posted", "posting": "monthly"}})
    invoice = await late(api)
    await api.advance("2026-03-02T18:00:00Z")
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-28", "28.00")]
    await api.advance("2026-03-12T18:00:00Z")
    await allocate(api, invoice, "1028.00", "2026-03-12")
    # Forty days at half of a tenth of a percent: more was posted than is owed, and what was overpaid is back.
    assert await interest(api, invoice) == [("2026-02-01", "2026-03-12", "20.00")]
    assert await open_of(api, invoice) == ("0.00", "0.00", "paid")


async def test_recoveries_and_reversed_write_offs_were_owed_all_the_time(tenant: Tenant) -> None:
    api = await tenant("2026-03-02", MONTHLY)
    invoice = await late(api)
    await api.advance("2026-03-02T18:00:00Z")
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-28", "28.00")]
    written = await api.post(f"/invoices/{invoice['id']}/write-off", {"reason": "bad_debt"}, expect=200)
    assert written["status"] == "written_off"
    await api.advance("2026-04-02T18:00:00Z")
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-28", "28.00")]


async def test_invoices_without_late_interest_cost_nothing(tenant: Tenant, database: Database) -> None:
    api = await tenant("2026-03-02", {"mode": "none"})
    invoice = await late(api)
    with recorded(database) as seen:
        await allocate(api, invoice, "400.00", "2026-02-20")
        await api.advance("2026-04-10T18:00:00Z")
    asked = [statement for statement in seen if "charges" in statement or "rate_tables" in statement]
    assert asked == []
    assert not [statement for statement in seen if "principal" in statement and "GROUP BY" in statement]


# Stories


async def test_a_story_of_three_months(tenant: Tenant) -> None:
    api = await tenant("2026-01-02", MONTHLY)
    invoice = await late(api, "10000.00", due_on="2026-01-20")
    await api.advance("2026-02-01T18:00:00Z")
    assert await interest(api, invoice) == [("2026-01-21", "2026-01-31", "110.00")]
    await api.advance("2026-02-15T18:00:00Z")
    await allocate(api, invoice, "3110.00", "2026-02-15")
    assert (await open_of(api, invoice))[:2] == ("7000.00", "0.00")
    await api.advance("2026-03-01T18:00:00Z")
    february = ("2026-02-01", "2026-02-28", "241.00")  # 15 days on 10,000 and 13 on 7,000
    assert (await interest(api, invoice))[1] == february
    # The bank reports a transfer of 30 January late: January loses its last day, February its interest on 2,000.
    await api.advance("2026-03-05T18:00:00Z")
    await api.patch("/tenant", PRINCIPAL_FIRST)
    await allocate(api, invoice, "2000.00", "2026-01-30")
    assert await interest(api, invoice) == [
        ("2026-01-21", "2026-01-31", "108.00"),
        ("2026-02-01", "2026-02-28", "185.00"),
    ]
    found = await read(api, invoice)
    # The 2.00 that had been paid on January's interest pay principal from 15 February on.
    assert (found["principal_open"], found["charges_open"]) == ("5000.00", "183.00")
