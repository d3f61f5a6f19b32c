"""Commands on imports: taking a file in, and its end. What happens between is `running`'s."""

from collections.abc import Sequence
from uuid import UUID

from app.core.errors import conflict, not_found
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.core.work import Kind as Work
from app.domain.errors import Code
from app.domain.states import IMPORT
from app.imports import repository
from app.imports.layout import Layout
from app.models import Import

# A sender of whom nothing was heard for so long is gone.
_UPLOAD_LEASE_SECONDS = 600.0


async def begin(uow: UnitOfWork, layout: Layout, *, file_format: str, next_byte: int) -> Import:
    """Begin to take a file in.

    Args:
        uow: the unit of work.
        layout: how its rows are to be read.
        file_format: `csv` or `ndjson`.
        next_byte: where its first row begins, behind the header.
    """
    found = Import(
        tenant_id=uow.tenant_id,
        id=new_id(),
        kind=layout.kind,
        format=file_format,
        status="receiving",
        mapping=layout.stored(),
        total_bytes=0,
        next_byte=next_byte,
        row_count=0,
        created_count=0,
        updated_count=0,
        unchanged_count=0,
        failed_count=0,
        failure=None,
        finished_at=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(found)
    await uow.flush()
    return found


async def append(uow: UnitOfWork, import_id: UUID, chunks: Sequence[tuple[int, bytes]]) -> None:
    """Store pieces of a file that is being taken in.

    Raises:
        ProblemError: 409 when it was cancelled meanwhile.
    """
    found = await repository.lock(uow, import_id)
    if found is None or found.status != "receiving":
        raise conflict(Code.state_conflict, "The import was cancelled while its file was being sent.")
    await repository.keep_chunks(uow, import_id, chunks)
    found.total_bytes += sum(len(content) for _, content in chunks)
    await uow.flush()
    await repository.lease(uow, import_id, import_id, seconds=_UPLOAD_LEASE_SECONDS)


async def enqueue(uow: UnitOfWork, import_id: UUID) -> Import:
    """The file is whole: have it worked off.

    Raises:
        ProblemError: 409 when it was cancelled meanwhile.
    """
    found = await repository.lock(uow, import_id)
    if found is None or found.status != "receiving":
        raise conflict(Code.state_conflict, "The import was cancelled while its file was being sent.")
    move(found, "queued")
    await uow.flush()
    await repository.release(uow, import_id, import_id)
    uow.ring(Work.import_run)
    return found


async def cancel(uow: UnitOfWork, import_id: UUID) -> Import:
    """Stop an import; rows that were taken stay.

    Raises:
        ProblemError: 404, 409 when it has come to its end.
    """
    found = await repository.lock(uow, import_id)
    if found is None:
        raise not_found("import")
    IMPORT.require(found.status, "cancelled")
    if found.status == "cancelled":
        raise conflict(Code.state_conflict, "The import was cancelled already.")
    await finish(uow, found, "cancelled")
    return found


async def finish(uow: UnitOfWork, found: Import, status: str, *, failure: str | None = None) -> None:
    """An import has come to its end; what is left of the file is dropped."""
    uow.track(found)
    move(found, status)
    found.failure = failure
    found.finished_at = uow.now
    found.next_attempt_at = found.lease_token = found.lease_expires_at = None
    await repository.drop_chunks(uow, found.id)
    uow.emit("import.completed", found)


async def get(uow: UnitOfWork, import_id: UUID) -> Import:
    """The import with an id.

    Raises:
        ProblemError: 404.
    """
    found = await repository.find(uow, import_id)
    if found is None:
        raise not_found("import")
    return found


def move(found: Import, status: str) -> None:
    """Change the status by its table."""
    IMPORT.require(found.status, status)
    found.status = status
