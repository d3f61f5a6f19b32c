"""Batches of customers: each created or, by its external id, brought up to date."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from app.core.errors import ProblemError
from app.core.schemas import to_minor
from app.core.uow import UnitOfWork
from app.customers import repository, service
from app.models import Customer
from app.settlement.terms import kept

Fields = Mapping[str, Any]


@dataclass(slots=True)
class RowResult:
    """What became of one row."""

    status: Literal["created", "updated", "unchanged", "failed"]
    resource_id: UUID | None = None
    problem: ProblemError | None = None


async def write_batch(
    uow: UnitOfWork, rows: Sequence[Fields | ProblemError], *, named: Collection[str] | None = None
) -> list[RowResult]:
    """Create or update customers, each row by itself.

    Args:
        uow: one transaction for all rows.
        rows: fields of valid form with an external id, or the problem with the form of a row.
        named: the fields that change of a known customer, where the rows do not speak of all.
    """
    valid = [row for row in rows if not isinstance(row, ProblemError)]
    known = await repository.lock_by_external_ids(uow, {row["external_id"] for row in valid})
    results = []
    for row in rows:
        if isinstance(row, ProblemError):
            results.append(RowResult("failed", problem=row))
            continue
        try:
            results.append(await _write_row(uow, known, row, named))
        except ProblemError as problem:
            results.append(RowResult("failed", problem=problem))
    return results


async def _write_row(
    uow: UnitOfWork, known: dict[str, Customer], row: Fields, named: Collection[str] | None
) -> RowResult:
    customer = known.get(row["external_id"])
    if customer is None:
        known[row["external_id"]] = customer = await service.create(uow, row)
        return RowResult("created", customer.id)
    fields = {name: value for name, value in row.items() if named is None or name in named}
    if all(_is_said(uow, customer, name, value) for name, value in fields.items()):
        return RowResult("unchanged", customer.id)
    version = customer.version
    try:
        async with uow.step():
            known[row["external_id"]] = customer = await service.update(uow, customer.id, fields)
    except ProblemError:
        # What the row had set is taken back, but not in the object: the next row is compared with what is stored.
        known[row["external_id"]] = await uow.lock_customer(customer.id)
        raise
    return RowResult("updated" if customer.version != version else "unchanged", customer.id)


def _is_said(uow: UnitOfWork, customer: Customer, name: str, value: Any) -> bool:
    """Whether a customer has a field's value already."""
    match name:
        case "contacts":
            return bool([service.without_id(contact) for contact in customer.contacts] == value)
        case "metadata":
            return bool(customer.meta == value)
        case "payment_terms":
            return bool(customer.payment_terms == (None if value is None else kept(value)))
        case "credit_limit":
            if value is None or customer.credit_limit_minor is None:
                return value is None and customer.credit_limit_minor is None
            currency = customer.currency or uow.tenant.currency
            limit: object = to_minor("/credit_limit", value, currency)
            return bool((limit, currency) == (customer.credit_limit_minor, customer.credit_currency))
    return bool(getattr(customer, name) == value)
