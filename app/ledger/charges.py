"""Charges enter the ledger, and leave it by an opposite entry: taken back, or given up (rule M10)."""

from datetime import date
from typing import Final

from app.core.uow import UnitOfWork
from app.domain.allocation import Component
from app.ledger.allocations import free_component, open_of
from app.ledger.entries import Because, load_standing, post, reverse
from app.models import Charge, Invoice, Payment

CHARGE_ACCOUNTS: Final[dict[str, Component]] = {"interest": "interest", "fee": "fees", "recovery_cost": "fees"}


def post_charge(uow: UnitOfWork, charge: Charge, invoice: Invoice) -> None:
    """Book a charge, tax included, onto its invoice."""
    post(
        uow,
        invoice,
        account=CHARGE_ACCOUNTS[charge.kind],
        kind="charge_posted",
        amount=charge.amount_minor,
        on=charge.posted_on,
        because=Because(charge_id=charge.id),
    )


async def reverse_charge(uow: UnitOfWork, charge: Charge, invoice: Invoice) -> list[Payment]:
    """Take a charge back as if it had not been posted; the payments whose unapplied cash has grown by it."""
    return await _undo(uow, charge, invoice, kind="charge_reversed", on=uow.today)


async def waive_charge(uow: UnitOfWork, charge: Charge, invoice: Invoice, *, on: date) -> list[Payment]:
    """Give a charge up from a date on; the payments whose unapplied cash has grown by it."""
    return await _undo(uow, charge, invoice, kind="charge_waived", on=on)


async def _undo(uow: UnitOfWork, charge: Charge, invoice: Invoice, *, kind: str, on: date) -> list[Payment]:
    component = CHARGE_ACCOUNTS[charge.kind]
    grown = []
    missing = charge.amount_minor - open_of(invoice, component)
    if missing > 0:
        grown = await free_component(uow, invoice, component, missing)
    for entry in await load_standing(uow, charge_id=charge.id):
        reverse(uow, entry, kind=kind, on=on, invoice=invoice)
    return grown
