"""Making tenants and their first key: the operator's command, not a tenant's."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import system_now
from app.core.ids import new_id
from app.core.security import new_key
from app.models import ApiKey, EventCounter, Tenant

OFFICE_HOURS = {"start": "09:00", "end": "18:00", "days": ["mon", "tue", "wed", "thu", "fri"]}


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant's id and its only way in; the key is shown once."""

    tenant_id: UUID
    api_key: str


async def create_tenant(
    session: AsyncSession,
    *,
    name: str,
    is_test: bool,
    clock_at: datetime | None = None,
    time_zone: str = "America/Mexico_City",
    locale: str = "es-MX",
    currency: str = "MXN",
    sender_address: str = "cobranza@example.com",
) -> NewTenant:
    """Make a tenant with a key of every scope.

    A live tenant starts in shadow: everything is decided and recorded, and nothing leaves until it is told to
    (rule D17). A test tenant sends at once, by its own clock.
    """
    now = clock_at if is_test and clock_at is not None else system_now()
    key = new_key(is_test=is_test)
    tenant_id = new_id()
    # Row-level security binds the owner of the tables too, unless it is a superuser.
    await session.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(tenant_id)})
    session.add(
        Tenant(
            id=tenant_id,
            name=name,
            mode="test" if is_test else "live",
            time_zone=time_zone,
            locale=locale,
            currency=currency,
            calendar=None,
            allocation_order=["interest", "fees", "principal"],
            send_window=OFFICE_HOURS,
            contact_profile="none",
            max_contacts_per_day=1,
            sender_name=name,
            sender_address=sender_address,
            reply_to=None,
            phone=None,
            bank_accounts=[],
            sending="live" if is_test else "shadow",
            clock_at=now if is_test else None,
            advance_token=None,
            advance_lease_until=None,
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    await session.flush()
    session.add(EventCounter(tenant_id=tenant_id, last_sequence=0))
    session.add(
        ApiKey(
            tenant_id=tenant_id,
            id=new_id(),
            name="first key",
            public_id=key.public_id,
            secret_hash=key.secret_hash,
            scopes=["admin"],
            expires_at=None,
            revoked_at=None,
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    await session.flush()
    return NewTenant(tenant_id, key.text)
