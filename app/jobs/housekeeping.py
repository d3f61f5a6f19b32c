"""Deletes what has served its time: expired idempotency keys, files that never came whole, messages of the erased.

In batches, so that no transaction holds many rows for long.
"""

from datetime import timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete, select

from app.core.clock import system_now
from app.core.settings import Settings
from app.core.uow import Database
from app.core.work import every_tenant
from app.imports.running import drop_abandoned
from app.models import IdempotencyKey
from app.reminders.repository import list_of_erased
from app.reminders.sender import mailbox_of

_BATCH: Final = 1000


async def delete_abandoned_imports(database: Database) -> int:
    """Delete the files of every tenant whose sender went away in the middle; how many there were."""
    return sum([await drop_abandoned(database, tenant.id) for tenant in await every_tenant(database)])


async def delete_erased_messages(database: Database, settings: Settings) -> int:
    """Delete the messages to customers who were erased from the local mailbox folder; how many there were.

    A message that was on its way when its customer was erased is found the next time.
    """
    if settings.smtp_host:
        return 0
    mailbox = mailbox_of(settings)
    deleted = 0
    for tenant in await every_tenant(database):
        async with database.unit_of_work(tenant.id) as uow:
            erased = await list_of_erased(uow)
        deleted += await mailbox.forget(str(reminder_id) for reminder_id in erased)
    return deleted


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
                result = await uow.session.execute(
                    delete(IdempotencyKey)
                    .where(IdempotencyKey.tenant_id == uow.tenant_id, IdempotencyKey.key.in_(expired))
                    .execution_options(synchronize_session=False)
                )
                gone = cast("CursorResult[Any]", result).rowcount
            deleted += gone
            if gone < _BATCH:
                break
    return deleted
