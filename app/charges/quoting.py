"""The calculator of late interest: what lateness costs, of figures that are nobody's."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.core.amounts import positive
from app.core.errors import invalid
from app.core.uow import UnitOfWork
from app.core.wire import money
from app.domain.errors import Code
from app.domain.interest import InterestError, RateTable, accrue, shares
from app.domain.late_interest import running
from app.domain.rates_wire import single_rate, with_conventions
from app.settlement.rate_tables import require_table, segment_payload

Fields = Mapping[str, Any]


async def quote(uow: UnitOfWork, fields: Fields) -> dict[str, Any]:
    """Work out late interest and the fixed sum.

    Raises:
        ProblemError: 422 naming what is not valid.
    """
    table = await _table(uow, fields)
    currency, due_on, paid_on = fields["currency"], fields["due_on"], fields["paid_on"]
    principal = positive("/principal", fields["principal"], currency)
    # What is due is open before its due date, since payments before it count.
    balances = running([(date.min, principal), *_payments(fields, principal)])
    try:
        accrual = accrue(table, balances, due_on, paid_on, _stops(fields))
    except InterestError as error:
        raise invalid("/due_on", error.code, error.message) from error
    late = 0 if paid_on <= due_on else next(left for on, left in reversed(balances) if on <= due_on)
    fixed_sum = table.fixed_sum_minor(late, currency)
    return {
        "currency": currency,
        "segments": [
            segment_payload(segment, interest, currency)
            for segment, interest in zip(
                accrual.segments, shares(table, accrual.segments, accrual.amount_minor), strict=True
            )
        ],
        "interest": money(accrual.amount_minor, currency),
        "fixed_sum": money(fixed_sum, currency),
        "total": money(accrual.amount_minor + fixed_sum, currency),
        "capped": accrual.is_capped,
        "uses_unpublished_rate": accrual.uses_unpublished_rate,
    }


async def _table(uow: UnitOfWork, fields: Fields) -> RateTable:
    table = (
        single_rate(fields["annual_rate"])
        if fields["annual_rate"] is not None
        else await require_table(uow, "/rate_table", fields["rate_table"])
    )
    return with_conventions(
        table, day_count=fields["day_count"], rate_basis=fields["rate_basis"], rounding=fields["rounding"]
    )


def _payments(fields: Fields, principal: int) -> list[tuple[date, int]]:
    changes = []
    for index, payment in enumerate(fields["payments"]):
        if payment["paid_on"] > fields["paid_on"]:
            raise invalid(f"/payments/{index}/paid_on", Code.date_order, "Part payments come no later than `paid_on`.")
        amount = positive(f"/payments/{index}/amount", payment["amount"], fields["currency"])
        changes.append((payment["paid_on"], -amount))
        if sum(-paid for _, paid in changes) > principal:
            raise invalid(
                f"/payments/{index}/amount", Code.allocation_exceeds_open, "The payments are more than the principal."
            )
    return changes


def _stops(fields: Fields) -> list[tuple[date, date | None]]:
    for index, stop in enumerate(fields["stopped"]):
        if stop["to_on"] is not None and stop["to_on"] < stop["from_on"]:
            raise invalid(f"/stopped/{index}/to_on", Code.date_order, "A stop does not end before it starts.")
    return [(stop["from_on"], stop["to_on"]) for stop in fields["stopped"]]
