"""Credit control: derives whether customers owe more than their limit, and the hold that follows.

A credit hold concerns new sales only: it never stops dunning. Customers without a limit cost no statement.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import func, select, tuple_, union_all

from app.core.uow import UnitOfWork
from app.core.wire import instant
from app.domain.credit import credit_state
from app.models import CreditNote, Customer, Invoice, Payment

AUTOMATIC_REASON = "over_limit"


async def follow_exposure(uow: UnitOfWork, customers: Iterable[Customer]) -> None:
    """Bring the credit state of locked customers in line with what they owe after the changes of this unit of work."""
    limited = [customer for customer in customers if customer.credit_limit_minor is not None]
    if not limited:
        return
    # The query sees what has been written.
    await uow.flush()
    exposures = await _load_exposures(uow, limited)
    for customer in limited:
        _judge(uow, customer, exposures.get(customer.id, 0))


async def follow_limit(uow: UnitOfWork, customer: Customer) -> None:
    """Bring the credit state of a locked customer in line with a limit that has changed or gone."""
    exposures = {} if customer.credit_limit_minor is None else await _load_exposures(uow, [customer])
    _judge(uow, customer, exposures.get(customer.id, 0))


def _judge(uow: UnitOfWork, customer: Customer, exposure_minor: int) -> None:
    """Announce each transition once; a hold that came by itself goes by itself, one placed by hand stays."""
    state = credit_state(exposure_minor, customer.credit_limit_minor)
    if state == customer.credit_state:
        return
    uow.track(customer)
    customer.credit_state = state
    uow.emit(f"customer.{state}", customer)
    hold = customer.credit_hold
    if state == "over_limit" and hold is None and uow.tenant.settings["holds_credit_over_limit"]:
        customer.credit_hold = {"reason": AUTOMATIC_REASON, "held_at": instant(uow.now), "automatic": True}
        uow.emit("customer.credit_held", customer)
    elif state == "within_limit" and hold is not None and hold["automatic"]:
        customer.credit_hold = None
        uow.emit("customer.credit_released", customer)


async def _load_exposures(uow: UnitOfWork, customers: Collection[Customer]) -> dict[UUID, int]:
    """What each customer owes in the currency of the limit, by the kept balances, in one statement.

    What is dated ahead counts: it has been sold.
    """
    wanted = [(customer.id, customer.credit_currency) for customer in customers]
    open_minor = Invoice.principal_open_minor + Invoice.interest_open_minor + Invoice.fees_open_minor
    parts = union_all(
        select(Invoice.customer_id, open_minor.label("amount_minor")).where(
            Invoice.tenant_id == uow.tenant_id,
            Invoice.status.in_(("open", "partially_paid")),
            tuple_(Invoice.customer_id, Invoice.currency).in_(wanted),
        ),
        select(Payment.customer_id, -Payment.unapplied_minor).where(
            Payment.tenant_id == uow.tenant_id,
            Payment.status == "posted",
            Payment.unapplied_minor > 0,
            tuple_(Payment.customer_id, Payment.currency).in_(wanted),
        ),
        select(CreditNote.customer_id, -CreditNote.unapplied_minor).where(
            CreditNote.tenant_id == uow.tenant_id,
            CreditNote.status == "open",
            tuple_(CreditNote.customer_id, CreditNote.currency).in_(wanted),
        ),
    ).subquery("parts")
    rows = await uow.session.execute(
        select(parts.c.customer_id, func.sum(parts.c.amount_minor)).group_by(parts.c.customer_id)
    )
    return {customer_id: int(amount) for customer_id, amount in rows}
