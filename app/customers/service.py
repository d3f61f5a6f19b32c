"""Commands on customers."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.core.errors import FieldError, conflict, invalid
from app.core.ids import new_id
from app.core.schemas import to_minor
from app.core.uow import UnitOfWork
from app.core.wire import instant
from app.customers import repository
from app.domain.errors import Code
from app.models import Customer
from app.settlement.credit import follow_limit
from app.settlement.rate_tables import check_setting
from app.settlement.reconcile import wake_all
from app.settlement.terms import check_choice


async def create(uow: UnitOfWork, fields: Mapping[str, Any]) -> Customer:
    """Create a customer.

    Raises:
        ProblemError: 409 when the external id is taken, 422 for an unknown policy or a credit limit that is no amount.
    """
    await _check_policy(uow, fields.get("dunning_policy_id"))
    fields = await _with_terms(uow, fields)
    await check_setting(uow, fields.get("late_interest"), customer_kind=fields["kind"])
    if fields["external_id"] is not None and await repository.find_by_external_id(uow, fields["external_id"]):
        raise conflict(
            Code.external_id_taken,
            "A customer with this external_id exists; PUT /v1/customers/by-external-id updates it.",
        )
    customer = Customer(
        tenant_id=uow.tenant_id,
        id=new_id(),
        credit_limit_minor=None,
        credit_currency=None,
        credit_state="within_limit",
        tags=[],
        other_time_zones=[],
        contact_profile=None,
        send_window=None,
        credit_hold=None,
        erased_at=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
        next_action_at=None,
    )
    _assign(uow, customer, fields)
    uow.add(customer)
    uow.emit("customer.created", customer)
    return customer


async def update(uow: UnitOfWork, customer_id: UUID, fields: Mapping[str, Any]) -> Customer:
    """Change the named fields of a customer.

    Raises:
        ProblemError: 404, 409 when the external id is taken or the customer was erased, 422 for an unknown policy, an
            empty name, a credit limit that is no amount, or another currency than the limit's.
    """
    await _check_policy(uow, fields.get("dunning_policy_id"))
    fields = await _with_terms(uow, fields)
    if fields.get("name", "-") == "":
        raise invalid("/name", Code.too_short, "A customer has a name.")
    customer = await uow.lock_customer(customer_id)
    if customer.erased_at is not None:
        raise conflict(Code.state_conflict, "The customer was erased, and does not come back; create another one.")
    uow.track(customer)
    await check_setting(uow, fields.get("late_interest"), customer_kind=fields.get("kind", customer.kind))
    _assign(uow, customer, fields)
    is_changed = uow.events.snapshot(uow, customer) != uow.before(customer)
    if is_changed:
        uow.emit("customer.updated", customer)
        await follow_limit(uow, customer)
    await uow.flush()
    if is_changed:
        # Addresses, consent, zone or policy may have changed what can be sent.
        await wake_all(uow, customer_ids=[customer.id])
    return customer


async def upsert(uow: UnitOfWork, external_id: str, fields: Mapping[str, Any]) -> tuple[Customer, bool]:
    """Create or replace the customer with an external id; whether it was created."""
    existing = await repository.find_by_external_id(uow, external_id)
    if existing is None:
        return await create(uow, {**fields, "external_id": external_id}), True
    return await update(uow, existing.id, {**fields, "external_id": external_id}), False


async def hold_credit(uow: UnitOfWork, customer_id: UUID, *, reason: str) -> Customer:
    """Say that nothing more should be sold to a customer on credit; what is owed is chased as before.

    A hold that came by itself becomes one that only a person ends.

    Raises:
        ProblemError: 404, 409 when a person has placed one already.
    """
    customer = await uow.lock_customer(customer_id)
    if customer.credit_hold is not None and not customer.credit_hold["automatic"]:
        raise conflict(Code.state_conflict, "Credit is held already; release it first to give another reason.")
    uow.track(customer)
    customer.credit_hold = {"reason": reason, "held_at": instant(uow.now), "automatic": False}
    uow.emit("customer.credit_held", customer)
    return customer


async def release_credit(uow: UnitOfWork, customer_id: UUID) -> Customer:
    """End the credit hold of a customer, whoever placed it.

    Raises:
        ProblemError: 404, 409 when there is none.
    """
    customer = await uow.lock_customer(customer_id)
    if customer.credit_hold is None:
        raise conflict(Code.state_conflict, "Credit is not held.")
    uow.track(customer)
    customer.credit_hold = None
    uow.emit("customer.credit_released", customer)
    return customer


def _assign(uow: UnitOfWork, customer: Customer, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if name == "contacts":
            customer.contacts = _with_ids(value, customer.contacts or [])
        elif name == "metadata":
            customer.meta = value
        elif name != "credit_limit":
            setattr(customer, name, value)
    if "credit_limit" in fields:
        _set_limit(customer, fields["credit_limit"], customer.currency or uow.tenant.currency)
    elif "currency" in fields and customer.credit_currency not in {None, customer.currency or uow.tenant.currency}:
        raise invalid(
            "/currency",
            Code.currency_mismatch,
            f"The credit limit is in {customer.credit_currency}; send credit_limit in the new currency, or null, too.",
        )


async def _with_terms(uow: UnitOfWork, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    if fields.get("payment_terms") is None:
        return fields
    return {**fields, "payment_terms": await check_choice(uow, "/payment_terms", fields["payment_terms"])}


def _set_limit(customer: Customer, limit: str | None, currency: str) -> None:
    minor = None if limit is None else to_minor("/credit_limit", limit, currency)
    if isinstance(minor, FieldError):
        raise invalid(minor.pointer, minor.code, minor.message)
    if minor is not None and minor < 0:
        raise invalid("/credit_limit", Code.out_of_range, "A credit limit is zero or more.")
    customer.credit_limit_minor = minor
    customer.credit_currency = None if minor is None else currency


def _with_ids(contacts: Sequence[Mapping[str, Any]], known: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Contacts with their ids; one that is sent again as it was keeps its own."""
    left = [dict(contact) for contact in known]
    kept = []
    for contact in contacts:
        same = next((item for item in left if without_id(item) == contact), None)
        if same is not None:
            left.remove(same)
        kept.append(same or {"id": str(new_id()), **contact})
    return kept


def without_id(contact: Mapping[str, Any]) -> dict[str, Any]:
    """A stored contact as it was sent: without its id, and without what was found out about its addresses."""
    sent = {name: value for name, value in contact.items() if name != "id"}
    sent["channels"] = [
        {name: value for name, value in channel.items() if name != "bounced_at"} for channel in sent["channels"]
    ]
    return sent


async def _check_policy(uow: UnitOfWork, policy_id: UUID | None) -> None:
    if policy_id is not None and not await repository.policy_exists(uow, policy_id):
        raise invalid("/dunning_policy_id", Code.unknown_reference, "No dunning policy with this id.")
