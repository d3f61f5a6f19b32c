"""Holds begin and expire by themselves (rule D8)."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.domain.states import HOLD
from app.dunning.standing import hold_of
from app.models import Customer, Hold


async def follow_holds(uow: UnitOfWork, customers: Mapping[UUID, Customer]) -> None:
    """Bring the states of the customers' holds in line with the date, and announce those that have run out."""
    ids = [customer.id for customer in customers.values() if customer.has_agreements]
    if not ids:
        return
    holds = await uow.session.scalars(
        select(Hold)
        .where(Hold.tenant_id == uow.tenant_id, Hold.customer_id.in_(ids), Hold.status.in_(("scheduled", "active")))
        .order_by(Hold.id)
    )
    for hold in holds:
        status = hold_of(hold).status(uow.today)
        if status == hold.status:
            continue
        uow.track(hold)
        if hold.status == "scheduled" and status == "expired":
            # Its days passed between two looks; it was in force all the same.
            hold.status = "active"
        HOLD.require(hold.status, status)
        hold.status = status
        if status in {"expired", "released"}:
            uow.emit(f"hold.{status}", hold)
