"""Commands on placements: lock, load, decide, write, emit."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from app.core.days import not_ahead
from app.core.errors import conflict, invalid
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.states import PLACEMENT
from app.dunning.reminders import load_unsent, under_way
from app.models import Customer, Invoice, Placement, PlacementInvoice, Reminder
from app.placements import repository
from app.placements.repository import PLACEMENTS
from app.settlement.reconcile import reconcile, wake
from app.settlement.references import Reference, load_customer_invoices, lock_customer

MAX_INVOICES: Final = 500

Fields = Mapping[str, Any]
Acknowledged = tuple[Placement, list[Reminder]]
"""A placement, and the reminders that the command came too late for (rule D7)."""


async def create(uow: UnitOfWork, fields: Fields) -> Acknowledged:
    """Hand invoices over to an agency or a lawyer; they are not chased meanwhile.

    Raises:
        ProblemError: 409 when the external id is taken, 422 for what is not valid.
    """
    customer = await lock_customer(uow, Reference(fields["customer_id"], fields["customer_external_id"]))
    if customer.erased_at is not None:
        raise conflict(Code.state_conflict, "The customer's personal data was erased; there is nobody to claim from.")
    await PLACEMENTS.refuse_taken(uow, fields["external_id"], "A placement with this external_id was made already.")
    invoices, currency = await _choose(uow, customer, fields)
    placed_on = _placed_on(uow, fields["placed_on"], invoices)
    placement = Placement(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=fields["external_id"],
        customer_id=customer.id,
        kind=fields["kind"],
        agency=fields["agency"],
        agency_reference=fields["agency_reference"],
        currency=currency,
        placed_minor=sum(invoice.open_minor for invoice in invoices),
        commission_percent=fields["commission_percent"],
        status="placed",
        placed_on=placed_on,
        acknowledged_on=None,
        ended_on=None,
        end_reason=None,
        note=fields["note"],
        meta=fields["metadata"],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
        invoices=[],
    )
    uow.add(placement)
    for invoice in sorted(invoices, key=lambda each: each.id):
        row = PlacementInvoice(
            tenant_id=uow.tenant_id,
            placement_id=placement.id,
            invoice_id=invoice.id,
            placed_minor=invoice.open_minor,
            is_over=False,
        )
        placement.invoices.append(row)
        uow.add(row)
    uow.emit("placement.created", placement)
    customer.has_agreements = True
    return await _acknowledge(uow, customer, placement, invoices)


def acknowledge(uow: UnitOfWork, placement: Placement, *, agency_reference: str | None) -> Acknowledged:
    """The agency has taken over what was placed; the customer is locked.

    Raises:
        ProblemError: 409 when it had, or the placement has ended.
    """
    _move(uow, placement, "acknowledged")
    placement.acknowledged_on = uow.today
    if agency_reference is not None:
        placement.agency_reference = agency_reference
    return placement, []


def start(uow: UnitOfWork, placement: Placement) -> Acknowledged:
    """The agency has begun to work on it; the customer is locked.

    Raises:
        ProblemError: 409 before it was acknowledged, or after it has ended.
    """
    _move(uow, placement, "in_progress")
    return placement, []


async def end(
    uow: UnitOfWork,
    customer: Customer,
    placement: Placement,
    status: str,
    *,
    reason: str | None,
    resumes_chasing: bool = True,
) -> Acknowledged:
    """A placement under its customer's lock is closed, recalled or returned.

    What comes back is chased where its ladder stood. What an agency has closed is not: reminders after a collector
    or a lawyer would make threats of the past look empty; it is written off, placed anew, or chased by choice.

    Raises:
        ProblemError: 409 when its state does not allow it.
    """
    _move(uow, placement, status)
    placement.ended_on = uow.today
    placement.end_reason = reason
    for row in placement.invoices:
        row.is_over = resumes_chasing
    invoices = await repository.load_invoices(uow, [row.invoice_id for row in placement.invoices])
    return await _acknowledge(uow, customer, placement, invoices)


def _move(uow: UnitOfWork, placement: Placement, status: str) -> None:
    PLACEMENT.require(placement.status, status)
    uow.track(placement)
    placement.status = status
    uow.emit(f"placement.{status}", placement)


def _placed_on(uow: UnitOfWork, placed_on: date | None, invoices: Sequence[Invoice]) -> date:
    on = not_ahead("/placed_on", placed_on, uow.today)
    if any(on < invoice.issued_on for invoice in invoices):
        raise invalid("/placed_on", Code.date_order, "An invoice is not placed before it was issued.")
    return on


async def _choose(uow: UnitOfWork, customer: Customer, fields: Fields) -> tuple[list[Invoice], str]:
    """The invoices that are placed, and their currency.

    Raises:
        ProblemError: 422 naming the one that cannot be placed.
    """
    name = "invoice_ids" if fields["invoice_ids"] else "invoice_external_ids"
    if not fields[name]:
        currency = fields["currency"] or customer.currency or uow.tenant.currency
        overdue = await repository.load_overdue(uow, customer.id, currency, limit=MAX_INVOICES + 1)
        if not overdue:
            raise invalid("", Code.state_conflict, f"The customer has nothing overdue in {currency} to be placed.")
        if len(overdue) > MAX_INVOICES:
            raise invalid("/invoice_ids", Code.too_long, f"Name up to {MAX_INVOICES} invoices; more are overdue.")
        await repository.free_closed(uow, [invoice.id for invoice in overdue])
        return overdue, currency
    references = [Reference(value, None) if name == "invoice_ids" else Reference(None, value) for value in fields[name]]
    found = await load_customer_invoices(uow, customer.id, references)
    for index, reference in enumerate(references):
        if reference not in found:
            raise invalid(f"/{name}/{index}", Code.unknown_reference, "The customer has no invoice with this id.")
    ids = [found[reference].id for reference in references]
    await repository.free_closed(uow, ids)
    placed = await repository.placed_among(uow, ids)
    currency = fields["currency"] or found[references[0]].currency
    for index, reference in enumerate(references):
        _require_placeable(f"/{name}/{index}", found[reference], currency, is_placed=found[reference].id in placed)
    return list({found[reference].id: found[reference] for reference in references}.values()), currency


def _require_placeable(pointer: str, invoice: Invoice, currency: str, *, is_placed: bool) -> None:
    if invoice.status not in RECEIVABLE:
        raise invalid(pointer, Code.state_conflict, f"Nothing is open: the invoice is {invoice.status}.")
    if invoice.currency != currency:
        message = f"The invoice is in {invoice.currency}, and the placement in {currency}."
        raise invalid(pointer, Code.currency_mismatch, message)
    if is_placed:
        raise invalid(pointer, Code.state_conflict, "The invoice is placed already; recall it first.")
    if invoice.collection_state == "in_plan":
        raise invalid(pointer, Code.state_conflict, "A payment plan covers the invoice; cancel it first.")


async def _acknowledge(
    uow: UnitOfWork, customer: Customer, placement: Placement, invoices: Sequence[Invoice]
) -> Acknowledged:
    """Derive what follows, and name the reminders on their way (rule D7)."""
    await uow.flush()
    unsent = await load_unsent(uow, [customer.id])
    await reconcile(uow, {customer.id: customer}, invoices, unsent=unsent)
    wake(uow, customer, uow.now)
    return placement, under_way(unsent, {invoice.id for invoice in invoices})
