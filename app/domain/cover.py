"""What may still be asked for: what is owed, less what money on its way or on account covers (rules M3, M4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.domain.clocktime import business_date
from app.domain.invoice_state import RECEIVABLE
from app.domain.verdicts import ChaseFacts, PendingPayment


@dataclass(frozen=True, slots=True)
class Residual:
    """What may be asked for about one case, in minor units.

    Attributes:
        amount_minor: what neither cash nor credit nor pending payments cover.
        uncovered_on: where it is zero by pending payments alone, the business date on which it no longer is.
        changes_on: the next business date on which a pending payment in its currency matures.
    """

    amount_minor: int
    uncovered_on: date | None = None
    changes_on: date | None = None


def residuals(facts: ChaseFacts) -> dict[UUID, Residual]:
    """The residual of every case on the business date of `facts.now`."""
    today = business_date(facts.now, facts.tenant_zone)
    pending = sorted(
        (payment for payment in facts.pending_payments if today < payment.matures_on),
        key=lambda payment: payment.matures_on,
    )
    left = _uncovered(facts, pending)
    if not pending:
        return {case_id: Residual(amount) for case_id, amount in left.items()}
    uncovered_on: dict[UUID, date] = {}
    changes_on: dict[str, date] = {}
    for index, payment in enumerate(pending):
        changes_on.setdefault(payment.currency, payment.matures_on)
        for case_id, later in _uncovered(facts, pending[index + 1 :]).items():
            if later > 0 and left[case_id] == 0:
                uncovered_on.setdefault(case_id, payment.matures_on)
    return {
        case.case_id: Residual(left[case.case_id], uncovered_on.get(case.case_id), changes_on.get(case.currency))
        for case in facts.cases
    }


def _uncovered(facts: ChaseFacts, pending: Sequence[PendingPayment]) -> dict[UUID, int]:
    """What is left of each case: a pending payment covers what it was designated for, the rest the oldest due first."""
    spare = dict(facts.unapplied)
    designated: dict[UUID, int] = {}
    for payment in pending:
        spare[payment.currency] = spare.get(payment.currency, 0) + payment.rest_minor
        for invoice_id, amount in payment.designated.items():
            designated[invoice_id] = designated.get(invoice_id, 0) + amount
    left = {}
    for case in sorted(facts.cases, key=lambda c: (c.ladder.due_on, c.issued_on, c.invoice_id)):
        undisputed = max(0, case.open_minor - case.disputed_minor) if case.status in RECEIVABLE else 0
        if case.is_in_plan:
            # What is on account covers the instalments of the plan, which ask for the same money.
            left[case.case_id] = undisputed
            continue
        named = min(undisputed, designated.get(case.invoice_id, 0))
        designated[case.invoice_id] = designated.get(case.invoice_id, 0) - named
        covered = min(undisputed - named, spare.get(case.currency, 0))
        spare[case.currency] = spare.get(case.currency, 0) - covered
        left[case.case_id] = undisputed - named - covered
    return left
