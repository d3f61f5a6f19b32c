"""Imports: a file in pieces, how far it has been worked through, and the rows that could not be taken."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.states import IMPORT
from app.models.base import Base, TenantRow, Versioned, foreign_key, one_of


class Import(TenantRow, Versioned, Base):
    """One file. `next_byte` and the counts move in the transaction of the rows that they count."""

    __tablename__ = "imports"
    __table_args__ = (
        foreign_key(["tenant_id"], ["tenants.id"]),
        one_of("kind", ("customers", "invoices", "payments")),
        one_of("format", ("csv", "ndjson")),
        one_of("status", IMPORT.states),
        Index(
            "ix_imports_due",
            "tenant_id",
            "next_attempt_at",
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
    )

    # How far it is changes with every batch, which nobody would want to be told.
    bookkeeping: ClassVar[frozenset[str]] = frozenset({
        "total_bytes", "next_byte", "row_count", "created_count", "updated_count", "unchanged_count", "failed_count",
        "next_attempt_at", "lease_token", "lease_expires_at",
    })  # fmt: skip

    kind: Mapped[str]
    format: Mapped[str]
    status: Mapped[str]
    # How the file says what we call by our names: its options as they were sent, its header, and what each column is.
    mapping: Mapped[dict[str, Any]]
    total_bytes: Mapped[int] = mapped_column(BigInteger)
    # Where the first row that has not been worked through begins, and its number.
    next_byte: Mapped[int] = mapped_column(BigInteger)
    row_count: Mapped[int] = mapped_column(BigInteger)
    created_count: Mapped[int] = mapped_column(BigInteger)
    updated_count: Mapped[int] = mapped_column(BigInteger)
    unchanged_count: Mapped[int] = mapped_column(BigInteger)
    failed_count: Mapped[int] = mapped_column(BigInteger)
    # Why the file as a whole could not be read.
    failure: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None]


class ImportChunk(Base):
    """A piece of an import's file, from its byte `start` on; dropped once it has been worked through."""

    __tablename__ = "import_chunks"
    __table_args__ = (foreign_key(["tenant_id", "import_id"], ["imports.tenant_id", "imports.id"]),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ImportFault(Base):
    """A row that could not be taken, and why."""

    __tablename__ = "import_errors"
    __table_args__ = (foreign_key(["tenant_id", "import_id"], ["imports.tenant_id", "imports.id"]),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    row_number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    external_id: Mapped[str | None]
    code: Mapped[str]
    detail: Mapped[str]
    errors: Mapped[list[Any]]
