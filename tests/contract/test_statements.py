"""Every statement names its tenant: row-level security is the second wall, not the first."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from app.core.driver import Transaction
from app.core.settings import Settings
from app.core.uow import Database
from tests.conftest import Api
from tests.contract.catalogue import engine_of, tables, tell_story

READS = (
    "/tenant", "/api-keys", "/customers", "/customers?q=client&kind=business&external_id=C-1", "/invoices",
    "/invoices?status=open", "/payments", "/charges", "/rate-tables",
    "/credit-notes?status=open", "/reminders", "/dunning-policies",
    "/webhook-endpoints", "/events", "/activities", "/tasks", "/dunning-runs", "/reports/steps",
    "/reports/aging?group_by=customer", "/reports/dso", "/reports/collection-effectiveness",
    "/promises?status=open", "/disputes?is_overdue=true", "/reports/promises",
)  # fmt: skip


@contextmanager
def recorded(database: Database) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    whole = Transaction.__init__

    def watched(transaction: Transaction, driver: Any, *rest: Any) -> None:
        whole(transaction, Watched(driver, seen), *rest)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transaction, "__init__", watched)
        yield seen
    event.remove(engine, "before_cursor_execute", note)


class Watched:
    """The driver's connection, under which SQLAlchemy's events do not reach."""

    def __init__(self, connection: Any, seen: list[str]) -> None:
        self.connection, self.seen = connection, seen

    def __getattr__(self, name: str) -> Any:
        def run(statement: str, *arguments: Any) -> Any:
            self.seen.append(statement)
            return getattr(self.connection, name)(statement, *arguments)

        return run


def names_tenant(statement: str, table: str) -> bool:
    """Whether a statement on a table says whose rows it means."""
    if table == "tenants":
        return re.search(r"\btenants\.id = |^INSERT INTO tenants\b", statement) is not None
    inserted = re.search(rf"\bINSERT INTO {table} \(([^)]*)\)", statement)
    if inserted is not None:
        return "tenant_id" in inserted[1]
    return re.search(r"\btenant_id\s*(=|IN\b|,[^()]*\) IN\b)|=\s*\S*\btenant_id\b", statement) is not None


async def test_every_statement_names_its_tenant(api: Api, database: Database, settings: Settings) -> None:
    async with engine_of(settings, admin=True) as admin, admin.connect() as outside:
        names = await tables(outside)
    with recorded(database) as seen:
        await tell_story(api)
        for path in READS:
            await api.get(path)
        customer = (await api.get("/customers", limit=1))["data"][0]["id"]
        for report in ("balance", "statement", "statement?kind=open_item", "payment-behaviour"):
            await api.get(f"/customers/{customer}/{report}")
    checked: set[str] = set()
    for statement in seen:
        for table in names:
            if re.search(rf"\b(FROM|JOIN|INTO|UPDATE)\s+(ONLY\s+)?{table}\b", statement):
                assert names_tenant(statement, table), statement
                checked.add(table)
    assert set(names) - checked == set(), "the story does not reach these tables"


def test_the_check_can_tell() -> None:
    assert not names_tenant("SELECT invoices.id FROM invoices WHERE invoices.id = $1", "invoices")
    assert not names_tenant("UPDATE customers SET name=$1 WHERE customers.id = $2", "customers")
    assert not names_tenant("SELECT tenants.name FROM tenants", "tenants")
    assert names_tenant("UPDATE customers SET name=$1 WHERE customers.tenant_id = $2", "customers")
