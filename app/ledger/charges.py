"""Charges enter the ledger, and leave it by an opposite entry: taken back, or given up (rule M10)."""

from datetime import date
from typing import Final

from app.core.uow import UnitOfWork
from app.domain.allocation import Component
from app.ledger.allocations import Grown, free_component, open_of
from app.ledger.entries import Because, load_standing, post, reverse
from app.models import Charge, Invoice

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


async def reverse_charge(uow: UnitOfWork, charge: Charge, invoice: Invoice) -> Grown:
    """Take a charge back as if it had not been posted; what has gone back to payers by it."""
    return await _undo(uow, charge, invoice, kind="charge_reversed", on=uow.today)


async def waive_charge(uow: UnitOfWork, charge: Charge, invoice: Invoice, *, on: date) -> Grown:
    """Give a charge up from a date on; what has gone back to payers by it."""
    return await _undo(uow, charge, invoice, kind="charge_waived", on=on)


async def _undo(uow: UnitOfWork, charge: Charge, invoice: Invoice, *, kind: str, on: date) -> Grown:
    component = CHARGE_ACCOUNTS[charge.kind]
    grown: Grown = {}
    missing = charge.amount_minor - open_of(invoice, component)
    if missing > 0:
        grown = await free_component(uow, invoice, component, missing)
    for entry in await load_standing(uow, charge_id=charge.id):
        reverse(uow, entry, kind=kind, on=on, invoice=invoice)
    return grown
