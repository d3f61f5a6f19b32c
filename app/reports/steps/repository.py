"""The query for what was paid after each step."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.core.uow import UnitOfWork

# A payment counts where its allocation has not been taken back, for every step in whose days it came; no more than the
# step has asked for. A message counts by its own date, the customer's: what was paid on that day was paid after it.
_STEPS: Final = """
WITH sent AS (
    SELECT r.policy_id, r.policy_version, i.step_key, r.currency, i.invoice_id, i.amount_minor, r.contacted_on,
        r.id, r.delivered_at IS NOT NULL OR r.status = 'delivered' AS is_delivered
    FROM reminders r
    JOIN reminder_items i ON i.tenant_id = r.tenant_id AND i.reminder_id = r.id AND i.dropped_reason IS NULL
    WHERE r.tenant_id = $1 AND r.status IN ('sent', 'delivered') AND NOT r.is_shadow
        AND r.sent_at >= $2 AND r.sent_at < $3 AND ($4::uuid IS NULL OR r.policy_id = $4)
), paid AS (
    SELECT s.*, least(s.amount_minor, coalesce(p.in_7, 0)) AS in_7, least(s.amount_minor, coalesce(p.in_14, 0)) AS in_14
    FROM sent s
    CROSS JOIN LATERAL (
        SELECT -sum(e.amount_minor) FILTER (WHERE e.effective_on <= s.contacted_on + 7) AS in_7,
            -sum(e.amount_minor) AS in_14
        FROM ledger_entries e
        WHERE e.tenant_id = $1 AND e.invoice_id = s.invoice_id AND e.kind = 'payment_allocated'
            AND e.effective_on BETWEEN s.contacted_on AND s.contacted_on + 14
            AND NOT EXISTS (
                SELECT FROM ledger_entries b WHERE b.tenant_id = e.tenant_id AND b.reverses_id = e.id)
    ) p
)
SELECT policy_id, policy_version, step_key, currency, count(*) AS sent_count,
    count(*) FILTER (WHERE is_delivered) AS delivered_count, sum(amount_minor) AS sent_minor,
    count(*) FILTER (WHERE in_7 > 0) AS paid_7_count, sum(in_7) AS paid_7_minor,
    count(*) FILTER (WHERE in_14 > 0) AS paid_14_count, sum(in_14) AS paid_14_minor
FROM paid
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, min(contacted_on), 3, 4
"""


async def steps(uow: UnitOfWork, *, since: datetime, until: datetime, policy_id: UUID | None) -> list[Any]:
    """What was sent by each step from one instant to before another, and what was paid after it, by currency."""
    rows: list[Any] = await uow.driver.fetch(_STEPS, uow.tenant_id, since, until, policy_id)
    return rows
