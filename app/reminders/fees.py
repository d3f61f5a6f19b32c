"""Fees of dunning steps: posted with the claim, so that the message shows them (rule M10)."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from uuid import UUID

from app.core.uow import UnitOfWork
from app.domain.policy import Policy
from app.domain.verdicts import Verdict, due_step
from app.dunning.facts import Dossier
from app.dunning.reminders import live_items
from app.dunning.shares import share_of
from app.models import DunningCase, Invoice, Reminder
from app.settlement.charges import NewCharge, charge

# Case, step and cycle; charges that no step posted have none.
ChargedStep = tuple[UUID | None, str | None, int | None]


# Not by the reminder: a charge that was paid in part outlived the one it was posted with.
_CHARGED = """
SELECT case_id, step_key, cycle FROM charges
WHERE tenant_id = $1 AND case_id = ANY($2::uuid[]) AND status IN ('posted', 'paid', 'waived')
"""


async def load_charged(
    uow: UnitOfWork, reminders: Iterable[Reminder], policies: Iterable[Policy]
) -> frozenset[ChargedStep]:
    """The steps of the reminders' cases that have been charged for; a fee that was waived is not charged again."""
    if not any(step.fee for policy in policies for step in policy.steps):
        return frozenset()
    case_ids = [item.case_id for reminder in reminders for item in live_items(reminder)]
    rows = await uow.driver.fetch(_CHARGED, uow.tenant_id, case_ids)
    return frozenset((case_id, step_key, cycle) for case_id, step_key, cycle in rows)


def post_fees(
    uow: UnitOfWork,
    reminder: Reminder,
    verdicts: Mapping[UUID, Verdict],
    dossier: Dossier,
    charged: Collection[ChargedStep],
) -> list[Invoice]:
    """Post the steps' fees in the transaction of their claim; once each, however often it is tried.

    Args:
        uow: the claim.
        reminder: what is about to be sent.
        verdicts: the judgement of its cases.
        dossier: its customer's.
        charged: steps that were charged for before, from `load_charged`.

    Returns:
        The invoices that owe more now, to be reconciled.
    """
    touched = []
    for item in live_items(reminder):
        invoice = dossier.invoices[item.invoice_id]
        amount = _fee_minor(verdicts[item.case_id], dossier.cases[item.case_id], invoice, uow.today)
        if amount <= 0 or (item.case_id, item.step_key, item.cycle) in charged:
            continue
        charge(
            uow,
            invoice,
            NewCharge(
                kind="fee",
                net_minor=amount,
                posted_on=uow.today,
                case_id=item.case_id,
                step_key=item.step_key,
                cycle=item.cycle,
                reminder_id=reminder.id,
            ),
        )
        touched.append(invoice)
    return touched


def _fee_minor(verdict: Verdict, case: DunningCase, invoice: Invoice, today: date) -> int:
    fee = due_step(verdict).step.fee
    if fee is None or any(each.covers(today) for each in verdict.case.standing.charge_stops):
        return 0
    share = share_of(case, invoice)
    undisputed = share.principal_minor - share.disputed_minor
    return fee.amount_minor(principal_open_minor=undisputed, currency=invoice.currency)
