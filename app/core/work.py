"""Finds tenants with due work, through a function that alone may look across tenants."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from app.core.uow import Database


class Kind(StrEnum):
    """Kinds of background work; the names are the arq jobs'."""

    tick = "dunning.tick"
    send = "reminder.send"
    rescue = "reminder.rescue"
    relay = "event.relay"
    deliver = "webhook.deliver"
    import_run = "import.run"
    dunning_run = "dunning.run"


@dataclass(frozen=True, slots=True)
class DueTenant:
    """A tenant with due work."""

    id: UUID
    is_test: bool


_EVERY = "tenant.every"
_ALL = 2**31 - 1
_DUE = text("SELECT tenant_id, is_test FROM app_tenants_due(:kind, :most)")


async def every_tenant(database: Database) -> list[DueTenant]:
    """All tenants, for work that looks after each of them."""
    return await _find(database, _EVERY, _ALL)


async def due_tenants(database: Database, kind: Kind, *, most: int = 1000) -> list[DueTenant]:
    """Tenants that have due work of a kind.

    A test tenant's only due work outside an advance is the relay of its events, first webhook attempts, imports, and
    dunning runs.
    """
    return await _find(database, kind, most)


async def _find(database: Database, kind: str, most: int) -> list[DueTenant]:
    async with database.sessions() as session, session.begin():
        rows = await session.execute(_DUE, {"kind": str(kind), "most": most})
        return [DueTenant(row.tenant_id, row.is_test) for row in rows]
