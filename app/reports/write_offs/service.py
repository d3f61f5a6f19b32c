"""What is suggested to be written off, by the tenant's own rules; nothing happens by itself."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.core.uow import UnitOfWork
from app.core.wire import day, money
from app.domain.money import parse_amount
from app.reports.write_offs import repository
from app.reports.write_offs.repository import Suggestion


async def load(uow: UnitOfWork, *, currency: str | None, limit: int, before: UUID | None) -> list[Suggestion]:
    """A page of suggestions and one more; none without a rule."""
    rules = _rules(uow)
    below = {name: parse_amount(amount, name) for name, amount in (rules.get("suggest_below") or {}).items()}
    after_days = rules.get("suggest_after_days")
    if after_days is None and not below:
        return []
    return await repository.suggestions(
        uow, after_days=after_days, below_minor=below, currency=currency, limit=limit, before=before
    )


def suggestion_payload(uow: UnitOfWork, row: Suggestion) -> dict[str, Any]:
    """The wire form of a suggestion."""
    limit = (_rules(uow).get("approval_above") or {}).get(row.currency)
    return {
        "invoice_id": str(row.id),
        "external_id": row.external_id,
        "number": row.number,
        "customer_id": str(row.customer_id),
        "customer_name": row.customer_name,
        "currency": row.currency,
        "open_amount": money(row.open_minor, row.currency),
        "due_on": day(row.due_on),
        "days_overdue": row.days_overdue,
        "reasons": [name for name, holds in (("age", row.is_old), ("amount", row.is_small)) if holds],
        "needs_approval": limit is not None
        and row.open_minor + row.written_off_minor > parse_amount(limit, row.currency),
    }


def _rules(uow: UnitOfWork) -> Mapping[str, Any]:
    found: Mapping[str, Any] = uow.tenant.settings["agreement_rules"].get("write_offs") or {}
    return found
