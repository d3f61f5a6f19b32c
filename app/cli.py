"""`python -m app …`: the operator's commands."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
import uvicorn
from alembic import command
from alembic.config import Config
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from app.checks import command as check_command
from app.core.db import admin_session
from app.core.heap import keep_what_is_there
from app.core.schemas import Currency, Email, LocaleTag, TimeZone
from app.core.server import BoundedProtocol
from app.core.settings import get_settings
from app.main import create_app
from app.models import Tenant
from app.supervisor import database_of
from app.supervisor import up as run_supervisor
from app.tenants.accounts import NewTenant, TenantPlan, create_tenant, pause_all
from app.worker import work

ROOT = Path(__file__).resolve().parent.parent
DEMO_NAME = "Comercial del Bajío"

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Puntual: accounts-receivable collections.")
tenants = typer.Typer(no_args_is_help=True, help="Tenants.")
cli.add_typer(tenants, name="tenants")


@cli.command()
def up(
    host: str = "127.0.0.1", port: int = 8000, data_dir: Annotated[Path, typer.Option("--data-dir")] = Path(".data")
) -> None:
    """Start engines, API and worker together, for development and for trying things out."""
    raise typer.Exit(run_supervisor(host=host, port=port, data_dir=data_dir))


@cli.command()
def serve(host: str = "127.0.0.1", port: int = 8000) -> None:
    """Run the API process."""
    app = create_app()
    keep_what_is_there()
    uvicorn.run(
        app,
        http=BoundedProtocol,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        # What is left is for closing connections.
        timeout_graceful_shutdown=max(1, int(get_settings().shutdown_seconds * 0.8)),
        server_header=False,
    )


@cli.command()
def worker() -> None:
    """Run the worker process."""
    work()


@contextmanager
def _database() -> Iterator[None]:
    """The database that is set, or else the one of the data folder, brought up to date."""
    embedded = not get_settings().database_url
    with database_of(get_settings().data_dir):
        get_settings.cache_clear()
        if embedded:
            _migrate()
        yield
    get_settings.cache_clear()


def _migrate() -> None:
    config = Config(str(ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "migrations"))
    command.upgrade(config, "head")


@cli.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    tenant: Annotated[list[UUID] | None, typer.Option("--tenant", help="Check this tenant alone; repeatable.")] = None,
) -> None:
    """Check what must always hold, over all tenants; exit code 1 when something does not.

    Ctrl-C ends it early and shows what was found so far.
    """
    with _database():
        raise typer.Exit(check_command.run(get_settings(), as_json=as_json, tenant_ids=tenant))


@cli.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    with _database():
        _migrate()


@cli.command()
def openapi(path: Annotated[Path, typer.Option("--path")] = ROOT / "openapi" / "openapi.json") -> None:
    """Write the OpenAPI document from the code."""
    path.write_text(json.dumps(create_app().openapi(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    typer.echo(f"wrote {path}")


@tenants.command()
def create(
    name: str = "Mi empresa",
    test: Annotated[bool, typer.Option("--test", help="A test tenant with a clock of its own.")] = False,
    clock: Annotated[str, typer.Option("--clock", help="Where a test tenant's clock starts.")] = "",
    time_zone: Annotated[str, typer.Option("--time-zone")] = "America/Mexico_City",
    locale: str = "es-MX",
    currency: str = "MXN",
    sender_address: Annotated[str, typer.Option("--sender-address")] = "cobranza@example.com",
) -> None:
    """Make a tenant and print its id and key as JSON; the key is shown this once."""
    if clock and not test:
        raise typer.BadParameter("only a test tenant has a clock of its own; add --test", param_hint="--clock")
    for option, kind, value in (
        ("--time-zone", TimeZone, time_zone),
        ("--locale", LocaleTag, locale),
        ("--currency", Currency, currency),
        ("--sender-address", Email, sender_address),
    ):
        _require(option, kind, value)
    plan = TenantPlan(
        name=name,
        is_test=test,
        clock_at=_instant(clock) if clock else None,
        time_zone=time_zone,
        locale=locale,
        currency=currency,
        sender_address=sender_address,
    )
    with _database():
        made = asyncio.run(_create(plan))
    typer.echo(json.dumps({"tenant_id": str(made.tenant_id), "api_key": made.api_key}))


@tenants.command("pause-all")
def pause() -> None:
    """Pause sending for every tenant: after restoring a backup, which has forgotten what was sent since."""
    with _database():
        count = asyncio.run(_pause())
    typer.echo(f"{count} tenants are paused; each goes on with PATCH /v1/tenant, first to shadow, then to live")


@tenants.command("ensure-demo")
def ensure_demo(data_dir: Annotated[Path, typer.Option("--data-dir")] = Path(".data")) -> None:
    """Make the test tenant of `make run` once, and keep its key in the data folder."""
    path = data_dir / "demo.json"
    if path.exists() and asyncio.run(_exists(json.loads(path.read_text())["tenant_id"])):
        return
    made = asyncio.run(_create(TenantPlan(name=DEMO_NAME, is_test=True)))
    # Under another name until it is whole: an empty file would keep every later start from its key.
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps({"tenant_id": str(made.tenant_id), "api_key": made.api_key}))
    fresh.replace(path)


def _require(option: str, kind: Any, value: str) -> None:
    """Refuse what the API would: a tenant in a time zone that does not exist could never be used."""
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"], param_hint=option) from error


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("send an instant such as 2012-01-01T00:00:00Z", param_hint="--clock") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


async def _create(plan: TenantPlan) -> NewTenant:
    async with admin_session(get_settings()) as session:
        return await create_tenant(session, plan)


async def _pause() -> int:
    async with admin_session(get_settings()) as session:
        return await pause_all(session)


async def _exists(tenant_id: str) -> bool:
    async with admin_session(get_settings()) as session:
        return await session.scalar(select(Tenant.id).where(Tenant.id == tenant_id)) is not None


def main() -> None:
    """Run the command line."""
    cli()
