"""Queries for what is suggested to be written off."""

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

from app.core.uow import UnitOfWork

# What somebody else is at work on, or the customer contests or has agreed to pay, is not given up meanwhile.
_SUGGESTIONS: Final = """
SELECT i.id, i.customer_id, c.name AS customer_name, i.number, i.external_id, i.currency,
       i.principal_open_minor + i.interest_open_minor + i.fees_open_minor AS open_minor, i.written_off_minor, i.due_on,
       $2::date - i.due_on AS days_overdue,
       coalesce($2::date - i.due_on > $3::int, false) AS is_old,
       coalesce(i.principal_open_minor + i.interest_open_minor + i.fees_open_minor < l.below_minor, false) AS is_small
FROM invoices i
JOIN customers c ON c.tenant_id = i.tenant_id AND c.id = i.customer_id
LEFT JOIN unnest($4::text[], $5::bigint[]) AS l (currency, below_minor) ON l.currency = i.currency
WHERE i.tenant_id = $1 AND i.status IN ('open', 'partially_paid') AND i.due_on < $2::date
    AND i.collection_state NOT IN ('legal', 'with_agency', 'disputed', 'in_plan', 'promised')
    AND (
        $2::date - i.due_on > $3::int
        OR i.principal_open_minor + i.interest_open_minor + i.fees_open_minor < l.below_minor
    )
    AND ($6::text IS NULL OR i.currency = $6) AND ($7::uuid IS NULL OR i.id < $7)
ORDER BY i.id DESC LIMIT $8
"""


class Suggestion(NamedTuple):
    """An invoice that is suggested, and why; amounts in minor units."""

    id: UUID
    customer_id: UUID
    customer_name: str
    number: str
    external_id: str | None
    currency: str
    open_minor: int
    written_off_minor: int
    due_on: date
    days_overdue: int
    is_old: bool
    is_small: bool


async def suggestions(
    uow: UnitOfWork,
    *,
    after_days: int | None,
    below_minor: Mapping[str, int],
    currency: str | None,
    limit: int,
    before: UUID | None,
) -> list[Suggestion]:
    """Suggested invoices newest first, one more than `limit`."""
    rows = await uow.driver.fetch(
        _SUGGESTIONS,
        uow.tenant_id,
        uow.today,
        after_days,
        list(below_minor),
        list(below_minor.values()),
        currency,
        before,
        limit + 1,
    )
    return [Suggestion(*row) for row in rows]
