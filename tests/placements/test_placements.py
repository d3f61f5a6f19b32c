"""Placements through the API: what they stop, how they end, what came in through them, and what proves the claim."""

import io
import zipfile
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import Api


async def sent_steps(api: Api) -> list[str]:
    """Steps that went out, in order."""
    reminders = await api.all("/reminders", status="sent")
    return [item["step_key"] for reminder in reversed(reminders) for item in reminder["items"]]


async def chased(api: Api, offsets: list[int]) -> Any:
    """An invoice due on 2026-03-10, on 2026-03-11, after its first step."""
    await api.always_open()
    await api.policy(offsets)
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "100.00", "2026-03-01", "2026-03-10")
    await api.advance("2026-03-11T23:00:00-06:00")
    return invoice


async def place(api: Api, invoice: Any, **fields: Any) -> Any:
    body = {"customer_id": invoice["customer_id"], "agency": "Cobranza del Norte", "commission_percent": "15"}
    return await api.post("/placements", {**body, **fields})


async def blockers(api: Api, invoice: Any) -> list[str]:
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    return [blocker["code"] for blocker in outlook["blockers"]]


async def test_what_is_placed_is_not_chased_and_what_comes_back_is(api: Api) -> None:
    invoice = await chased(api, [1, 5, 20])
    placed = await place(api, invoice, external_id="PL-1")
    assert (placed["status"], placed["placed_amount"], placed["in_flight"]) == ("placed", "100.00", [])
    assert placed["invoices"] == [{"invoice_id": invoice["id"], "placed_amount": "100.00"}]
    await api.advance("2026-03-16T23:00:00-06:00")
    assert await sent_steps(api) == ["d+1"]
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "with_agency"
    assert "placed" in await blockers(api, invoice)
    recalled = await api.post(f"/placements/{placed['id']}/recall", {"reason": "pays us"}, expect=200)
    assert (recalled["status"], recalled["ended_on"], recalled["end_reason"]) == ("recalled", "2026-03-16", "pays us")
    await api.advance("2026-03-17T23:00:00-06:00")
    assert await sent_steps(api) == ["d+1", "d+5"]
    types = [event["type"] for event in await api.all("/events", types="placement.*")]
    assert types == ["placement.created", "placement.recalled"]


async def test_a_lawyer_comes_before_an_agency_as_a_state(api: Api) -> None:
    invoice = await chased(api, [1])
    placed = await place(api, invoice, kind="legal")
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "legal"
    again = {"customer_id": invoice["customer_id"], "invoice_ids": [invoice["id"]], "agency": "Otra"}
    refused = await api.post("/placements", again, expect=422)
    assert refused["errors"][0]["pointer"] == "/invoice_ids/0"
    await api.post(f"/placements/{placed['id']}/return", {"reason": "too small"}, expect=200)
    await api.post("/placements", again)


@pytest.mark.parametrize(("resumes", "steps"), [(False, ["d+1"]), (True, ["d+1", "d+5"])])
async def test_what_was_closed_is_chased_by_choice_only(api: Api, resumes: bool, steps: list[str]) -> None:
    invoice = await chased(api, [1, 5])
    placed = await place(api, invoice)
    path = f"/placements/{placed['id']}"
    await api.post(f"{path}/close", {"reason": "insolvent"}, expect=409)
    await api.post(f"{path}/acknowledge", {"agency_reference": "EXP-77"}, expect=200)
    started = await api.post(f"{path}/start", expect=200)
    assert (started["status"], started["agency_reference"]) == ("in_progress", "EXP-77")
    await api.post(f"{path}/close", {"reason": "insolvent", "resume_chasing": resumes}, expect=200)
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "dunning"
    assert ("placed" in await blockers(api, invoice)) is not resumes
    await api.advance("2026-03-20T23:00:00-06:00")
    assert await sent_steps(api) == steps
    await api.post(f"{path}/recall", {}, expect=409)
    # Another agency may try.
    await place(api, invoice, invoice_ids=[invoice["id"]])


async def test_only_what_came_in_meanwhile_is_collected(api: Api) -> None:
    invoice = await chased(api, [1])
    await api.pay(invoice["customer_id"], "10.00", "2026-03-11")
    placed = await place(api, invoice)
    assert (placed["placed_amount"], placed["collected"], placed["commission"]) == ("90.00", "0.00", "0.00")
    path = f"/placements/{placed['id']}"
    await api.pay(invoice["customer_id"], "10.10", "2026-03-11")
    await api.pay(invoice["customer_id"], "5.00", "2026-03-10")  # before it was placed
    bounced = await api.pay(invoice["customer_id"], "20.00", "2026-03-11")
    await api.post(f"/payments/{bounced['id']}/reverse", {"reason": "bounced"}, expect=200)
    found = await api.get(path)
    # 15 % of 10.10 is 1.515, and half goes up.
    assert (found["collected"], found["commission"]) == ("10.10", "1.52")
    await api.advance("2026-03-12T12:00:00-06:00")
    await api.pay(invoice["customer_id"], "20.00", "2026-03-12")
    await api.post(f"{path}/recall", {}, expect=200)
    await api.advance("2026-03-13T12:00:00-06:00")
    await api.pay(invoice["customer_id"], "5.00", "2026-03-13")  # after it ended
    [listed] = (await api.get("/placements", invoice_id=invoice["id"]))["data"]
    assert (listed["collected"], listed["commission"]) == ("30.10", "4.52")


async def test_all_that_is_overdue_is_placed_and_no_more(api: Api) -> None:
    invoice = await chased(api, [1])
    due_later = await api.invoice(invoice["customer_id"], "50.00", "2026-03-01", "2026-03-20")
    other = await api.invoice(invoice["customer_id"], "7.00", "2026-03-01", "2026-03-05", currency="USD")
    placed = await place(api, invoice)
    assert [each["invoice_id"] for each in placed["invoices"]] == [invoice["id"]]
    await api.post("/placements", {"customer_id": invoice["customer_id"], "agency": "Norte"}, expect=422)
    mixed = {"customer_id": invoice["customer_id"], "agency": "N", "invoice_ids": [due_later["id"], other["id"]]}
    refused = await api.post("/placements", mixed, expect=422)
    assert refused["errors"][0]["code"] == "currency_mismatch"


async def test_the_dossier_proves_the_claim_the_same_each_time(api: Api) -> None:
    invoice = await chased(api, [1])
    await api.pay(invoice["customer_id"], "40.00", "2026-03-11")
    await api.post("/holds", {"invoice_id": invoice["id"], "reason": "audit", "ends_on": "2026-03-12"})
    promise = {"customer_id": invoice["customer_id"], "promised_on": "2026-03-12", "invoice_ids": [invoice["id"]]}
    await api.post("/promises", promise)
    placed = await place(api, invoice)
    path = f"/placements/{placed['id']}/dossier"
    dossier = await api.get(path)
    assert dossier["totals"]["open"] == "60.00"
    assert dossier["totals"]["invoiced"] == "100.00"
    owed = [entry["amount"] for entry in dossier["ledger"] if entry["account"] == "principal"]
    assert sum(Decimal(amount) for amount in owed) == 60
    [reminder] = dossier["reminders"]
    assert reminder["delivery"]["sent_at"] is not None
    assert [len(dossier[name]) for name in ("holds", "promises", "payments")] == [1, 1, 1]
    archives = [await api.call("GET", path, headers={"Accept": "application/zip"}, expect=200) for _ in range(2)]
    assert archives[0].content == archives[1].content
    archive = zipfile.ZipFile(io.BytesIO(archives[0].content))
    assert archive.namelist() == ["dossier.json", reminder["message"]["file"]]
    assert len(archive.read(reminder["message"]["file"])) == reminder["message"]["size_bytes"]
    assert b"Subject:" in archive.read(reminder["message"]["file"])


async def test_another_tenants_placement_is_not_found(api: Api) -> None:
    for path in ("", "/dossier"):
        await api.get(f"/placements/019abc5e-7d00-7000-8000-000000000009{path}", expect=404)
