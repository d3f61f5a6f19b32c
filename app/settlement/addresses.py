"""What is found out about the addresses of a customer: that messages come back, or are not wanted."""

from typing import Any

from app.core.uow import UnitOfWork
from app.core.wire import instant
from app.domain.channels import address_kind
from app.models import Customer
from app.settlement.reconcile import wake_all


async def mark_bounced(uow: UnitOfWork, customer: Customer, channel: str, address: str) -> bool:
    """An address does not work: it is not used any more until its contact is edited."""
    return await _change(uow, customer, channel, address, bounced_at=instant(uow.now))


async def deny(uow: UnitOfWork, customer: Customer, channel: str, address: str) -> bool:
    """Whoever reads an address wants nothing more there."""
    if not await _change(uow, customer, channel, address, consent="denied"):
        return False
    uow.emit("customer.opted_out", customer, {"channel": address_kind(channel), "address": address})
    return True


async def _change(uow: UnitOfWork, customer: Customer, channel: str, address: str, **changes: Any) -> bool:
    """Change every entry of an address; whether there was one to be changed."""
    kind = address_kind(channel)
    contacts = [
        {
            **contact,
            "channels": [{**entry, **changes} if _is(entry, kind, address) else entry for entry in contact["channels"]],
        }
        for contact in customer.contacts
    ]
    if contacts == customer.contacts:
        return False
    uow.track(customer)
    customer.contacts = contacts
    uow.emit("customer.updated", customer)
    await uow.flush()
    # Another address or channel may take the place of this one.
    await wake_all(uow, customer_ids=[customer.id])
    return True


def _is(entry: dict[str, Any], kind: str, address: str) -> bool:
    if entry["type"] != kind:
        return False
    known = str(entry["address"])
    # Mailboxes that differ by case alone are one in practice.
    return known.casefold() == address.casefold() if kind == "email" else known == address
