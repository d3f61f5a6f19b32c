"""Rate tables as services take them: statutory ones are built in, the tenant's own are stored."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select

from app.core.errors import invalid
from app.core.uow import UnitOfWork
from app.core.wire import day, money
from app.domain.errors import Code
from app.domain.interest import RateTable, Segment
from app.domain.rates_wire import percent_text, read_table
from app.domain.statutory import PRESETS
from app.models import RateTable as StoredTable


async def load_tables(uow: UnitOfWork, codes: Collection[str]) -> dict[str, RateTable]:
    """The tables that exist among the codes; a statement only where one is the tenant's own."""
    found = {code: PRESETS[code].table for code in codes if code in PRESETS}
    own = set(codes) - found.keys()
    if own:
        rows = await uow.session.execute(
            select(StoredTable.code, StoredTable.definition).where(
                StoredTable.tenant_id == uow.tenant_id, StoredTable.code.in_(own)
            )
        )
        found |= {code: read_table(code, definition) for code, definition in rows}
    return found


async def require_table(uow: UnitOfWork, pointer: str, code: str) -> RateTable:
    """One table.

    Raises:
        ProblemError: 422 where there is none with this code.
    """
    found = await load_tables(uow, [code])
    if code not in found:
        raise invalid(pointer, Code.unknown_reference, "No rate table has this code; see GET /v1/rate-tables.")
    return found[code]


def allows(code: str, customer_kind: str) -> bool:
    """Whether customers of a kind may be charged by a table: one's own is for whom one likes."""
    return code not in PRESETS or PRESETS[code].allows(customer_kind)


def require_allowed(pointer: str, code: str, customer_kind: str) -> None:
    """Refuse what the law does not grant against this kind of customer.

    Raises:
        ProblemError: 422.
    """
    if not allows(code, customer_kind):
        raise invalid(
            pointer,
            Code.customer_kind_not_allowed,
            f"This law does not protect claims against a customer of kind {customer_kind}; agree on a table of your "
            "own.",
        )


async def check_setting(
    uow: UnitOfWork, setting: Mapping[str, Any] | None, *, customer_kind: str | None = None
) -> None:
    """Check a `late_interest` setting that a command brings.

    Raises:
        ProblemError: 422 for an unknown table, or one that is not for this kind of customer.
    """
    if setting is None or setting["rate_table"] is None:
        return
    pointer = "/late_interest/rate_table"
    await require_table(uow, pointer, setting["rate_table"])
    if customer_kind is not None:
        require_allowed(pointer, setting["rate_table"], customer_kind)


def segment_payload(segment: Segment, interest_minor: int, currency: str) -> dict[str, Any]:
    """The wire form of a segment."""
    return {
        "from_on": day(segment.from_on),
        "through_on": day(segment.through_on),
        "days": segment.days,
        "principal": money(segment.principal_minor, currency),
        "annual_rate": percent_text(segment.annual_rate),
        "interest": money(interest_minor, currency),
    }
