"""Connections: one engine a process, every connection under the runtime role that row-level security binds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import orjson
from sqlalchemy import event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, UOWTransaction

from app.core.settings import Settings
from app.models.base import Versioned


def create_engine(settings: Settings, *, admin: bool = False, pool_size: int | None = None) -> AsyncEngine:
    """An engine over `DATABASE_URL`.

    Args:
        settings: where the database is, and its limits.
        admin: connect as the owner of the tables (migrations, tenant creation) instead of the runtime role.
        pool_size: connections kept; the setting's if left out.
    """
    url = make_url(settings.database_admin_url or settings.database_url if admin else settings.database_url)
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+asyncpg")
    server_settings = {
        "application_name": "puntual",
        "timezone": "UTC",
        "statement_timeout": f"{settings.database_statement_timeout_seconds}s",
        "lock_timeout": f"{settings.database_lock_timeout_seconds}s",
        "idle_in_transaction_session_timeout": "60s",
        # Short keyed statements: the compiler costs more than it gives.
        "jit": "off",
    }
    if not admin:
        # As a start-up parameter the role is the session's default, so RESET ROLE leads back to it.
        server_settings["role"] = settings.runtime_role
    return create_async_engine(
        url,
        pool_size=pool_size or settings.database_pool_size,
        max_overflow=0,
        pool_timeout=30,
        pool_use_lifo=True,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
        connect_args={
            "server_settings": server_settings,
            # asyncpg waits for ever by default.
            "command_timeout": settings.database_statement_timeout_seconds + 5,
            "timeout": 10,
            "prepared_statement_cache_size": 500,
        },
    )


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()


def create_sessionmaker(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions that never load behind one's back: no expiry on commit, relationships raise."""
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=False)


@event.listens_for(Session, "before_flush")
def _count_versions(session: Session, _context: UOWTransaction, _instances: object) -> None:
    """Every changed resource gets its next version and its `updated_at`, in one place."""
    for row in session.dirty:
        count_version(row, changed_columns(row), session.info["now"])


def count_version(row: object, changed: set[str], now: datetime) -> set[str]:
    """Give a row whose columns have changed its next version; the columns that this changes."""
    if isinstance(row, Versioned) and changed - row.bookkeeping:
        row.next_version(now)
        return {"version", "updated_at"}
    return set()


def changed_columns(row: object) -> set[str]:
    """The columns whose values differ; only those that were set are asked, since asking costs."""
    state = inspect(row)
    columns = state.mapper.column_attrs
    # Not through `state.attrs` or a history, whose making costs more than the comparison.
    return {name for name, before in state.committed_state.items() if name in columns and state.dict[name] != before}


@asynccontextmanager
async def admin_session(settings: Settings) -> AsyncIterator[AsyncSession]:
    """One transaction as the owner of the tables, for the command line."""
    engine = create_engine(settings, admin=True, pool_size=1)
    try:
        async with create_sessionmaker(engine)() as session, session.begin():
            yield session
    finally:
        await engine.dispose()
