"""What the contract tests share: a story that leaves rows in every table, and the catalogue's list of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.db import create_engine
from app.core.settings import Settings
from app.imports.running import Importer
from tests.conftest import Api

TENANT_TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'
    ORDER BY c.relname
"""


@asynccontextmanager
async def engine_of(settings: Settings, *, admin: bool = False) -> AsyncIterator[AsyncEngine]:
    """Connections as the application has them, or as the superuser who owns everything."""
    engine = create_engine(settings, admin=admin, pool_size=1)
    try:
        yield engine
    finally:
        await engine.dispose()


async def tables(connection: AsyncConnection) -> list[str]:
    """Every table of ours."""
    return [row.relname for row in await connection.execute(text(TENANT_TABLES))]


def tenant_column(table: str) -> str:
    """Where a table says whose row it is."""
    return "id" if table == "tenants" else "tenant_id"


async def enter(connection: AsyncConnection, tenant_id: UUID | None) -> None:
    """Set the tenant of the transaction, as the application does; None is what a fresh connection has."""
    await connection.execute(
        text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(tenant_id) if tenant_id else ""}
    )


async def _close_otherwise(api: Api, customer_id: str) -> None:
    """A credit note that is moved and voided, a write-off that is recovered and taken back, and a void invoice."""
    lost = await api.invoice(customer_id, "90.00", "2026-02-01", "2026-06-30")
    credit = {"customer_id": customer_id, "currency": "MXN", "amount": "40.00", "issued_on": "2026-03-03"}
    note = await api.post("/credit-notes", {**credit, "external_id": "NC-1", "invoice_id": lost["id"]})
    await api.post(f"/credit-notes/{note['id']}/unapply", {}, expect=200)
    await api.post(f"/credit-notes/{note['id']}/apply", {"auto": True}, expect=200)
    await api.post(f"/credit-notes/{note['id']}/void", {"reason": "issued in error"}, expect=200)
    await api.post(f"/invoices/{lost['id']}/write-off", {"reason": "insolvency"}, expect=200)
    await api.pay(customer_id, "20.00", "2026-03-03", allocations=[{"invoice_id": lost["id"], "amount": "20.00"}])
    await api.post(f"/invoices/{lost['id']}/reverse-write-off", {}, expect=200)
    await api.post(f"/invoices/{lost['id']}/close-difference", {"reason": "short_payment"}, expect=200)
    await api.get(f"/invoices/{lost['id']}/write-offs")
    void = await api.invoice(customer_id, "30.00", "2026-02-01", "2026-06-30")
    await api.post(f"/invoices/{void['id']}/void", {"reason": "issued twice"}, expect=200)
    pending = {"status": "pending", "matures_on": "2026-03-10", "auto_allocate": False}
    await api.pay(customer_id, "5.00", "2026-03-03", **pending)


async def _divide(api: Api, customer_id: str) -> None:
    """An invoice in instalments, by terms that are kept under a code, and one of them moved."""
    halves = [{"percent": "50", "days": 20}, {"percent": "50", "days": 200}]
    terms = {"name": "Mitades", "definition": {"kind": "net", "instalments": halves}}
    await api.put("/terms/by-code/MITADES", terms, expect=201)
    body = {"customer_id": customer_id, "number": "F-M", "currency": "MXN", "total": "60.00"}
    invoice = await api.post("/invoices", {**body, "issued_on": "2026-02-20", "terms": {"code": "MITADES"}})
    moved = [{"number": 1, "due_on": "2026-03-14"}]
    await api.post(f"/invoices/{invoice['id']}/reschedule", {"instalments": moved, "reason": "Agreed"}, expect=200)


async def _charge(api: Api, customer_id: str) -> None:
    """A rate table of one's own, interest by it, a recovery cost, and a waiver of what had been paid."""
    rates = [{"from_on": "2020-01-01", "annual_rate": "36.5"}]
    await api.post("/rate-tables", {"code": "diario", "name": "0.1 % al día", "rates": rates})
    setting = {"rate_table": "diario", "mode": "posted", "posting": "monthly"}
    late = await api.invoice(customer_id, "70.00", "2026-01-01", "2026-01-15", late_interest=setting)
    charge = {"invoice_id": late["id"], "kind": "recovery_cost", "amount": "5.00"}
    cost = await api.post("/charges", {**charge, "external_id": "CH-1"})
    await api.pay(customer_id, "10.00", "2026-02-01", allocations=[{"invoice_id": late["id"], "amount": "10.00"}])
    await api.post(f"/charges/{cost['id']}/waive", {"reason": "agreed"}, expect=200)
    await api.get(f"/invoices/{late['id']}")


async def _agree(api: Api, customer_id: str) -> None:
    """What stands between a customer and being chased."""
    answer = {"channel": "email", "from": "ana@example.com", "text": "Ya pagué"}
    await api.post(f"/customers/{customer_id}/inbound-messages", answer)
    hold = await api.post("/holds", {"customer_id": customer_id, "reason": "goods receipt missing"})
    await api.post(f"/holds/{hold['id']}/release", {}, expect=200)
    invoice = await api.invoice(customer_id, "45.00", "2026-02-01", "2026-02-15", external_id="F-D")
    promise = {"customer_id": customer_id, "promised_on": "2026-03-03", "amount": "5.00"}
    await api.post("/promises", {**promise, "external_id": "PR-1", "invoice_ids": [invoice["id"]]})
    cancelled = await api.post("/promises", promise)
    await api.post(f"/promises/{cancelled['id']}/cancel", expect=200)
    body = {"invoice_external_id": "F-D", "amount": "15.00", "reason": "price", "respond_by_on": "2026-03-03"}
    dispute = await api.post("/disputes", {**body, "external_id": "D-1"})
    await api.post("/disputes", body)
    outcome = {"outcome": "partially_accepted", "amount": "10.00"}
    await api.post(f"/disputes/{dispute['id']}/resolve", outcome, expect=200)
    placed = await api.invoice(customer_id, "35.00", "2026-02-01", "2026-02-15")
    await api.post("/placements", {"customer_id": customer_id, "invoice_ids": [placed["id"]], "agency": "Norte"})


async def _plan(api: Api) -> None:
    """A payment plan that its customer accepts by the link, with an instalment that is chased and one that is paid."""
    customer = await api.customer()
    invoice = await api.invoice(customer["id"], "300.00", "2026-02-01", "2026-02-15", external_id="F-P")
    policy = await api.policy([-1, 1], default=False)
    terms = {"instalment_count": 3, "first_due_on": "2026-03-04", "setup_fee": "3.00", "grace_days": 5}
    body = {**terms, "invoice_external_ids": ["F-P"], "interest": {"kind": "flat", "annual_rate": "12"}}
    await api.post("/payment-plans/quote", body, expect=200)
    more = {"dunning_policy_id": policy["id"], "external_id": "PP-1", "propose": True}
    plan = await api.post("/payment-plans", {**body, **more})
    assert (await api.client.get(plan["link"]["path"])).status_code == 200
    accepted = await api.client.post(f"{plan['link']['path']}/accept", json={"name": "Ana"})
    assert accepted.status_code == 200, accepted.text
    await api.pay(customer["id"], "60.00", "2026-03-03")
    await api.get(f"/payment-plans/{plan['id']}/payoff")
    renewed = await api.post(f"/payment-plans/{plan['id']}/restructure", terms)
    await api.post(f"/payment-plans/{renewed['id']}/cancel", {"reason": "mistaken"}, expect=200)
    assert len(await api.all("/payment-plans", invoice_id=invoice["id"])) == 2


async def _work(api: Api, customer_id: str) -> None:
    """What people do and have to do, and a run that somebody looks at."""
    await api.post("/activities", {"customer_id": customer_id, "kind": "call", "outcome": "no_answer"})
    task = await api.post("/tasks", {"customer_id": customer_id, "kind": "call", "title": "Ask about F-1"})
    await api.post(f"/tasks/{task['id']}/complete", {"outcome": "voicemail"}, expect=200)
    other = await api.customer()
    await api.invoice(other["id"], "20.00", "2026-02-01", "2026-03-03")
    run = await api.post("/dunning-runs", {"run_on": "2026-03-05", "filter": {"customer_ids": [other["id"]]}})
    assert run["item_count"] == 1
    await api.post(f"/dunning-runs/{run['id']}/discard", expect=200)
    await api.get(f"/customers/{customer_id}/timeline")


async def tell_story(api: Api) -> None:
    """Invoices that are chased with a fee, paid and reversed, events that are delivered: rows in every table."""
    await api.always_open()
    step = {"offset_days": 1, "channels": ["email"], "template": "first_notice"}
    fee = {"kind": "flat", "amount": "50.00"}
    await api.policy([], steps=[{"key": "d+1", **step, "fee": fee}])
    await api.post("/webhook-endpoints", {"url": "http://127.0.0.1:9/hooks", "event_types": ["payment.created"]})
    customer = await api.customer(external_id="C-1")
    await api.post("/customers", {"name": "Otro"}, headers={"Idempotency-Key": "story"})
    await api.invoice(customer["id"], "1000.00", "2026-02-01", "2026-02-20")
    await api.advance("2026-03-03T18:00:00Z")
    (reminder,) = await api.all("/reminders")
    arrival = {"kind": "delivered", "provider_event_id": "story"}
    await api.post(f"/reminders/{reminder['id']}/delivery-events", arrival)
    payment = await api.pay(customer["id"], "400.00", "2026-03-03", auto_allocate=True)
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    await _close_otherwise(api, customer["id"])
    await _agree(api, customer["id"])
    await _divide(api, customer["id"])
    await _charge(api, customer["id"])
    await api.advance("2026-03-04T18:00:00Z")
    await _import_files(api)
    text = {"key": "ours", "language": "es", "channel": "sms", "name": "Nuestro", "body": "{{ total }}"}
    await api.post("/templates", text)
    await _work(api, customer["id"])
    await _plan(api)


async def _import_files(api: Api) -> None:
    """A file with a row that fails, and one that waits for a worker."""
    transport: Any = api.client._transport
    importer = Importer(transport.app.state.database, api.settings)
    for name in ("", "Tercero"):
        content = f"external_id,name\nC-3,{name}\n".encode()
        headers = {"Content-Type": "text/csv"}
        await api.call("POST", "/imports?kind=customers", content=content, headers=headers, expect=202)
        if not name:
            await importer.run(api.tenant_id)
