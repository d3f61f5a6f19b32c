"""HTTP for reports on one customer."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.core.responses import READ, json_response
from app.core.schemas import Currency, Day, Instant
from app.deps import Uow, tenant_router
from app.reports.customers import service
from app.reports.customers.repository import Scope
from app.reports.customers.schemas import (
    CustomerBalanceOutput,
    PaymentBehaviourOutput,
    StatementKind,
    StatementOutput,
)

router = tenant_router("/v1/customers", "Customers")

KnownAt = Annotated[
    Instant | None, Query(description="Leave out what was booked after this instant, such as backdated payments.")
]
OnlyCurrency = Annotated[Currency | None, Query(description="Only this currency.")]
To = Annotated[Day | None, Query(description="Last day, inclusive; the tenant's today if left out.")]
_YEAR = timedelta(days=365)


@router.get(
    "/{customer_id}/balance",
    response_model=CustomerBalanceOutput,
    responses=READ,
    operation_id="get_customer_balance",
)
async def get_customer_balance(
    uow: Uow,
    customer_id: UUID,
    as_of: Annotated[
        Day | None, Query(description="Business date of the balance, inclusive; the tenant's today if left out.")
    ] = None,
    known_at: KnownAt = None,
) -> Response:
    """Read what a customer owes, by currency, on any day and as it was known at any instant.

    It is the sum of the ledger's entries effective by `as_of` and booked by `known_at`. Due dates and the credit limit
    are those of today.
    """
    return json_response(await service.balance(uow, Scope(customer_id, as_of or uow.today, known_at)))


@router.get(
    "/{customer_id}/statement", response_model=StatementOutput, responses=READ, operation_id="get_customer_statement"
)
async def get_customer_statement(
    uow: Uow,
    customer_id: UUID,
    kind: Annotated[
        StatementKind,
        Query(description="`balance_forward` lists what moved the balance, `open_item` what is open at the end."),
    ] = "balance_forward",
    from_on: Annotated[
        Day | None,
        Query(
            alias="from",
            description="First day, inclusive; the first of the month of `to` if left out. Not for open items.",
        ),
    ] = None,
    to: To = None,
    currency: OnlyCurrency = None,
    known_at: KnownAt = None,
) -> Response:
    """Read a statement of account, by currency.

    `balance_forward`: the balance before `from`, every movement, and the balance on `to`, which they add up to.
    `open_item`: what is open on `to`, with payments and credit notes that were not applied as negative items. Both end
    in the `net` of the customer's balance on `to`.
    """
    end = to or uow.today
    scope = Scope(customer_id, end, known_at, currency)
    if kind == "open_item":
        return json_response(await service.open_item_statement(uow, scope))
    return json_response(await service.balance_forward_statement(uow, scope, from_on=from_on or end.replace(day=1)))


@router.get(
    "/{customer_id}/payment-behaviour",
    response_model=PaymentBehaviourOutput,
    responses=READ,
    operation_id="get_customer_payment_behaviour",
)
async def get_customer_payment_behaviour(
    uow: Uow,
    customer_id: UUID,
    from_on: Annotated[
        Day | None, Query(alias="from", description="First day, inclusive; a year before `to` if left out.")
    ] = None,
    to: To = None,
    currency: OnlyCurrency = None,
    known_at: KnownAt = None,
) -> Response:
    """Read how punctually a customer paid, by currency.

    Every payment is compared with the due date of what it settled (of the instalment that it filled), weighted by the
    principal that it settled. Reversed payments do not count once their reversal is effective.
    """
    end = to or uow.today
    scope = Scope(customer_id, end, known_at, currency)
    return json_response(await service.payment_behaviour(uow, scope, from_on=from_on or end - _YEAR))
