"""Runs the invariants, tenant by tenant, each in a read-only transaction that sees one state of the database.

Under the runtime role and behind the tenant's wall, like everything else: the owner of the tables is bound by row-level
security, too, and a check that saw no rows would find no fault.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import DATE, INTERVAL, TIMESTAMP
from sqlalchemy.dialects.postgresql import UUID as PG_UUID

from app.checks import wakes
from app.checks.agreements import AGREEMENTS
from app.checks.invariants import INVARIANTS, Invariant
from app.core.db import create_engine
from app.core.log import get_logger
from app.core.queue import SilentDoorbell
from app.core.settings import Settings
from app.core.uow import Database, UnitOfWork
from app.core.work import every_tenant
from app.outbox.writer import OutboxWriter

log = get_logger(__name__)

GRACE: Final = timedelta(minutes=5)
EXAMPLES: Final = 5
_STATEMENT_SECONDS: Final = 900

_QUERIES: Final = {invariant.name: invariant for invariant in (*INVARIANTS, *AGREEMENTS)}
MEANINGS: Final = {name: invariant.meaning for name, invariant in _QUERIES.items()} | {wakes.NAME: wakes.MEANING}


@dataclass(frozen=True, slots=True)
class Example:
    """A row that breaks an invariant; ids and differences only."""

    id: str
    difference: str


@dataclass(frozen=True, slots=True)
class Violation:
    """What breaks one invariant in one tenant."""

    invariant: str
    tenant_id: UUID
    count: int
    examples: tuple[Example, ...]


@dataclass(slots=True)
class Report:
    """What a check has found so far."""

    tenants: int = 0
    tenants_checked: int = 0
    violations: list[Violation] = field(default_factory=list)
    # By tenant and invariant, the kind of error that kept it from being checked.
    failures: list[tuple[UUID, str, str]] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Everything was checked, and nothing was found."""
        return not self.violations and not self.failures and self.tenants_checked == self.tenants

    def counts(self) -> dict[str, int]:
        """Rows that break each invariant, over all tenants."""
        counts = dict.fromkeys(MEANINGS, 0)
        for violation in self.violations:
            counts[violation.invariant] += violation.count
        return counts


@asynccontextmanager
async def checking_database(settings: Settings) -> AsyncIterator[Database]:
    """One connection whose statements may take long and write nothing."""
    patient = settings.model_copy(update={"database_statement_timeout_seconds": _STATEMENT_SECONDS})
    engine = create_engine(patient, pool_size=1)
    careful = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    try:
        yield Database(engine=careful, events=OutboxWriter(), doorbell=SilentDoorbell())
    finally:
        await engine.dispose()


async def check_all(
    database: Database, report: Report, *, tenant_ids: Sequence[UUID] | None = None
) -> AsyncIterator[Report]:
    """Check tenants one after the other, and answer after each what has been found so far.

    Args:
        database: see `checking_database`.
        report: filled in as the check goes on, so that an interrupted one tells what it knows.
        tenant_ids: these alone.
    """
    ids = tenant_ids if tenant_ids is not None else [tenant.id for tenant in await every_tenant(database)]
    report.tenants = len(ids)
    for tenant_id in ids:
        await _check_tenant(database, tenant_id, report)
        report.tenants_checked += 1
        yield report


async def _check_tenant(database: Database, tenant_id: UUID, report: Report) -> None:
    for name in MEANINGS:
        try:
            violation = await _check(database, tenant_id, name)
        except Exception as error:
            # An invariant that cannot be asked is itself a finding; the others are asked.
            log.error("check.failed", tenant_id=str(tenant_id), invariant=name, exc_info=error)
            report.failures.append((tenant_id, name, type(error).__name__))
            continue
        if violation is not None:
            log.error("check.violated", tenant_id=str(tenant_id), invariant=name, count=violation.count)
            report.violations.append(violation)


async def _check(database: Database, tenant_id: UUID, name: str) -> Violation | None:
    async with database.unit_of_work(tenant_id) as uow:
        if name == wakes.NAME:
            ids = await wakes.find_sleeping(uow)
            examples = [Example(str(customer_id), "no wake-up") for customer_id in ids[:EXAMPLES]]
            count = len(ids)
        else:
            count, examples = await _query(uow, _QUERIES[name])
    return Violation(name, tenant_id, count, tuple(examples)) if count else None


async def _query(uow: UnitOfWork, invariant: Invariant) -> tuple[int, list[Example]]:
    # The number of all, and the first few.
    wrapped = f"SELECT id, difference, count(*) OVER () AS number FROM ({invariant.violations}) found LIMIT {EXAMPLES}"  # noqa: S608
    known: dict[str, tuple[Any, Any]] = {
        "tenant_id": (uow.tenant_id, PG_UUID(as_uuid=True)),
        "now": (uow.now, TIMESTAMP(timezone=True)),
        "today": (uow.today, DATE()),
        "grace": (GRACE, INTERVAL()),
    }
    statement = text(wrapped)
    used = [name for name in known if f":{name}" in invariant.violations]
    statement = statement.bindparams(*(bindparam(name, known[name][0], type_=known[name][1]) for name in used))
    rows = (await uow.session.execute(statement)).all()
    return (rows[0].number if rows else 0), [Example(str(row.id), row.difference) for row in rows]
