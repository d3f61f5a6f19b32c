"""Takes a piece of a file apart into records, and says where each of them ends: what a killed import goes on from."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

from app.core import strictjson
from app.core.errors import FieldError, ProblemError
from app.core.strictjson import StrictJsonError
from app.domain.errors import Code

# A record that is longer than this is none: a quote was never closed, or the file is no table.
MAX_RECORD_BYTES: Final = 1_048_576


class UnreadableFileError(Exception):
    """The file cannot be read any further; the text says why, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its cells or its JSON value, or what is wrong with it."""

    value: Any
    # Behind its last byte, counted from the beginning of the piece.
    end: int
    problem: ProblemError | None = None


@dataclass(slots=True)
class Piece:
    """What was read of a piece of a file.

    Attributes:
        records: the records, blank lines left out.
        end: behind the last byte that was worked through.
    """

    records: list[Record] = field(default_factory=list)
    end: int = 0


def read_csv(piece: bytes, delimiter: str, *, most: int, is_last: bool) -> Piece:
    """Read up to `most` records of a CSV file.

    A record that is no CSV is a fault of its first line, and reading goes on with the next line, so that one quote that
    is never closed does not swallow the rest of the file.

    Args:
        piece: UTF-8, from the beginning of a record on.
        delimiter: what stands between cells.
        most: records to read.
        is_last: whether the file ends with the piece; else its last record may be cut off, and is left for the next.

    Raises:
        UnreadableFileError: a line is longer than any record may be.
    """
    lines = _Lines(_whole_lines(piece, b"\n\r", is_last=is_last))
    ends = [0, *accumulate(map(len, lines.lines))]
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    result = Piece()
    while len(result.records) < most:
        first = lines.index
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            if lines.is_exhausted and not is_last and (first > 0 or len(piece) < MAX_RECORD_BYTES):
                # The rest of it is in the next piece.
                break
            lines.index = first + 1
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            result.records.append(Record(None, ends[lines.index], _NO_CSV))
        else:
            if cells:
                result.records.append(Record(cells, ends[lines.index]))
        result.end = ends[lines.index]
    return result


def read_ndjson(piece: bytes, *, most: int, is_last: bool) -> Piece:
    """Read up to `most` records of a file with one JSON object on each line.

    Args:
        piece: UTF-8, from the beginning of a line on.
        most: records to read.
        is_last: whether the file ends with the piece; else its last line may be cut off, and is left for the next.

    Raises:
        UnreadableFileError: a line is longer than any record may be.
    """
    result = Piece()
    for line in _whole_lines(piece, b"\n", is_last=is_last):
        result.end += len(line)
        text = line.strip()
        if text:
            result.records.append(_json_record(text, result.end))
            if len(result.records) == most:
                break
    return result


_NO_CSV: Final = ProblemError(
    422,
    Code.invalid_format,
    "This line is not CSV: a quote is not closed, or something stands between a closing quote and the delimiter.",
)


@dataclass(slots=True)
class _Lines:
    """Lines for the reader of the standard library, which takes as many as a record has."""

    lines: list[bytes]
    index: int = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.is_exhausted:
            raise StopIteration
        line = self.lines[self.index]
        self.index += 1
        return line.decode()

    @property
    def is_exhausted(self) -> bool:
        return self.index >= len(self.lines)


def _whole_lines(piece: bytes, ends: bytes, *, is_last: bool) -> list[bytes]:
    if not is_last:
        # A carriage return at the very end may be half of a line end.
        cut = max(piece.rfind(bytes([end]), 0, len(piece) - (end != ends[0])) for end in ends) + 1
        if cut == 0 and len(piece) >= MAX_RECORD_BYTES:
            raise UnreadableFileError(
                f"A line is longer than {MAX_RECORD_BYTES:,} bytes. Send CSV or NDJSON with a line end behind each row."
            )
        piece = piece[:cut]
    if len(ends) > 1:
        return piece.splitlines(keepends=True)
    lines = piece.split(ends)
    return [line + ends for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _json_record(text: bytes, end: int) -> Record:
    try:
        return Record(strictjson.loads(text), end)
    except StrictJsonError as error:
        fault = FieldError(error.pointer, error.code, error.message)
        return Record(None, end, ProblemError(422, error.code, error.message, [fault]))
