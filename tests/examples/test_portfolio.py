"""The sample portfolio is the same on every machine, and holds what it is meant to show."""

import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from examples.portfolio import CUSTOMERS, INVOICES, STARTS_ON, as_json, make
from tests.conftest import ROOT


def printed(hash_seed: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "examples.portfolio"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout


def test_two_runs_give_the_same_portfolio() -> None:
    first = printed("1")
    assert first == printed("2") == as_json(make())
    assert first != as_json(make(seed=1))


def test_it_holds_what_it_is_meant_to_show() -> None:
    portfolio = make()
    customers = portfolio.customers
    assert (len(customers), len(portfolio.invoices)) == (CUSTOMERS, INVOICES)
    assert len({customer.email for customer in customers}) == CUSTOMERS
    assert {customer.country for customer in customers} == {"MX", "ES", "CO"}
    assert {invoice.currency for invoice in portfolio.invoices} == {"MXN", "EUR", "COP"}
    assert {customer.time_zone for customer in customers} == {"Europe/Madrid", "America/Bogota", None}
    assert {customer.kind for customer in customers} == {"business", "consumer"}
    assert set("áéíóúñç") <= set("".join(customer.name for customer in customers))
    behaviours = Counter(invoice.behaviour for invoice in portfolio.invoices)
    assert behaviours["bounced"] == 1
    assert min(behaviours[name] for name in ("on_time", "late", "in_parts", "never")) >= 15
    assert any(invoice.due_on < STARTS_ON == invoice.posted_on for invoice in portfolio.invoices)


@pytest.mark.parametrize(("customers", "invoices", "days"), [(40, 200, 90), (12, 40, 30), (1, 1, 1), (3, 9, 5)])
def test_its_books_make_sense(customers: int, invoices: int, days: int) -> None:
    portfolio = make(customers=customers, invoices=invoices, days=days)
    known = {invoice.external_id: invoice for invoice in portfolio.invoices}
    last = STARTS_ON + timedelta(days=days - 1)
    paid: Counter[str] = Counter()
    for payment in portfolio.payments:
        invoice = known[payment.invoice]
        assert (payment.customer, payment.currency) == (invoice.customer, invoice.currency)
        assert invoice.posted_on <= payment.received_on <= last
        assert payment.bounced_on is None or payment.received_on <= payment.bounced_on <= last
        assert Decimal(payment.amount) > 0
        paid[payment.invoice] += int(Decimal(payment.amount) * 100)
    for invoice in portfolio.invoices:
        assert paid[invoice.external_id] <= int(Decimal(invoice.total) * 100)
        assert invoice.issued_on <= invoice.due_on
        assert STARTS_ON <= invoice.posted_on <= last


def test_more_customers_than_names_is_an_error() -> None:
    with pytest.raises(ValueError, match="customers"):
        make(customers=1000)
