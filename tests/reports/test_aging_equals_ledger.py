"""The aging report starts from kept balances; on any day and as known at any instant it is what the ledger says."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.core.uow import UnitOfWork
from app.domain.money import parse_amount
from app.reports import repository
from app.reports.repository import UNIDENTIFIED, AgingRow, CustomerPage
from tests.conftest import Api
from tests.reports.commands import LAST, TODAY, live
from tests.reports.ledger_oracle import Cells, by_ledger, over_all
from tests.reports.written import credit, divide

STARTS = [1, 31, 61, 91]
Begin = Callable[[UUID], Any]


def cells(rows: list[AgingRow]) -> Cells:
    return {(r.currency, r.bucket): (0 if r.bucket in {None, UNIDENTIFIED} else r.count, r.amount_minor) for r in rows}


async def report(uow: UnitOfWork, page: CustomerPage | None = None, **asked: Any) -> list[AgingRow]:
    return await repository.aging(uow, later_bucket_starts=STARTS, customers=page, **asked)


async def check(uow: UnitOfWork, as_of: date, known_at: datetime | None = None, currency: str | None = None) -> None:
    """From either source, the report over all customers and for each page of them is what the ledger says."""
    asked: dict[str, Any] = {"as_of": as_of, "known_at": known_at, "currency": currency}
    expected = await by_ledger(uow, starts=STARTS, **asked)
    for source in ("balances", "ledger"):
        await check_source(uow, expected, {**asked, "source": source})


async def check_source(uow: UnitOfWork, expected: dict[UUID | None, Cells], asked: dict[str, Any]) -> None:
    assert cells(await report(uow, **asked)) == over_all(expected), asked
    listed = sorted((customer_id for customer_id in expected if customer_id is not None), reverse=True)
    before, seen = None, []
    while True:
        rows = await report(uow, CustomerPage(2, before), **asked)
        assert cells([row for row in rows if row.customer_id is None]) == over_all(expected), asked
        found = sorted({row.customer_id for row in rows if row.customer_id}, reverse=True)
        for customer_id in found:
            assert cells([row for row in rows if row.customer_id == customer_id]) == expected[customer_id], asked
        seen += found[:2]
        if len(found) <= 2:
            break
        before = found[1]
    assert seen == listed, asked


async def events(uow: UnitOfWork) -> tuple[list[date], list[datetime]]:
    """Every day and every instant on which anything was effective or booked, and those around."""
    statement = text("SELECT effective_on, booked_at FROM ledger_entries WHERE tenant_id = :tenant_id")
    rows = (await uow.session.execute(statement, {"tenant_id": uow.tenant_id})).all()
    days = {row.effective_on + timedelta(days=by) for row in rows for by in (-1, 0, 1)}
    instants = {row.booked_at + timedelta(microseconds=by) for row in rows for by in (-1, 0)}
    return sorted(days | {TODAY, LAST}), sorted(instants)


async def complicate(api: Api, begin: Begin, dice: random.Random) -> None:
    """Some invoices turn out to be due in instalments, or bear a fee, and some customers have credit."""
    for invoice in await api.all("/invoices"):
        total = parse_amount(invoice["total"], invoice["currency"])
        if invoice["status"] != "draft" and dice.random() < 0.4:
            sizes = [total // 4, total // 4, total - 2 * (total // 4)]
            first = date.fromisoformat(invoice["due_on"]) - timedelta(days=dice.choice([0, 40, 70]))
            dues = [(first + timedelta(days=30 * index)).isoformat() for index in range(3)]
            await divide(api, begin, invoice["id"], *zip(dues, sizes, strict=True))
        may_owe = invoice["status"] in {"open", "partially_paid"} and invoice["issued_on"] <= TODAY.isoformat()
        if may_owe and dice.random() < 0.6:
            await api.post("/charges", {"invoice_id": invoice["id"], "kind": "fee", "amount": "3"})
    for customer in (await api.all("/customers"))[:2]:
        day = TODAY - timedelta(days=dice.choice([0, 10, 50]))
        await credit(api, begin, customer["id"], 7_700, day.isoformat(), currency=dice.choice(["MXN", "JPY"]))


@pytest.mark.parametrize("seed", range(6))
async def test_it_is_the_sum_of_the_ledger_on_every_day(api: Api, unit_of_work: Begin, seed: int) -> None:
    dice = random.Random(seed)
    await live(api, dice)
    await complicate(api, unit_of_work, dice)
    async with unit_of_work(api.tenant_id) as uow:
        days, instants = await events(uow)
        assert len(instants) > 2
        for as_of in days:
            await check(uow, as_of)
        for known_at in instants:
            for as_of in dice.sample(days, 3):
                await check(uow, as_of, known_at)
        for as_of in dice.sample(days, 3):
            await check(uow, as_of, dice.choice([None, *instants]), dice.choice(["MXN", "JPY", "EUR"]))


async def test_what_was_settled_since_comes_back(api: Api, unit_of_work: Begin) -> None:
    customer = (await api.customer())["id"]
    await api.invoice(customer, "100.00", "2026-01-10", "2026-01-20")
    await api.pay(customer, "100.00", "2026-02-20")
    await api.invoice(customer, "70.00", "2026-03-08", "2026-03-20")
    await api.pay(customer, "25.00", "2026-02-25", auto_allocate=False)
    async with unit_of_work(api.tenant_id) as uow:
        for as_of, expected in [
            (date(2026, 1, 9), {}),
            (date(2026, 2, 19), {("MXN", 1): (1, 10000)}),
            (date(2026, 2, 20), {}),
            (date(2026, 2, 25), {("MXN", None): (0, -2500)}),
            (date(2026, 3, 8), {("MXN", 0): (1, 7000), ("MXN", None): (0, -2500)}),
        ]:
            assert cells(await report(uow, as_of=as_of, known_at=None, currency=None)) == expected, as_of
            await check(uow, as_of)


@pytest.mark.parametrize("known_at", [None, datetime(2026, 3, 2, 11, tzinfo=UTC)])
async def test_charges_are_in_it_from_the_day_they_were_posted(
    api: Api, unit_of_work: Begin, known_at: datetime | None
) -> None:
    """Written as the ledger writes them: an entry, and the kept balance moved by it."""
    customer = (await api.customer())["id"]
    invoice = await api.invoice(customer, "100.00", "2026-01-10", "2026-01-20")
    async with unit_of_work(api.tenant_id) as uow:
        for account, amount, on in [("fees", 500, date(2026, 2, 1)), ("interest", 130, date(2026, 2, 10))]:
            await uow.session.execute(
                text(
                    "INSERT INTO ledger_entries (tenant_id, id, customer_id, invoice_id, account, kind, currency, "
                    "amount_minor, effective_on, booked_at) VALUES (:tenant_id, uuidv7(), :customer_id, :invoice_id, "
                    ":account, 'charge_posted', 'MXN', :amount, :on, :booked_at)"
                ),
                {
                    "tenant_id": api.tenant_id, "customer_id": customer, "invoice_id": invoice["id"],
                    "account": account, "amount": amount, "on": on, "booked_at": datetime(2026, 3, 2, 10, tzinfo=UTC),
                },
            )  # fmt: skip
            await uow.session.execute(
                text(
                    f"UPDATE invoices SET {account}_open_minor = {account}_open_minor + :amount "
                    "WHERE tenant_id = :tenant_id AND id = :invoice_id"
                ),
                {"tenant_id": api.tenant_id, "invoice_id": invoice["id"], "amount": amount},
            )
        for as_of in [date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 9), date(2026, 2, 10), TODAY]:
            await check(uow, as_of, known_at)
