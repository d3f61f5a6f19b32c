"""Fees of dunning steps: posted with the claim, so that the message shows them (rule M10)."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select, tuple_

from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.verdicts import Verdict, due_step
from app.dunning.facts import Dossier
from app.ledger.writer import post_charge
from app.models import Charge, Invoice, Reminder, ReminderItem
from app.settlement.reconcile import reconcile


async def post_fees(
    uow: UnitOfWork,
    reminder: Reminder,
    items: Sequence[ReminderItem],
    verdicts: Mapping[UUID, Verdict],
    dossier: Dossier,
) -> None:
    """Post the steps' fees in the transaction of their claim; once each, however often it is tried."""
    priced = [
        (item, amount)
        for item in items
        if (amount := _fee_minor(verdicts[item.case_id], dossier.invoices[item.invoice_id])) > 0
    ]
    if not priced:
        return
    known = set(
        await uow.session.scalars(
            # Not by the reminder: a charge that was paid in part outlived the one it was posted with.
            select(Charge.case_id).where(
                Charge.tenant_id == uow.tenant_id,
                Charge.status.in_(("posted", "paid")),
                tuple_(Charge.case_id, Charge.step_key, Charge.cycle).in_(
                    [(item.case_id, item.step_key, item.cycle) for item, _ in priced]
                ),
            )
        )
    )
    touched = []
    for item, amount in priced:
        if item.case_id in known:
            continue
        invoice = dossier.invoices[item.invoice_id]
        charge = Charge(
            tenant_id=uow.tenant_id,
            id=new_id(),
            customer_id=reminder.customer_id,
            invoice_id=invoice.id,
            kind="fee",
            currency=invoice.currency,
            amount_minor=amount,
            posted_on=uow.today,
            status="posted",
            case_id=item.case_id,
            step_key=item.step_key,
            cycle=item.cycle,
            reminder_id=reminder.id,
            version=1,
            created_at=uow.now,
            updated_at=uow.now,
        )
        uow.add(charge)
        uow.track(invoice)
        post_charge(uow, charge, invoice)
        uow.emit("charge.posted", charge)
        uow.emit("invoice.updated", invoice)
        touched.append(invoice)
    await reconcile(uow, {dossier.customer.id: dossier.customer}, touched)


def _fee_minor(verdict: Verdict, invoice: Invoice) -> int:
    fee = due_step(verdict).step.fee
    if fee is None:
        return 0
    return fee.amount_minor(principal_open_minor=invoice.principal_open_minor, currency=invoice.currency)
