"""Commands on activities: what people have done is written down, and counts as a contact where it was one (rule D6)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from app.activities import repository
from app.activities.repository import ACTIVITIES
from app.core.errors import FieldError, invalid, invalid_fields
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.clocktime import business_date
from app.domain.errors import Code
from app.dunning.contacts import zone_of
from app.models import Activity, Customer
from app.settlement.references import Reference, lock_customer

Fields = Mapping[str, Any]

# Outcomes of somebody who was reached.
_SPOKEN_WITH: Final = frozenset({"reached", "promised", "disputed", "refused"})
NOBODY_REACHED: Final = frozenset({"no_answer", "voicemail", "wrong_number"})
"""Outcomes of a call that reached nobody."""


async def create(uow: UnitOfWork, fields: Fields) -> Activity:
    """Write down what a person has done.

    Raises:
        ProblemError: 409 when the external id is taken, 422 for what is not valid.
    """
    customer = await lock_customer(uow, Reference(fields["customer_id"], fields["customer_external_id"]))
    await ACTIVITIES.refuse_taken(uow, fields["external_id"], "An activity with this external_id was recorded already.")
    await check_invoices(uow, customer.id, fields["invoice_ids"])
    return record(uow, customer, fields)


def record(
    uow: UnitOfWork,
    customer: Customer,
    fields: Fields,
    *,
    task_id: UUID | None = None,
    counted: bool = False,
) -> Activity:
    """Write an activity of a customer who is locked.

    Args:
        uow: the unit of work.
        customer: whose.
        fields: as `ActivityCreate` has them.
        task_id: the task that was done by it.
        counted: whether something else counts as the contact that it was.

    Raises:
        ProblemError: 422 for what has not happened yet.
    """
    occurred_at = fields["occurred_at"] or uow.now
    if occurred_at > uow.now:
        raise invalid("/occurred_at", Code.date_in_future, "An activity has happened already.")
    is_conversation = _is_spoken(fields)
    activity = Activity(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=fields["external_id"],
        customer_id=customer.id,
        invoice_ids=list(dict.fromkeys(fields["invoice_ids"])),
        kind=fields["kind"],
        direction=fields["direction"],
        occurred_at=occurred_at,
        contacted_on=business_date(occurred_at, zone_of(uow, customer))
        if not counted and _counts(fields, is_conversation=is_conversation)
        else None,
        is_conversation=is_conversation,
        contact_name=fields["contact_name"],
        outcome=fields["outcome"],
        note=fields["note"],
        author=fields["author"],
        task_id=task_id,
        meta=fields["metadata"],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(activity)
    return activity


async def check_invoices(uow: UnitOfWork, customer_id: UUID, invoice_ids: Sequence[UUID]) -> None:
    """See to it that invoices are a customer's.

    Raises:
        ProblemError: 422 naming those that are not.
    """
    found = await repository.find_invoice_ids(uow, customer_id, invoice_ids)
    errors = [
        FieldError(f"/invoice_ids/{index}", Code.unknown_reference, "No invoice of this customer with this id.")
        for index, invoice_id in enumerate(invoice_ids)
        if invoice_id not in found
    ]
    if errors:
        raise invalid_fields(errors)


async def owns_invoice(uow: UnitOfWork, customer_id: UUID, invoice_id: UUID) -> bool:
    """Whether an invoice is a customer's."""
    return bool(await repository.find_invoice_ids(uow, customer_id, [invoice_id]))


def _is_spoken(fields: Fields) -> bool:
    """Whether the debtor was spoken with, as somebody says or as the outcome of a call or visit does."""
    if fields["is_conversation"] is not None:
        return bool(fields["is_conversation"])
    return fields["kind"] in {"call", "visit"} and fields["outcome"] in _SPOKEN_WITH


def _counts(fields: Fields, *, is_conversation: bool) -> bool:
    if fields["kind"] == "note":
        return False
    if fields["counts_as_contact"] is not None:
        return bool(fields["counts_as_contact"])
    if fields["direction"] == "inbound":
        return is_conversation
    return fields["outcome"] not in NOBODY_REACHED
