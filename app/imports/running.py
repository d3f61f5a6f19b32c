"""Works imports off in the background: some rows in one transaction, which also says how far the import is.

So a worker may die at any instant: what it had not committed is as if it had not begun, and whoever goes on begins
with the next row. Its lease keeps others from waiting for it; its token, compared under the import's lock, keeps one
that was thought dead from going on beside its successor.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from app.core.batches import Outcome, count, faults_of
from app.core.clock import monotonic_seconds
from app.core.errors import FieldError, ProblemError
from app.core.log import get_logger
from app.core.problems import field_error_payload, from_database
from app.core.rows import NewRow
from app.core.settings import Settings
from app.core.uow import Database, UnitOfWork
from app.domain.errors import Code
from app.imports import repository, service
from app.imports.layout import Layout
from app.imports.reading import MAX_RECORD_BYTES, Piece, Record, UnreadableFileError, read_csv, read_ndjson
from app.imports.upload import CHUNK_BYTES
from app.imports.writing import PAYMENTS_AT_ONCE, external_id_of, write_records
from app.models import Import, ImportFault

log = get_logger(__name__)

# Then another tenant's turn comes.
_TURN_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 5.0
_FEW_CHUNKS: Final = 2
_ENOUGH_CHUNKS: Final = MAX_RECORD_BYTES // CHUNK_BYTES + 2
_UNFORESEEN: Final = ProblemError(500, Code.internal_error, "Something failed on our side; the row was left out.")


@dataclass(slots=True)
class _Claim:
    """An import that is this worker's, as long as its token is the import's."""

    import_id: UUID
    token: UUID


@dataclass(slots=True)
class Importer:
    """Works off the imports of one process's turn."""

    database: Database
    settings: Settings

    async def run(self, tenant_id: UUID, *, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Go on with a tenant's oldest import for a while; how many batches were written."""
        claim = await self._claim(tenant_id)
        if claim is None:
            return 0
        done, most = 0, self.settings.import_batch_size
        until = monotonic_seconds() + _TURN_SECONDS
        wait_seconds = 0.0
        goes_on = True
        while goes_on and not is_stopping() and monotonic_seconds() < until:
            try:
                goes_on = await self._batch(tenant_id, claim, most)
                most = min(self.settings.import_batch_size, most * 10)
            except Exception as error:
                # One row must not hold up the file for ever: the batch is tried in smaller ones, until it is found.
                if from_database(error) is not None:
                    # Somebody holds what it needs, or the database is away: both pass.
                    log.warning("import.put_off", import_id=str(claim.import_id), exc_info=error)
                    wait_seconds = _RETRY_SECONDS
                    break
                log.error("import.batch_failed", import_id=str(claim.import_id), rows=most, exc_info=error)
                if most == 1:
                    goes_on = await self._leave_out(tenant_id, claim)
                most = max(1, most // 10)
            done += 1
        async with self.database.unit_of_work(tenant_id) as uow:
            await repository.release(uow, claim.import_id, claim.token, wait_seconds=wait_seconds)
        return done

    async def _claim(self, tenant_id: UUID) -> _Claim | None:
        async with self.database.unit_of_work(tenant_id) as uow:
            found = await repository.lock_next(uow)
            if found is None:
                return None
            if found.status == "queued":
                service.move(found, "running")
                await uow.flush()
            claim = _Claim(found.id, uuid4())
            await repository.lease(uow, found.id, claim.token, seconds=self.settings.import_lease_seconds)
            return claim

    async def _batch(self, tenant_id: UUID, claim: _Claim, most: int) -> bool:
        """Write up to `most` rows; whether there are more."""
        async with self.database.unit_of_work(tenant_id) as uow:
            found = await self._ours(uow, claim)
            if found is None:
                return False
            if found.next_byte >= found.total_bytes:
                await service.finish(uow, found, "completed")
                return False
            layout = Layout.of(found)
            if layout.kind == "payments":
                most = min(most, PAYMENTS_AT_ONCE)
            try:
                piece = await _read(uow, found, layout, most)
            except UnreadableFileError as error:
                await service.finish(uow, found, "failed", failure=str(error))
                return False
            outcomes = await write_records(uow, layout, piece.records)
            # Read again: where a row was taken back, all that had been loaded was forgotten.
            found = await self._ours(uow, claim)
            return found is not None and await self._record(uow, found, layout, piece, outcomes)

    async def _leave_out(self, tenant_id: UUID, claim: _Claim) -> bool:
        """Pass over the one row that no batch could be written with."""
        async with self.database.unit_of_work(tenant_id) as uow:
            found = await self._ours(uow, claim)
            if found is None:
                return False
            layout = Layout.of(found)
            piece = await _read(uow, found, layout, 1)
            return await self._record(uow, found, layout, piece, [_LeftOut() for _ in piece.records])

    async def _ours(self, uow: UnitOfWork, claim: _Claim) -> Import | None:
        """The import under its lock, while it is still this worker's."""
        found = await repository.lock(uow, claim.import_id)
        return found if found is not None and found.status == "running" and found.lease_token == claim.token else None

    async def _record(
        self, uow: UnitOfWork, found: Import, layout: Layout, piece: Piece, outcomes: Sequence[Outcome]
    ) -> bool:
        """Count the rows and keep their faults, in their own transaction; whether the file goes on."""
        for number, (record, outcome) in enumerate(zip(piece.records, outcomes, strict=True), found.row_count + 1):
            if outcome.problem is not None:
                uow.add(_fault(found, layout, number, record, outcome.problem))
        counts = count(outcomes)
        found.row_count += len(outcomes)
        found.created_count += counts["created"]
        found.updated_count += counts["updated"]
        found.unchanged_count += counts["unchanged"]
        found.failed_count += counts["failed"]
        found.next_byte += piece.end
        if found.next_byte >= found.total_bytes:
            await service.finish(uow, found, "completed")
            return False
        await repository.drop_done_chunks(uow, found)
        if found.lease_token is not None:
            await repository.lease(uow, found.id, found.lease_token, seconds=self.settings.import_lease_seconds)
        return True


class _LeftOut:
    """The outcome of a row that fails for reasons of ours."""

    status: Final = "failed"
    resource_id: Final = None
    problem: Final = _UNFORESEEN


async def _read(uow: UnitOfWork, found: Import, layout: Layout, most: int) -> Piece:
    for chunks in (_FEW_CHUNKS, _ENOUGH_CHUNKS):
        content = await repository.load_piece(uow, found, chunks=chunks)
        is_last = found.next_byte + len(content) >= found.total_bytes
        if found.format == "csv":
            piece = read_csv(content, layout.options.delimiter, most=most, is_last=is_last)
        else:
            piece = read_ndjson(content, most=most, is_last=is_last)
        if piece.end:
            return piece
    raise UnreadableFileError("The file ends in the middle; send it again.")


def _fault(found: Import, layout: Layout, number: int, record: Record, problem: ProblemError) -> NewRow:
    values: dict[str, Any] = {
        "tenant_id": found.tenant_id,
        "import_id": found.id,
        "row_number": number,
        "external_id": external_id_of(layout, record),
        "code": str(problem.code),
        "detail": problem.detail,
        "errors": [_with_column(layout, record, fault) for fault in faults_of(problem)],
    }
    return NewRow(ImportFault, values)


def _with_column(layout: Layout, record: Record, fault: FieldError) -> dict[str, Any]:
    return {**field_error_payload(fault), "column": layout.column_of(fault.pointer, record.value)}


async def drop_abandoned(database: Database, tenant_id: UUID) -> int:
    """Delete files whose sender went away without a word; how many there were."""
    async with database.unit_of_work(tenant_id) as uow:
        found = await repository.find_abandoned(uow)
        for import_id in found:
            await repository.drop(uow, import_id)
    return len(found)
