"""Pauses of a tenant's channels whose provider is down, slow or limits us; kept with the tenant, for all workers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update

from app.core.rows import any_of
from app.core.uow import UnitOfWork
from app.core.wire import instant
from app.domain.retry import MAX_RETRY_AFTER, channel_pause
from app.models import Reminder

_MOST: Final = 10_000


def paused_until(uow: UnitOfWork) -> dict[str, datetime]:
    """The channels that rest now, and until when."""
    found = {}
    for channel, entry in _entries(uow).items():
        until = datetime.fromisoformat(entry["until"])
        if until > uow.now:
            found[channel] = until
    return found


def has_failed(uow: UnitOfWork, channel: str) -> bool:
    """Whether a channel's last word was a failure."""
    return channel in _entries(uow)


def _entries(uow: UnitOfWork) -> Mapping[str, Any]:
    # A tenant that was read before the column was there has none.
    found: Mapping[str, Any] = uow.tenant.settings.get("channel_pauses") or {}
    return found


async def pause(uow: UnitOfWork, channel: str, *, retry_after_seconds: float | None) -> None:
    """Let a channel rest, each time in a row for longer; its ready messages wait with it.

    Of several batches that fail at once, one counts.
    """
    tenant = await uow.lock_tenant()
    entry = tenant.channel_pauses.get(channel)
    if entry is not None and datetime.fromisoformat(entry["until"]) > uow.now:
        return
    failures = 1 if entry is None else int(entry["failures"]) + 1
    asked = timedelta(milliseconds=round((retry_after_seconds or 0) * 1000))
    until = uow.now + max(channel_pause(failures), min(asked, MAX_RETRY_AFTER))
    tenant.channel_pauses = {**tenant.channel_pauses, channel: {"until": instant(until), "failures": failures}}
    early = (
        select(Reminder.id)
        .where(
            Reminder.tenant_id == uow.tenant_id,
            Reminder.status == "ready",
            Reminder.channel == channel,
            Reminder.next_attempt_at < until,
        )
        .limit(_MOST)
        # One that is being claimed is put off by its claim.
        .with_for_update(skip_locked=True)
    )
    ids = (await uow.session.scalars(early)).all()
    await uow.session.execute(
        update(Reminder)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.id == any_of(ids))
        .values(next_attempt_at=until)
        .execution_options(synchronize_session=False)
    )


async def resume(uow: UnitOfWork, channel: str) -> None:
    """The provider answers again: the next failure is the first one."""
    tenant = await uow.lock_tenant()
    if channel in tenant.channel_pauses:
        tenant.channel_pauses = {name: entry for name, entry in tenant.channel_pauses.items() if name != channel}
