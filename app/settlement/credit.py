"""Credit control: derives whether customers owe more than their limit, and the hold that follows.

A credit hold concerns new sales only: it never stops dunning. Customers without a limit cost no statement.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from app.core.uow import UnitOfWork
from app.core.wire import instant
from app.domain.credit import credit_state
from app.models import Customer

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
    """What each customer owes in the currency of the limit."""
    ids, currencies = [customer.id for customer in customers], [customer.credit_currency for customer in customers]
    rows = await uow.driver.fetch(_EXPOSURES, uow.tenant_id, ids, currencies)
    return {row["customer_id"]: int(row["amount_minor"]) for row in rows}


# By the kept balances, so that what is dated ahead counts: it has been sold.
_EXPOSURES = """
WITH wanted AS (SELECT * FROM unnest($2::uuid[], $3::text[]) AS w (customer_id, currency)),
parts AS (
    SELECT i.customer_id, i.principal_open_minor + i.interest_open_minor + i.fees_open_minor AS amount_minor
    FROM wanted w JOIN invoices i ON i.tenant_id = $1 AND i.customer_id = w.customer_id AND i.currency = w.currency
    WHERE i.status IN ('open', 'partially_paid')
    UNION ALL
    SELECT p.customer_id, -p.unapplied_minor
    FROM wanted w JOIN payments p ON p.tenant_id = $1 AND p.customer_id = w.customer_id AND p.currency = w.currency
    WHERE p.status = 'posted' AND p.unapplied_minor > 0
    UNION ALL
    SELECT n.customer_id, -n.unapplied_minor
    FROM wanted w JOIN credit_notes n ON n.tenant_id = $1 AND n.customer_id = w.customer_id AND n.currency = w.currency
    WHERE n.status = 'open'
)
SELECT customer_id, sum(amount_minor) AS amount_minor FROM parts GROUP BY customer_id
"""
