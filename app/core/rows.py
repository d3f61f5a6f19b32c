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
from sqlalchemy import LargeBinary, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import make_transient_to_detached

from app.core.driver import driver_of
from app.models import Base, IdempotencyKey


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


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row that nobody looks at again: its values, without the cost of a mapped object."""

    kind: type[Base]
    values: dict[str, Any]


async def write_rows(
    session: AsyncSession,
    tenant_id: UUID,
    rows: Sequence[Base | NewRow],
    *,
    wakes: Mapping[UUID, datetime] | None = None,
    answer: StoredAnswer | None = None,
) -> None:
    """Insert new rows, bring wake-ups forward, and store an answer, all in one statement."""
    by_table: dict[type[Base], list[dict[str, Any]]] = {}
    for row in rows:
        if isinstance(row, NewRow):
            by_table.setdefault(row.kind, []).append(row.values)
        else:
            by_table.setdefault(type(row), []).append(row.__dict__)
    arguments: list[Any] = [_encode(kind, group) for kind, group in by_table.items()]
    if wakes:
        arguments += [tenant_id, _wakes(wakes)]
    if answer is not None:
        headers = orjson.dumps(dict(answer.headers)).decode()
        arguments += [tenant_id, answer.key, answer.status, headers, answer.body]
    if arguments:
        statement = _statement(tuple(by_table), wakes=bool(wakes), answer=answer is not None)
        await (await driver_of(session)).execute(statement, *arguments)


def adopt_rows(session: AsyncSession, rows: Sequence[Base | NewRow]) -> None:
    """Make written rows the session's, so that later changes are written as usual.

    All are told that they are stored before any is added: adding one adds those that it refers to.
    """
    mapped = [row for row in rows if isinstance(row, Base)]
    for row in mapped:
        make_transient_to_detached(row)
    session.add_all(mapped)


@lru_cache(maxsize=256)
def _statement(kinds: tuple[type[Base], ...], *, wakes: bool, answer: bool) -> str:
    parts = []
    for index, kind in enumerate(kinds):
        table = _table(kind)
        columns = ", ".join(f'"{column}"' for _, column in table.attributes)
        parts.append(
            f"w{index} AS (INSERT INTO {table.name} ({columns}) SELECT {columns} "  # noqa: S608  names of our own tables
            f"FROM json_populate_recordset(NULL::{table.name}, ${index + 1}::json))"
        )
    count = len(kinds)
    if wakes:
        parts.append(
            "woken AS (UPDATE customers c SET next_action_at = w.at "  # noqa: S608  as above
            f"FROM json_to_recordset(${count + 2}::json) AS w(id uuid, at timestamptz) "
            f"WHERE c.tenant_id = ${count + 1} AND c.id = w.id "
            "AND (c.next_action_at IS NULL OR c.next_action_at > w.at))"
        )
        count += 2
    if answer:
        parts.append(
            f"answered AS (UPDATE {IdempotencyKey.__tablename__} SET status = ${count + 3}, "  # noqa: S608  as above
            f"headers = ${count + 4}::jsonb, body = ${count + 5} "
            f"WHERE tenant_id = ${count + 1} AND key = ${count + 2})"
        )
    return f"WITH {', '.join(parts)} SELECT 1"


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


def _encode(kind: type[Base], rows: Iterable[dict[str, Any]]) -> str:
    table = _table(kind)
    encoded = []
    for values in rows:
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
