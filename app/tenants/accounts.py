"""Making tenants and their first key: the operator's command, not a tenant's."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text, update
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


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """What a new tenant is to be; `clock_at` is where a test tenant's clock starts, now if left out."""

    name: str
    is_test: bool
    clock_at: datetime | None = None
    time_zone: str = "America/Mexico_City"
    locale: str = "es-MX"
    currency: str = "MXN"
    sender_address: str = "cobranza@example.com"


async def create_tenant(session: AsyncSession, plan: TenantPlan) -> NewTenant:
    """Make a tenant with a key of every scope.

    A live tenant starts in shadow: everything is decided and recorded, and nothing leaves until it is told to
    (rule D17). A test tenant sends at once, by its own clock.
    """
    now = plan.clock_at if plan.is_test and plan.clock_at is not None else system_now()
    key = new_key(is_test=plan.is_test)
    tenant_id = new_id()
    # Row-level security binds the owner of the tables too, unless it is a superuser.
    await session.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(tenant_id)})
    session.add(
        Tenant(
            id=tenant_id,
            name=plan.name,
            mode="test" if plan.is_test else "live",
            time_zone=plan.time_zone,
            locale=plan.locale,
            currency=plan.currency,
            calendar=None,
            allocation_order=["interest", "fees", "principal"],
            send_window=OFFICE_HOURS,
            contact_profile="none",
            max_contacts_per_day=1,
            sender_name=plan.name,
            sender_address=plan.sender_address,
            reply_to=None,
            phone=None,
            bank_accounts=[],
            sending="live" if plan.is_test else "shadow",
            clock_at=now if plan.is_test else None,
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


async def pause_all(session: AsyncSession) -> int:
    """Pause sending for every tenant (rule D17); how many were not paused before."""
    paused = 0
    # Row-level security hides the tenants even from the owner of their table, who may look as the role that may.
    await session.execute(text("SET LOCAL ROLE puntual_lookup"))
    tenant_ids = (await session.scalars(select(Tenant.id).order_by(Tenant.id))).all()
    await session.execute(text("RESET ROLE"))
    for tenant_id in tenant_ids:
        await session.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(tenant_id)})
        changed = await session.scalars(
            update(Tenant)
            .where(Tenant.id == tenant_id, Tenant.sending != "paused")
            .values(sending="paused", version=Tenant.version + 1)
            .returning(Tenant.id)
        )
        paused += len(changed.all())
    return paused
