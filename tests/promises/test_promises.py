"""Promises through the API: what they pause, what counts towards them, and when they are judged."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.conftest import Api


async def sent_steps(api: Api) -> list[tuple[str, str]]:
    """Steps that went out, in order, each with its day in Mexico (all are sent before 18:00)."""
    reminders = await api.all("/reminders", status="sent")
    return [(row["sent_at"][:10], item["step_key"]) for row in reversed(reminders) for item in row["items"]]


async def owing(api: Api, offsets: Sequence[int] = (30,), *, total: str = "100.00", due_on: str = "2026-03-01") -> Any:
    """An invoice of 100.00, overdue by a day on the first day."""
    await api.always_open()
    await api.policy(list(offsets))
    customer = await api.customer()
    return await api.invoice(customer["id"], total, "2026-02-01", due_on)


async def promised(api: Api, invoice: Any, on: str = "2026-03-10", **fields: Any) -> Any:
    body = {"customer_id": invoice["customer_id"], "invoice_ids": [invoice["id"]], "promised_on": on, **fields}
    return await api.post("/promises", body)


async def pay(api: Api, invoice: Any, amount: str, on: str) -> Any:
    allocations = [{"invoice_id": invoice["id"], "amount": amount}]
    return await api.pay(invoice["customer_id"], amount, on, allocations=allocations)


async def noon(api: Api, day: str) -> None:
    await api.advance(f"{day}T12:00:00-06:00")


async def told(api: Api) -> list[str]:
    """What was announced about promises, in order."""
    return [event["type"].removeprefix("promise.") for event in await api.all("/events", types="promise.*")]


async def status_of(api: Api, promise: Any) -> str:
    found: str = (await api.get(f"/promises/{promise['id']}"))["status"]
    return found


async def test_by_default_it_is_for_all_that_is_open_and_pauses_chasing(api: Api) -> None:
    invoice = await owing(api, [2])
    promise = await promised(api, invoice, "2026-03-05")
    assert (promise["amount"], promise["currency"], promise["status"]) == ("100.00", "MXN", "open")
    assert (promise["made_on"], promise["judged_on"], promise["in_flight"]) == ("2026-03-02", None, [])
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "promised"
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    blockers = {blocker["code"]: blocker["until"] for blocker in outlook["blockers"]}
    assert blockers["promise"] == "2026-03-06T06:00:00Z"
    await noon(api, "2026-03-05")
    assert await sent_steps(api) == []
    await noon(api, "2026-03-06")
    # The ladder clock did not stand: the step that came due meanwhile goes out in the next window.
    assert await sent_steps(api) == [("2026-03-06", "d+2")]
    assert await told(api) == ["created", "broken"]


async def test_one_that_was_broken_stays_so_where_the_day_begins_anew(api: Api) -> None:
    """The tenant moves to a time zone in which the day that was promised has not ended."""
    await api.patch("/tenant", {"time_zone": "Europe/Madrid"})
    invoice = await owing(api)
    promise = await promised(api, invoice, "2026-03-05")
    await api.advance("2026-03-06T00:00:00+01:00")
    assert await status_of(api, promise) == "broken"
    await api.patch("/tenant", {"time_zone": "America/Mexico_City"})
    await pay(api, invoice, "10.00", "2026-03-05")
    found = await api.get(f"/promises/{promise['id']}")
    assert (found["status"], found["judged_on"], found["paid_amount"]) == ("broken", "2026-03-06", "0.00")
    await noon(api, "2026-03-07")
    # The next payment has it judged again by all that came in time, and is too late itself.
    await pay(api, invoice, "5.00", "2026-03-07")
    found = await api.get(f"/promises/{promise['id']}")
    assert (found["status"], found["paid_amount"]) == ("partially_kept", "10.00")
    await noon(api, "2026-03-08")
    assert await told(api) == ["created", "broken", "partially_kept"]


@pytest.mark.parametrize(
    ("day", "tolerance_days", "status", "told_of"),
    [
        ("2026-03-10", 0, "open", ["created"]),
        ("2026-03-11", 0, "broken", ["created", "broken"]),
        ("2026-03-12", 2, "open", ["created"]),
        ("2026-03-13", 2, "broken", ["created", "broken"]),
        ("2026-03-14", 2, "broken", ["created", "broken"]),
    ],
)
async def test_it_is_judged_at_the_start_of_the_day_after_its_last_one(
    api: Api, day: str, tolerance_days: int, status: str, told_of: list[str]
) -> None:
    promise = await promised(api, await owing(api), tolerance_days=tolerance_days)
    await api.advance(f"{day}T00:00:00-06:00")
    found = await api.get(f"/promises/{promise['id']}")
    assert found["status"] == status
    judged_on = "2026-03-13" if tolerance_days else "2026-03-11"
    assert found["judged_on"] == (judged_on if status == "broken" else None)
    assert await told(api) == told_of


@pytest.mark.parametrize(
    ("paid_on", "status"),
    [("2026-03-11", "kept"), ("2026-03-12", "kept"), ("2026-03-13", "broken")],
)
async def test_payments_count_through_the_tolerance_by_their_own_date(api: Api, paid_on: str, status: str) -> None:
    invoice = await owing(api)
    promise = await promised(api, invoice, tolerance_days=2)
    await noon(api, paid_on)
    await pay(api, invoice, "100.00", paid_on)
    assert await status_of(api, promise) == status


async def test_it_is_kept_at_once_and_the_rest_is_chased_again(api: Api) -> None:
    invoice = await owing(api, [3])
    promise = await promised(api, invoice, amount="60.00")
    await noon(api, "2026-03-05")
    await pay(api, invoice, "60.00", "2026-03-05")
    found = await api.get(f"/promises/{promise['id']}")
    assert (found["status"], found["paid_amount"], found["judged_on"]) == ("kept", "60.00", "2026-03-05")
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "none"
    await api.advance("2026-03-05T13:00:00-06:00")
    assert await sent_steps(api) == [("2026-03-05", "d+3")]
    await noon(api, "2026-03-20")
    assert await told(api) == ["created", "kept"]


@pytest.mark.parametrize(
    ("paid", "percent", "status"),
    [
        ("94.99", "5", "partially_kept"),
        ("95.00", "5", "kept"),
        ("0.01", "0", "partially_kept"),
        ("99.99", "0", "partially_kept"),
    ],
)
async def test_a_part_keeps_it_in_part_unless_the_tolerance_covers_the_rest(
    api: Api, paid: str, percent: str, status: str
) -> None:
    invoice = await owing(api)
    promise = await promised(api, invoice, tolerance_percent=percent)
    await noon(api, "2026-03-05")
    await pay(api, invoice, paid, "2026-03-05")
    await noon(api, "2026-03-11")
    assert await status_of(api, promise) == status
    assert (await api.get(f"/promises/{promise['id']}"))["paid_amount"] == paid


async def test_credits_are_no_payments(api: Api) -> None:
    invoice = await owing(api)
    promise = await promised(api, invoice)
    credit = {"customer_id": invoice["customer_id"], "currency": "MXN", "amount": "100.00", "issued_on": "2026-03-02"}
    await api.post("/credit-notes", {**credit, "invoice_id": invoice["id"]})
    await noon(api, "2026-03-11")
    assert await status_of(api, promise) == "broken"


async def test_what_was_paid_before_it_was_made_does_not_count(api: Api) -> None:
    """Half is paid in the morning, and the other half promised for later: that is what is waited for."""
    invoice = await owing(api)
    await pay(api, invoice, "50.00", "2026-03-02")
    promise = await promised(api, invoice)
    assert (promise["amount"], promise["status"], promise["paid_amount"]) == ("50.00", "open", "0.00")
    await pay(api, invoice, "50.00", "2026-03-02")
    assert await status_of(api, promise) == "kept"


async def test_a_backdated_payment_keeps_a_broken_one_and_a_reversal_breaks_it_again(api: Api) -> None:
    invoice = await owing(api)
    promise = await promised(api, invoice)
    await noon(api, "2026-03-12")
    assert await status_of(api, promise) == "broken"
    payment = await pay(api, invoice, "100.00", "2026-03-10")
    assert await status_of(api, promise) == "kept"
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert await status_of(api, promise) == "broken"
    await pay(api, invoice, "40.00", "2026-03-09")
    assert await status_of(api, promise) == "partially_kept"
    await pay(api, invoice, "60.00", "2026-03-11")
    assert await status_of(api, promise) == "partially_kept"
    await api.advance("2026-03-12T12:01:00-06:00")
    assert await told(api) == ["created", "broken", "kept", "broken", "partially_kept"]


async def test_it_runs_again_where_its_payment_is_taken_back_before_its_day(api: Api) -> None:
    invoice = await owing(api, [2])
    promise = await promised(api, invoice, "2026-03-05")
    payment = await pay(api, invoice, "100.00", "2026-03-02")
    assert await status_of(api, promise) == "kept"
    await noon(api, "2026-03-04")
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    assert await status_of(api, promise) == "open"
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "promised"
    await noon(api, "2026-03-05")
    assert await sent_steps(api) == []
    await noon(api, "2026-03-06")
    assert await status_of(api, promise) == "broken"
    assert await sent_steps(api) == [("2026-03-06", "d+2")]
    assert await told(api) == ["created", "kept", "reopened", "broken"]


@pytest.mark.parametrize("reverse_first", [True, False])
async def test_the_order_of_facts_does_not_matter(api: Api, reverse_first: bool) -> None:
    """A payment is taken back, and another one is booked for a day in time: either may be known first."""
    invoice = await owing(api, total="200.00")
    promise = await promised(api, invoice, amount="100.00")
    first = await pay(api, invoice, "100.00", "2026-03-02")
    await noon(api, "2026-03-12")
    if reverse_first:
        await api.post(f"/payments/{first['id']}/reverse", {"reason": "bounced"}, expect=200)
    await pay(api, invoice, "70.00", "2026-03-09")
    if not reverse_first:
        await api.post(f"/payments/{first['id']}/reverse", {"reason": "bounced"}, expect=200)
    found = await api.get(f"/promises/{promise['id']}")
    assert (found["status"], found["paid_amount"], found["judged_on"]) == ("partially_kept", "70.00", "2026-03-11")


async def test_a_payment_that_is_moved_to_another_invoice_no_longer_counts(api: Api) -> None:
    invoice = await owing(api)
    promise = await promised(api, invoice)
    payment = await pay(api, invoice, "100.00", "2026-03-02")
    await noon(api, "2026-03-12")
    await api.post(f"/payments/{payment['id']}/unallocate", {"invoice_ids": [invoice["id"]]}, expect=200)
    assert await status_of(api, promise) == "broken"


async def test_without_invoices_it_is_for_the_oldest_that_the_amount_covers(api: Api) -> None:
    first = await owing(api)
    customer_id = first["customer_id"]
    third = await api.invoice(customer_id, "50.00", "2026-02-01", "2026-04-01")
    second = await api.invoice(customer_id, "50.00", "2026-02-01", "2026-03-15")
    body = {"customer_id": customer_id, "promised_on": "2026-03-10"}
    promise = await api.post("/promises", {**body, "amount": "120.00"})
    assert promise["invoice_ids"] == [first["id"], second["id"]]
    # What is promised already is not promised again.
    rest = await api.post("/promises", body)
    assert (rest["invoice_ids"], rest["amount"]) == ([third["id"]], "50.00")
    problem = await api.post("/promises", body, expect=422)
    assert problem["errors"][0]["code"] == "state_conflict"


async def test_a_cancelled_one_is_over(api: Api) -> None:
    invoice = await owing(api, [2])
    promise = await promised(api, invoice)
    await noon(api, "2026-03-04")
    answer = await api.post(f"/promises/{promise['id']}/cancel", expect=200)
    assert (answer["status"], answer["in_flight"]) == ("cancelled", [])
    await api.advance("2026-03-04T13:00:00-06:00")
    assert await sent_steps(api) == [("2026-03-04", "d+2")]
    await pay(api, invoice, "100.00", "2026-03-04")
    await noon(api, "2026-03-20")
    assert await status_of(api, promise) == "cancelled"
    assert await told(api) == ["created", "cancelled"]
    await api.post(f"/promises/{promise['id']}/cancel", expect=409)


async def test_the_tenants_rules_refuse_by_name(api: Api) -> None:
    rules = {"max_open": 1, "max_consecutive_broken": 2, "max_days": 10}
    tenant = await api.patch("/tenant", {"promises": rules})
    assert tenant["promises"] == rules
    assert tenant["disputes"] == {"response_working_days": None}
    first = await owing(api)
    second = await api.invoice(first["customer_id"], "50.00", "2026-02-01", "2026-03-05")
    other = {"customer_id": first["customer_id"], "invoice_ids": [second["id"]]}

    problem = await api.post("/promises", {**other, "promised_on": "2026-03-13"}, expect=422)
    assert problem["errors"][0]["code"] == "promise_not_allowed"
    assert problem["errors"][0]["pointer"] == "/promised_on"
    assert "promises.max_days" in problem["detail"]

    await promised(api, first, "2026-03-12")
    problem = await api.post("/promises", {**other, "promised_on": "2026-03-05"}, expect=409)
    assert problem["code"] == "promise_not_allowed"
    assert "promises.max_open" in problem["detail"]

    await noon(api, "2026-03-13")
    await api.post("/promises", {**other, "promised_on": "2026-03-14"})
    await noon(api, "2026-03-15")
    problem = await api.post("/promises", {**other, "promised_on": "2026-03-16"}, expect=409)
    assert "promises.max_consecutive_broken" in problem["detail"]
    # Kept after all: the row of broken ones has ended.
    await pay(api, second, "50.00", "2026-03-14")
    await promised(api, first, "2026-03-16")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"promised_on": "2026-03-01"}, "/promised_on"),
        ({"invoice_ids": ["01a20000-0000-7000-8000-000000000000"]}, "/invoice_ids/0"),
        ({"invoice_external_ids": ["F-0"]}, "/invoice_external_ids/0"),
        ({"invoice_external_ids": ["F-1", "F-PAID"]}, "/invoice_external_ids/1"),
        ({"invoice_external_ids": ["F-1", "F-EUR"]}, "/invoice_external_ids/1"),
        ({"invoice_external_ids": ["F-1"], "currency": "EUR"}, "/invoice_external_ids/0"),
        ({"invoice_external_ids": ["F-1"], "amount": "100.01"}, "/amount"),
        ({"amount": "0.00"}, "/amount"),
        ({"tolerance_percent": "100"}, "/tolerance_percent"),
        ({"tolerance_days": 366}, "/tolerance_days"),
        ({"customer_external_id": None}, ""),
        ({"customer_external_id": "nobody"}, "/customer_external_id"),
    ],
)
async def test_what_is_not_valid_names_its_field(api: Api, fields: Any, pointer: str) -> None:
    customer = await api.customer(external_id="C-9")
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01", external_id="F-1")
    await api.invoice(customer["id"], "100.00", "2026-02-01", "2026-03-01", external_id="F-EUR", currency="EUR")
    paid = await api.invoice(customer["id"], "1.00", "2026-02-01", "2026-03-01", external_id="F-PAID")
    await pay(api, paid, "1.00", "2026-03-02")
    body = {"customer_external_id": "C-9", "promised_on": "2026-03-10", **fields}
    problem = await api.post("/promises", body, expect=422)
    assert problem["errors"][0]["pointer"] == pointer
    assert await api.all("/promises") == []


async def test_an_external_id_and_an_invoice_are_promised_once(api: Api) -> None:
    invoice = await owing(api)
    promise = await promised(api, invoice, external_id="PR-1", amount="10.00")
    other = await api.invoice(invoice["customer_id"], "50.00", "2026-02-01", "2026-03-05")
    body = {"customer_id": invoice["customer_id"], "invoice_ids": [other["id"]], "promised_on": "2026-03-10"}
    assert (await api.post("/promises", {**body, "external_id": "PR-1"}, expect=409))["code"] == "external_id_taken"
    again = {**body, "invoice_ids": [other["id"], invoice["id"]]}
    assert (await api.post("/promises", again, expect=409))["code"] == "state_conflict"
    for wanted in ({"status": "open"}, {"invoice_id": invoice["id"]}, {"external_id": "PR-1"}):
        assert [row["id"] for row in (await api.get("/promises", **wanted))["data"]] == [promise["id"]]
    assert (await api.get("/promises", promised_on_to="2026-03-09"))["data"] == []


async def reported(api: Api, from_on: str, to: str, *, expect: int = 200) -> Any:
    params = {"from": from_on, "to": to}
    return (await api.call("GET", "/reports/promises", params=params, expect=expect)).json()


async def test_the_report_tells_how_promises_are_kept(api: Api) -> None:
    invoice = await owing(api, total="1000.00")
    for on, amount, paid in (
        ("2026-03-03", "100.00", "150.00"),
        ("2026-03-05", "100.00", "25.00"),
        ("2026-03-07", "200.00", None),
        ("2026-03-09", "100.00", "100.00"),
    ):
        await promised(api, invoice, on, amount=amount)
        if paid is not None:
            await pay(api, invoice, paid, (await api.get("/test-clock"))["now"][:10])
        day = int(on[-2:]) + 1
        await noon(api, f"2026-03-{day:02}")
    await promised(api, invoice, "2026-03-20")
    report = await reported(api, "2026-03-01", "2026-03-20")
    [found] = report["data"]
    assert found["kept"] == {"count": 2, "amount": "200.00", "paid_amount": "200.00"}
    assert found["partially_kept"] == {"count": 1, "amount": "100.00", "paid_amount": "25.00"}
    assert found["broken"] == {"count": 1, "amount": "200.00", "paid_amount": "0.00"}
    assert (found["open"]["count"], found["cancelled"]["count"]) == (1, 0)
    rates = [found[name] for name in ("kept_rate", "partially_kept_rate", "broken_rate", "paid_rate")]
    assert rates == ["50.0", "25.0", "25.0", "45.0"]
    first = await reported(api, "2026-03-03", "2026-03-03")
    assert [(row["kept"]["count"], row["broken"]["count"]) for row in first["data"]] == [(1, 0)]
    await reported(api, "2026-03-04", "2026-03-03", expect=422)
