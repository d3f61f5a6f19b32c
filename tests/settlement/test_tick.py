"""What the tick does at its edges: nothing due, a step recorded twice, a wake-up that is not in the future."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.ladder import PlannedStep
from app.dunning.cases import Skip, record_sent_step, skip_steps
from app.dunning.facts import load_case_policies
from app.models import Customer, DunningCase, Event, Invoice
from app.settlement import tick as ticking
from tests.conftest import Api

Begin = Callable[..., Any]


async def overdue(api: Api) -> dict[str, Any]:
    await api.always_open()
    await api.policy([-3, 1, 8])
    customer = await api.customer()
    invoice: dict[str, Any] = await api.invoice(customer["id"], "10.00", "2026-01-01", "2026-03-01")
    return invoice


async def test_nothing_due_is_nothing_done(api: Api, unit_of_work: Begin) -> None:
    async with unit_of_work(api.tenant_id) as uow:
        assert (await ticking.tick(uow, limit=10)).customers == 0


async def test_a_step_is_skipped_once_and_told_once(api: Api, unit_of_work: Begin) -> None:
    await overdue(api)
    async with unit_of_work(api.tenant_id) as uow:
        case = await uow.session.scalar(select(DunningCase).where(DunningCase.tenant_id == api.tenant_id))
        policy = (await load_case_policies(uow, [case]))[case.policy_id, case.policy_version]
        first = PlannedStep(policy.steps[0], date(2026, 2, 26), date(2026, 2, 26))
        await skip_steps(uow, [])
        await skip_steps(uow, [Skip(case, first, Code.missed)])
        await skip_steps(uow, [Skip(case, first, Code.missed)])
        with pytest.raises(LookupError):
            record_sent_step(uow, case, policy, "no such step", on=date(2026, 3, 2))
    async with unit_of_work(api.tenant_id) as uow:
        told = await uow.session.scalars(
            select(Event).where(Event.tenant_id == api.tenant_id, Event.type == "dunning.step_skipped")
        )
        assert len(told.all()) == 1


async def test_a_wake_up_in_the_past_does_not_spin(
    api: Api, unit_of_work: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = await overdue(api)
    await api.patch(f"/customers/{invoice['customer_id']}", {"name": "Changed, so looked at"})

    def already_past(uow: Any, _invoice: Any) -> Any:
        return uow.now - timedelta(days=1)

    monkeypatch.setattr(ticking, "due_transition_at", already_past)
    async with unit_of_work(api.tenant_id) as uow:
        assert (await ticking.tick(uow, limit=10)).customers == 1
    async with unit_of_work(api.tenant_id) as uow:
        customer = await uow.session.scalar(select(Customer).where(Customer.tenant_id == api.tenant_id))
        assert customer.next_action_at == uow.now + timedelta(minutes=1)


async def test_an_unknown_customer_and_an_unreadable_batch_change_nothing(api: Api) -> None:
    body = {"currency": "MXN", "amount": "1.00", "received_on": "2026-03-01"}
    nobody = "01890000-0000-7000-8000-000000000000"
    for field in ({"customer_id": nobody}, {"customer_external_id": "nobody"}):
        problem = await api.post("/payments", {**body, **field}, expect=422)
        assert problem["errors"][0]["pointer"] == f"/{next(iter(field))}"
    answer = await api.post("/invoices/batch", {"invoices": [{}, 5]}, expect=200)
    assert [row["status"] for row in answer["results"]] == ["failed", "failed"]


async def test_an_allocation_finds_its_invoice_by_either_id(api: Api) -> None:
    customer = await api.customer(external_id="C")
    plain = await api.invoice(customer["id"], "10.00", "2026-01-01", "2026-03-01")
    await api.invoice(customer["id"], "10.00", "2026-01-01", "2026-03-01", external_id="F")
    allocations = [{"invoice_id": plain["id"], "amount": "10.00"}, {"invoice_external_id": "F", "amount": "4.00"}]
    payment = await api.post(
        "/payments",
        {"customer_external_id": "C", "currency": "MXN", "amount": "14.00", "received_on": "2026-03-01",
         "allocations": allocations},
    )  # fmt: skip
    assert [item["amount"] for item in payment["allocations"]] == ["10.00", "4.00"]


async def test_an_invoice_that_comes_while_another_is_looked_at_is_left_for_the_next_look(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever only looks holds no lock: the invoices were read, and a case is found of one that was not there."""
    invoice = await overdue(api)
    path = f"/invoices/{invoice['id']}/dunning"
    fetch = UnitOfWork.fetch
    late: list[Any] = []

    async def slow(self: UnitOfWork, kind: Any, statement: str, *arguments: Any) -> list[Any]:
        rows = await fetch(self, kind, statement, *arguments)
        if kind is Invoice and not late:
            late.append(None)
            late[0] = await api.invoice(invoice["customer_id"], "10.00", "2026-01-01", "2026-03-01")
        return rows

    before = await api.get(path)
    monkeypatch.setattr(UnitOfWork, "fetch", slow)
    assert await api.get(path) == before
    assert (await api.get(f"/invoices/{late[0]['id']}/dunning"))["next_step"]["key"] == "d+1"
