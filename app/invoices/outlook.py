"""What happens next about an invoice, and why nothing happens now (rule D13): the engine's own verdict, told."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.errors import not_found
from app.core.uow import UnitOfWork
from app.core.wire import day, instant
from app.domain.chase import evaluate
from app.domain.errors import BLOCKER_MESSAGES, Code
from app.domain.verdicts import Blocker, Verdict
from app.dunning.facts import load_dossiers, load_facts
from app.invoices import repository
from app.models import Customer, DunningCase, Invoice


async def outlook(uow: UnitOfWork, invoice: Invoice) -> dict[str, Any]:
    """The outlook of an invoice; of one in instalments, of what goes out next and of each."""
    cases = await repository.load_cases(uow, invoice.id)
    if not cases:
        code = Code.no_policy if invoice.status in {"open", "partially_paid"} else _closed(invoice.status)
        return {"invoice_id": str(invoice.id), **_told(None, [Blocker(code)]), "instalments": []}
    verdicts = await _judge(uow, invoice) if any(case.state != "closed" for case in cases) else {}
    in_turn = sorted(cases, key=lambda case: _turn(case, verdicts))
    told = [_tell(case, invoice, verdicts.get(case.id)) for case in in_turn]
    return {
        "invoice_id": str(invoice.id),
        **told[0],
        "instalments": sorted(told, key=lambda one: one["instalment_number"]) if invoice.instalments else [],
    }


async def _judge(uow: UnitOfWork, invoice: Invoice) -> dict[UUID, Verdict]:
    customer = await uow.session.get(Customer, (uow.tenant_id, invoice.customer_id))
    if customer is None:
        raise not_found("customer")
    dossiers = await load_dossiers(uow, [customer])
    plan = evaluate((await load_facts(uow, dossiers))[customer.id])
    return {verdict.case.case_id: verdict for verdict in plan.verdicts}


def _turn(case: DunningCase, verdicts: Mapping[UUID, Verdict]) -> tuple[bool, bool, datetime, int]:
    """Whose turn it is: of several cases the one whose step can go out first, closed ones last."""
    verdict = verdicts.get(case.id)
    at = verdict.earliest_at if verdict is not None and verdict.next_step is not None else None
    return verdict is None, at is None, at or case.opened_at, case.instalment_number or 0


def _tell(case: DunningCase, invoice: Invoice, verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        # Of an invoice with something open, a closed case is that of a paid instalment.
        return _told(case, [Blocker(_closed(invoice.status))])
    step = verdict.next_step
    next_step = (
        {"key": step.step.key, "due_on": day(step.send_on), "earliest_at": instant(verdict.earliest_at)}
        if step is not None
        else None
    )
    return _told(case, verdict.blockers, next_step)


def _closed(status: str) -> Code:
    if status in {"open", "partially_paid"}:
        return Code.paid
    return Code.not_due if status == "draft" else Code(status)


def _told(
    case: DunningCase | None, blockers: Iterable[Blocker], next_step: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "instalment_number": case.instalment_number if case else None,
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
