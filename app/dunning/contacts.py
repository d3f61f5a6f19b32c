"""What counts as a contact of a customer, and which contact rules protect them (rules D6, T1)."""

from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.calendars import NO_HOLIDAYS, holidays_of
from app.core.uow import UnitOfWork
from app.domain.clocktime import business_date
from app.domain.contact_profiles import PROFILES
from app.domain.contact_rules import SPOKEN, Contact, ProfileVersion, profile_key_for
from app.models import Customer

# The longest look back of any profile is a week; a month leaves room for those to come.
HISTORY_DAYS = 31


@dataclass(frozen=True, slots=True)
class Contacts:
    """Contacts of one customer: the last one's date, how many on the customer's today, and the recent ones."""

    last_on: date | None = None
    today: int = 0
    recent: tuple[Contact, ...] = ()


NO_CONTACTS = Contacts()

# A call counts once somebody was reached. A message counts from its claim on, and where nobody knows whether it left;
# one that did not leave has no date any more.
# The last row of each customer is the last contact of all time, since a policy's gap may be longer than the history.
_CONTACTS = """
SELECT r.customer_id, r.contacted_on, r.channel, r.channel = 'call' AS is_conversation,
       CASE WHEN r.channel = ANY($4::text[]) THEN (
           SELECT array_agg(i.invoice_id) FROM reminder_items i
           WHERE i.tenant_id = r.tenant_id AND i.reminder_id = r.id AND i.dropped_reason IS NULL
       ) END AS invoice_ids
FROM reminders r
WHERE r.tenant_id = $1 AND r.customer_id = ANY($2::uuid[]) AND r.contacted_on >= $3
UNION ALL
SELECT a.customer_id, a.contacted_on, a.kind, a.is_conversation, a.invoice_ids
FROM activities a
WHERE a.tenant_id = $1 AND a.customer_id = ANY($2::uuid[]) AND a.contacted_on >= $3
UNION ALL
SELECT c.id, greatest(
           (SELECT max(r.contacted_on) FROM reminders r WHERE r.tenant_id = $1 AND r.customer_id = c.id),
           (SELECT max(a.contacted_on) FROM activities a WHERE a.tenant_id = $1 AND a.customer_id = c.id)
       ), NULL, false, NULL
FROM unnest($2::uuid[]) AS c (id)
"""


async def load_contacts(uow: UnitOfWork, customers: Iterable[Customer]) -> dict[UUID, Contacts]:
    """The contacts of customers, on their own calendars, over all invoices, policies and channels (rule D6)."""
    todays = {customer.id: business_date(uow.now, zone_of(uow, customer)) for customer in customers}
    if not todays:
        return {}
    since = min(todays.values()) - timedelta(days=HISTORY_DAYS)
    rows = await uow.driver.fetch(_CONTACTS, uow.tenant_id, list(todays), since, list(SPOKEN))
    last: dict[UUID, date] = {}
    recent: dict[UUID, list[Contact]] = defaultdict(list)
    for customer_id, on, channel, is_conversation, invoice_ids in rows:
        if channel is not None:
            recent[customer_id].append(Contact(on, channel, is_conversation, frozenset(invoice_ids or ())))
        elif on is not None:
            last[customer_id] = on
    return {
        customer_id: Contacts(
            on, sum(contact.on == todays[customer_id] for contact in recent[customer_id]), tuple(recent[customer_id])
        )
        for customer_id, on in last.items()
    }


def zone_of(uow: UnitOfWork, customer: Customer) -> ZoneInfo:
    """The customer's time zone, the tenant's if unknown (rule T1)."""
    return ZoneInfo(customer.time_zone) if customer.time_zone else uow.tenant.zone


def rules_of(uow: UnitOfWork, customer: Customer) -> ProfileVersion | None:
    """What the contact profile that protects a customer asks for today; None where there is no rule."""
    settings = uow.tenant.settings
    key = profile_key_for(
        own=customer.contact_profile,
        country=customer.country,
        kind=customer.kind,
        entries=settings["contact_rules"],
        fallback=settings["contact_profile"],
    )
    return None if key == "none" else _in_force(key, customer.kind, business_date(uow.now, zone_of(uow, customer)))


@lru_cache(maxsize=256)
def _in_force(key: str, kind: str, today: date) -> ProfileVersion | None:
    profile = PROFILES[key]
    return profile.on(today) if kind in profile.protects else None


def rule_holidays(rules: ProfileVersion | None) -> Container[date]:
    """The public holidays that the rules mean."""
    return NO_HOLIDAYS if rules is None else holidays_of(rules.calendar)
