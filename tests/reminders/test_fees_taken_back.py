"""An invoice that owed nothing but the fee of a message is paid as soon as the message is held back (rule M10)."""

from typing import Any

from sqlalchemy import update

from app.models import Reminder
from app.reminders.channels.base import Outcome
from app.reminders.claims import claim
from tests.conftest import Api
from tests.reminders.channels import reachable
from tests.reminders.conftest import THURSDAY, Behind, ScriptedChannel, overdue_invoice, reminders, step

FEE = {"kind": "flat", "amount": "50.00"}
PRINCIPAL_FIRST = {"allocation_order": ["interest", "principal", "fees"]}


async def standing(api: Api, invoice: Any) -> tuple[str, str, str]:
    """An invoice's status and open amount, and the state of its case."""
    found = await api.get(f"/invoices/{invoice['id']}")
    return found["status"], found["open_amount"], (await api.get(f"/invoices/{invoice['id']}/dunning"))["state"]


async def owing_the_fee(api: Api, scripted: ScriptedChannel, **fields: Any) -> Any:
    """An invoice that was paid but for the fee of a message which has not left yet."""
    scripted.script = [Outcome.not_sent]
    await api.patch("/tenant", PRINCIPAL_FIRST)
    invoice = await overdue_invoice(api, [], steps=[step(3, fee=FEE, **fields), step(10)])
    await api.advance("2026-03-05T16:00:01Z")
    await api.pay(invoice["customer_id"], "1160.00", "2026-03-05")
    assert await standing(api, invoice) == ("partially_paid", "50.00", "open")
    return invoice


async def test_by_another_due_date(api: Api, scripted: ScriptedChannel) -> None:
    invoice = await owing_the_fee(api, scripted)
    for due_on, expected in (
        # Overdue by four days, or by three, the step is due; by two it is not.
        ("2026-03-01", ("partially_paid", "50.00", "open")),
        ("2026-03-02", ("partially_paid", "50.00", "open")),
        ("2026-03-03", ("paid", "0.00", "closed")),
    ):
        body = {"due_on": due_on, "reason": "Agreed by phone"}
        moved = await api.post(f"/invoices/{invoice['id']}/reschedule", body, expect=200)
        assert (moved["status"], moved["open_amount"]) == expected[:2]
        assert await standing(api, invoice) == expected
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["skip_reason"]) == ("skipped", "not_due")


async def test_by_the_check_before_sending(api: Api, behind: Behind, scripted: ScriptedChannel) -> None:
    invoice = await owing_the_fee(api, scripted, min_amount={"MXN": "100.00"})
    async with behind.unit() as uow:
        due = update(Reminder).where(Reminder.tenant_id == api.tenant_id).values(next_attempt_at=uow.now)
        await uow.session.execute(due)
    async with behind.unit() as uow:
        assert (await claim(uow, api.settings, limit=10)).claims == []
    assert await standing(api, invoice) == ("paid", "0.00", "closed")
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["skip_reason"]) == ("skipped", "min_amount")


async def test_by_a_later_step_before_anybody_has_called(api: Api) -> None:
    await api.patch("/tenant", PRINCIPAL_FIRST)
    await api.advance(THURSDAY)
    await api.policy([], steps=[step(3, fee=FEE, channels=["call"]), step(10), step(40)])
    customer = await api.customer(contacts=reachable("email", "phone"))
    invoice = await api.invoice(customer["id"], "1160.00", "2026-02-02", "2026-03-02")
    await api.advance("2026-03-05T16:00:01Z")
    await api.pay(customer["id"], "1160.00", "2026-03-05")
    await api.advance("2026-03-11T20:00:00Z")
    assert await standing(api, invoice) == ("partially_paid", "50.00", "open")
    await api.advance("2026-03-12T20:00:00Z")
    assert await standing(api, invoice) == ("paid", "0.00", "closed")
    assert [(row["status"], row["skip_reason"]) for row in await reminders(api)] == [("skipped", "superseded")]
    assert [task["status"] for task in await api.all("/tasks")] == ["cancelled"]
