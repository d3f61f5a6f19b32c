"""Writes the new rows and the changes of a unit of work in one statement, whatever tables they belong to.

One command makes rows in several tables, and a round trip for each table costs more than the writing. Here every table
is one CTE of one statement, which takes its rows as JSON; foreign keys are checked at the commit, so the order of the
tables does not matter. The same statement writes changes, sets wake-ups and stores the answer of an idempotent request.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
from asyncpg import Connection
from sqlalchemy import ARRAY, CollectionAggregate, LargeBinary, Uuid, any_, inspect, literal

from app.models import Base, Customer, IdempotencyKey


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
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row that nobody looks at again: its values, without the cost of a mapped object."""

    kind: type[Base]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """Columns of a stored row that have other values now."""

    row: Base
    columns: frozenset[str]


def any_of(ids: Iterable[UUID]) -> CollectionAggregate[bool]:
    """To compare an id with, as one parameter: many items are more than PostgreSQL takes parameters."""
    return any_(literal(list(ids), ARRAY(Uuid)))


class LostRowError(RuntimeError):
    """A row that was read under its lock is not there when its change is written."""


async def write_rows(
    driver: Connection,
    tenant_id: UUID,
    rows: Sequence[Base | NewRow],
    *,
    changes: Sequence[Change] = (),
    wakes: Mapping[UUID, datetime] | None = None,
    answer: StoredAnswer | None = None,
) -> None:
    """Insert new rows, write changes, bring wake-ups forward, and store an answer, all in one statement."""
    if wakes and any(isinstance(change.row, Customer) for change in changes):
        # One statement changes a row once at most.
        await write_rows(driver, tenant_id, (), changes=changes)
        changes = ()
    by_table = _by_table(rows)
    arguments: list[Any] = [_encode(_table(kind), group) for kind, group in by_table.items()]
    changed: dict[type[Base], list[Change]] = {}
    for change in changes:
        changed.setdefault(type(change.row), []).append(change)
    updates = tuple((kind, frozenset[str]().union(*(one.columns for one in group))) for kind, group in changed.items())
    for kind, columns in updates:
        arguments.append(_encode(_part(kind, columns), [one.row.__dict__ for one in changed[kind]]))
    if wakes:
        arguments.append(_wakes(wakes))
    if answer is not None:
        headers = orjson.dumps(dict(answer.headers)).decode()
        arguments += [answer.key, answer.status, headers, answer.body]
    if arguments:
        statement = _statement(tuple(by_table), updates, wakes=bool(wakes), answer=answer is not None)
        if updates or wakes or answer is not None:
            arguments.append(tenant_id)
        updated = await driver.fetchval(statement, *arguments)
        if updated != len(changes):
            raise LostRowError


def _by_table(rows: Iterable[Base | NewRow]) -> dict[type[Base], list[dict[str, Any]]]:
    by_table: dict[type[Base], list[dict[str, Any]]] = {}
    for row in rows:
        kind, values = (row.kind, row.values) if isinstance(row, NewRow) else (type(row), row.__dict__)
        by_table.setdefault(kind, []).append(values)
    return by_table


@lru_cache(maxsize=256)
def _statement(
    kinds: tuple[type[Base], ...],
    updates: tuple[tuple[type[Base], frozenset[str]], ...],
    *,
    wakes: bool,
    answer: bool,
) -> str:
    parts = []
    for index, kind in enumerate(kinds):
        table = _table(kind)
        columns = ", ".join(f'"{column}"' for _, column in table.attributes)
        parts.append(
            f"w{index} AS (INSERT INTO {table.name} ({columns}) SELECT {columns} "  # noqa: S608  names of our own tables
            f"FROM json_populate_recordset(NULL::{table.name}, ${index + 1}::json))"
        )
    count = len(kinds)
    tenant = f"${count + len(updates) + bool(wakes) + 4 * bool(answer) + 1}"
    for index, (kind, changed) in enumerate(updates):
        table = _part(kind, changed)
        count += 1
        settings = ", ".join(f'"{column}" = r."{column}"' for _, column in table.attributes if column not in table.key)
        keys = " AND ".join(f't."{column}" = r."{column}"' for column in table.key)
        parts.append(
            f"u{index} AS (UPDATE {table.name} t SET {settings} "  # noqa: S608  as above
            f"FROM json_populate_recordset(NULL::{table.name}, ${count}::json) AS r "
            f"WHERE t.tenant_id = {tenant} AND {keys} RETURNING 1)"
        )
    if wakes:
        count += 1
        parts.append(
            "woken AS (UPDATE customers c SET next_action_at = w.at "  # noqa: S608  as above
            f"FROM json_to_recordset(${count}::json) AS w(id uuid, at timestamptz) "
            f"WHERE c.tenant_id = {tenant} AND c.id = w.id "
            "AND (c.next_action_at IS NULL OR c.next_action_at > w.at))"
        )
    if answer:
        parts.append(
            f"answered AS (UPDATE {IdempotencyKey.__tablename__} SET status = ${count + 2}, "  # noqa: S608  as above
            f"headers = ${count + 3}::jsonb, body = ${count + 4} "
            f"WHERE tenant_id = {tenant} AND key = ${count + 1})"
        )
    updated = " + ".join(f"(SELECT count(*) FROM u{index})" for index in range(len(updates))) or "0"  # noqa: S608  as above
    return f"WITH {', '.join(parts)} SELECT {updated}"


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
            binary.add(column.name)
    key = tuple(column.name for column in mapper.primary_key)
    return _Table(kind.__tablename__, tuple(attributes), frozenset(binary), key)


@lru_cache(maxsize=256)
def _part(kind: type[Base], columns: frozenset[str]) -> _Table:
    """Of a table, its key and some columns."""
    table = _table(kind)
    attributes = tuple((key, column) for key, column in table.attributes if key in columns or column in table.key)
    return _Table(table.name, attributes, table.binary, table.key)


def _encode(table: _Table, rows: Iterable[dict[str, Any]]) -> str:
    keys, columns = zip(*table.attributes, strict=True)
    read, known = itemgetter(*keys), frozenset(keys)
    encoded = []
    for values in rows:
        for key in known.difference(values):
            # What was not said is NULL, here and on the object.
            values[key] = None
        # What is NULL is left out, which means the same to the database and is less for it to read.
        record = {column: value for column, value in zip(columns, read(values), strict=True) if value is not None}
        for column in table.binary:
            if column in record:
                record[column] = f"\\x{record[column].hex()}"
        encoded.append(record)
    return orjson.dumps(encoded, default=_plain).decode()


def _wakes(wakes: Mapping[UUID, datetime]) -> str:
    return orjson.dumps([{"id": str(key), "at": at} for key, at in wakes.items()]).decode()


def _plain(value: object) -> str:
    """asyncpg's ids are a subclass of UUID, which orjson leaves to us."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")
