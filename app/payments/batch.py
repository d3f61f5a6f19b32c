"""Batches of payments: recorded in their order, each by itself, over customers that are locked once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from app.core.errors import ProblemError, conflict
from app.core.schemas import to_minor
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.models import Customer, Payment
from app.payments import repository, service
from app.payments.settling import references_of
from app.settlement.references import Reference, lock_customers

Fields = Mapping[str, Any]


@dataclass(slots=True)
class RowResult:
    """What became of one row."""

    status: Literal["created", "unchanged", "failed"]
    resource_id: UUID | None = None
    problem: ProblemError | None = None


async def write_batch(uow: UnitOfWork, rows: Sequence[Fields | ProblemError]) -> list[RowResult]:
    """Record payments; one whose external id is known is left as it is when it says the same.

    Args:
        uow: one transaction for all rows.
        rows: fields of valid form, or the problem with the form of a row.
    """
    valid = [row for row in rows if not isinstance(row, ProblemError)]
    found = await _lock_payers(uow, valid)
    known = await repository.load_by_external_ids(
        uow, {row["external_id"] for row in valid if row["external_id"] is not None}
    )
    results = []
    for row in rows:
        if isinstance(row, ProblemError):
            results.append(RowResult("failed", problem=row))
            continue
        payment = known.get(row["external_id"] or "")
        if payment is not None:
            results.append(_compare(payment, row, found.get(_payer(row))))
            continue
        try:
            async with uow.step():
                payment, _ = await service.create(uow, row)
        except ProblemError as problem:
            results.append(RowResult("failed", problem=problem))
            continue
        results.append(RowResult("created", payment.id))
        if payment.external_id is not None:
            known[payment.external_id] = payment
    return results


async def _lock_payers(uow: UnitOfWork, rows: Sequence[Fields]) -> dict[Reference, Customer]:
    """Lock whoever a row is about, in the one order of all locks: the rows' own locks then find them held."""
    payers = {_payer(row) for row in rows} - {Reference(None, None)}
    named = [item for row in rows if row["for_other_customers"] for item in references_of(row["allocations"])]
    owners = await repository.find_invoice_customers(uow, named) if named else set()
    return await lock_customers(uow, payers | {Reference(owner, None) for owner in owners})


def _payer(row: Fields) -> Reference:
    return Reference(row["customer_id"], row["customer_external_id"])


def _compare(payment: Payment, row: Fields, customer: Customer | None) -> RowResult:
    """What was said when it was recorded; what it settles, and where it stands, has its own commands since."""
    names_nobody = _payer(row) == Reference(None, None)
    is_same = (
        (names_nobody or (customer is not None and customer.id == payment.customer_id))
        and row["currency"] == payment.currency
        and to_minor("/amount", row["amount"], payment.currency) == payment.amount_minor
        and row["received_on"] == payment.received_on
        and (row["method"], row["reference"]) == (payment.method, payment.reference)
        and row["metadata"] == payment.meta
    )
    if is_same:
        return RowResult("unchanged", payment.id)
    return RowResult(
        "failed",
        problem=conflict(
            Code.external_id_taken,
            "A payment with this external_id was recorded already, and it says otherwise; reverse it to correct it.",
        ),
    )
