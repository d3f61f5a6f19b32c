"""Suggestions to write off and the approval of large ones, by the tenant's rules."""

from typing import Any

from tests.conftest import Api


async def reasons(api: Api) -> dict[str, Any]:
    found = await api.all("/reports/write-off-suggestions")
    return {row["invoice_id"]: row["reasons"] for row in found}


async def test_old_and_small_debts_are_suggested(api: Api) -> None:
    customer = await api.customer()
    old = await api.invoice(customer["id"], "500.00", "2026-01-01", "2026-01-10")
    small = await api.invoice(customer["id"], "49.99", "2026-01-01", "2026-02-28")
    await api.invoice(customer["id"], "50.00", "2026-01-01", "2026-02-28")
    not_due = await api.invoice(customer["id"], "1.00", "2026-01-01", "2026-03-02")
    assert await reasons(api) == {}
    rules = {"suggest_after_days": 51, "suggest_below": {"MXN": "50.00"}, "approval_above": {"MXN": "100.00"}}
    tenant = await api.patch("/tenant", {"write_offs": rules})
    assert tenant["write_offs"] == rules
    # On 2026-03-02 it is overdue for 51 days, which is not more.
    assert await reasons(api) == {small["id"]: ["amount"]}
    await api.advance("2026-03-03T12:00:00-06:00")
    assert await reasons(api) == {old["id"]: ["age"], small["id"]: ["amount"], not_due["id"]: ["amount"]}
    page = await api.get("/reports/write-off-suggestions")
    assert {row["invoice_id"] for row in page["data"] if row["needs_approval"]} == {old["id"]}
    await api.post("/placements", {"customer_id": customer["id"], "agency": "N", "invoice_ids": [old["id"]]})
    assert old["id"] not in await reasons(api)


async def test_a_large_loss_is_approved_by_somebody(api: Api) -> None:
    await api.patch("/tenant", {"write_offs": {"approval_above": {"MXN": "100.00"}}})
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "150.00", "2026-01-01", "2026-01-10")
    path = f"/invoices/{invoice['id']}/write-off"
    assert (await api.post(path, {"reason": "insolvency"}, expect=409))["code"] == "approval_required"
    await api.post(path, {"reason": "insolvency", "amount": "100.00"}, expect=200)
    # In parts it comes to more, too.
    assert (await api.post(path, {"reason": "insolvency"}, expect=409))["code"] == "approval_required"
    approved = {"reason": "insolvency", "approved_by": "cfo@example.com"}
    assert (await api.post(path, approved, expect=200))["status"] == "written_off"
    listed = await api.all(f"/invoices/{invoice['id']}/write-offs")
    assert [row["approved_by"] for row in listed] == ["cfo@example.com", None]
