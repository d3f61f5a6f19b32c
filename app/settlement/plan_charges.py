"""Interest and set-up fee of a payment plan, as charges on what it covers.

Both are posted when the plan becomes active, with the tax that they include. They stand on the covered invoice that is
settled last, so that what an early payoff or the end of the plan lets go of is still open there; a charge that has
become too much is taken back and posted anew with what is left of it.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.log import get_logger
from app.core.uow import UnitOfWork
from app.domain.invoice_state import RECEIVABLE
from app.ledger.allocations import Grown, open_of, settle
from app.ledger.charges import CHARGE_ACCOUNTS, reverse_charge
from app.models import Charge, Customer, Invoice, PaymentPlan
from app.settlement.charges import NewCharge, charge, end_charge, load_payers, paid_with_money
from app.settlement.interest import announce_grown

log = get_logger(__name__)

REASON = "payment plan"


async def follow_plan_charges(
    uow: UnitOfWork,
    customer: Customer,
    plan: PaymentPlan,
    covered: Sequence[Invoice],
    made: Sequence[Charge],
    *,
    interest_minor: int,
) -> bool:
    """Bring the charges of a plan in line with what it has come to.

    Args:
        uow: the unit of work.
        customer: of the plan, locked.
        plan: the plan.
        covered: its invoices in the order in which they are settled.
        made: its charges so far, from `load_plan_charges`.
        interest_minor: all interest that is owed on it, paid or not.

    Returns:
        Whether anything was posted or taken back.
    """
    changed = False
    for kind, wanted in (("interest", interest_minor), ("fee", plan.setup_fee_minor)):
        own = [one for one in made if one.kind == kind]
        missing = wanted - sum(one.amount_minor for one in own)
        if missing > 0:
            _post(uow, plan, covered, kind, missing)
        elif missing < 0:
            await _lower(uow, customer, plan, covered, [one for one in own if one.status != "waived"], -missing)
        changed = changed or missing != 0
    return changed


def _post(uow: UnitOfWork, plan: PaymentPlan, covered: Sequence[Invoice], kind: str, amount_minor: int) -> Charge:
    """Post interest or the fee of a plan to the covered invoice that is settled last; not all of them are void."""
    valid = [invoice for invoice in covered if invoice.status != "void"]
    bearing = [invoice for invoice in valid if invoice.open_minor > 0 and invoice.status in {*RECEIVABLE, "paid"}]
    invoice = (bearing or valid)[-1]
    return charge(
        uow, invoice, NewCharge(kind, amount_minor, max(uow.today, invoice.issued_on), reason=REASON, plan_id=plan.id)
    )


async def _lower(
    uow: UnitOfWork,
    customer: Customer,
    plan: PaymentPlan,
    covered: Sequence[Invoice],
    own: Sequence[Charge],
    excess_minor: int,
) -> None:
    """Take interest back that is not owed any more, the latest charge first; what had paid it pays the rest."""
    by_id = {invoice.id: invoice for invoice in covered}
    left = excess_minor
    for made in reversed(own):
        dropped = min(left, made.amount_minor)
        if dropped == 0:
            return
        invoice = by_id[made.invoice_id]
        component = CHARGE_ACCOUNTS[made.kind]
        paid = dropped - open_of(invoice, component)
        if paid > 0:
            if paid > await paid_with_money(uow, invoice, component):
                # What a credit or a write-off has settled cannot be given back; it stays as it is.
                log.warning("plans.interest_settled_without_money", plan_id=str(plan.id))
                return
            # Beyond the locks that the command began with: only where somebody else had paid it.
            await uow.lock_customers(await load_payers(uow, invoice.id) | {customer.id})
        left -= dropped
        if made.amount_minor > dropped:
            # First, so that no more is taken off what has been paid than the difference.
            charge(
                uow,
                invoice,
                NewCharge(
                    made.kind,
                    made.amount_minor - dropped,
                    max(uow.today, invoice.issued_on),
                    reason=REASON,
                    plan_id=plan.id,
                ),
            )
            await uow.write_new()
        uow.track(made)
        uow.track(invoice)
        grown = await reverse_charge(uow, made, invoice)
        end_charge(uow, made, "reversed")
        await _settle_rest(uow, grown, covered)
        uow.emit("invoice.updated", invoice)


async def _settle_rest(uow: UnitOfWork, grown: Grown, covered: Sequence[Invoice]) -> None:
    """What had paid interest that is not owed settles what else the plan covers; the rest is the payer's."""
    for payment, given_back in grown.items():
        left = given_back
        for invoice in covered:
            amount = min(left, invoice.open_minor)
            if amount > 0:
                uow.track(invoice)
                await settle(uow, payment, invoice, amount)
                left -= amount
    announce_grown(uow, grown)


async def load_plan_charges(uow: UnitOfWork, plans: Sequence[PaymentPlan]) -> dict[UUID, list[Charge]]:
    """The charges of each plan that stand or were given up, oldest first."""
    await uow.write_new()
    rows = await uow.session.scalars(
        select(Charge)
        .where(
            Charge.tenant_id == uow.tenant_id,
            Charge.invoice_id.in_({item.invoice_id for plan in plans for item in plan.invoices}),
            Charge.plan_id.in_([plan.id for plan in plans]),
            Charge.status.in_(("posted", "paid", "waived")),
        )
        .order_by(Charge.id)
    )
    # One that was ended by this unit of work may not have been written.
    standing = [made for made in rows if made.status != "reversed"]
    return {plan.id: [made for made in standing if made.plan_id == plan.id] for plan in plans}
