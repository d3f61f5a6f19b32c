"""Queries for imports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.models import Import, ImportFault

# By the database's clock, and one after the other: invoices may be of customers in the file before.
_CLAIM: Final = """
SELECT * FROM imports WHERE tenant_id = $1 AND id = (
    SELECT id FROM imports WHERE tenant_id = $1 AND status IN ('queued', 'running') ORDER BY id LIMIT 1)
AND next_attempt_at <= clock_timestamp() AND (lease_expires_at IS NULL OR lease_expires_at <= clock_timestamp())
FOR NO KEY UPDATE SKIP LOCKED
"""
_LOCK: Final = "SELECT * FROM imports WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
_LEASE: Final = """
UPDATE imports SET lease_token = $3, lease_expires_at = clock_timestamp() + $4::float8 * interval '1 second',
    next_attempt_at = clock_timestamp()
WHERE tenant_id = $1 AND id = $2
"""
_RELEASE: Final = """
UPDATE imports SET lease_token = NULL, lease_expires_at = NULL,
    next_attempt_at = clock_timestamp() + $4::float8 * interval '1 second'
WHERE tenant_id = $1 AND id = $2 AND lease_token = $3
"""
_ABANDONED: Final = """
SELECT id FROM imports WHERE tenant_id = $1 AND status = 'receiving' AND lease_expires_at <= clock_timestamp() LIMIT 100
"""
_KEEP_CHUNK: Final = "INSERT INTO import_chunks (tenant_id, import_id, start, content) VALUES ($1, $2, $3, $4)"
# What has been worked through of the first chunk is left out.
_PIECE: Final = """
SELECT start, content FROM import_chunks WHERE tenant_id = $1 AND import_id = $2 AND start >= coalesce((
    SELECT max(start) FROM import_chunks WHERE tenant_id = $1 AND import_id = $2 AND start <= $3), 0)
ORDER BY start LIMIT $4
"""
# All but the chunk that the next row begins in.
_DROP_DONE: Final = """
DELETE FROM import_chunks WHERE tenant_id = $1 AND import_id = $2 AND start < (
    SELECT max(start) FROM import_chunks WHERE tenant_id = $1 AND import_id = $2 AND start <= $3)
"""
_DROP_CHUNKS: Final = "DELETE FROM import_chunks WHERE tenant_id = $1 AND import_id = $2"
_DROP: Final = "DELETE FROM imports WHERE tenant_id = $1 AND id = $2"


@dataclass(frozen=True, slots=True)
class ImportFilter:
    """What a list of imports is narrowed to."""

    kind: str | None = None
    status: str | None = None


async def find(uow: UnitOfWork, import_id: UUID) -> Import | None:
    """The import with an id."""
    return await uow.session.get(Import, (uow.tenant_id, import_id))


async def lock(uow: UnitOfWork, import_id: UUID) -> Import | None:
    """The import with an id, under its lock."""
    return next(iter(await uow.fetch(Import, _LOCK, uow.tenant_id, import_id)), None)


async def lock_next(uow: UnitOfWork) -> Import | None:
    """The oldest import that is not done, under its lock, unless somebody works on it or it is to wait."""
    return next(iter(await uow.fetch(Import, _CLAIM, uow.tenant_id)), None)


async def lease(uow: UnitOfWork, import_id: UUID, token: UUID, *, seconds: float) -> None:
    """Make an import one worker's for some time from now."""
    await uow.driver.execute(_LEASE, uow.tenant_id, import_id, token, seconds)


async def release(uow: UnitOfWork, import_id: UUID, token: UUID, *, wait_seconds: float = 0.0) -> None:
    """Give an import back, to be gone on with after some time; if it is still this worker's."""
    await uow.driver.execute(_RELEASE, uow.tenant_id, import_id, token, wait_seconds)


async def find_abandoned(uow: UnitOfWork) -> list[UUID]:
    """Imports whose upload ended without anybody saying so."""
    return [row["id"] for row in await uow.driver.fetch(_ABANDONED, uow.tenant_id)]


async def keep_chunks(uow: UnitOfWork, import_id: UUID, chunks: Sequence[tuple[int, bytes]]) -> None:
    """Store pieces of the file, each with its place in it."""
    rows = [(uow.tenant_id, import_id, start, content) for start, content in chunks]
    await uow.driver.executemany(_KEEP_CHUNK, rows)


async def load_piece(uow: UnitOfWork, found: Import, *, chunks: int) -> bytes:
    """The file from the first row on that has not been worked through, as far as some chunks go."""
    rows = await uow.driver.fetch(_PIECE, uow.tenant_id, found.id, found.next_byte, chunks)
    if not rows:
        return b""
    return b"".join([rows[0]["content"][found.next_byte - rows[0]["start"] :], *(row["content"] for row in rows[1:])])


async def drop_done_chunks(uow: UnitOfWork, found: Import) -> None:
    """Delete the pieces that have been worked through."""
    await uow.driver.execute(_DROP_DONE, uow.tenant_id, found.id, found.next_byte)


async def drop_chunks(uow: UnitOfWork, import_id: UUID) -> None:
    """Delete what is left of the file."""
    await uow.driver.execute(_DROP_CHUNKS, uow.tenant_id, import_id)


async def drop(uow: UnitOfWork, import_id: UUID) -> None:
    """Delete an import whose file never came whole; one that was queued or cancelled meanwhile stays."""
    found = await lock(uow, import_id)
    if found is not None and found.status == "receiving":
        await drop_chunks(uow, import_id)
        await uow.driver.execute(_DROP, uow.tenant_id, import_id)


async def list_page(uow: UnitOfWork, wanted: ImportFilter, *, limit: int, before: UUID | None) -> Sequence[Import]:
    """Imports newest first, one more than `limit`."""
    statement = select(Import).where(Import.tenant_id == uow.tenant_id)
    if wanted.kind is not None:
        statement = statement.where(Import.kind == wanted.kind)
    if wanted.status is not None:
        statement = statement.where(Import.status == wanted.status)
    if before is not None:
        statement = statement.where(Import.id < before)
    return (await uow.session.scalars(statement.order_by(Import.id.desc()).limit(limit + 1))).all()


async def list_faults(uow: UnitOfWork, import_id: UUID, *, limit: int, after: int | None) -> Sequence[ImportFault]:
    """Rows that failed in the order of the file, one more than `limit`."""
    statement = select(ImportFault).where(ImportFault.tenant_id == uow.tenant_id, ImportFault.import_id == import_id)
    if after is not None:
        statement = statement.where(ImportFault.row_number > after)
    return (await uow.session.scalars(statement.order_by(ImportFault.row_number).limit(limit + 1))).all()
