"""What falls due for one tenant, and when: one query over the instants that the workers' claims go by."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ScalarSelect, and_, func, select

from app.core.uow import UnitOfWork
from app.core.work import Kind
from app.models import Customer, Delivery, Event, Reminder, WebhookEndpoint


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
    tenant_id = uow.tenant_id

    def reminders(status: str) -> ScalarSelect[datetime | None]:
        return (
            select(func.min(Reminder.next_attempt_at))
            .where(Reminder.tenant_id == tenant_id, Reminder.status == status)
            .scalar_subquery()
        )

    unsequenced = select(Event.id).where(Event.tenant_id == tenant_id, Event.sequence.is_(None)).exists()
    deliveries = (
        select(func.min(Delivery.next_attempt_at))
        .join(
            WebhookEndpoint,
            and_(WebhookEndpoint.tenant_id == Delivery.tenant_id, WebhookEndpoint.id == Delivery.endpoint_id),
        )
        .where(
            Delivery.tenant_id == tenant_id,
            Delivery.status.in_(("pending", "retry_scheduled", "in_flight")),
            WebhookEndpoint.status == "enabled",
        )
        .scalar_subquery()
    )
    customers = select(func.min(Customer.next_action_at)).where(Customer.tenant_id == tenant_id).scalar_subquery()
    row = (
        await uow.session.execute(select(customers, reminders("sending"), reminders("ready"), unsequenced, deliveries))
    ).one()
    now = at or uow.now
    return Due(
        now=now,
        instants={
            Kind.tick: row[0],
            Kind.rescue: row[1],
            Kind.send: row[2],
            Kind.relay: now if row[3] else None,
            Kind.deliver: row[4],
        },
    )
