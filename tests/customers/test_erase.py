"""Erasure through the API: what is gone, what stays and still adds up, and that nobody is written to any more."""

from typing import Any

import pytest
from sqlalchemy import text

from app.core.settings import Settings
from app.core.uow import Database
from app.imports.running import Importer
from app.jobs.housekeeping import delete_erased_messages
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
    run = await api.post("/dunning-runs", {"run_on": "2026-03-11", "filter": {"customer_ids": [customer["id"]]}})
    assert run["item_count"] == 1
    await api.advance("2026-03-11T23:00:00-06:00")
    [reminder] = await api.all("/reminders")
    read = {"kind": "read", "provider_event_id": "E-1", "detail": SECRET}
    await api.post(f"/reminders/{reminder['id']}/delivery-events", read)
    await api.post(f"/customers/{customer['id']}/hold-credit", {"reason": SECRET}, expect=200)
    await agree_on_a_plan(api, customer["id"])
    task = {"customer_id": customer["id"], "kind": "call", "title": SECRET, "script": SECRET, **own}
    await api.post("/tasks", task)
    made = await api.post("/tasks", task)
    await api.post(f"/tasks/{made['id']}/complete", {"outcome": "voicemail", "note": SECRET}, expect=200)
    await api.post(
        "/activities",
        {"customer_id": customer["id"], "kind": "call", "contact_name": SECRET, "note": SECRET, **own},
    )
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
    placement = {"customer_id": customer["id"], "agency": "Norte", "agency_reference": SECRET, "note": SECRET, **own}
    await api.post("/placements", placement)
    await api.advance("2026-03-11T23:30:00-06:00")
    return customer


async def agree_on_a_plan(api: Api, customer_id: str) -> None:
    """A plan over an invoice of its own, whose acceptance names the person in every field."""
    invoice = await api.invoice(customer_id, "60.00", "2026-03-01", "2026-03-05")
    terms = {"invoice_ids": [invoice["id"]], "instalment_count": 2, "first_due_on": "2026-04-02", "propose": True}
    plan = await api.post("/payment-plans", {**terms, "metadata": {"who": SECRET}})
    word = {"accepted_by": SECRET, "method": f"letter of {SECRET}", "address": SECRET}
    await api.post(f"/payment-plans/{plan['id']}/accept", {**word, "terms_hash": plan["terms_hash"]}, expect=200)


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
    assert {
        "activities.contact_name", "activities.note", "charges.reason", "customers.credit_hold", "customers.name",
        "customers.tax_id", "deliveries.body", "disputes.note", "dunning_run_items.text_body", "dunning_run_items.to",
        "events.data", "events.previous", "holds.note", "holds.reason", "idempotency_keys.body", "invoices.lines",
        "invoices.reference", "payment_plans.acceptance", "payment_plans.meta", "payments.reference",
        "placements.agency_reference", "placements.note", "promises.note", "reminder_receipts.detail",
        "reminders.content", "reminders.text_body", "reminders.to", "tasks.note", "tasks.script", "tasks.title",
    } <= set(before)  # fmt: skip
    erased = await api.post(f"/customers/{customer['id']}/erase", {**REASON, "force": True}, expect=200)
    assert (erased["name"], erased["tax_id"], erased["contacts"], erased["metadata"]) == ("erased", None, [], {})
    assert erased["erased_at"] is not None
    assert (erased["external_id"], erased["in_flight"]) == ("C-1", [])
    assert await survivors(api, settings) == []
    [plan] = await api.all("/payment-plans")
    assert (plan["accepted_by"], plan["acceptance"]["method"]) == ("erased", "erased")
    assert plan["acceptance"]["terms_hash"] == plan["terms_hash"]


async def test_its_messages_leave_the_mailbox_folder_with_the_next_housekeeping(
    api: Api, settings: Settings, database: Database
) -> None:
    await api.always_open()
    await api.policy([1])
    letters = {}
    for name in ("erased", "other"):
        customer = await api.customer()
        await api.invoice(customer["id"], "10.00", "2026-02-01", "2026-03-01")
        letters[name] = customer["id"]
    await api.advance("2026-03-02T23:00:00-06:00")
    sent = {row["customer_id"]: row["id"] for row in await api.all("/reminders")}

    def kept() -> dict[str, bool]:
        keys = {path.stem for path in api.mailbox()}
        return {name: sent[customer_id] in keys for name, customer_id in letters.items()}

    assert kept() == {"erased": True, "other": True}
    await delete_erased_messages(database, settings)
    assert kept() == {"erased": True, "other": True}
    await api.post(f"/customers/{letters['erased']}/erase", {**REASON, "force": True}, expect=200)
    assert await delete_erased_messages(database, settings.model_copy(update={"smtp_host": "mail.example.com"})) == 0
    assert kept() == {"erased": True, "other": True}
    assert await delete_erased_messages(database, settings) == 1
    assert kept() == {"erased": False, "other": True}
    assert await delete_erased_messages(database, settings) == 0


@pytest.mark.parametrize("force", [False, True])
async def test_a_file_that_may_name_the_customer_is_worked_off_first(
    api: Api, settings: Settings, database: Database, force: bool
) -> None:
    customer = await api.customer(external_id="C-1")
    sent = await api.call(
        "POST", "/imports", content=f"external_id,name\nC-1,{SECRET}\n".encode(), params={"kind": "customers"},
        headers={"Content-Type": "text/csv"}, expect=202,
    )  # fmt: skip
    path = f"/customers/{customer['id']}/erase"
    refused = await api.post(path, {**REASON, "force": force}, expect=409)
    assert sent.json()["id"] in refused["detail"]
    assert (await api.get(f"/customers/{customer['id']}"))["erased_at"] is None
    assert "import_chunks.content" in await survivors(api, settings)
    await Importer(database, settings).run(api.tenant_id)
    await api.post(path, {**REASON, "force": force}, expect=200)
    assert await survivors(api, settings) == []


async def test_the_money_stays_and_is_chased_no_more(api: Api) -> None:
    customer = await planted(api)
    invoice = (await api.all("/invoices", customer_id=customer["id"]))[-1]
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
