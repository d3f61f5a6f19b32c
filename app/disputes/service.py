"""Commands on disputes: lock, load, decide, write, emit."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from app.core.amounts import positive
from app.core.calendars import calendar_of
from app.core.errors import conflict, invalid, not_found
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.disputes import repository
from app.domain import dispute as rules
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.money import format_amount
from app.domain.states import DISPUTE
from app.dunning.reminders import load_unsent, under_way
from app.dunning.standing import dispute_of
from app.models import Customer, Dispute, Invoice, Reminder
from app.settlement.credits import credit_invoice
from app.settlement.reconcile import reconcile, wake
from app.settlement.references import Reference, lock_invoice_customer

Fields = Mapping[str, Any]
Acknowledged = tuple[Dispute, list[Reminder]]


async def create(uow: UnitOfWork, fields: Fields) -> Acknowledged:
    """Open a dispute (rule D9); the reminders that it came too late for are named.

    Raises:
        ProblemError: 409 when the external id is taken or all of the invoice is disputed, 422 for what is not valid.
    """
    customer, invoice_id = await lock_invoice_customer(
        uow, Reference(fields["invoice_id"], fields["invoice_external_id"])
    )
    if fields["external_id"] is not None and await repository.external_id_exists(uow, fields["external_id"]):
        raise conflict(Code.external_id_taken, "A dispute with this external_id was recorded already.")
    invoice = await repository.load_invoice(uow, invoice_id)
    amount = _disputed_part(invoice, fields)
    dispute = Dispute(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=fields["external_id"],
        customer_id=customer.id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        amount_minor=amount,
        reason=fields["reason"],
        note=fields["note"],
        documents=fields["documents"],
        status="open",
        opened_on=uow.today,
        respond_by_on=_respond_by(uow, fields["respond_by_on"]),
        is_overdue=False,
        resolved_on=None,
        accepted_minor=0,
        credited_minor=0,
        credit_note_id=None,
        resolution_note=None,
        meta=fields["metadata"],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(dispute)
    uow.emit("dispute.opened", dispute)
    customer.has_agreements = True
    await uow.flush()
    return await _acknowledge(uow, customer, dispute, invoice)


async def resolve(uow: UnitOfWork, dispute_id: UUID, fields: Fields) -> Acknowledged:
    """End a dispute: what is accepted is credited, the rest is owed and chased again.

    Raises:
        ProblemError: 404, 409 when it has ended, 422 for an amount that does not fit the outcome.
    """
    customer, dispute = await lock(uow, dispute_id)
    outcome = fields["outcome"]
    DISPUTE.require(dispute.status, outcome)
    invoice = await repository.load_invoice(uow, dispute.invoice_id)
    accepted = None if fields["amount"] is None else positive("/amount", fields["amount"], invoice.currency)
    try:
        resolution = rules.resolve(
            dispute_of(dispute), outcome, open_minor=invoice.principal_open_minor, accepted_minor=accepted
        )
    except rules.DisputeError as error:
        raise invalid(error.pointer, error.code, error.message) from None
    uow.track(dispute)
    dispute.status = outcome
    dispute.resolved_on = uow.today
    dispute.resolution_note = fields["note"]
    dispute.accepted_minor = resolution.credit_minor
    if resolution.credit_minor and fields["credit"]:
        note = await credit_invoice(uow, invoice, resolution.credit_minor, reason=f"dispute: {dispute.reason}")
        dispute.credited_minor = resolution.credit_minor
        dispute.credit_note_id = note.id
    uow.emit("dispute.resolved", dispute)
    return await _acknowledge(uow, customer, dispute, invoice)


async def lock(uow: UnitOfWork, dispute_id: UUID) -> tuple[Customer, Dispute]:
    """A dispute under its customer's lock.

    Raises:
        ProblemError: 404.
    """
    customer_id = await repository.find_customer_id(uow, dispute_id)
    if customer_id is None:
        raise not_found("dispute")
    customer = await uow.lock_customer(customer_id)
    return customer, await get(uow, dispute_id)


async def get(uow: UnitOfWork, dispute_id: UUID) -> Dispute:
    """The dispute with an id.

    Raises:
        ProblemError: 404.
    """
    dispute = await repository.find(uow, dispute_id)
    if dispute is None:
        raise not_found("dispute")
    return dispute


def _disputed_part(invoice: Invoice, fields: Fields) -> int | None:
    """What is disputed, in minor units; None for the whole invoice.

    Raises:
        ProblemError: 409 where nothing is left to dispute, 422 for more than that.
    """
    if invoice.status not in RECEIVABLE:
        raise conflict(Code.state_conflict, f"Nothing is open that could be disputed: the invoice is {invoice.status}.")
    left = invoice.principal_open_minor - invoice.disputed_minor
    if left <= 0:
        raise conflict(Code.state_conflict, "All that is open of the invoice's principal is disputed already.")
    amount = None if fields["amount"] is None else positive("/amount", fields["amount"], invoice.currency)
    if amount is not None and amount > left:
        message = f"No more than {format_amount(left, invoice.currency)} is open and undisputed of the principal."
        raise invalid("/amount", Code.out_of_range, message)
    return rules.whole_or_part(amount, invoice.principal_open_minor)


def _respond_by(uow: UnitOfWork, named: date | None) -> date | None:
    """The last day to answer: the one that is named, or by the tenant's term.

    Raises:
        ProblemError: 422 for a day that has passed.
    """
    if named is not None:
        if named < uow.today:
            raise invalid("/respond_by_on", Code.date_order, "This day has passed already.")
        return named
    days = uow.tenant.settings["agreement_rules"].get("disputes", {}).get("response_working_days")
    if days is None:
        return None
    return rules.respond_by_on(uow.today, days, calendar_of(uow.tenant.settings["calendar"]))


async def _acknowledge(uow: UnitOfWork, customer: Customer, dispute: Dispute, invoice: Invoice) -> Acknowledged:
    """Derive what follows, and name the reminders on their way (rule D7)."""
    # What bears interest has changed for days that may have some posted.
    uow.backdated.add(invoice.id)
    unsent = await load_unsent(uow, [customer.id])
    await reconcile(uow, {customer.id: customer}, [invoice], unsent=unsent)
    wake(uow, customer, uow.now)
    return dispute, under_way(unsent, [invoice.id])
