"""What is given up of an invoice, taken back, or comes in after all."""

from collections import defaultdict
from dataclasses import replace
from datetime import date

from sqlalchemy import select

from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.allocation import DEFAULT_ORDER, AllocationError, split_within_invoice
from app.ledger.entries import Because, load_standing, open_item, post
from app.models import Invoice, LedgerEntry, WriteOff


def write_off(
    uow: UnitOfWork, invoice: Invoice, amount_minor: int, *, reason: str, on: date, approved_by: str | None = None
) -> WriteOff:
    """Give up a part of an invoice or all of it: charges first, since they are the least certain.

    Raises:
        AllocationError: less is open.
    """
    written = WriteOff(
        tenant_id=uow.tenant_id,
        id=new_id(),
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        amount_minor=amount_minor,
        recovered_minor=0,
        reason=reason,
        approved_by=approved_by,
        written_off_on=on,
        status="posted",
        reversed_on=None,
        reversal_reason=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(written)
    because = Because(write_off_id=written.id, reason=reason)
    for component, part in split_within_invoice(amount_minor, open_item(invoice), DEFAULT_ORDER).items():
        post(uow, invoice, account=component, kind="written_off", amount=-part, on=on, because=because)
    invoice.written_off_minor += amount_minor
    return written


async def reverse_write_off(
    uow: UnitOfWork, written: WriteOff, invoice: Invoice, *, on: date, reason: str | None
) -> None:
    """Make open again what a write-off gave up and has not come in."""
    given_up: dict[str, int] = defaultdict(int)
    for entry in await load_standing(uow, write_off_id=written.id):
        given_up[entry.account] -= entry.amount_minor
    because = Because(write_off_id=written.id, reason=written.reason)
    for account, amount in given_up.items():
        post(uow, invoice, account=account, kind="write_off_reversed", amount=amount, on=on, because=because)
    invoice.written_off_minor -= written.amount_minor - written.recovered_minor
    written.status = "reversed"
    written.reversed_on = on
    written.reversal_reason = reason


async def recover(uow: UnitOfWork, invoice: Invoice, amount_minor: int, *, on: date, because: Because) -> None:
    """Make open again as much of what was given up as a payment brings, the oldest write-off first.

    Args:
        uow: the unit of work.
        invoice: what it settles.
        amount_minor: by how much it brings more than is open.
        on: from when it counts.
        because: the payment and its allocation, which take the recovery back with them when they are reversed.

    Raises:
        AllocationError: less was given up.
    """
    # What another allocation of the same payment has just recovered counts, too.
    await uow.write_new()
    left = amount_minor
    for written in await load_write_offs(uow, invoice):
        taken = min(left, written.amount_minor - written.recovered_minor)
        if taken <= 0:
            continue
        standing: dict[str, int] = defaultdict(int)
        for entry in await load_standing(uow, write_off_id=written.id):
            standing[entry.account] -= entry.amount_minor
        origin = replace(because, write_off_id=written.id, reason=written.reason)
        part_left = taken
        for account in DEFAULT_ORDER:
            part = min(part_left, standing[account])
            post(uow, invoice, account=account, kind="write_off_recovered", amount=part, on=on, because=origin)
            part_left -= part
        written.recovered_minor += taken
        invoice.written_off_minor -= taken
        left -= taken
    if left:
        raise AllocationError("The invoice has less to settle.")


async def unrecover(uow: UnitOfWork, invoice: Invoice, entry: LedgerEntry) -> None:
    """The payment that brought it was taken back: it is given up again, unless the write-off itself was taken back."""
    written = await uow.session.get_one(WriteOff, (uow.tenant_id, entry.write_off_id))
    written.recovered_minor -= entry.amount_minor
    if written.status == "posted":
        invoice.written_off_minor += entry.amount_minor
        return
    post(
        uow,
        invoice,
        account=entry.account,
        kind="write_off_reversed",
        amount=entry.amount_minor,
        on=max(written.reversed_on or entry.effective_on, entry.effective_on),
        because=Because(write_off_id=written.id, reason=written.reason),
    )


async def load_write_offs(uow: UnitOfWork, invoice: Invoice) -> list[WriteOff]:
    """Write-offs of an invoice that stand, oldest first."""
    found = await uow.session.scalars(
        select(WriteOff)
        .where(WriteOff.tenant_id == uow.tenant_id, WriteOff.invoice_id == invoice.id, WriteOff.status == "posted")
        .order_by(WriteOff.id)
    )
    return list(found)
