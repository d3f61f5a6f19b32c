"""How far background work lags, over all tenants: numbers only, through a function that alone may look across them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

# Both are asked at once, and each in less than the three seconds within which a probe is answered.
DATABASE_SECONDS = 2.5
QUEUE_SECONDS = 1.0
_LAGS = text("SELECT kind, waiting, oldest_seconds FROM app_lags()")


@dataclass(frozen=True, slots=True)
class Lag:
    """Due work of one kind: how much there is, and for how long the oldest of it has been due."""

    waiting: int
    oldest_seconds: int


async def read_lags(engine: AsyncEngine) -> dict[str, Lag]:
    """The lag of each kind of work."""
    return {row.kind: Lag(row.waiting, row.oldest_seconds) for row in await ask(engine, _LAGS)}


async def ask(engine: AsyncEngine, question: TextClause) -> Sequence[Row[Any]]:
    """Ask the database, once more where only the connection kept from the last time was dead."""
    try:
        return await _ask(engine, question)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return await _ask(engine, question)


async def _ask(engine: AsyncEngine, question: TextClause) -> Sequence[Row[Any]]:
    async with engine.connect() as connection:
        return (await connection.execute(question)).all()
