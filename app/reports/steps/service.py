"""What the steps of policies bring in, put together for the wire."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.core.uow import UnitOfWork
from app.core.wire import day, money
from app.domain.clocktime import start_of_day
from app.reports.ranges import check_range
from app.reports.steps import repository


async def report(uow: UnitOfWork, *, policy_id: UUID | None, from_on: date, to_on: date) -> dict[str, Any]:
    """What was sent and what was paid after it, by policy version, step and currency.

    Raises:
        ProblemError: 422 when the range is empty.
    """
    check_range(from_on, to_on)
    rows = await repository.steps(
        uow,
        since=start_of_day(from_on, uow.tenant.zone),
        until=start_of_day(to_on + timedelta(days=1), uow.tenant.zone),
        policy_id=policy_id,
    )
    found: dict[tuple[UUID, int, str], dict[str, Any]] = {}
    for row in rows:
        key = (row["policy_id"], row["policy_version"], row["step_key"])
        step = found.setdefault(
            key,
            {
                "policy_id": str(key[0]),
                "policy_version": key[1],
                "step_key": key[2],
                "sent_count": 0,
                "delivered_count": 0,
                "currencies": [],
            },
        )
        currency = row["currency"]
        step["sent_count"] += row["sent_count"]
        step["delivered_count"] += row["delivered_count"]
        step["currencies"].append({
            "currency": currency,
            "sent_count": row["sent_count"],
            "sent_amount": money(int(row["sent_minor"]), currency),
            "paid_7_days": _paid(row["paid_7_count"], row["paid_7_minor"], currency),
            "paid_14_days": _paid(row["paid_14_count"], row["paid_14_minor"], currency),
        })  # fmt: skip
    return {"from": day(from_on), "to": day(to_on), "data": list(found.values())}


def _paid(count: int, minor: Any, currency: str) -> dict[str, Any]:
    return {"count": count, "amount": money(int(minor), currency)}
