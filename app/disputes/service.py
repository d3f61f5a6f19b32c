"""Commands on disputes: lock, load, decide, write, emit."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.core.amounts import positive
from app.core.calendars import calendar_of
from app.core.errors import conflict, invalid
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.disputes import repository
from app.disputes.repository import DISPUTES
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
    await DISPUTES.refuse_taken(uow, fields["external_id"], "A dispute with this external_id was recorded already.")
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


async def resolve(uow: UnitOfWork, customer: Customer, dispute: Dispute, fields: Fields) -> Acknowledged:
    """End a dispute under its customer's lock: what is accepted is credited, the rest is owed and chased again.

    Raises:
        ProblemError: 409 when it has ended, 422 for an amount that does not fit the outcome.
    """
    outcome = fields["outcome"]
    DISPUTE.require(dispute.status, outcome)
    invoice = await repository.load_invoice(uow, dispute.invoice_id)
    accepted = None if fields["amount"] is None else positive("/amount", fields["amount"], invoice.currency)
    try:
        credit_minor = rules.resolve(
            dispute_of(dispute), outcome, open_minor=invoice.principal_open_minor, accepted_minor=accepted
        )
    except rules.DisputeError as error:
        raise invalid(error.pointer, error.code, error.message) from None
    uow.track(dispute)
    dispute.status = outcome
    dispute.resolved_on = uow.today
    dispute.resolution_note = fields["note"]
    dispute.accepted_minor = credit_minor
    if credit_minor and fields["credit"]:
        note = await credit_invoice(uow, invoice, credit_minor, reason=f"dispute: {dispute.reason}")
        dispute.credited_minor = credit_minor
        dispute.credit_note_id = note.id
    uow.emit("dispute.resolved", dispute)
    return await _acknowledge(uow, customer, dispute, invoice)


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
