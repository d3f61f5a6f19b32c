"""The unit of work: one transaction of one tenant. Only this module commits.

It carries the tenant, the tenant's clock, the customer locks, the events to be written into the outbox before the
commit and the doorbells to be rung after it.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from asyncpg import Connection
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.core.clock import Clock
from app.core.db import create_sessionmaker
from app.core.driver import Row, Transaction, begin
from app.core.errors import ProblemError, not_found
from app.core.queue import Doorbell
from app.core.rows import NewRow, StoredAnswer, write_rows
from app.models import Base, Customer, Task, Tenant


@dataclass(frozen=True, slots=True)
class TenantContext:
    """What every unit of work needs to know of its tenant; read with the transaction's first statement."""

    id: UUID
    is_test: bool
    zone: ZoneInfo
    locale: str
    currency: str
    sending: str
    clock_at: datetime | None
    allocation_order: tuple[str, ...]
    default_policy: tuple[UUID, int] | None
    # Whether a published policy takes invoices by itself.
    has_segments: bool
    settings: Mapping[str, Any]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "TenantContext":
        """Build from the JSON form of the tenant's row."""
        return cls(
            id=UUID(row["id"]),
            is_test=row["mode"] == "test",
            zone=ZoneInfo(row["time_zone"]),
            locale=row["locale"],
            currency=row["currency"],
            sending=row["sending"],
            clock_at=datetime.fromisoformat(row["clock_at"]) if row["clock_at"] else None,
            allocation_order=tuple(row["allocation_order"]),
            default_policy=_policy_key(row["default_policy"]),
            has_segments=bool(row["has_segments"]),
            settings=row,
        )


def _policy_key(found: Mapping[str, Any] | None) -> tuple[UUID, int] | None:
    return None if found is None else (UUID(found["id"]), int(found["version"]))


@dataclass(slots=True)
class PendingEvent:
    """An event to be written at the end of the transaction, when its resource has reached its final form."""

    type: str
    resource: object
    extra: Mapping[str, Any] | None = None


class EventWriter(Protocol):
    """Writes the events of a unit of work into the outbox; `app.outbox` provides it."""

    def snapshot(self, uow: "UnitOfWork", resource: object) -> dict[str, Any]:
        """The wire form of a resource as it is now."""
        ...

    def rows(self, uow: "UnitOfWork", events: Sequence[PendingEvent]) -> Sequence[NewRow]:
        """One row an event, with its resource as it is now."""
        ...


@dataclass(slots=True)
class UnitOfWork:
    """One transaction of one tenant."""

    transaction: Transaction
    tenant: TenantContext
    clock: Clock
    events: EventWriter
    request_id: str | None = None
    idempotency_key: str | None = None
    rings: set[str] = field(default_factory=set)
    wakes: dict[UUID, datetime] = field(default_factory=dict)
    # Invoices whose charges have moved, and those whose principal has moved on a past day: what follows for charges.
    charged: set[UUID] = field(default_factory=set)
    backdated: set[UUID] = field(default_factory=set)
    # What people are to decide about customers, by customer and kind: one task each.
    tasks: dict[tuple[UUID, str], Task] = field(default_factory=dict)
    _new: list[Base | NewRow] = field(default_factory=list)
    _pending: list[PendingEvent] = field(default_factory=list)
    _sealed: list[NewRow] = field(default_factory=list)
    _before: dict[int, tuple[object, dict[str, Any]]] = field(default_factory=dict)

    @property
    def session(self) -> AsyncSession:
        """The ORM's session; asking for it costs, so the commands that come most often do without."""
        return self.transaction.session

    @property
    def driver(self) -> Connection:
        """asyncpg's connection."""
        return self.transaction.driver

    @property
    def tenant_id(self) -> UUID:
        """The tenant, first in every key."""
        return self.tenant.id

    @property
    def now(self) -> datetime:
        """The tenant's instant."""
        return self.clock.now

    @property
    def today(self) -> date:
        """The tenant's business date."""
        return self.clock.today

    def track(self, resource: object) -> None:
        """Remember how a resource looks before it changes, for the `previous` of its events."""
        if id(resource) not in self._before:
            self._before[id(resource)] = (resource, self.events.snapshot(self, resource))

    def before(self, resource: object) -> dict[str, Any] | None:
        """The form that `track` remembered."""
        kept = self._before.get(id(resource))
        return kept[1] if kept else None

    def emit(self, event_type: str, resource: object, extra: Mapping[str, Any] | None = None) -> None:
        """Announce a change of `resource`; the event is written in this transaction or not at all."""
        self._pending.append(PendingEvent(event_type, resource, extra))

    def announces(self, resource: object) -> bool:
        """Whether an event to be written will tell of `resource` in its final form."""
        return any(event.resource is resource for event in self._pending)

    def ring(self, job: str) -> None:
        """Ask for `job` to be run soon after the commit."""
        self.rings.add(job)

    async def lock_customers(self, customer_ids: Collection[UUID]) -> list[Customer]:
        """Lock customers in id order and load them as they are under the lock.

        Raises:
            ProblemError: 404 when one does not exist.
        """
        wanted = set(customer_ids)
        customers = await self.lock_named_customers(wanted, ())
        if len(customers) != len(wanted):
            raise not_found("customer")
        return customers

    async def lock_named_customers(
        self, customer_ids: Collection[UUID], external_ids: Collection[str]
    ) -> list[Customer]:
        """Lock those of the customers that exist, found by either of their ids, in id order."""
        return await self.fetch(Customer, _LOCK_CUSTOMERS, self.tenant_id, list(customer_ids), list(external_ids))

    async def lock_customer(self, customer_id: UUID) -> Customer:
        """Lock one customer."""
        return (await self.lock_customers([customer_id]))[0]

    async def lock_tenant(self) -> Tenant:
        """The tenant's own row as it is under its lock, which lets rows that refer to it be written meanwhile.

        It is the lock of what concerns the whole tenant: its settings, its keys, which policy is the default.
        """
        return await self.session.get_one(
            Tenant, self.tenant_id, with_for_update={"key_share": True}, populate_existing=True
        )

    async def fetch(self, kind: type[Row], statement: str, *arguments: Any) -> list[Row]:
        """Whole rows of one table, by a statement of the driver; a change of theirs is written as usual."""
        return self.transaction.adopt(kind, await self.driver.fetch(statement, *arguments))

    def add(self, row: Base | NewRow) -> None:
        """Write a new row with the others of this unit of work."""
        self._new.append(row)

    async def flush(self) -> None:
        """Send pending changes to the database, so that set queries see them and versions are counted."""
        rows = self._take_new()
        changes = await self.transaction.take_changes(self.now)
        await write_rows(self.driver, self.tenant_id, rows, changes=changes)
        self.transaction.settle(changes)
        self.transaction.take_in(row for row in rows if isinstance(row, Base))

    async def write_new(self) -> None:
        """Send new rows alone, so that set queries see them while what has changed is still being derived."""
        # The session would write its own with all that has changed.
        self.transaction.hand_over(row for row in self._new if isinstance(row, Base))
        rows = self._take_new()
        await write_rows(self.driver, self.tenant_id, rows)
        self.transaction.take_in(row for row in rows if isinstance(row, Base))

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """One row of a batch: all of it, told by its own events as it left them, or nothing.

        A problem inside takes back what the row did and is raised again. What had been loaded is then forgotten, since
        it may tell of what was taken back: load it anew.
        """
        kept = await self._begin_part()
        try:
            yield
            await self.flush()
        except ProblemError:
            await self._take_back(kept)
            raise
        self._seal()
        await self.driver.execute("RELEASE SAVEPOINT part")

    @asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[None]:
        """What would happen: all that is done inside is seen inside alone, and taken back at its end.

        Nothing is announced or rung for either, and the clock stands as it did before. What was loaded is forgotten.
        """
        kept = await self._begin_part()
        yield
        await self._take_back(kept)

    async def _begin_part(self) -> "_Kept":
        """Set a savepoint behind all that came before, and keep what the database does not restore."""
        await self.flush()
        self._seal()
        await self.driver.execute("SAVEPOINT part")
        tasks = [task.id for task in self.tasks.values()]
        return _Kept(set(self.rings), dict(self.wakes), set(self.charged), set(self.backdated), self.clock, tasks)

    async def _take_back(self, kept: "_Kept") -> None:
        """Undo all since the savepoint, which is given up: each that stays makes the next ones dearer."""
        await self.driver.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
        self._new, self._pending, self._before = [], [], {}
        self.rings, self.wakes, self.charged, self.backdated, self.clock, task_ids = kept
        self.transaction.forget()
        tasks = await self.fetch(Task, _TASKS, self.tenant_id, task_ids) if task_ids else []
        self.tasks = {(task.customer_id, task.kind): task for task in tasks}

    async def finish(self, answer: StoredAnswer | None = None) -> None:
        """Write changes, new rows, events, wake-ups and the stored answer; the last act before the commit."""
        rows = self._take_new()
        changes = await self.transaction.take_changes(self.now)
        self._seal()
        rows += self._sealed
        self._sealed = []
        await write_rows(self.driver, self.tenant_id, rows, changes=changes, wakes=self.wakes, answer=answer)

    def _seal(self) -> None:
        """Put the events so far into their final form, with their resources as they are now."""
        if self._pending:
            self._sealed += self.events.rows(self, self._pending)
            self.ring("event.relay")
        self._pending, self._before = [], {}

    def _take_new(self) -> list[Base | NewRow]:
        # A child of a row that is already the session's has been taken in with its parent.
        rows = [row for row in self._new if isinstance(row, NewRow) or inspect(row).transient]
        self._new = []
        return rows


class _Kept(NamedTuple):
    """What a unit of work held when a part of it began."""

    rings: set[str]
    wakes: dict[UUID, datetime]
    charged: set[UUID]
    backdated: set[UUID]
    clock: Clock
    task_ids: list[UUID]


# Not plain FOR UPDATE: that blocks every insert that references the customer.
_LOCK_CUSTOMERS = """
SELECT * FROM customers WHERE tenant_id = $1 AND id = ANY(ARRAY(
    SELECT unnest($2::uuid[]) UNION SELECT id FROM customers WHERE tenant_id = $1 AND external_id = ANY($3::text[])))
ORDER BY id FOR NO KEY UPDATE
"""
_TASKS = "SELECT * FROM tasks WHERE tenant_id = $1 AND id = ANY($2::uuid[])"
_ENTER_TENANT = "SELECT app_enter_tenant($1)"


@dataclass(slots=True)
class Database:
    """The engine of one process and how units of work are begun on it."""

    engine: AsyncEngine
    events: EventWriter
    doorbell: Doorbell
    sessions: async_sessionmaker[AsyncSession] = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = create_sessionmaker(self.engine)

    def begin(self, transaction: Transaction, tenant_row: Mapping[str, Any]) -> UnitOfWork:
        """A unit of work in a transaction whose tenant has been entered."""
        tenant = TenantContext.from_row(tenant_row)
        # A test tenant's clock stands where it was put; a live tenant's is the database's, the one clock of all hosts.
        clock = Clock(now=tenant.clock_at or datetime.fromisoformat(tenant_row["database_now"]), zone=tenant.zone)
        return UnitOfWork(transaction=transaction, tenant=tenant, clock=clock, events=self.events)

    @asynccontextmanager
    async def unit_of_work(self, tenant_id: UUID) -> AsyncIterator[UnitOfWork]:
        """One transaction for background work: commits at the end, rolls back on any error, then rings.

        Raises:
            LookupError: the tenant does not exist.
        """
        async with begin(self.engine) as transaction:
            row = await transaction.driver.fetchval(_ENTER_TENANT, tenant_id)
            if row is None:
                raise LookupError("no such tenant")
            uow = self.begin(transaction, row)
            yield uow
            await uow.finish()
        await self.doorbell.ring(uow.rings)
