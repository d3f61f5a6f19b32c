"""What payment plans ask for, and on which invoices: a payment that names nothing serves that first (rule M3)."""

from dataclasses import dataclass, field
from uuid import UUID

from app.core.uow import UnitOfWork
from app.domain.invoice_state import RECEIVABLE
from app.domain.plan_calls import Call, Covered, calls
from app.domain.plan_state import judge
from app.ledger.entries import open_item
from app.models import Customer, Invoice
from app.settlement.plan_facts import agreement_of, load_covered, load_plans, load_receipts, payments_of


@dataclass(slots=True)
class PlanCalls:
    """What the active plans of a customer ask for in one currency.

    Attributes:
        invoices: What they cover, by id.
        due: Instalments that are due, oldest first: they go before everything else.
        later: Instalments to come, and what is open of the invoices beyond their plans, each by its own date.
    """

    invoices: dict[UUID, Invoice] = field(default_factory=dict)
    due: list[Call] = field(default_factory=list)
    later: list[Call] = field(default_factory=list)


async def covered_first(uow: UnitOfWork, customer: Customer, currency: str) -> PlanCalls:
    """What plans ask for, judged by what this unit of work has settled so far; nothing of what is disputed.

    A customer without agreements costs no statement.
    """
    found = PlanCalls()
    if not customer.has_agreements:
        return found
    plans = [plan for plan in await load_plans(uow, [customer.id]) if plan.currency == currency]
    if not plans:
        return found
    receipts = await load_receipts(uow, plans)
    invoices = await load_covered(uow, plans)
    for plan in plans:
        standing = judge(agreement_of(plan), payments_of(receipts[plan.id]), uow.today)
        covered = [invoice for invoice in invoices[plan.id] if invoice.status in RECEIVABLE]
        asked, beyond = calls(
            [(state.share.due_on, state.share.open_minor) for state in standing.instalments],
            [Covered(invoice.id, invoice.due_on, open_item(invoice).available) for invoice in covered],
        )
        found.invoices |= {invoice.id: invoice for invoice in covered}
        found.due += [call for call in asked if call.due_on <= uow.today]
        found.later += [*(call for call in asked if call.due_on > uow.today), *beyond]
    found.due.sort(key=lambda call: call.due_on)
    return found
