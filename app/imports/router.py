"""HTTP for imports."""

import asyncio
import hashlib
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from app.core.csvtext import CSV_LIST, page_response, wants_csv
from app.core.errors import ProblemError, invalid
from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.responses import CREATE, LIST, READ, WRITE, json_response, resource_response
from app.core.uow import UnitOfWork
from app.deps import AppSettings, StreamRoute, Uow, conclude, tenant_router
from app.domain.errors import Code
from app.imports import repository, service
from app.imports.layout import Options, check_fields
from app.imports.repository import ImportFilter
from app.imports.schemas import (
    DateFormat,
    DecimalMark,
    Delimiter,
    ImportErrorLine,
    ImportErrorPage,
    ImportFormat,
    ImportKind,
    ImportOutput,
    ImportPage,
    ImportStatus,
    UnknownColumns,
    error_lines,
    parse_mapping,
)
from app.imports.upload import Upload
from app.models import ImportFault
from app.outbox.payloads import import_payload

router = tenant_router("/v1/imports", "Imports")
upload_router = APIRouter(prefix="/v1/imports", tags=["Imports"], route_class=StreamRoute)

_FORMATS: Final[dict[str, ImportFormat]] = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
}
_LAST_ROW: Final = 2**63 - 1
_CSV_EXAMPLE: Final = (
    "external_id,name,tax_id,contacts.email,metadata.branch\n"
    'C-1001,"Ferretería Núñez, S.A. de C.V.",FNU010203AB1,cuentas@example.com,norte\n'
)
_NDJSON_EXAMPLE: Final = '{"external_id": "C-1001", "name": "Ferretería Núñez, S.A. de C.V."}\n'
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The file, UTF-8 with or without a byte order mark; other encodings by `charset` in "
        "Content-Type (`iso-8859-1`, `windows-1252`).",
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": _CSV_EXAMPLE},
            "application/x-ndjson": {"schema": {"type": "string"}, "example": _NDJSON_EXAMPLE},
        },
    }
}

Mapping = Annotated[
    str | None,
    Query(
        max_length=16_000,
        description="JSON object from the file's own names to our fields, such as "
        '`{"Folio": "number", "RFC cliente": "customer_external_id", "Sucursal": "metadata.branch", "Notas": null}`; '
        "null leaves a column out. Columns that are called as our fields need no mapping. Every field of the resource "
        "with one value can be filled, nested ones by dotted names (`metadata.anything`). In CSV also, for customers, "
        "one contact: `contacts.name`, `contacts.role`, `contacts.email`, `contacts.sms`, `contacts.whatsapp`, "
        "`contacts.phone`, `contacts.post`, `contacts.consent`; for payments, one allocation: "
        "`allocations.invoice_external_id` and `allocations.amount` (the whole payment if left out).",
        examples=['{"Folio": "number"}'],
    ),
]


@upload_router.post(
    "",
    status_code=202,
    response_model=ImportOutput,
    responses=CREATE,
    operation_id="create_import",
    openapi_extra=_BODY,
)
async def create_import(
    request: Request,
    settings: AppSettings,
    kind: Annotated[ImportKind, Query(description="What the rows are.", examples=["customers"])],
    format: Annotated[  # noqa: A002
        ImportFormat | None, Query(description="How the file is written; as Content-Type says, if left out.")
    ] = None,
    mapping: Mapping = None,
    delimiter: Annotated[Delimiter, Query(description="What stands between cells of a CSV file.")] = ",",
    date_format: Annotated[
        DateFormat,
        Query(
            description="`iso`: 2026-11-21. `dmy`: 21/11/2026, `mdy`: 11/21/2026; with `/`, `.` or `-`, and four "
            "digits of the year. Dates like 2026-11-21 are understood in all of them."
        ),
    ] = "iso",
    decimal: Annotated[
        DecimalMark,
        Query(description="`.`: 1234.56 or 1,234.56. `,`: 1234,56 or 1.234,56. What fits neither is a fault."),
    ] = ".",
    unknown_columns: Annotated[
        UnknownColumns, Query(description="Whether names that are none of our fields are a fault, or left out.")
    ] = "refuse",
) -> Response:
    """Import a file of customers, invoices or payments.

    The file is the body, of any size; it is worked off in the background, and `import.completed` tells of its end.
    Files of a tenant are worked off one after the other, in the order in which they were sent. Each row succeeds or
    fails by itself and needs an `external_id`: the same file sent twice changes nothing. Of a known customer or
    invoice a CSV file changes the fields that it has columns for (an empty cell clears its field); a line of NDJSON is
    the whole resource, as in a batch. The columns of a CSV file are checked before the file is taken in.
    """
    kept: ImportFormat | None = _FORMATS.get(_media_type(request))
    if kept is None:
        raise ProblemError(
            415, Code.unsupported_media_type, "Send the file with Content-Type: text/csv or application/x-ndjson."
        )
    if format is not None and format != kept:
        raise invalid("?format", Code.invalid_value, "The format and the Content-Type say different things.")
    fields = parse_mapping(mapping)
    check_fields(kind, fields, is_table=kept == "csv")
    options = Options(fields, "\t" if delimiter == "tab" else delimiter, date_format, decimal, unknown_columns)
    upload = Upload(
        request.app.state.database, request.state.uow.tenant_id, kind=kind, file_format=kept, options=options
    )
    upload.decode_from(_charset(request))
    try:
        digest = await _receive(request, upload, settings.request_timeout_seconds)
        import_id = await upload.complete()

        async def enqueue(uow: UnitOfWork) -> Response:
            return resource_response(import_payload(await service.enqueue(uow, import_id)), status=202)

        response, is_replayed = await conclude(request, digest, enqueue)
    except BaseException:
        # Whatever ends the request, a sender who hangs up included, nothing of a file that is not whole stays.
        await upload.discard()
        raise
    if is_replayed:
        await upload.discard()
    return response


async def _receive(request: Request, upload: Upload, patience_seconds: float) -> bytes:
    """Take the body in; its digest."""
    digest = hashlib.sha256()
    pieces = aiter(request.stream())
    try:
        while True:
            async with asyncio.timeout(patience_seconds):
                data = await anext(pieces, None)
            if data is None:
                return digest.digest()
            digest.update(data)
            await upload.take(data)
    except ClientDisconnect as error:
        raise ProblemError(400, Code.bad_request, "The file ended before its end; nothing was kept.") from error
    except TimeoutError as error:
        raise ProblemError(503, Code.timeout, "The file stopped coming; nothing was kept. Send it again.") from error


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _charset(request: Request) -> str:
    parameters = request.headers.get("content-type", "").split(";")[1:]
    found = [
        value for name, _, value in (item.partition("=") for item in parameters) if name.strip().lower() == "charset"
    ]
    return found[0].strip().strip('"') if found else "utf-8"


@router.get("", response_model=ImportPage, responses=LIST, operation_id="list_imports")
async def list_imports(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    kind: Annotated[ImportKind | None, Query(description="Only files of these.")] = None,
    status: Annotated[ImportStatus | None, Query(description="Only imports in this status.")] = None,
) -> Response:
    """List imports, newest first."""
    rows = await repository.list_page(uow, ImportFilter(kind, status), limit=limit, before=decode_cursor(cursor))
    return json_response(page(rows, limit, import_payload, lambda row: row.id))


@router.get("/{import_id}", response_model=ImportOutput, responses=READ, operation_id="get_import")
async def get_import(uow: Uow, import_id: UUID) -> Response:
    """Read how far an import is."""
    return resource_response(import_payload(await service.get(uow, import_id)))


@router.get(
    "/{import_id}/errors",
    response_model=ImportErrorPage,
    responses={**READ, **CSV_LIST},
    operation_id="list_import_errors",
)
async def list_import_errors(
    uow: Uow, request: Request, import_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Response:
    """List the rows that were not taken, in the order of the file.

    As CSV, a row with several faults has a line for each.
    """
    await service.get(uow, import_id)
    before = decode_cursor(cursor)
    after = None if before is None else min(before.int, _LAST_ROW)
    rows = await repository.list_faults(uow, import_id, limit=limit, after=after)
    found = page(rows, limit, _fault_payload, lambda row: UUID(int=row.row_number))
    if wants_csv(request.headers.get("accept", "")):
        found = {**found, "data": error_lines(found["data"])}
    return page_response(request, found, ImportErrorLine)


@router.post("/{import_id}/cancel", response_model=ImportOutput, responses=WRITE, operation_id="cancel_import")
async def cancel_import(uow: Uow, import_id: UUID) -> Response:
    """Stop an import; the rows that were taken stay."""
    found = await service.cancel(uow, import_id)
    await uow.flush()
    return resource_response(import_payload(found))


def _fault_payload(fault: ImportFault) -> dict[str, Any]:
    return {
        "row": fault.row_number,
        "external_id": fault.external_id,
        "code": fault.code,
        "detail": fault.detail,
        "errors": fault.errors,
    }
