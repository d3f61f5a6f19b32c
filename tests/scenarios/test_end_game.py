"""From the ladder to an agency, to a write-off, to money that comes in after all."""

from tests.conftest import Api


async def test_placement_then_recovery_after_write_off(api: Api) -> None:
    await api.always_open()
    await api.policy([1, 5])
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "1000.00", "2026-03-01", "2026-03-10")
    await api.advance("2026-03-11T23:00:00-06:00")
    body = {"customer_id": customer["id"], "agency": "Norte", "commission_percent": "20"}
    placed = await api.post("/placements", body)
    path = f"/placements/{placed['id']}"
    await api.post(f"{path}/acknowledge", {"agency_reference": "N-1"}, expect=200)
    await api.post(f"{path}/start", expect=200)
    await api.advance("2026-05-02T12:00:00-06:00")
    await api.pay(customer["id"], "300.00", "2026-05-02", auto_allocate=True)
    closed = await api.post(f"{path}/close", {"reason": "nothing more to be had"}, expect=200)
    assert (closed["collected"], closed["commission"]) == ("300.00", "60.00")
    await api.post(f"/invoices/{invoice['id']}/write-off", {"reason": "insolvency"}, expect=200)
    await api.advance("2026-07-01T12:00:00-06:00")
    found = await api.get(f"/invoices/{invoice['id']}")
    assert (found["status"], found["open_amount"], found["written_off_amount"]) == ("written_off", "0.00", "700.00")
    designated = [{"invoice_id": invoice["id"], "amount": "250.00"}]
    await api.pay(customer["id"], "250.00", "2026-07-01", allocations=designated)
    found = await api.get(f"/invoices/{invoice['id']}")
    assert (found["open_amount"], found["written_off_amount"]) == ("0.00", "450.00")
    # What came in after the agency had ended is none of its business, and nobody was reminded meanwhile.
    found = await api.get(path)
    assert (found["collected"], found["commission"]) == ("300.00", "60.00")
    assert len(await api.all("/reminders")) == 1
    ledger = await api.get(f"/invoices/{invoice['id']}/ledger")
    assert ledger["balances"]["open"] == "0.00"
