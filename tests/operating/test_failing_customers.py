"""Customers whose evaluation fails whenever it is tried do not keep the tenant's others waiting."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.core.metrics import REGISTRY
from app.core.settings import Settings
from app.core.uow import Database, UnitOfWork
from app.core.work import Kind
from app.jobs.runner import Runner
from app.models import Customer
from app.reminders.sender import Sender
from app.settlement import tick as ticking
from app.webhooks.delivery import Deliverer
from app.webhooks.transport import WebhookTransport
from tests.conftest import MakeApi

LATE = timedelta(minutes=10)


async def test_who_fails_is_put_off_and_the_others_get_on(
    make_api: MakeApi,
    unit_of_work: Callable[[UUID], Any],
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = await make_api(is_test=False, clock_at=None)
    *broken, sound = [UUID((await api.customer())["id"]) for _ in range(4)]
    look_at = ticking.look_at

    async def brittle(uow: UnitOfWork, customers: Mapping[UUID, Customer]) -> Any:
        if customers.keys() & set(broken):
            raise ZeroDivisionError
        return await look_at(uow, customers)

    async def move(customer_ids: list[UUID], by: timedelta) -> None:
        async with unit_of_work(api.tenant_id) as uow:
            late = update(Customer).where(Customer.tenant_id == api.tenant_id, Customer.id.in_(customer_ids))
            await uow.session.execute(late.values(next_action_at=uow.now + by))

    async def waits() -> dict[UUID, timedelta | None]:
        async with unit_of_work(api.tenant_id) as uow:
            rows = await uow.session.execute(
                select(Customer.id, Customer.next_action_at).where(Customer.tenant_id == api.tenant_id)
            )
            return {customer_id: at and at - uow.now for customer_id, at in rows}

    def put_off() -> float:
        return REGISTRY.get_sample_value("puntual_customers_put_off_total") or 0

    transport = WebhookTransport.of(settings)
    # As many fail, and have been due for longer, as a batch holds.
    small = settings.model_copy(update={"tick_batch_size": len(broken)})
    runner = Runner(database, small, Sender(database, small, {}), Deliverer(database, small, transport))
    await move(broken, -LATE)
    await move([sound], -LATE / 2)
    before = put_off()
    with monkeypatch.context() as patch:
        patch.setattr(ticking, "look_at", brittle)
        await runner.run(Kind.tick)
        found = await waits()
        assert found.pop(sound) is None, "looked at, and nothing is due about it"
        assert put_off() == before + len(broken)
        assert all(wait is not None and timedelta(minutes=4) < wait <= timedelta(minutes=5) for wait in found.values())
        # Not tried again before.
        await runner.run(Kind.tick)
        assert put_off() == before + len(broken)
    await move(broken, timedelta())
    await runner.run(Kind.tick)
    await transport.close()
    assert set((await waits()).values()) == {None}
    assert put_off() == before + len(broken)
