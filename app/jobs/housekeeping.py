"""Deletes what has served its time: expired idempotency keys, and files that never came whole.

In batches, so that no transaction holds many rows for long.
"""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, delete, select

from app.core.clock import system_now
from app.core.uow import Database
from app.core.work import every_tenant
from app.imports.running import drop_abandoned
from app.models import IdempotencyKey

_BATCH: Final = 1000


async def delete_abandoned_imports(database: Database) -> int:
    """Delete the files of every tenant whose sender went away in the middle; how many there were."""
    return sum([await drop_abandoned(database, tenant.id) for tenant in await every_tenant(database)])


async def delete_expired_keys(database: Database, *, hours: int) -> int:
    """Delete the idempotency keys of every tenant that are older than this; how many there were."""
    deleted = 0
    for tenant in await every_tenant(database):
        while True:
            async with database.unit_of_work(tenant.id) as uow:
                expired = (
                    select(IdempotencyKey.key)
                    .where(
                        IdempotencyKey.tenant_id == uow.tenant_id,
                        # Real time: a key's life has nothing to do with the tenant's clock.
                        IdempotencyKey.created_at < system_now() - timedelta(hours=hours),
                    )
                    .order_by(IdempotencyKey.created_at)
                    .limit(_BATCH)
                    # One that is being taken anew is left to its request.
                    .with_for_update(skip_locked=True)
                )
                result: CursorResult[Any] = await uow.session.execute(  # type: ignore[assignment]
                    delete(IdempotencyKey)
                    .where(IdempotencyKey.tenant_id == uow.tenant_id, IdempotencyKey.key.in_(expired))
                    .execution_options(synchronize_session=False)
                )
            deleted += result.rowcount
            if result.rowcount < _BATCH:
                break
    return deleted
