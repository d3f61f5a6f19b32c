"""What happens next about an invoice, and why nothing happens now (rule D13): the engine's own verdict, told."""

from typing import Any
from uuid import UUID

from app.core.errors import not_found
from app.core.uow import UnitOfWork
from app.core.wire import day, instant
from app.domain.chase import evaluate
from app.domain.errors import BLOCKER_MESSAGES, Code
from app.domain.verdicts import Blocker
from app.dunning.facts import load_dossiers, load_facts
from app.invoices import repository
from app.models import Customer, DunningCase, Invoice


async def outlook(uow: UnitOfWork, invoice: Invoice) -> dict[str, Any]:
    """The outlook of an invoice."""
    case = await repository.find_case(uow, invoice.id)
    if case is None:
        code = Code.no_policy if invoice.status in {"open", "partially_paid"} else _closed(invoice)
        return _payload(invoice.id, None, [Blocker(code)])
    if case.state == "closed":
        return _payload(invoice.id, case, [Blocker(_closed(invoice))])
    customer = await uow.session.get(Customer, (uow.tenant_id, invoice.customer_id))
    if customer is None:
        raise not_found("customer")
    dossiers = await load_dossiers(uow, [customer])
    plan = evaluate((await load_facts(uow, dossiers))[customer.id])
    verdict = next(verdict for verdict in plan.verdicts if verdict.case.case_id == case.id)
    step = verdict.next_step
    next_step = (
        {"key": step.step.key, "due_on": day(step.send_on), "earliest_at": instant(verdict.earliest_at)}
        if step is not None
        else None
    )
    return _payload(invoice.id, case, verdict.blockers, next_step)


def _closed(invoice: Invoice) -> Code:
    return Code.not_due if invoice.status == "draft" else Code(invoice.status)


def _payload(
    invoice_id: UUID,
    case: DunningCase | None,
    blockers: tuple[Blocker, ...] | list[Blocker],
    next_step: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "invoice_id": str(invoice_id),
        "case_id": str(case.id) if case else None,
        "state": case.state if case else None,
        "policy_id": str(case.policy_id) if case else None,
        "policy_version": case.policy_version if case else None,
        "last_step": case.last_sent_step_key if case else None,
        "next_step": next_step,
        "blockers": [
            {"code": str(blocker.code), "message": BLOCKER_MESSAGES[blocker.code], "until": instant(blocker.until)}
            for blocker in blockers
        ],
    }
