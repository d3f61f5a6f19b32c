"""Erasure through the API: what is gone, what stays and still adds up, and that nobody is written to any more."""

from typing import Any

import pytest
from sqlalchemy import text

from app.core.settings import Settings
from tests.conftest import Api
from tests.contract.catalogue import engine_of, tables, tenant_column

# Planted wherever somebody may write.
SECRET = "Zutano"
REASON = {"reason": "request under article 17"}


async def planted(api: Api) -> Any:
    """A customer whose name is everywhere: in messages, notes, metadata, events, deliveries and stored answers."""
    await api.always_open()
    await api.policy([1])
    await api.post("/webhook-endpoints", {"url": "http://127.0.0.1:9/hooks", "event_types": ["*"]})
    own = {"metadata": {"who": SECRET}}
    channels = [{"type": "email", "address": f"{SECRET}@example.com"}]
    customer = await api.post(
        "/customers",
        {"name": SECRET, "tax_id": f"{SECRET}-1", "external_id": "C-1", "tags": [SECRET], **own,
         "contacts": [{"name": SECRET, "channels": channels}]},
        headers={"Idempotency-Key": "made"},
    )  # fmt: skip
    invoice = await api.invoice(
        customer["id"], "100.00", "2026-03-01", "2026-03-10", reference=SECRET, **own,
        lines=[{"description": SECRET, "amount": "100.00"}], payment_url=f"https://pay.example.com/{SECRET}",
    )  # fmt: skip
    await api.patch(f"/customers/{customer['id']}", {"tax_id": f"{SECRET}-2"})
    await api.advance("2026-03-11T23:00:00-06:00")
    await api.post("/holds", {"customer_id": customer["id"], "reason": SECRET, "note": SECRET, **own})
    await api.post(
        "/promises",
        {"customer_id": customer["id"], "promised_on": "2026-03-12", "note": SECRET, "amount": "5.00", **own},
    )
    await api.post(
        "/disputes", {"invoice_id": invoice["id"], "amount": "5.00", "reason": "price", "note": SECRET, **own}
    )
    await api.post(
        f"/customers/{customer['id']}/inbound-messages",
        {"channel": "email", "from": f"{SECRET}@example.com", "text": SECRET},
    )
    charge = {"invoice_id": invoice["id"], "kind": "fee", "amount": "5.00", "reason": SECRET}
    await api.post("/charges", charge)
    await api.post("/payments", {"currency": "MXN", "amount": "20.00", "received_on": "2026-03-11", "reference": SECRET,
                                 "customer_id": customer["id"], **own})  # fmt: skip
    await api.post("/placements", {"customer_id": customer["id"], "agency": "Norte", "note": SECRET, **own})
    await api.advance("2026-03-11T23:30:00-06:00")
    return customer


async def survivors(api: Api, settings: Settings) -> list[str]:
    """Tables that still have the planted name in any column, bytes included."""
    found = []
    async with engine_of(settings, admin=True) as admin, admin.connect() as connection:
        for table in await tables(connection):
            rows = await connection.execute(
                text(f"SELECT t.* FROM {table} t WHERE {tenant_column(table)} = :tenant"), {"tenant": api.tenant_id}
            )
            for row in rows.mappings():
                for column, value in row.items():
                    plain = bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else value
                    if SECRET.lower() in str(plain).lower():
                        found.append(f"{table}.{column}")
    return sorted(set(found))


async def test_nothing_that_names_the_person_survives_anywhere(api: Api, settings: Settings) -> None:
    customer = await planted(api)
    before = await survivors(api, settings)
    for expected in ("customers.name", "reminders.content", "events.data", "deliveries.body", "idempotency_keys.body"):
        assert expected in before
    erased = await api.post(f"/customers/{customer['id']}/erase", {**REASON, "force": True}, expect=200)
    assert (erased["name"], erased["tax_id"], erased["contacts"], erased["metadata"]) == ("erased", None, [], {})
    assert erased["erased_at"] is not None
    assert (erased["external_id"], erased["in_flight"]) == ("C-1", [])
    assert await survivors(api, settings) == []


async def test_the_money_stays_and_is_chased_no_more(api: Api) -> None:
    customer = await planted(api)
    [invoice] = await api.all("/invoices", customer_id=customer["id"])
    ledger = await api.get(f"/invoices/{invoice['id']}/ledger")
    sent = len(await api.all("/reminders"))
    await api.post(f"/customers/{customer['id']}/erase", {**REASON, "force": True}, expect=200)
    found = await api.get(f"/invoices/{invoice['id']}")
    assert (found["open_amount"], found["number"]) == (invoice["open_amount"], invoice["number"])
    assert await api.get(f"/invoices/{invoice['id']}/ledger") == ledger
    [placement] = await api.all("/placements")
    await api.post(f"/placements/{placement['id']}/recall", {}, expect=200)
    late = await api.invoice(customer["id"], "10.00", "2026-03-01", "2026-03-05")
    await api.advance("2026-04-30T23:00:00-06:00")
    assert len(await api.all("/reminders")) == sent
    for each in (invoice, late):
        outlook = await api.get(f"/invoices/{each['id']}/dunning")
        assert "erased" in [blocker["code"] for blocker in outlook["blockers"]]


async def test_it_is_announced_once_without_what_was_erased(api: Api) -> None:
    customer = await planted(api)
    first = await api.post(f"/customers/{customer['id']}/erase", {**REASON, "force": True}, expect=200)
    await api.invoice(customer["id"], "10.00", "2026-03-01", "2026-03-05", reference=SECRET)
    again = await api.post(f"/customers/{customer['id']}/erase", REASON, expect=200)
    assert again["erased_at"] == first["erased_at"]
    await api.advance("2026-03-12T12:00:00-06:00")
    events = await api.all("/events", types="customer.erased")
    assert len(events) == 1
    assert events[0]["data"]["name"] == "erased"
    assert SECRET not in str(await api.all("/events"))


async def test_what_is_open_is_finished_first(api: Api) -> None:
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "10.00", "2026-03-01", "2026-03-20")
    refused = await api.post(f"/customers/{customer['id']}/erase", REASON, expect=409)
    assert "open invoices (1)" in refused["detail"]
    await api.pay(customer["id"], "10.00", "2026-03-02", auto_allocate=True)
    await api.post(f"/customers/{customer['id']}/erase", REASON, expect=200)
    assert (await api.get(f"/invoices/{invoice['id']}"))["status"] == "paid"


@pytest.mark.parametrize("path", ["", "/by-external-id/C-9"])
async def test_who_was_erased_does_not_come_back(api: Api, path: str) -> None:
    customer = await api.customer(external_id="C-9")
    await api.post(f"/customers/{customer['id']}/erase", REASON, expect=200)
    body = {"name": SECRET}
    if path:
        await api.put(f"/customers{path}", body, expect=409)
    else:
        await api.patch(f"/customers/{customer['id']}", body, expect=409)


async def test_a_request_that_was_answered_is_not_done_again(api: Api) -> None:
    body, headers = {"name": SECRET}, {"Idempotency-Key": "once"}
    customer = await api.post("/customers", body, headers=headers)
    await api.post(f"/customers/{customer['id']}/erase", REASON, expect=200)
    replayed = await api.post("/customers", body, headers=headers)
    assert replayed["customer_id"] == customer["id"]
    assert len(await api.all("/customers")) == 1
