"""Reports on one customer, put together from rows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.core.errors import invalid, not_found
from app.core.uow import UnitOfWork
from app.core.wire import day, instant, money
from app.domain.aging import days_overdue
from app.domain.decimals import format_ratio
from app.domain.errors import Code
from app.models import Customer
from app.reports.customers import repository
from app.reports.customers.repository import Scope
from app.reports.ranges import check_range

MAX_ROWS = 10_000
"""A statement with more rows than that is asked for in parts."""


async def balance(uow: UnitOfWork, scope: Scope) -> dict[str, Any]:
    """What a customer owes on a day, as it was known at an instant.

    Raises:
        ProblemError: 404.
    """
    customer = await _customer(uow, scope.customer_id)
    found = [_balance(row) for row in await repository.balances(uow, scope)]
    limit, currency = customer.credit_limit_minor, customer.credit_currency
    credit = None
    if limit is not None and currency is not None:
        exposure = next((item["net"] for item in found if item["currency"] == currency), money(0, currency))
        credit = {"currency": currency, "limit": money(limit, currency), "exposure": exposure}
    return {
        "customer_id": str(customer.id),
        "as_of": day(scope.as_of),
        "known_at": instant(scope.known_at),
        "balances": found,
        "credit": credit,
    }


async def open_item_statement(uow: UnitOfWork, scope: Scope) -> dict[str, Any]:
    """What is open on a day, item by item.

    Raises:
        ProblemError: 404, 422 for more items than a statement holds.
    """
    customer = await _customer(uow, scope.customer_id)
    rows = await repository.open_items(uow, scope, most=MAX_ROWS + 1)
    _check_length(rows)
    accounts = [
        {
            "currency": currency,
            "opening_balance": None,
            "closing_balance": money(sum(int(row.principal + row.charges) for row in items), currency),
            "items": [_item(row, scope.as_of) for row in items],
            "movements": [],
        }
        for currency, items in _by_currency(rows, scope.currency).items()
    ]
    return _statement(customer, scope, None, accounts)


async def balance_forward_statement(uow: UnitOfWork, scope: Scope, *, from_on: date) -> dict[str, Any]:
    """The balance before a day, what has moved it since, and the balance that is left.

    Raises:
        ProblemError: 404, 422 when the range is empty or holds more movements than a statement.
    """
    check_range(from_on, scope.as_of)
    customer = await _customer(uow, scope.customer_id)
    rows = await repository.movements(uow, scope, from_on=from_on, most=MAX_ROWS + 1)
    _check_length(rows)
    accounts = []
    for currency, found in _by_currency(rows, scope.currency).items():
        moved = [row for row in found if row.amount is not None]
        opening, closing = (int(found[0].opening), int(found[0].closing)) if found else (0, 0)
        if opening or moved or scope.currency:
            accounts.append({
                "currency": currency,
                "opening_balance": money(opening, currency),
                "closing_balance": money(closing, currency),
                "items": [],
                "movements": [_movement(row) for row in moved],
            })  # fmt: skip
    return _statement(customer, scope, from_on, accounts)


async def payment_behaviour(uow: UnitOfWork, scope: Scope, *, from_on: date) -> dict[str, Any]:
    """How punctually a customer paid in a range of days.

    Raises:
        ProblemError: 404, 422 when the range is empty.
    """
    check_range(from_on, scope.as_of)
    customer = await _customer(uow, scope.customer_id)
    rows = await repository.behaviour(uow, scope, from_on=from_on)
    return {
        "customer_id": str(customer.id),
        "from": day(from_on),
        "to": day(scope.as_of),
        "known_at": instant(scope.known_at),
        "currencies": [_behaviour(row) for row in rows],
    }


async def _customer(uow: UnitOfWork, customer_id: UUID) -> Customer:
    customer = await repository.find_customer(uow, customer_id)
    if customer is None:
        raise not_found("customer")
    return customer


def _balance(row: Row[Any]) -> dict[str, Any]:
    currency = row.currency
    open_minor = int(row.principal + row.charges)
    return {
        "currency": currency,
        "open_amount": money(open_minor, currency),
        "principal_open": money(int(row.principal), currency),
        "charges_open": money(int(row.charges), currency),
        "overdue": money(int(row.overdue), currency),
        "not_due": money(open_minor - int(row.overdue), currency),
        "unapplied_cash": money(int(row.cash), currency),
        "unapplied_credit": money(int(row.credit), currency),
        "pending_payments": money(int(row.pending), currency),
        "net": money(open_minor - int(row.cash) - int(row.credit), currency),
    }


def _item(row: Row[Any], as_of: date) -> dict[str, Any]:
    currency, principal, charges = row.currency, int(row.principal), int(row.charges)
    return {
        "kind": row.kind,
        "document_id": str(row.id),
        "number": row.number,
        "external_id": row.external_id,
        "instalment_number": row.instalment_number,
        "dated_on": day(row.dated_on),
        "due_on": day(row.due_on),
        "days_overdue": 0 if row.due_on is None else days_overdue(row.due_on, as_of),
        "amount": money(row.original, currency),
        "paid": money(row.original - principal, currency),
        "charges_open": money(charges, currency),
        "open_amount": money(principal + charges, currency),
    }


def _movement(row: Row[Any]) -> dict[str, Any]:
    return {
        "effective_on": day(row.effective_on),
        "kind": row.kind,
        "document": row.document_kind,
        "document_id": str(row.document_id),
        "number": row.number,
        "external_id": row.external_id,
        "amount": money(int(row.amount), row.currency),
        "balance": money(int(row.balance), row.currency),
    }


def _behaviour(row: Row[Any]) -> dict[str, Any]:
    currency, amount = row.currency, int(row.amount)
    last = row.payment_id and {
        "payment_id": str(row.payment_id),
        "received_on": day(row.received_on),
        "amount": money(row.payment_amount, currency),
    }
    return {
        "currency": currency,
        "paid": money(amount, currency),
        "paid_late": money(int(row.late_amount), currency),
        "average_days_late": format_ratio(int(row.amount_days), amount),
        "late_amount_percent": format_ratio(int(row.late_amount) * 100, amount),
        "invoice_count": row.invoice_count,
        "late_invoice_count": row.late_invoice_count,
        "late_invoice_percent": format_ratio(row.late_invoice_count * 100, row.invoice_count),
        "last_payment": last,
    }


def _statement(
    customer: Customer, scope: Scope, from_on: date | None, accounts: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "customer_id": str(customer.id),
        "kind": "open_item" if from_on is None else "balance_forward",
        "from": day(from_on),
        "to": day(scope.as_of),
        "known_at": instant(scope.known_at),
        "accounts": accounts,
    }


def _by_currency(rows: Iterable[Row[Any]], asked: str | None) -> dict[str, list[Row[Any]]]:
    """The rows of each currency that has any, and of the one that was asked for."""
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    if asked is not None:
        found[asked] = []
    for row in rows:
        found[row.currency].append(row)
    return found


def _check_length(rows: Sequence[Row[Any]]) -> None:
    if len(rows) > MAX_ROWS:
        raise invalid(
            "?from", Code.out_of_range, f"A statement holds up to {MAX_ROWS} rows; ask for less, or by currency."
        )
