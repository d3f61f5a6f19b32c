"""The ledger's own guards: a caller that asks for what cannot be gets an error, and nothing is booked."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.core.errors import ProblemError
from app.domain.allocation import AllocationError
from app.ledger.allocations import Difference, free_component, settle
from app.ledger.entries import Because
from app.ledger.write_offs import recover
from app.models import Invoice, Payment
from tests.conftest import Api
from tests.settlement.stories import DUE, ISSUED, TODAY, entries

Begin = Callable[[UUID], Any]


async def owed_and_paid(api: Api) -> tuple[Any, Any]:
    """An invoice of 100.00 with a fee of 5.00, and a payment of 80.00 that is not applied."""
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", ISSUED, DUE)
    await api.post("/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "5.00"})
    return invoice, await api.pay(customer, "80.00", TODAY, auto_allocate=False)


async def settle_some(begin: Begin, api: Api, invoice: Any, payment: Any, amount_minor: int, **more: Any) -> None:
    async with begin(api.tenant_id) as uow:
        found, paid = await rows_of(uow, invoice, payment)
        await settle(uow, paid, found, amount_minor, **more)


async def free_fees(begin: Begin, api: Api, invoice: Any, payment: Any, amount_minor: int) -> None:
    async with begin(api.tenant_id) as uow:
        found, _ = await rows_of(uow, invoice, payment)
        await free_component(uow, found, "fees", amount_minor)


async def recover_some(begin: Begin, api: Api, invoice: Any, payment: Any, amount_minor: int) -> None:
    async with begin(api.tenant_id) as uow:
        found, _ = await rows_of(uow, invoice, payment)
        await recover(uow, found, amount_minor, on=date(2026, 3, 2), because=Because())


async def rows_of(uow: Any, invoice: Any, payment: Any) -> tuple[Invoice, Payment]:
    found = await uow.session.get_one(Invoice, (uow.tenant_id, UUID(invoice["id"])))
    statement = select(Payment).where(Payment.tenant_id == uow.tenant_id, Payment.id == UUID(payment["id"]))
    paid = (await uow.session.scalars(statement.options(selectinload(Payment.allocations)))).one()
    return found, paid


@pytest.mark.parametrize(
    ("amount_minor", "more", "message"),
    [
        (8001, {}, "More is applied than there is"),
        (0, {}, "settles something"),
        (-100, {"discount_minor": 200}, "settles something"),
        (500, {"discount_minor": -100}, "settles something"),
        (500, {"differences": (Difference("bank_fee", -100),)}, "settles something"),
        (100, {"discount_minor": 10001}, "less to settle|on principal"),
        (8000, {"discount_minor": 2600}, "less to settle"),
    ],
)
async def test_what_cannot_be_settled_is_refused(
    api: Api, unit_of_work: Begin, amount_minor: int, more: dict[str, Any], message: str
) -> None:
    invoice, payment = await owed_and_paid(api)
    before = await entries(api, invoice)
    with pytest.raises(AllocationError, match=message):
        await settle_some(unit_of_work, api, invoice, payment, amount_minor, **more)
    assert await entries(api, invoice) == before
    assert (await api.get(f"/payments/{payment['id']}"))["unapplied_amount"] == "80.00"


async def test_a_discount_is_on_principal_and_not_on_fees(api: Api, unit_of_work: Begin) -> None:
    invoice, payment = await owed_and_paid(api)
    allocations = [{"invoice_id": invoice["id"], "amount": "80.00"}]
    await api.post(f"/payments/{payment['id']}/allocate", {"allocations": allocations}, expect=200)
    other = await api.pay(invoice["customer_id"], "1.00", TODAY, auto_allocate=False)
    # The fee came first: 25.00 of principal are open, and nothing else.
    with pytest.raises(AllocationError, match="less to settle"):
        await settle_some(unit_of_work, api, invoice, other, 0, discount_minor=2501)
    await api.post("/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "5.00"})
    with pytest.raises(AllocationError, match="on principal"):
        await settle_some(unit_of_work, api, invoice, other, 0, discount_minor=2501)
    await settle_some(unit_of_work, api, invoice, other, 0, discount_minor=2500)
    assert (await api.get(f"/invoices/{invoice['id']}"))["principal_open"] == "0.00"


async def test_no_more_is_recovered_than_was_given_up(api: Api, unit_of_work: Begin) -> None:
    invoice, payment = await owed_and_paid(api)
    for amount in ("30.00", "20.00"):
        await api.post(f"/invoices/{invoice['id']}/write-off", {"reason": "other", "amount": amount}, expect=200)
    with pytest.raises(AllocationError, match="less to settle"):
        await recover_some(unit_of_work, api, invoice, payment, 5001)
    assert (await api.get(f"/invoices/{invoice['id']}"))["written_off_amount"] == "50.00"
    await recover_some(unit_of_work, api, invoice, payment, 5000)
    assert (await api.get(f"/invoices/{invoice['id']}"))["written_off_amount"] == "0.00"


async def test_what_no_money_has_paid_is_given_back_to_nobody(api: Api, unit_of_work: Begin) -> None:
    invoice, payment = await owed_and_paid(api)
    body = {"reason": "other", "amount": "2.00"}
    await api.post(f"/invoices/{invoice['id']}/write-off", body, expect=200)
    allocations = [{"invoice_id": invoice["id"], "amount": "80.00"}]
    await api.post(f"/payments/{payment['id']}/allocate", {"allocations": allocations}, expect=200)
    # Of the fee of 5.00 money has paid 3.00, which is given back.
    before = await entries(api, invoice)
    with pytest.raises(ProblemError, match="given up"):
        await free_fees(unit_of_work, api, invoice, payment, 301)
    assert await entries(api, invoice) == before
    await free_fees(unit_of_work, api, invoice, payment, 300)
    assert (await entries(api, invoice))[len(before) :] == [
        ("principal", "payment_allocated", "-3.00", TODAY),
        ("fees", "payment_allocated", "3.00", TODAY),
    ]
