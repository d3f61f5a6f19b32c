"""Writes the new rows of a unit of work in one statement, whatever tables they belong to.

One command makes rows in several tables, and a round trip for each table costs more than the writing. Here every table
is one CTE of one statement, which takes its rows as JSON; foreign keys are checked at the commit, so the order of the
tables does not matter. The same statement sets wake-ups and stores the answer of an idempotent request.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import LargeBinary, TextClause, inspect, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import make_transient_to_detached

from app.models import Base, Event, IdempotencyKey


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer of an idempotent request, stored with its effect."""

    key: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Table:
    """How the rows of a mapped class are written."""

    name: str
    attributes: tuple[tuple[str, str], ...]
    binary: frozenset[str]


async def write_rows(
    session: AsyncSession,
    tenant_id: UUID,
    rows: Sequence[Base],
    *,
    wakes: Mapping[UUID, datetime] | None = None,
    answer: StoredAnswer | None = None,
) -> None:
    """Insert new rows, bring wake-ups forward, and store an answer, all in one statement.

    The rows are the session's from then on, as if it had loaded them: later changes are written as usual.
    """
    by_table: dict[type[Base], list[Base]] = {}
    for row in rows:
        by_table.setdefault(type(row), []).append(row)
    parameters: dict[str, Any] = {}
    for index, (kind, group) in enumerate(by_table.items()):
        parameters[f"rows{index}"] = _encode(kind, group)
    if wakes:
        parameters["tenant_id"] = tenant_id
        parameters["wakes"] = _wakes(wakes)
    if answer is not None:
        parameters |= {
            "tenant_id": tenant_id,
            "key": answer.key,
            "status": answer.status,
            "headers": orjson.dumps(dict(answer.headers)).decode(),
            "body": answer.body,
        }
    if not parameters:
        return
    statement = _statement(tuple(by_table), wakes=bool(wakes), answer=answer is not None)
    await session.execute(statement, parameters)
    _adopt(session, [row for row in rows if not isinstance(row, Event)])


@lru_cache(maxsize=256)
def _statement(kinds: tuple[type[Base], ...], *, wakes: bool, answer: bool) -> TextClause:
    parts = []
    for index, kind in enumerate(kinds):
        table = _table(kind)
        columns = ", ".join(f'"{column}"' for _, column in table.attributes)
        parts.append(
            f"w{index} AS (INSERT INTO {table.name} ({columns}) SELECT {columns} "  # noqa: S608  names of our own tables
            f"FROM json_populate_recordset(NULL::{table.name}, CAST(:rows{index} AS json)))"
        )
    if wakes:
        parts.append(
            "woken AS (UPDATE customers c SET next_action_at = w.at "
            "FROM json_to_recordset(CAST(:wakes AS json)) AS w(id uuid, at timestamptz) "
            "WHERE c.tenant_id = :tenant_id AND c.id = w.id "
            "AND (c.next_action_at IS NULL OR c.next_action_at > w.at))"
        )
    if answer:
        parts.append(
            f"answered AS (UPDATE {IdempotencyKey.__tablename__} SET status = :status, "  # noqa: S608  as above
            "headers = CAST(:headers AS jsonb), body = :body WHERE tenant_id = :tenant_id AND key = :key)"
        )
    return text(f"WITH {', '.join(parts)} SELECT 1")


@lru_cache(maxsize=64)
def _table(kind: type[Base]) -> _Table:
    mapper = inspect(kind)
    attributes = []
    binary = set()
    for attribute in mapper.column_attrs:
        column = attribute.columns[0]
        if column.identity is not None:
            continue
        attributes.append((attribute.key, column.name))
        if isinstance(column.type, LargeBinary):
            binary.add(attribute.key)
    return _Table(str(mapper.local_table.name), tuple(attributes), frozenset(binary))  # type: ignore[attr-defined]


def _encode(kind: type[Base], rows: Iterable[Base]) -> str:
    table = _table(kind)
    encoded = []
    for row in rows:
        values = row.__dict__
        record = {}
        for key, column in table.attributes:
            # What was not said is NULL, here and on the object.
            value = values.setdefault(key, None)
            record[column] = f"\\x{value.hex()}" if key in table.binary and value is not None else value
        encoded.append(record)
    return orjson.dumps(encoded, default=_plain).decode()


def _wakes(wakes: Mapping[UUID, datetime]) -> str:
    return orjson.dumps([{"id": str(key), "at": at} for key, at in wakes.items()]).decode()


def _plain(value: object) -> str:
    """asyncpg's ids are a subclass of UUID, which orjson leaves to us."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _adopt(session: AsyncSession, rows: Sequence[Base]) -> None:
    """Make the written rows the session's; all are told that they are stored before any is added."""
    for row in rows:
        make_transient_to_detached(row)
    session.add_all(rows)
