"""Resources are found, locked under their customer and listed newest first, the same way whatever they are.

A package says once which resources are its own, and adds the queries that nobody else has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Mapped
from sqlalchemy.orm.interfaces import ORMOption

from app.core.errors import conflict, not_found
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.models import Customer
from app.models.base import TenantRow

Row = TypeVar("Row", bound=TenantRow)


@dataclass(frozen=True, slots=True)
class Resources(Generic[Row]):
    """The resources of one kind.

    Attributes:
        kind: their mapped class.
        name: what one of them is called in an answer, like `credit note`.
        loads: what is loaded together with them.
    """

    kind: type[Row]
    name: str
    loads: Sequence[ORMOption] = ()

    async def get(self, uow: UnitOfWork, row_id: UUID, *, for_update: bool = False) -> Row:
        """The one with an id, as it is now.

        Args:
            uow: the unit of work.
            row_id: its id.
            for_update: lock its row, which lets rows that refer to it be written meanwhile.

        Raises:
            ProblemError: 404.
        """
        found = await uow.session.get(
            self.kind,
            (uow.tenant_id, row_id),
            options=self.loads,
            populate_existing=True,
            with_for_update={"key_share": True} if for_update else None,
        )
        if found is None:
            raise not_found(self.name)
        return found

    async def newest_first(
        self,
        uow: UnitOfWork,
        *conditions: ColumnElement[bool],
        equal: Iterable[tuple[Mapped[Any], object]] = (),
        between: Iterable[tuple[Mapped[date], date | None, date | None]] = (),
        limit: int,
        before: UUID | None,
    ) -> Sequence[Row]:
        """A page of them, one more than `limit`.

        Args:
            uow: the unit of work.
            conditions: what they must meet besides.
            equal: columns and the values that they must have; None asks for nothing.
            between: columns with their first and last dates; None leaves that end open.
            limit: how many of them a page holds.
            before: the last id of the page before.
        """
        wanted = [self.kind.tenant_id == uow.tenant_id, *conditions]
        wanted += [column == value for column, value in equal if value is not None]
        for column, first, last in between:
            if first is not None:
                wanted.append(column >= first)
            if last is not None:
                wanted.append(column <= last)
        if before is not None:
            wanted.append(self.kind.id < before)
        statement = select(self.kind).where(*wanted).options(*self.loads).order_by(self.kind.id.desc())
        return (await uow.session.scalars(statement.limit(limit + 1))).all()


@dataclass(frozen=True, slots=True)
class Owned(Resources[Row]):
    """The resources of one kind that belong to customers, whose locks are theirs."""

    @property
    def _columns(self) -> Any:
        """Their class, with the columns that not every tenant's row has; mypy knows no Protocol of mapped columns."""
        return self.kind

    async def lock(self, uow: UnitOfWork, row_id: UUID) -> tuple[Customer, Row]:
        """The one with an id as it is under its customer's lock, after the customer.

        Raises:
            ProblemError: 404.
        """
        # Whose it is never changes, so that is asked before there is a lock.
        customer_id: UUID | None = await uow.session.scalar(
            select(self._columns.customer_id).where(self.kind.tenant_id == uow.tenant_id, self.kind.id == row_id)
        )
        if customer_id is None:
            raise not_found(self.name)
        customer = await uow.lock_customer(customer_id)
        return customer, await self.get(uow, row_id)

    async def refuse_taken(self, uow: UnitOfWork, external_id: str | None, message: str) -> None:
        """Refuse an external id that one of them has.

        Args:
            uow: the unit of work.
            external_id: the one that a new resource would have, if any.
            message: what the refusal says.

        Raises:
            ProblemError: 409 where it is taken.
        """
        if external_id is None:
            return
        found = await uow.session.scalar(
            select(self.kind.id)
            .where(self.kind.tenant_id == uow.tenant_id, self._columns.external_id == external_id)
            .limit(1)
        )
        if found is not None:
            raise conflict(Code.external_id_taken, message)
