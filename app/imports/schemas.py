"""Wire forms of imports."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from app.core import strictjson
from app.core.errors import invalid
from app.core.schemas import Output, ProblemField, Resource
from app.core.strictjson import StrictJsonError
from app.domain.errors import Code

ImportKind = Literal["customers", "invoices", "payments"]
ImportFormat = Literal["csv", "ndjson"]
ImportStatus = Literal["receiving", "queued", "running", "completed", "failed", "cancelled"]
DateFormat = Literal["iso", "dmy", "mdy"]
DecimalMark = Literal[".", ","]
Delimiter = Literal[",", ";", "|", "tab"]
UnknownColumns = Literal["refuse", "ignore"]

_FIELDS: TypeAdapter[dict[str, str | None]] = TypeAdapter(dict[str, str | None])
_MOST_COLUMNS = 500


def parse_mapping(text: str | None) -> dict[str, str | None]:
    """The `mapping` of a request.

    Raises:
        ProblemError: 422 when it is no JSON object of texts.
    """
    if text is None:
        return {}
    try:
        fields = _FIELDS.validate_python(strictjson.loads(text.encode()), strict=True)
    except (StrictJsonError, ValidationError) as error:
        raise invalid(
            "?mapping",
            Code.invalid_format,
            'Send a JSON object from the file\'s names to ours, such as {"Folio": "number", "Notas": null}.',
        ) from error
    if len(fields) > _MOST_COLUMNS:
        raise invalid("?mapping", Code.too_long, f"A mapping has up to {_MOST_COLUMNS} columns.")
    return fields


class ImportOutput(Resource):
    """A file of rows, and how far it has been worked off."""

    kind: ImportKind = Field(description="What its rows are.")
    format: ImportFormat = Field(description="How it is written.")
    status: ImportStatus = Field(
        description="`receiving` while the file is being sent, `queued`, `running`; then `completed` (rows may have "
        "failed), `failed` (the file cannot be read; `failure` says why) or `cancelled`."
    )
    mapping: dict[str, str | None] = Field(
        description="The file's own names, each with the field that it fills.", examples=[{"Folio": "number"}]
    )
    delimiter: str = Field(description="What stands between cells.", examples=[","])
    date_format: DateFormat = Field(description="How dates are written.")
    decimal: DecimalMark = Field(description="The decimal mark of amounts.")
    unknown_columns: UnknownColumns = Field(description="What happens to columns that are none of our fields.")
    bytes_total: int = Field(description="Size of the file in bytes, as UTF-8.", examples=[120400])
    bytes_done: int = Field(description="How many of them have been worked off.", examples=[120400])
    rows: int = Field(description="Rows worked off, the header left out.", examples=[1000])
    created: int = Field(description="Rows that were created.", examples=[990])
    updated: int = Field(description="Rows that changed what was known.", examples=[0])
    unchanged: int = Field(description="Rows that said what was known.", examples=[8])
    failed: int = Field(description="Rows that changed nothing; GET /v1/imports/{id}/errors says why.", examples=[2])
    failure: str | None = Field(description="Why the file as a whole could not be read.", examples=[None])
    finished_at: datetime | None = Field(description="When it came to its end, by the tenant's clock (UTC).")


class ImportPage(Output):
    """A page of imports, newest first."""

    data: list[ImportOutput] = Field(description="The imports.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class ImportProblemField(ProblemField):
    """One fault of one field of a row."""

    column: str | None = Field(description="The column as the file calls it, where there is one.", examples=["Total"])


class ImportErrorOutput(Output):
    """A row that was not taken, and why."""

    row: int = Field(description="Number of the row from 1; the header and blank lines are not counted.", examples=[7])
    external_id: str | None = Field(description="Your own id of it.")
    code: str = Field(description="Why, as a stable code.", examples=["validation_failed"])
    detail: str = Field(description="Why, in words.", examples=["The request is not valid; see errors: /total."])
    errors: list[ImportProblemField] = Field(description="Its faults by field.")


class ImportErrorPage(Output):
    """A page of rows that were not taken, in the order of the file."""

    data: list[ImportErrorOutput] = Field(description="The rows.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class ImportErrorLine(Output):
    """One fault of a row, for tables: a row with several has several lines."""

    row: int = Field(description="Number of the row from 1.")
    external_id: str | None = Field(description="Your own id of it.")
    code: str = Field(description="Why, as a stable code.")
    column: str | None = Field(description="The column as the file calls it.")
    pointer: str = Field(description="JSON pointer into the row.")
    message: str = Field(description="What is wrong and how to mend it.")


def error_lines(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows that failed, fault by fault."""
    return [{**row, **fault} for row in rows for fault in row["errors"]]
