"""Finds customers whom time alone would have to be told about, and who have no wake-up: their steps would never go.

Which those are only the domain can say (a customer without an address waits for a new fact, not for time), so the query
finds candidates and the same evaluation that plans reminders judges them.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import exists, select

from app.core.uow import UnitOfWork
from app.domain.chase import evaluate
from app.dunning.facts import load_dossiers, load_facts
from app.models import Customer, DunningCase

NAME: Final = "sleeping_customers"
MEANING: Final = "A customer with a step to come has a wake-up."
_CHUNK: Final = 500


async def find_sleeping(uow: UnitOfWork) -> list[UUID]:
    """Customers without a wake-up about whom time alone changes something."""
    found: list[UUID] = []
    last: UUID | None = None
    while customers := await _candidates(uow, last):
        last = customers[-1].id
        dossiers = await load_dossiers(uow, customers)
        facts = await load_facts(uow, dossiers)
        found += [customer_id for customer_id in dossiers if evaluate(facts[customer_id]).wake_at is not None]
        uow.session.expunge_all()
    return found


async def _candidates(uow: UnitOfWork, after: UUID | None) -> Sequence[Customer]:
    running = exists().where(
        DunningCase.tenant_id == Customer.tenant_id,
        DunningCase.customer_id == Customer.id,
        DunningCase.state.in_(("open", "active")),
    )
    statement = select(Customer).where(Customer.tenant_id == uow.tenant_id, Customer.next_action_at.is_(None), running)
    if after is not None:
        statement = statement.where(Customer.id > after)
    return (await uow.session.scalars(statement.order_by(Customer.id).limit(_CHUNK))).all()
