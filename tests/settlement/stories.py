"""What the tests of settling share: events in their order, states of invoices, and a reminder that is on its way."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from app.reminders.claims import claim
from app.settlement.tick import tick
from tests.conftest import Api

Begin = Callable[[UUID], Any]
TODAY = "2026-03-02"
ISSUED, DUE = "2026-01-15", "2026-02-15"


async def told(api: Api, *types: str) -> list[str]:
    """The events of some types, in order."""
    await api.advance((await api.get("/test-clock"))["now"])
    return [event["type"] for event in await api.all("/events", types=",".join(types))]


async def state(api: Api, *invoices: Any) -> list[tuple[str, str]]:
    """Status and open amount of invoices."""
    found = [await api.get(f"/invoices/{invoice['id']}") for invoice in invoices]
    return [(invoice["status"], invoice["open_amount"]) for invoice in found]


async def entries(api: Api, invoice: Any) -> list[tuple[str, str, str, str]]:
    """Account, kind, amount and effective date of an invoice's ledger entries, in order of booking."""
    rows = await api.all(f"/invoices/{invoice['id']}/ledger")
    return [(row["account"], row["kind"], row["amount"], row["effective_on"]) for row in rows]


async def blockers(api: Api, invoice: Any) -> list[str]:
    """Why nothing goes out about an invoice now."""
    outlook = await api.get(f"/invoices/{invoice['id']}/dunning")
    return [blocker["code"] for blocker in outlook["blockers"]]


async def steps_sent(api: Api) -> list[str]:
    """The steps of all reminders that went out, the first one first."""
    sent = await api.all("/reminders", status="sent")
    return [item["step_key"] for reminder in reversed(sent) for item in reminder["items"]]


async def fee_of_50(api: Api) -> None:
    """A policy whose only step charges 50.00 on the day after the due date."""
    await api.always_open()
    step = {"key": "a", "offset_days": 1, "channels": ["email"], "template": "first_notice"}
    await api.policy([], steps=[{**step, "fee": {"kind": "flat", "amount": "50.00"}}])


async def claimed_reminder(api: Api, begin: Begin) -> Any:
    """An overdue invoice of 100.00 about which a reminder has just been claimed for sending."""
    await api.advance("2026-03-02T20:00:00Z")
    await api.always_open()
    await api.policy([1])
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, DUE)
    async with begin(api.tenant_id) as uow:
        await tick(uow, limit=10)
    async with begin(api.tenant_id) as uow:
        assert len((await claim(uow, api.settings, limit=10)).claims) == 1
    return invoice
