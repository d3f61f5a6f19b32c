"""Tenants are walled by the database itself, whatever the application asks it."""

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.db import admin_session
from app.core.settings import Settings
from app.tenants.accounts import TenantPlan, create_tenant
from migrations.walls import LOOKUP_ROLE, RUNTIME_ROLE
from tests.conftest import NOON_UTC, Api
from tests.contract.catalogue import engine_of, enter, tables, tell_story, tenant_column

APPEND_ONLY = {"ledger_entries", "delivery_attempts"}


@pytest.fixture(scope="module")
async def two(client: httpx.AsyncClient, settings: Settings) -> tuple[Api, Api]:
    """Two tenants with rows in every table; the tests only try to change them."""
    made = []
    for name in ("Una", "Otra"):
        async with admin_session(settings) as session:
            tenant = await create_tenant(session, TenantPlan(name=name, is_test=True, clock_at=NOON_UTC))
        made.append(Api(client, tenant.tenant_id, tenant.api_key, settings))
        await tell_story(made[-1])
    return made[0], made[1]


async def _count(connection: AsyncConnection, table: str, tenant: Api) -> int:
    found = await connection.scalar(
        text(f"SELECT count(*) FROM {table} WHERE {tenant_column(table)} = :id"), {"id": tenant.tenant_id}
    )
    return int(found or 0)


async def _refused(connection: AsyncConnection, statement: str, **values: object) -> str:
    """The message with which the database refuses a statement, or an empty one where it lets it pass."""
    try:
        async with connection.begin_nested():
            await connection.execute(text(statement), values)
    except DBAPIError as error:
        return str(error.orig)
    return ""


async def test_a_tenant_sees_its_own_rows_and_no_others(two: tuple[Api, Api], settings: Settings) -> None:
    ours, theirs = two
    async with engine_of(settings, admin=True) as admin, engine_of(settings) as app, admin.connect() as outside:
        names = await tables(outside)
        empty = [
            name for name in names if not await _count(outside, name, ours) or not await _count(outside, name, theirs)
        ]
        assert empty == [], "the story leaves no row here, so nothing is shown about them"
        async with app.connect() as inside:
            for name in names:
                await enter(inside, ours.tenant_id)
                seen = await inside.scalar(text(f"SELECT count(*) FROM {name}"))
                assert seen == await _count(outside, name, ours), name
                assert await _count(inside, name, theirs) == 0, name


async def test_without_a_tenant_nothing_is_seen(two: tuple[Api, Api], settings: Settings) -> None:
    async with engine_of(settings) as app, app.connect() as inside:
        for name in await tables(inside):
            assert await inside.scalar(text(f"SELECT count(*) FROM {name}")) == 0, name
        # A connection that has had a tenant before has '' for it, not NULL.
        await enter(inside, two[0].tenant_id)
        await inside.commit()
        for name in await tables(inside):
            assert await inside.scalar(text(f"SELECT count(*) FROM {name}")) == 0, name


async def test_rows_of_another_tenant_are_not_written(two: tuple[Api, Api], settings: Settings) -> None:
    ours, theirs = two
    async with (
        engine_of(settings, admin=True) as admin,
        engine_of(settings) as app,
        admin.connect() as outside,
        app.connect() as inside,
    ):
        await enter(inside, ours.tenant_id)
        for name in await tables(outside):
            column = tenant_column(name)
            row = await outside.scalar(
                text(f"SELECT to_jsonb(t)::text FROM {name} t WHERE {column} = :id LIMIT 1"),
                {"id": theirs.tenant_id},
            )
            copy = f"SELECT * FROM jsonb_populate_record(NULL::{name}, CAST(:row AS jsonb))"
            refusal = await _refused(inside, f"INSERT INTO {name} OVERRIDING SYSTEM VALUE {copy}", row=row)
            assert "row-level security" in refusal, name
            give_away = f"UPDATE {name} SET {column} = :id WHERE {column} = :own"
            refusal = await _refused(inside, give_away, id=theirs.tenant_id, own=ours.tenant_id)
            assert ("permission denied" if name in APPEND_ONLY else "row-level security") in refusal, name


async def test_rows_of_another_tenant_are_not_touched(two: tuple[Api, Api], settings: Settings) -> None:
    ours, theirs = two
    async with engine_of(settings) as app, app.connect() as inside:
        await enter(inside, ours.tenant_id)
        for name in await tables(inside):
            column = tenant_column(name)
            for statement in (
                f"UPDATE {name} SET {column} = {column} WHERE {column} = :id",
                f"DELETE FROM {name} WHERE {column} = :id",
            ):
                if name in APPEND_ONLY:
                    assert "permission denied" in await _refused(inside, statement, id=theirs.tenant_id), name
                else:
                    touched = await inside.execute(text(statement), {"id": theirs.tenant_id})
                    assert touched.rowcount == 0, name


async def test_every_table_has_its_wall(settings: Settings) -> None:
    query = """
        SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
               (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
               EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS has_tenant
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'
    """
    async with engine_of(settings, admin=True) as admin, admin.connect() as outside:
        rows = (await outside.execute(text(query))).all()
        assert len(rows) > 15
        for row in rows:
            assert row.has_tenant or row.relname == "tenants", row.relname
            assert (row.relrowsecurity, row.relforcerowsecurity, row.policies) == (True, True, 1), row.relname


async def test_foreign_keys_and_indexes_have_the_tenant_in_them(settings: Settings) -> None:
    # Foreign keys are checked behind row-level security, so only the key itself keeps them inside a tenant.
    keys = """
        SELECT k.conname, f.relname AS referenced,
               (SELECT attname FROM pg_attribute WHERE attrelid = k.conrelid AND attnum = k.conkey[1]) AS first,
               (SELECT attname FROM pg_attribute WHERE attrelid = k.confrelid AND attnum = k.confkey[1]) AS target
        FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
        WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
    """
    indexes = """
        SELECT i.relname, t.relname AS of, a.attname AS first
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
        WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> 'alembic_version'
    """
    async with engine_of(settings, admin=True) as admin, admin.connect() as outside:
        for key in await outside.execute(text(keys)):
            expected = ("tenant_id", tenant_column(key.referenced))
            assert (key.first, key.target) == expected, key.conname
        for index in await outside.execute(text(indexes)):
            # The one look-up that does not know its tenant yet.
            expected_first = "public_id" if index.relname == "uq_api_keys_public_id" else tenant_column(index.of)
            assert index.first == expected_first, index.relname


async def test_the_runtime_role_can_do_no_more_than_its_work(settings: Settings) -> None:
    async with engine_of(settings) as app, app.connect() as inside:
        assert await inside.scalar(text("SELECT current_user")) == RUNTIME_ROLE
        role = (await inside.execute(text("SELECT * FROM pg_roles WHERE rolname = current_user"))).one()
        assert not any((role.rolsuper, role.rolbypassrls, role.rolcreatedb, role.rolcreaterole, role.rolreplication))
        owned = text("SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = :role")
        assert await inside.scalar(owned, {"role": RUNTIME_ROLE}) == 0
        may_be = text("SELECT pg_has_role(:role, :other, 'MEMBER')")
        assert not await inside.scalar(may_be, {"role": RUNTIME_ROLE, "other": LOOKUP_ROLE})
        may = text("SELECT has_table_privilege(:role, :table, :privilege)")
        for table in await tables(inside):
            wrong = {"TRUNCATE", "REFERENCES", "TRIGGER"} | ({"UPDATE", "DELETE"} if table in APPEND_ONLY else set())
            for privilege in wrong:
                values = {"role": RUNTIME_ROLE, "table": table, "privilege": privilege}
                assert not await inside.scalar(may, values), f"{privilege} on {table}"
        assert not await inside.scalar(text("SELECT has_schema_privilege('public', 'CREATE')"))


async def test_functions_that_look_across_tenants_are_few_and_closed(settings: Settings) -> None:
    query = """
        SELECT p.proname, p.proconfig::text[] AS config, r.rolname, r.rolcanlogin, r.rolsuper,
               has_function_privilege('public', p.oid, 'EXECUTE') AS anyone
        FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace
    """
    async with engine_of(settings, admin=True) as admin, admin.connect() as outside:
        functions = (await outside.execute(text(query))).all()
    assert {function.proname for function in functions} == {
        "app_authenticate", "app_enter_tenant", "app_lags", "app_open_plan_link", "app_tenants_due",
    }  # fmt: skip
    for function in functions:
        assert function.config == ["search_path=pg_catalog, public, pg_temp"], function.proname
        assert (function.rolname, function.rolcanlogin, function.rolsuper) == (LOOKUP_ROLE, False, False)
        assert not function.anyone, function.proname


async def test_views_see_what_their_reader_may_see(settings: Settings) -> None:
    query = """
        SELECT relname, relkind::text, coalesce(reloptions::text[], '{}') AS options
        FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace
    """
    async with engine_of(settings, admin=True) as admin, admin.connect() as outside:
        for view in await outside.execute(text(query)):
            assert (view.relkind, "security_invoker=true" in view.options) == ("v", True), view.relname
