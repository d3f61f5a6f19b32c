"""What all tables share: composite keys with the tenant first, and counted versions."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DefaultClause,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Text,
    inspect,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.attributes import manager_of_class

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_1_name)s",
    "pk": "pk_%(table_name)s",
}

# An amount in minor units; a bound far under bigint keeps every sum of rows inside it.
MAX_MINOR = 10**17


Row = TypeVar("Row", bound="Base")


class Base(DeclarativeBase):
    """Declarative base; instants carry their zone, text is unbounded and checked at the edge."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: TIMESTAMP(timezone=True),
        str: Text,
        UUID: PG_UUID(as_uuid=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }

    def __init__(self, **values: Any) -> None:
        """Set columns at once: a new row has no history, and keeping one for every column costs more than the row."""
        columns = _columns(type(self))
        for name, make in _defaults(type(self)):
            if name not in values:
                self.__dict__[name] = make()
        if values.keys() <= columns:
            self.__dict__.update(values)
            return
        for name, value in values.items():
            if name in columns:
                self.__dict__[name] = value
            elif hasattr(type(self), name):
                setattr(self, name, value)
            else:
                raise TypeError(f"{type(self).__name__} has no {name}")


def fresh(kind: type[Row], /, **values: Any) -> Row:
    """A row from its columns, without the events of the ORM's constructor, which cost more than all else of it."""
    row: Row = manager_of_class(kind).new_instance()
    for name, make in _defaults(kind):
        if name not in values:
            row.__dict__[name] = make()
    row.__dict__.update(values)
    return row


@lru_cache(maxsize=128)
def _columns(kind: type[Base]) -> frozenset[str]:
    return frozenset(inspect(kind).column_attrs.keys())


# What a column is where nothing was said, by the default that the database has for it.
_LITERALS: Final[dict[str, Callable[[], Any]]] = {
    "'[]'::jsonb": list,
    "'{}'::jsonb": dict,
    "'{}'::text[]": list,
    "false": lambda: False,
    "true": lambda: True,
}


@lru_cache(maxsize=128)
def _defaults(kind: type[Base]) -> tuple[tuple[str, Callable[[], Any]], ...]:
    """A new row knows its defaults at once, since it is used before it is written."""
    found: list[tuple[str, Callable[[], Any]]] = []
    for attribute in inspect(kind).column_attrs:
        column = attribute.columns[0]
        if not isinstance(column.server_default, DefaultClause):
            continue
        said = str(column.server_default.arg)
        if said in _LITERALS:
            found.append((attribute.key, _LITERALS[said]))
        elif isinstance(column.type, Integer):
            found.append((attribute.key, partial(int, said)))
        else:
            found.append((attribute.key, partial(str, said)))
    return tuple(found)


class TenantRow:
    """A row of one tenant: `(tenant_id, id)` is the key, so that foreign keys cannot cross tenants."""

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)


class Versioned:
    """A resource with `version`, `created_at` and `updated_at`.

    Columns of `bookkeeping` are no part of the resource that integrators see, and changing them is no new version.
    """

    bookkeeping: ClassVar[frozenset[str]] = frozenset()

    version: Mapped[int] = mapped_column(BigInteger, default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    def next_version(self, now: datetime) -> None:
        """Count one change."""
        self.version += 1
        self.updated_at = now


def foreign_key(columns: list[str], references: list[str], *, name: str | None = None) -> ForeignKeyConstraint:
    """A foreign key over the tenant and an id, checked at the commit, so that one flush may write in any order."""
    return ForeignKeyConstraint(columns, references, name=name, deferrable=True, initially="DEFERRED")


def one_of(column: str, values: frozenset[str] | tuple[str, ...]) -> CheckConstraint:
    """A CHECK that a text column holds one of the states of its table in the domain."""
    listed = ", ".join(f"'{value}'" for value in sorted(values))
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def amount_range(column: str, *, low: int = -MAX_MINOR) -> CheckConstraint:
    """A CHECK that an amount stays in range."""
    return CheckConstraint(f"{column} BETWEEN {low} AND {MAX_MINOR}", name=column)
