"""Balances, statements, aging and ledgers describe one ledger: after anything that happened, they agree to the cent."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.domain.money import exponent, parse_amount
from tests.conftest import Api
from tests.reports.commands import LAST, TODAY, live
from tests.reports.test_aging_equals_ledger import complicate
from tests.reports.written import Begin


def minor(amount: str, currency: str) -> int:
    return parse_amount(amount, currency)


async def check_customer(api: Api, customer_id: str, from_on: date, point: dict[str, Any]) -> dict[str, int]:
    """One customer's reports on one day, as known at one instant; what is open by currency."""
    path = f"/customers/{customer_id}"
    to = point["as_of"]
    known = {"known_at": point["known_at"]} if "known_at" in point else {}
    balances = {item["currency"]: item for item in (await api.get(f"{path}/balance", **point))["balances"]}
    for item in balances.values():
        amounts = {name: minor(text, item["currency"]) for name, text in item.items() if name != "currency"}
        assert amounts["open_amount"] == amounts["principal_open"] + amounts["charges_open"]
        assert amounts["open_amount"] == amounts["overdue"] + amounts["not_due"]
        assert amounts["net"] == amounts["open_amount"] - amounts["unapplied_cash"] - amounts["unapplied_credit"]
    zero = {currency: f"{0:.{exponent(currency)}f}" for currency in ("MXN", "JPY")}
    nets = {currency: balances[currency]["net"] if currency in balances else zero[currency] for currency in zero}

    asked: dict[str, Any] = {"from": from_on.isoformat(), "to": to, **known}
    before: dict[str, Any] = {"as_of": (from_on - timedelta(days=1)).isoformat(), **known}
    opened = {item["currency"]: item["net"] for item in (await api.get(f"{path}/balance", **before))["balances"]}
    forward = {item["currency"]: item for item in (await api.get(f"{path}/statement", **asked))["accounts"]}
    listed = await api.get(f"{path}/statement", kind="open_item", to=to, **known)
    items = {item["currency"]: item for item in listed["accounts"]}
    for currency, net in nets.items():
        if currency in forward:
            account = forward[currency]
            assert account["closing_balance"] == net
            assert account["opening_balance"] == opened.get(currency, zero[currency])
            running = minor(account["opening_balance"], currency)
            for row in account["movements"]:
                running += minor(row["amount"], currency)
                assert minor(row["balance"], currency) == running, (asked, row)
            assert running == minor(net, currency)
        else:
            assert net == opened.get(currency, zero[currency]) == zero[currency]
        assert (items[currency]["closing_balance"] if currency in items else zero[currency]) == net
        open_items = items[currency]["items"] if currency in items else []
        overdue = sum(minor(row["open_amount"], currency) for row in open_items if row["days_overdue"])
        assert overdue == minor(balances[currency]["overdue"] if currency in balances else zero[currency], currency)
    return {currency: minor(item["open_amount"], currency) for currency, item in balances.items()}


async def check(api: Api, customers: list[str], from_on: date, point: dict[str, Any]) -> None:
    """All customers' reports on one day, and the aging report and the invoices' ledgers beside them."""
    totals: dict[str, int] = defaultdict(int)
    overdue: dict[str, int] = defaultdict(int)
    for customer_id in customers:
        for currency, amount in (await check_customer(api, customer_id, from_on, point)).items():
            totals[currency] += amount
        for item in (await api.get(f"/customers/{customer_id}/balance", **point))["balances"]:
            overdue[item["currency"]] += minor(item["overdue"], item["currency"])
    aging = await api.get("/reports/aging", **point)
    aged = {item["currency"]: minor(item["open_amount"], item["currency"]) for item in aging["totals"]}
    for currency in ("MXN", "JPY"):
        assert aged.get(currency, 0) == totals.get(currency, 0), point
    for item in aging["totals"]:
        late = [bucket["amount"] for bucket in item["buckets"] if bucket["label"] != "current"]
        assert sum(minor(amount, item["currency"]) for amount in late) == overdue[item["currency"]], point
    ledgers: dict[str, int] = defaultdict(int)
    for invoice in await api.all("/invoices"):
        ledger = await api.get(f"/invoices/{invoice['id']}/ledger", limit=200, **point)
        open_minor = minor(ledger["balances"]["open"], invoice["currency"])
        ledgers[invoice["currency"]] += open_minor
        if ledger["data"]:
            assert ledger["data"][-1]["balance_after"] == ledger["balances"]["open"]
        else:
            assert open_minor == 0
    for currency in ("MXN", "JPY"):
        assert ledgers[currency] == totals.get(currency, 0), point


@pytest.mark.parametrize("seed", range(4))
async def test_every_report_says_the_same(api: Api, unit_of_work: Begin, seed: int) -> None:
    dice = random.Random(1000 + seed)
    await live(api, dice)
    await complicate(api, unit_of_work, dice)
    customers = [customer["id"] for customer in await api.all("/customers")]
    days = [TODAY + timedelta(days=by) for by in (-130, -120, -41, -40, -39, -4, -3, 0, 1, 5, 10)] + [LAST]
    now = datetime.fromisoformat((await api.get("/test-clock"))["now"])
    instants: list[datetime | None] = [None, datetime(2026, 3, 2, 12, tzinfo=UTC), now - timedelta(seconds=1)]
    for as_of in dice.sample(days, 3):
        known_at = dice.choice(instants)
        point = {"as_of": as_of.isoformat(), **({"known_at": known_at.isoformat()} if known_at else {})}
        await check(api, customers, as_of - timedelta(days=dice.choice([0, 1, 30, 90])), point)
    await check(api, customers, TODAY - timedelta(days=60), {"as_of": LAST.isoformat()})


async def test_the_same_question_has_the_same_answer_for_ever(api: Api) -> None:
    dice = random.Random(77)
    await live(api, dice)
    known_at = (await api.get("/test-clock"))["now"]
    point = {"as_of": "2026-02-20", "known_at": known_at}
    asked: list[tuple[str, dict[str, Any]]] = [("/reports/aging", {**point, "group_by": "customer"})]
    asked += [("/reports/dso", point), ("/reports/dso", {**point, "method": "simple"})]
    span = {"from": "2026-01-01", "to": "2026-02-20", "known_at": known_at}
    asked.append(("/reports/collection-effectiveness", span))
    for customer in await api.all("/customers"):
        path = f"/customers/{customer['id']}"
        asked += [(f"{path}/balance", point), (f"{path}/statement", span), (f"{path}/payment-behaviour", span)]
        asked.append((f"{path}/statement", {**span, "kind": "open_item"}))
    before = [await api.get(path, **params) for path, params in asked]
    await api.advance((datetime.fromisoformat(known_at) + timedelta(hours=1)).isoformat())
    await live(api, dice, starts_on=datetime.fromisoformat(known_at).date())
    assert [await api.get(path, **params) for path, params in asked] == before
