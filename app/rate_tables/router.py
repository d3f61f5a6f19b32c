"""HTTP for rate tables."""

from typing import Annotated

from fastapi import Path, Request
from starlette.responses import Response

from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, resource_response
from app.deps import Uow, tenant_router
from app.domain.statutory import PRESETS, Preset
from app.outbox.payloads import preset_payload, rate_table_payload
from app.rate_tables import repository, service
from app.rate_tables.schemas import RateTableCreate, RateTableFields, RateTableList, RateTableOutput

router = tenant_router("/v1/rate-tables", "Rate tables")

CodePath = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,49}$", description="Code of the table.")]


@router.post("", status_code=201, response_model=RateTableOutput, responses=CREATE, operation_id="create_rate_table")
async def create_rate_table(uow: Uow, body: RateTableCreate) -> Response:
    """Create a rate table of your own.

    Contracts and other jurisdictions have their own rates; the conventions around them decide as much. Each has the
    default that most have.
    """
    table = await service.create(uow, body.model_dump())
    return resource_response(rate_table_payload(table), status=201)


@router.get("", response_model=RateTableList, responses=LIST, operation_id="list_rate_tables")
async def list_rate_tables(uow: Uow) -> Response:
    """List all rate tables: the statutory ones, which are built in and tell their sources, then your own by code.

    The figures are those that the named authorities published. They are a convenience and no legal advice: whether a
    law applies to a debt is yours to judge.
    """
    built_in = [preset_payload(preset) for preset in PRESETS.values()]
    own = [rate_table_payload(table) for table in await repository.load_all(uow)]
    return json_response({"data": built_in + own, "next_cursor": None})


@router.get("/{table_code}", response_model=RateTableOutput, responses=READ, operation_id="get_rate_table")
async def get_rate_table(uow: Uow, table_code: CodePath) -> Response:
    """Read a rate table, your own or a statutory one."""
    found = await service.get(uow, table_code)
    return resource_response(preset_payload(found) if isinstance(found, Preset) else rate_table_payload(found))


@router.put(
    "/{table_code}",
    response_model=RateTableOutput,
    responses={**WRITE, 201: {"description": "The table was created.", "model": RateTableOutput}},
    operation_id="replace_rate_table",
)
async def replace_rate_table(uow: Uow, request: Request, table_code: CodePath, body: RateTableFields) -> Response:
    """Create the rate table with a code, or replace it; a new rate is added by sending all of them.

    Charges that were posted stay. When the past of their invoice changes, they are worked out by the table as it is
    then, so leave rates of past days as they were.
    """
    version = await service.version_of(uow, table_code)
    if version is not None:
        check_if_match(request, version)
    table, created = await service.replace(uow, table_code, body.model_dump())
    await uow.flush()
    return resource_response(rate_table_payload(table), status=201 if created else 200)
