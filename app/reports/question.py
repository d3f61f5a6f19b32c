"""What the aging report is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    SQLColumnExpression,
    bindparam,
    cast,
    func,
    literal,
    or_,
    true,
    type_coerce,
)

from app.models import LedgerEntry


@dataclass(frozen=True, slots=True)
class Question:
    """What the report is asked for, and the parts of the statement that depend on it."""

    tenant_id: UUID
    as_of: date
    known_at: datetime | None
    currency: str | None
    later_bucket_starts: Sequence[int]

    def does_not_count(self) -> ColumnElement[bool]:
        """Entries to take back.

        The day and the instant are written into the statement: a plan that is kept for any value would read the whole
        ledger to take back nothing, or walk an index to take back nearly everything.
        """
        as_of = cast(bindparam("as_of", self.as_of, Date, literal_execute=True), Date)
        later = LedgerEntry.effective_on > as_of
        if self.known_at is None:
            return later
        known_at = bindparam("known_at", self.known_at, DateTime(timezone=True), literal_execute=True)
        return or_(later, LedgerEntry.booked_at > cast(known_at, DateTime(timezone=True)))

    def is_asked(self, currency: SQLColumnExpression[str]) -> ColumnElement[bool]:
        """Whether a row's currency is the one asked for."""
        return true() if self.currency is None else currency == self.currency

    def bucket(self, due_on: SQLColumnExpression[date]) -> ColumnElement[int]:
        """The bucket of a due date: below the first threshold is 0, which is `current`; from the n-th on it is n."""
        days = type_coerce(literal(self.as_of, Date) - due_on, Integer)
        starts = literal(list(self.later_bucket_starts), ARRAY(Integer))
        return func.width_bucket(days, starts).label("bucket")
