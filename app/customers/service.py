"""Commands on customers."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.core.errors import conflict, invalid, not_found
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.customers import repository
from app.domain.errors import Code
from app.models import Customer
from app.settlement.reconcile import wake_all


async def create(uow: UnitOfWork, fields: Mapping[str, Any]) -> Customer:
    """Create a customer.

    Raises:
        ProblemError: 409 when the external id is taken, 422 for an unknown policy.
    """
    await _check_policy(uow, fields.get("dunning_policy_id"))
    if fields["external_id"] is not None and await repository.find_by_external_id(uow, fields["external_id"]):
        raise conflict(
            Code.external_id_taken,
            "A customer with this external_id exists; PUT /v1/customers/by-external-id updates it.",
        )
    customer = Customer(
        tenant_id=uow.tenant_id,
        id=new_id(),
        credit_state="within_limit",
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
        next_action_at=None,
    )
    _assign(customer, fields)
    uow.add(customer)
    uow.emit("customer.created", customer)
    return customer


async def update(uow: UnitOfWork, customer_id: UUID, fields: Mapping[str, Any]) -> Customer:
    """Change the named fields of a customer.

    Raises:
        ProblemError: 404, 409 when the external id is taken, 422 for an unknown policy or an empty name.
    """
    await _check_policy(uow, fields.get("dunning_policy_id"))
    if fields.get("name", "-") == "":
        raise invalid("/name", Code.too_short, "A customer has a name.")
    customer = await uow.lock_customer(customer_id)
    uow.track(customer)
    _assign(customer, fields)
    await uow.flush()
    if uow.events.snapshot(uow, customer) != uow.before(customer):
        uow.emit("customer.updated", customer)
        # Addresses, consent, zone or policy may have changed what can be sent.
        await wake_all(uow, customer_ids=[customer.id])
    return customer


async def upsert(uow: UnitOfWork, external_id: str, fields: Mapping[str, Any]) -> tuple[Customer, bool]:
    """Create or replace the customer with an external id; whether it was created."""
    existing = await repository.find_by_external_id(uow, external_id)
    if existing is None:
        return await create(uow, {**fields, "external_id": external_id}), True
    return await update(uow, existing.id, {**fields, "external_id": external_id}), False


async def get(uow: UnitOfWork, customer_id: UUID) -> Customer:
    """The customer with an id.

    Raises:
        ProblemError: 404.
    """
    customer = await repository.find(uow, customer_id)
    if customer is None:
        raise not_found("customer")
    return customer


def _assign(customer: Customer, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if name == "contacts":
            customer.contacts = _with_ids(value)
        elif name == "metadata":
            customer.meta = value
        else:
            setattr(customer, name, value)


def _with_ids(contacts: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [{"id": str(new_id()), **contact} for contact in contacts]


async def _check_policy(uow: UnitOfWork, policy_id: UUID | None) -> None:
    if policy_id is not None and not await repository.policy_exists(uow, policy_id):
        raise invalid("/dunning_policy_id", Code.unknown_reference, "No dunning policy with this id.")
