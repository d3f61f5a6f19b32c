"""Takes a file in as it comes: clean UTF-8, in pieces, in transactions of its own; memory does not grow with it."""

import codecs
from typing import Final
from uuid import UUID

from app.core.errors import ProblemError, invalid
from app.core.uow import Database
from app.domain.errors import Code
from app.imports import repository, service
from app.imports.layout import Layout, Options, layout_of_header
from app.imports.reading import UnreadableFileError, read_csv
from app.imports.targets import Kind

CHUNK_BYTES: Final = 262_144
_CHUNKS_AT_ONCE: Final = 4
ENCODINGS: Final = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "us-ascii": "utf-8-sig",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "windows-1252": "cp1252",
}


class Upload:
    """One file on its way in.

    Pieces are cut wherever they are full: the reader alone knows what a record is, and reads over the cuts.
    """

    def __init__(self, database: Database, tenant_id: UUID, *, kind: Kind, file_format: str, options: Options) -> None:
        self.kind = kind
        self.file_format = file_format
        self.options = options
        self.import_id: UUID | None = None
        self._database = database
        self._tenant_id = tenant_id
        self._decoder: codecs.IncrementalDecoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._read_bytes = 0
        self._kept_bytes = 0
        self._waiting = bytearray()

    def decode_from(self, charset: str) -> None:
        """Say how the file is encoded.

        Raises:
            ProblemError: 415 for an encoding that is not known.
        """
        if charset.lower() not in ENCODINGS:
            raise ProblemError(
                415, Code.unsupported_media_type, "Send the file as UTF-8, iso-8859-1 or windows-1252, and say which."
            )
        self._decoder = codecs.getincrementaldecoder(ENCODINGS[charset.lower()])()

    async def take(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            ProblemError: 400 when they are not in the encoding, 422 for a header that does not fit.
        """
        self._waiting += self._decoded(data, final=False)
        if len(self._waiting) >= CHUNK_BYTES * _CHUNKS_AT_ONCE:
            await self._keep(len(self._waiting) // CHUNK_BYTES * CHUNK_BYTES)

    async def complete(self) -> UUID:
        """Take what is left; the import's id.

        Raises:
            ProblemError: 400 when the file is empty or not in the encoding, 422 for a header that does not fit.
        """
        self._waiting += self._decoded(b"", final=True)
        if not self._kept_bytes and not self._waiting.strip():
            raise ProblemError(400, Code.bad_request, "The file is empty.")
        await self._keep(len(self._waiting))
        if self.import_id is None:
            raise LookupError("a file that was taken in has an import")
        return self.import_id

    async def discard(self) -> None:
        """Keep nothing of it."""
        if self.import_id is not None:
            async with self._database.unit_of_work(self._tenant_id) as uow:
                await repository.drop(uow, self.import_id)

    def _decoded(self, data: bytes, *, final: bool) -> bytes:
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            place = self._read_bytes + error.start
            raise ProblemError(
                400,
                Code.not_utf8,
                f"At about byte {place:,} the file is not in the encoding it is said to be in. Save it as UTF-8, or "
                "send its charset (iso-8859-1, windows-1252) in Content-Type.",
            ) from error
        self._read_bytes += len(data)
        return text.encode()

    async def _keep(self, size: int) -> None:
        pieces = [
            (self._kept_bytes + start, bytes(self._waiting[start : min(start + CHUNK_BYTES, size)]))
            for start in range(0, size, CHUNK_BYTES)
        ]
        async with self._database.unit_of_work(self._tenant_id) as uow:
            if self.import_id is None:
                layout, first_row = self._read_header(bytes(self._waiting))
                found = await service.begin(uow, layout, file_format=self.file_format, next_byte=first_row)
                self.import_id = found.id
            await service.append(uow, self.import_id, pieces)
        self._kept_bytes += size
        del self._waiting[:size]

    def _read_header(self, beginning: bytes) -> tuple[Layout, int]:
        if self.file_format != "csv":
            return Layout(self.kind, self.options), 0
        try:
            piece = read_csv(beginning, self.options.delimiter, most=1, is_last=len(beginning) < CHUNK_BYTES)
        except UnreadableFileError as error:
            raise invalid("", Code.invalid_format, str(error)) from error
        if not piece.records or piece.records[0].problem is not None:
            raise invalid("", Code.invalid_format, "The first line is no CSV header.")
        return layout_of_header(self.kind, self.options, piece.records[0].value), piece.end
