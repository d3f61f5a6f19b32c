"""Commands on the tenant's own rate tables."""

from collections.abc import Mapping
from typing import Any, Final

from app.core.errors import conflict, invalid, not_found
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.core.wire import day
from app.domain.errors import Code
from app.domain.rates_wire import RateTableFaultError, read_table
from app.domain.statutory import PRESETS, Preset
from app.models import RateTable
from app.rate_tables import repository

Fields = Mapping[str, Any]

_DEFINITION: Final = (
    "day_count", "rates", "rate_basis", "rounding", "fixed_sums", "currency", "cap_percent", "source",
)  # fmt: skip


async def create(uow: UnitOfWork, fields: Fields) -> RateTable:
    """Store a table under a new code.

    Raises:
        ProblemError: 409 when the code is taken, 422 for a table that contradicts itself.
    """
    code = fields["code"]
    _refuse_preset(code)
    # One code is not made twice at once.
    await uow.lock_tenant()
    if await repository.find_by_code(uow, code) is not None:
        raise conflict(Code.external_id_taken, "A rate table with this code exists; PUT replaces it.")
    return _new(uow, code, fields)


async def replace(uow: UnitOfWork, code: str, fields: Fields) -> tuple[RateTable, bool]:
    """Create the table with a code or replace it; whether it was created.

    What was posted by the rates that it had stays, and is judged by the new ones when the past of its invoice changes.

    Raises:
        ProblemError: 409 for the code of a statutory table, 422 for a table that contradicts itself.
    """
    _refuse_preset(code)
    await uow.lock_tenant()
    table = await repository.find_by_code(uow, code)
    if table is None:
        return _new(uow, code, fields), True
    table.name = fields["name"]
    table.definition = _definition(code, fields)
    return table, False


async def get(uow: UnitOfWork, code: str) -> RateTable | Preset:
    """The table with a code, one's own or a statutory one.

    Raises:
        ProblemError: 404.
    """
    if code in PRESETS:
        return PRESETS[code]
    table = await repository.find_by_code(uow, code)
    if table is None:
        raise not_found("rate table")
    return table


async def version_of(uow: UnitOfWork, code: str) -> int | None:
    """The version of one's own table, for If-Match; None while there is none."""
    await uow.lock_tenant()
    table = await repository.find_by_code(uow, code)
    return None if table is None else table.version


def _new(uow: UnitOfWork, code: str, fields: Fields) -> RateTable:
    table = RateTable(
        tenant_id=uow.tenant_id,
        id=new_id(),
        code=code,
        name=fields["name"],
        definition=_definition(code, fields),
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(table)
    return table


def _definition(code: str, fields: Fields) -> dict[str, Any]:
    """The table as it is stored, which is as it was sent.

    Raises:
        ProblemError: 422 naming what contradicts what.
    """
    try:
        read_table(code, fields)
    except RateTableFaultError as fault:
        raise invalid(fault.pointer, fault.code, fault.message) from fault
    rates = [{"from_on": day(rate["from_on"]), "annual_rate": rate["annual_rate"]} for rate in fields["rates"]]
    return {**{name: fields[name] for name in _DEFINITION}, "rates": rates}


def _refuse_preset(code: str) -> None:
    if code in PRESETS:
        raise conflict(Code.state_conflict, "A statutory table has this code and cannot be changed; take another code.")
