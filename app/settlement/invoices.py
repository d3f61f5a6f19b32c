"""What follows for one invoice from its balances and the date: status, due state, collection state, and events."""

from collections.abc import Iterable

from app.core.uow import UnitOfWork
from app.domain.invoice_state import RECEIVABLE, collection_state, derive_status, due_state
from app.domain.policy import Policy
from app.domain.states import INVOICE
from app.dunning.shares import share_of
from app.models import DunningCase, Invoice

_STATUS_EVENTS = {
    "paid": "invoice.paid",
    "partially_paid": "invoice.partially_paid",
    "written_off": "invoice.written_off",
}
_CLOSED = frozenset({"paid", "written_off"})


def derive_invoice(uow: UnitOfWork, invoice: Invoice) -> None:
    """Bring the states that money and the date decide up to date, and announce each transition once (rule D15)."""
    status = derive_status(
        invoice.status,
        open_minor=invoice.open_minor,
        settled_minor=invoice.settled_minor,
        written_off_minor=invoice.written_off_minor,
    )
    reopened = False
    if status != invoice.status:
        INVOICE.require(invoice.status, status)
        uow.track(invoice)
        reopened = (invoice.status in _CLOSED and status in RECEIVABLE) or (
            invoice.status == "partially_paid" and status == "open"
        )
        invoice.status = status
        invoice.paid_at = uow.now if status == "paid" else None
        uow.emit("invoice.reopened" if reopened else _STATUS_EVENTS[status], invoice)
    state = due_state(invoice.status, due_on=invoice.oldest_due_on, today=uow.today)
    if state != invoice.due_state:
        uow.track(invoice)
        invoice.due_state = state
        if state == "overdue" and not reopened:
            uow.emit("invoice.overdue", invoice)


def derive_collection_state(
    uow: UnitOfWork,
    invoice: Invoice,
    followed: Iterable[tuple[DunningCase, Policy]],
    standing: frozenset[str] = frozenset(),
) -> None:
    """`dunning` from the first step after the due date on, for one of its cases (state precedence of the domain)."""
    states = standing | {"dunning" for case, policy in followed if _is_dunned(invoice, case, policy)}
    state = collection_state(invoice.status, states)
    if state != invoice.collection_state:
        uow.track(invoice)
        invoice.collection_state = state
        uow.emit("invoice.collection_state_changed", invoice)


def _is_dunned(invoice: Invoice, case: DunningCase, policy: Policy) -> bool:
    if case.state == "closed" or case.last_sent_step_key is None or case.last_sent_on is None:
        return False
    step = policy.step(case.last_sent_step_key)
    # What was sent before the due date was moved counts no more.
    # A step of an earlier version of the policy may not be in this one.
    offset_days = step.offset_days if step is not None else case.reached_offset_days or 0
    return offset_days > 0 and case.last_sent_on > share_of(case, invoice).due_on


def is_receivable(invoice: Invoice) -> bool:
    """Whether something can be owed on it."""
    return invoice.status in RECEIVABLE
