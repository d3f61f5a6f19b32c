"""Beginning the chase of an invoice that was overdue when it was first seen, where a person is to decide (rule D3)."""

from uuid import UUID

from app.core.errors import conflict
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.policy import LateEntry
from app.dunning.cases import start_case
from app.dunning.facts import load_case_policies
from app.dunning.standing import load_standings
from app.invoices import repository, service
from app.models import Customer, Invoice
from app.settlement.reconcile import wake


async def start_dunning(uow: UnitOfWork, invoice_id: UUID, mode: LateEntry) -> Invoice:
    """Let the cases of an invoice that wait begin their ladders today.

    Raises:
        ProblemError: 404, 409 where none waits.
    """
    invoice = await service.lock(uow, invoice_id)
    waiting = [
        case
        for case in await repository.load_cases(uow, invoice.id)
        if case.state != "closed" and case.late_entry == LateEntry.hold
    ]
    if not waiting or invoice.status not in RECEIVABLE:
        raise conflict(Code.state_conflict, "Nothing of this invoice waits to be started; see its outlook.")
    customer = await uow.session.get_one(Customer, (uow.tenant_id, invoice.customer_id))
    policies = await load_case_policies(uow, waiting)
    standings = await load_standings(uow, [customer])
    for case in waiting:
        policy = policies[case.policy_id, case.policy_version]
        stops = standings.of_case(case, invoice).stops
        start_case(uow, case, invoice, policy, mode, stops)
    wake(uow, customer, uow.now)
    await uow.flush()
    return invoice
