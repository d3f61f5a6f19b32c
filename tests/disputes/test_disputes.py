"""Disputes through the API: what is chased meanwhile, when an answer is overdue, and what each outcome does."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.core.settings import Settings
from tests.conftest import Api
from tests.operating.test_checks import check


async def sent(api: Api) -> list[tuple[str, str, str]]:
    """Day, step and amount of what went out, in order."""
    reminders = await api.all("/reminders", status="sent")
    return [
        (row["sent_at"][:10], item["step_key"], item["amount"]) for row in reversed(reminders) for item in row["items"]
    ]


async def owing(api: Api, offsets: Sequence[int] = (30,), *, due_on: str = "2026-03-01", **fields: Any) -> Any:
    """An invoice of 1,000.00, overdue by a day on the first day."""
    await api.always_open()
    await api.policy(list(offsets))
    customer = await api.customer()
    return await api.invoice(customer["id"], "1000.00", "2026-02-01", due_on, **fields)


async def disputed(api: Api, invoice: Any, amount: str | None = None, **fields: Any) -> Any:
    return await api.post("/disputes", {"invoice_id": invoice["id"], "amount": amount, "reason": "quality", **fields})


async def resolve(api: Api, dispute: Any, outcome: str, **fields: Any) -> Any:
    return await api.post(f"/disputes/{dispute['id']}/resolve", {"outcome": outcome, **fields}, expect=200)


async def pay(api: Api, invoice: Any, amount: str, on: str) -> Any:
    allocations = [{"invoice_id": invoice["id"], "amount": amount}]
    return await api.pay(invoice["customer_id"], amount, on, allocations=allocations)


async def noon(api: Api, day: str) -> None:
    await api.advance(f"{day}T12:00:00-06:00")


async def balances(api: Api, invoice: Any) -> tuple[str, str, str]:
    """Open, disputed, and what is being done to collect it."""
    found = await api.get(f"/invoices/{invoice['id']}")
    return found["open_amount"], found["disputed_amount"], found["collection_state"]


async def test_the_undisputed_part_is_chased_and_an_accepted_one_is_credited(api: Api, settings: Settings) -> None:
    invoice = await owing(api, [2, 5, 9])
    dispute = await disputed(api, invoice, "400.00", documents=[{"kind": "photo", "url": "https://example.com/1"}])
    assert (dispute["status"], dispute["amount"], dispute["in_flight"]) == ("open", "400.00", [])
    assert await balances(api, invoice) == ("1000.00", "400.00", "disputed")
    await noon(api, "2026-03-03")
    assert await sent(api) == [("2026-03-03", "d+2", "600.00")]
    answer = await resolve(api, dispute, "accepted", note="Replaced.")
    assert (answer["status"], answer["accepted_amount"], answer["credited_amount"]) == ("accepted", "400.00", "400.00")
    note = await api.get(f"/credit-notes/{answer['credit_note_id']}")
    assert (note["amount"], note["status"], note["invoice_id"]) == ("400.00", "applied", invoice["id"])
    assert await balances(api, invoice) == ("600.00", "0.00", "dunning")
    await noon(api, "2026-03-06")
    assert await sent(api) == [("2026-03-03", "d+2", "600.00"), ("2026-03-06", "d+5", "600.00")]
    events = await api.all("/events", types="dispute.*,credit_note.*")
    assert [event["type"] for event in events] == ["dispute.opened", "dispute.resolved", "credit_note.created"] or [
        event["type"] for event in events
    ] == ["dispute.opened", "credit_note.created", "dispute.resolved"]
    await pay(api, invoice, "600.00", "2026-03-06")
    assert await balances(api, invoice) == ("0.00", "0.00", "none")
    assert (await check(settings, api)).violations == []


async def test_a_whole_dispute_stops_the_ladder_where_it_stands(api: Api) -> None:
    invoice = await owing(api, [2, 5])
    await noon(api, "2026-03-03")
    dispute = await disputed(api, invoice)
    assert dispute["amount"] is None
    assert await balances(api, invoice) == ("1000.00", "1000.00", "disputed")
    assert (await api.get(f"/invoices/{invoice['id']}/dunning"))["state"] == "suspended"
    await noon(api, "2026-03-13")
    assert await sent(api) == [("2026-03-03", "d+2", "1000.00")]
    answer = await resolve(api, dispute, "rejected")
    assert (answer["accepted_amount"], answer["credited_amount"], answer["credit_note_id"]) == ("0.00", "0.00", None)
    # Ladder day 1 was 03-02; the days from 03-03 through 03-12 do not count, so day 5 is 03-16.
    await noon(api, "2026-03-15")
    assert len(await sent(api)) == 1
    await noon(api, "2026-03-16")
    assert await sent(api) == [("2026-03-03", "d+2", "1000.00"), ("2026-03-16", "d+5", "1000.00")]
    assert (await api.get(f"/invoices/{invoice['id']}"))["days_overdue"] == 15


async def test_an_accepted_whole_one_pays_the_invoice(api: Api, settings: Settings) -> None:
    invoice = await owing(api, [2])
    await resolve(api, await disputed(api, invoice), "accepted")
    assert await balances(api, invoice) == ("0.00", "0.00", "none")
    assert (await api.get(f"/invoices/{invoice['id']}"))["status"] == "paid"
    await noon(api, "2026-03-10")
    assert await sent(api) == []
    assert (await check(settings, api)).violations == []


async def test_a_part_of_it_is_accepted(api: Api) -> None:
    invoice = await owing(api, [2])
    dispute = await disputed(api, invoice, "400.00")
    for amount in (None, "400.00", "0.00"):
        body = {"outcome": "partially_accepted", "amount": amount}
        problem = await api.post(f"/disputes/{dispute['id']}/resolve", body, expect=422)
        assert problem["errors"][0]["pointer"] == "/amount"
    body = {"outcome": "accepted", "amount": "100.00"}
    await api.post(f"/disputes/{dispute['id']}/resolve", body, expect=422)
    answer = await resolve(api, dispute, "partially_accepted", amount="150.00")
    assert (answer["status"], answer["credited_amount"]) == ("partially_accepted", "150.00")
    assert await balances(api, invoice) == ("850.00", "0.00", "none")
    await api.post(f"/disputes/{dispute['id']}/resolve", {"outcome": "rejected"}, expect=409)
    await noon(api, "2026-03-03")
    assert await sent(api) == [("2026-03-03", "d+2", "850.00")]


async def test_whoever_credits_it_himself_says_so(api: Api) -> None:
    invoice = await owing(api)
    answer = await resolve(api, await disputed(api, invoice, "400.00"), "accepted", credit=False)
    assert (answer["accepted_amount"], answer["credited_amount"], answer["credit_note_id"]) == ("400.00", "0.00", None)
    assert await balances(api, invoice) == ("1000.00", "0.00", "none")
    assert await api.all("/credit-notes") == []


async def test_what_is_disputed_shrinks_with_payments_and_grows_with_reversals(api: Api) -> None:
    invoice = await owing(api)
    dispute = await disputed(api, invoice, "400.00")
    payment = await pay(api, invoice, "700.00", "2026-03-02")
    assert await balances(api, invoice) == ("300.00", "300.00", "disputed")
    await pay(api, invoice, "300.00", "2026-03-02")
    assert await balances(api, invoice) == ("0.00", "0.00", "none")
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert await balances(api, invoice) == ("700.00", "400.00", "disputed")
    answer = await resolve(api, dispute, "accepted")
    assert answer["credited_amount"] == "400.00"
    assert await balances(api, invoice) == ("300.00", "0.00", "none")


async def test_automatic_allocation_leaves_it_alone(api: Api) -> None:
    invoice = await owing(api)
    await disputed(api, invoice, "400.00")
    payment = await api.pay(invoice["customer_id"], "1000.00", "2026-03-02", auto_allocate=True)
    assert payment["unapplied_amount"] == "400.00"
    assert await balances(api, invoice) == ("400.00", "400.00", "disputed")


async def test_several_of_one_invoice(api: Api) -> None:
    invoice = await owing(api)
    first = await disputed(api, invoice, "300.00")
    await disputed(api, invoice, "500.00")
    assert (await balances(api, invoice))[1] == "800.00"
    body = {"invoice_id": invoice["id"], "amount": "200.01", "reason": "price"}
    assert (await api.post("/disputes", body, expect=422))["errors"][0]["pointer"] == "/amount"
    await disputed(api, invoice)
    assert (await balances(api, invoice))[1] == "1000.00"
    assert (await api.post("/disputes", {**body, "amount": None}, expect=409))["code"] == "state_conflict"
    await resolve(api, first, "accepted")
    assert await balances(api, invoice) == ("700.00", "700.00", "disputed")


@pytest.mark.parametrize(
    ("day", "is_overdue"),
    [("2026-03-05", False), ("2026-03-06", False), ("2026-03-07", True), ("2026-03-08", True)],
)
async def test_it_is_overdue_on_the_day_after_its_last(api: Api, day: str, is_overdue: bool) -> None:
    dispute = await disputed(api, await owing(api), "1.00", respond_by_on="2026-03-06")
    await api.advance(f"{day}T00:00:00-06:00")
    assert (await api.get(f"/disputes/{dispute['id']}"))["is_overdue"] is is_overdue
    assert len((await api.get("/disputes", is_overdue="true"))["data"]) == is_overdue
    assert len(await api.all("/events", types="dispute.overdue")) == is_overdue


async def test_one_that_was_answered_in_time_is_never_overdue(api: Api) -> None:
    dispute = await disputed(api, await owing(api), respond_by_on="2026-03-06")
    await noon(api, "2026-03-06")
    await resolve(api, dispute, "withdrawn")
    await noon(api, "2026-03-10")
    assert await api.all("/events", types="dispute.overdue") == []


async def test_the_tenants_term_counts_working_days(api: Api) -> None:
    # 2026-03-16 is the holiday of Benito Juárez's birthday in Mexico.
    rules = {"disputes": {"response_working_days": 10}, "calendar": "MX"}
    assert (await api.patch("/tenant", rules))["disputes"] == {"response_working_days": 10}
    dispute = await disputed(api, await owing(api))
    assert dispute["respond_by_on"] == "2026-03-17"
    named = await disputed(
        api, await api.invoice(dispute["customer_id"], "5.00", "2026-03-01", "2026-03-01"), respond_by_on="2026-03-02"
    )
    assert named["respond_by_on"] == "2026-03-02"


async def daily(api: Api, **setting: str) -> Any:
    """An invoice of 1,000.00 that earns 1.00 a day from 2026-03-02 on, posted at the end of each month."""
    rates = [{"from_on": "2020-01-01", "annual_rate": "36.5"}]
    await api.post("/rate-tables", {"code": "diario", "name": "0.1 % al día", "rates": rates})
    late = {"rate_table": "diario", "mode": "posted", "posting": "monthly", **setting}
    return await owing(api, late_interest=late)


async def interest(api: Api, invoice: Any) -> list[tuple[str, str, str]]:
    """Standing interest: first and last day, amount."""
    rows = await api.all("/charges", invoice_id=invoice["id"])
    return sorted((row["from_on"], row["through_on"], row["amount"]) for row in rows if row["status"] != "reversed")


async def test_interest_of_the_disputed_part_is_deferred_and_posted_on_rejection(api: Api, settings: Settings) -> None:
    invoice = await daily(api)
    await noon(api, "2026-03-11")
    dispute = await disputed(api, invoice, "400.00")
    await noon(api, "2026-04-10")
    # 9 days on 1,000.00, and 21 on 600.00.
    assert await interest(api, invoice) == [("2026-03-02", "2026-03-31", "21.60")]
    await resolve(api, dispute, "rejected")
    assert await interest(api, invoice) == [("2026-03-02", "2026-03-31", "30.00")]
    await noon(api, "2026-05-02")
    assert await interest(api, invoice) == [
        ("2026-03-02", "2026-03-31", "30.00"), ("2026-04-01", "2026-04-30", "30.00"),
    ]  # fmt: skip
    assert (await check(settings, api)).violations == []


async def test_interest_of_the_disputed_part_is_dropped_on_acceptance(api: Api, settings: Settings) -> None:
    invoice = await daily(api)
    await noon(api, "2026-03-11")
    dispute = await disputed(api, invoice, "400.00")
    await noon(api, "2026-04-10")
    await resolve(api, dispute, "accepted")
    await noon(api, "2026-05-02")
    assert await interest(api, invoice) == [
        ("2026-03-02", "2026-03-31", "21.60"), ("2026-04-01", "2026-04-30", "18.00"),
    ]  # fmt: skip
    assert (await check(settings, api)).violations == []


async def test_interest_of_a_whole_dispute_waits_and_partial_acceptance_drops_its_part(api: Api) -> None:
    invoice = await daily(api)
    dispute = await disputed(api, invoice)
    await noon(api, "2026-04-10")
    assert await interest(api, invoice) == []
    assert (await api.get(f"/invoices/{invoice['id']}"))["charges_open"] == "0.00"
    await resolve(api, dispute, "partially_accepted", amount="500.00")
    # What is owed after all earns for the whole time.
    assert await interest(api, invoice) == [("2026-03-02", "2026-03-31", "15.00")]


async def test_interest_at_settlement_counts_the_days_of_a_rejected_one(api: Api) -> None:
    invoice = await daily(api, posting="at_settlement")
    dispute = await disputed(api, invoice)
    await noon(api, "2026-03-21")
    await resolve(api, dispute, "withdrawn")
    await pay(api, invoice, "1000.00", "2026-03-21")
    assert await interest(api, invoice) == [("2026-03-02", "2026-03-21", "20.00")]


async def test_a_hold_of_charges_earns_nothing_and_takes_back_what_was_posted_for_its_days(api: Api) -> None:
    invoice = await daily(api)
    body = {"invoice_id": invoice["id"], "reason": "agreed", "effects": ["charges"]}
    await api.post("/holds", {**body, "starts_on": "2026-03-11", "ends_on": "2026-03-20"})
    await noon(api, "2026-04-02")
    assert await interest(api, invoice) == [("2026-03-02", "2026-03-31", "20.00")]
    await api.post("/holds", {**body, "starts_on": "2026-03-21", "ends_on": "2026-04-02"})
    assert await interest(api, invoice) == [("2026-03-02", "2026-03-31", "9.00")]


async def test_fees_are_on_the_undisputed_part_and_stop_under_a_hold_of_charges(api: Api) -> None:
    await api.always_open()
    fee = {"kind": "percent", "percent": "10"}
    step = {"channels": ["email"], "template": "first_notice", "fee": fee}
    await api.policy([], steps=[{"key": "a", "offset_days": 2, **step}, {"key": "b", "offset_days": 4, **step}])
    await api.patch("/tenant", {"sending": "live"})
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "1000.00", "2026-02-01", "2026-03-01")
    await disputed(api, invoice, "400.00")
    await noon(api, "2026-03-03")
    assert [row["amount"] for row in await api.all("/charges", invoice_id=invoice["id"])] == ["60.00"]
    await api.post("/holds", {"invoice_id": invoice["id"], "reason": "agreed", "effects": ["charges"]})
    await noon(api, "2026-03-05")
    assert [step for _, step, _ in await sent(api)] == ["a", "b"]
    assert len(await api.all("/charges", invoice_id=invoice["id"])) == 1


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({}, ""),
        ({"invoice_external_id": "F-0"}, "/invoice_external_id"),
        ({"invoice_external_id": "F-1", "amount": "100.01"}, "/amount"),
        ({"invoice_external_id": "F-1", "amount": "0.00"}, "/amount"),
        ({"invoice_external_id": "F-1", "reason": "mood"}, "/reason"),
        ({"invoice_external_id": "F-1", "respond_by_on": "2026-03-01"}, "/respond_by_on"),
        ({"invoice_external_id": "F-1", "documents": [{"kind": "x", "url": "file:///etc"}]}, "/documents/0/url"),
    ],
)
async def test_what_is_not_valid_names_its_field(api: Api, fields: Any, pointer: str) -> None:
    customer = await api.customer()
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01", external_id="F-1")
    problem = await api.post("/disputes", {"reason": "price", **fields}, expect=422)
    assert problem["errors"][0]["pointer"] == pointer
    assert await api.all("/disputes") == []


async def test_an_external_id_is_taken_once_and_found(api: Api) -> None:
    invoice = await owing(api)
    dispute = await disputed(api, invoice, "10.00", external_id="D-1")
    body = {"invoice_id": invoice["id"], "reason": "price", "external_id": "D-1"}
    assert (await api.post("/disputes", body, expect=409))["code"] == "external_id_taken"
    for wanted in ({"status": "open"}, {"invoice_id": invoice["id"]}, {"reason": "quality"}, {"external_id": "D-1"}):
        assert [row["id"] for row in (await api.get("/disputes", **wanted))["data"]] == [dispute["id"]]
    assert (await api.get("/disputes", status="rejected"))["data"] == []
    paid = await api.invoice(invoice["customer_id"], "1.00", "2026-02-01", "2026-03-01")
    await pay(api, paid, "1.00", "2026-03-02")
    await api.post("/disputes", {"invoice_id": paid["id"], "reason": "price"}, expect=409)
