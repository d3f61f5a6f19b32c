"""Charges whose invoice is voided or falls due on another day."""

from tests.conftest import Api
from tests.settlement.lateness import MONTHLY, TABLE, interest, late, open_of


async def test_the_charges_of_a_void_invoice_have_gone_with_it(api: Api) -> None:
    invoice = await late(api)
    charge = await api.post("/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "50.00"})
    await api.post(f"/invoices/{invoice['id']}/void", {"reason": "issued twice"}, expect=200)
    assert await open_of(api, invoice) == ("0.00", "0.00", "void")
    read = await api.get(f"/charges/{charge['id']}")
    assert (read["status"], read["paid_amount"]) == ("reversed", "0.00")
    await api.advance((await api.get("/test-clock"))["now"])
    assert [event["data"] for event in await api.all("/events", types="charge.reversed")] == [read]
    await api.post(f"/charges/{charge['id']}/waive", {"reason": "x"}, expect=409)


async def test_what_a_write_off_gave_up_is_not_waived(api: Api) -> None:
    invoice = await late(api)
    charge = await api.post("/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "50.00"})
    await api.post(f"/invoices/{invoice['id']}/write-off", {"reason": "insolvency"}, expect=200)
    await api.post(f"/charges/{charge['id']}/waive", {"reason": "x"}, expect=409)
    assert (await api.get(f"/charges/{charge['id']}"))["status"] == "posted"


async def test_a_due_date_that_moves_takes_interest_with_it(api: Api) -> None:
    await api.post("/rate-tables", TABLE)
    invoice = await late(api, late_interest=MONTHLY)
    await api.advance("2026-03-02T18:00:00Z")
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-28", "28.00")]
    body = {"due_on": "2026-02-10", "reason": "Agreed by phone"}
    await api.post(f"/invoices/{invoice['id']}/reschedule", body, expect=200)
    assert await interest(api, invoice) == [("2026-02-01", "2026-02-28", "18.00")]
    body = {"due_on": "2026-05-10", "reason": "Agreed by phone"}
    await api.post(f"/invoices/{invoice['id']}/reschedule", body, expect=200)
    assert await interest(api, invoice) == []
