"""What follows for one invoice from its balances and the date: status, due state, collection state, and events."""

from app.core.uow import UnitOfWork
from app.domain.invoice_state import RECEIVABLE, collection_state, derive_status, due_state
from app.domain.policy import Policy
from app.domain.states import INVOICE
from app.models import DunningCase, Invoice

_STATUS_EVENTS = {"paid": "invoice.paid", "partially_paid": "invoice.partially_paid"}


def derive_invoice(uow: UnitOfWork, invoice: Invoice) -> None:
    """Bring the states that money and the date decide up to date, and announce each transition once (rule D15)."""
    status = derive_status(invoice.status, open_minor=invoice.open_minor, settled_minor=invoice.settled_minor)
    reopened = False
    if status != invoice.status:
        INVOICE.require(invoice.status, status)
        uow.track(invoice)
        reopened = invoice.status == "paid" or (invoice.status == "partially_paid" and status == "open")
        invoice.status = status
        invoice.paid_at = uow.now if status == "paid" else None
        uow.emit("invoice.reopened" if reopened else _STATUS_EVENTS[status], invoice)
    state = due_state(invoice.status, due_on=invoice.due_on, today=uow.today)
    if state != invoice.due_state:
        uow.track(invoice)
        invoice.due_state = state
        if state == "overdue" and not reopened:
            uow.emit("invoice.overdue", invoice)


def derive_collection_state(uow: UnitOfWork, invoice: Invoice, case: DunningCase | None, policy: Policy | None) -> None:
    """`dunning` from the first step after the due date on (state precedence of the domain)."""
    states = set()
    if case is not None and policy is not None and case.last_sent_step_key is not None:
        step = policy.step(case.last_sent_step_key)
        if step is not None and step.offset_days > 0:
            states.add("dunning")
    state = collection_state(invoice.status, states)
    if state != invoice.collection_state:
        uow.track(invoice)
        invoice.collection_state = state
        uow.emit("invoice.collection_state_changed", invoice)


def is_receivable(invoice: Invoice) -> bool:
    """Whether something can be owed on it."""
    return invoice.status in RECEIVABLE
