"""What falls due for one tenant, and when: one query over the instants that the workers' claims go by."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.core.uow import UnitOfWork
from app.core.work import Kind


@dataclass(frozen=True, slots=True)
class Due:
    """The next instant of each kind of work, as it stood at `now`."""

    now: datetime
    instants: Mapping[Kind, datetime | None]

    def is_due(self, kind: Kind) -> bool:
        """Whether work of a kind is due."""
        at = self.instants[kind]
        return at is not None and at <= self.now

    def is_idle_until(self, to: datetime) -> bool:
        """Whether nothing is due, nor falls due up to an instant."""
        return all(at is None or at > to for at in self.instants.values())

    def next_at(self) -> datetime | None:
        """The next instant after now at which something falls due."""
        return min((at for at in self.instants.values() if at is not None and at > self.now), default=None)


async def load_due(uow: UnitOfWork, *, at: datetime | None = None) -> Due:
    """Ask what falls due, as of `at` or the tenant's now."""
    row = await uow.driver.fetchrow(_DUE, uow.tenant_id)
    now = at or uow.now
    return Due(
        now=now,
        instants={
            Kind.tick: row["tick_at"],
            Kind.rescue: row["rescue_at"],
            Kind.send: row["send_at"],
            Kind.relay: now if row["has_events"] else None,
            Kind.deliver: row["deliver_at"],
        },
    )


# Straight through the driver: an advance asks it at every instant on its way.
_DUE = """
SELECT
    (SELECT min(next_action_at) FROM customers WHERE tenant_id = $1) AS tick_at,
    (SELECT min(next_attempt_at) FROM reminders WHERE tenant_id = $1 AND status = 'sending') AS rescue_at,
    (SELECT min(next_attempt_at) FROM reminders WHERE tenant_id = $1 AND status = 'ready') AS send_at,
    EXISTS (SELECT FROM events WHERE tenant_id = $1 AND sequence IS NULL) AS has_events,
    (SELECT min(d.next_attempt_at)
     FROM deliveries d JOIN webhook_endpoints w ON w.tenant_id = d.tenant_id AND w.id = d.endpoint_id
     WHERE d.tenant_id = $1 AND d.status IN ('pending', 'retry_scheduled', 'in_flight') AND w.status = 'enabled')
    AS deliver_at
"""
