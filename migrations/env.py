"""Runs migrations as the owner of the tables, one transaction a revision, giving up early on locks (see guards)."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text

from app.core.db import create_engine
from app.core.settings import get_settings
from app.models import Base

# A migration that cannot get its lock at once must not queue every other request behind it.
LOCK_TIMEOUT = "5s"


def run_migrations(connection: Connection) -> None:
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text("SET statement_timeout = '15min'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_online() -> None:
    engine = create_engine(get_settings(), admin=True, pool_size=1)
    async with engine.connect() as connection:
        await connection.run_sync(run_migrations)
    await engine.dispose()


def run_offline() -> None:
    context.configure(
        dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        context.execute("SET statement_timeout = '15min'")
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    existing = context.config.attributes.get("connection")
    if existing is not None:
        run_migrations(existing)
    else:
        asyncio.run(run_online())
