"""Moving the due date of an issued invoice: a command with a reason (rule D12)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import update

from app.core.errors import conflict, invalid
from app.core.uow import UnitOfWork
from app.domain.chase import evaluate
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.dunning.cases import replan_case
from app.dunning.facts import case_facts, chase_facts, load_case_policies
from app.dunning.reminders import load_unsent, prune_undue
from app.dunning.shares import by_invoice
from app.dunning.standing import load_standings
from app.invoices import repository, service
from app.models import Invoice, InvoiceInstalment
from app.settlement.reconcile import reconcile, reconcile_released, wake

Fields = Mapping[str, Any]


async def reschedule(uow: UnitOfWork, invoice_id: UUID, fields: Fields) -> Invoice:
    """Move the due date of an invoice, or of its instalments.

    What was sent stays history; steps that were not follow the new date, and reminders that wait for one that is no
    longer due are taken back. Discounts do not move.

    Raises:
        ProblemError: 404, 409 when nothing can be owed on it, 422 for a date that does not fit.
    """
    invoice = await service.lock(uow, invoice_id)
    if invoice.status == "draft":
        raise conflict(Code.state_conflict, "The invoice is a draft; PATCH its dates.")
    if invoice.status not in RECEIVABLE:
        raise conflict(Code.state_conflict, f"The invoice is {invoice.status}; nothing of it falls due any more.")
    instalments = _new_instalments(invoice, fields)
    due_on = date.fromisoformat(instalments[-1]["due_on"]) if instalments else fields["due_on"]
    if (due_on, instalments) == (invoice.due_on, invoice.instalments):
        return invoice
    uow.track(invoice)
    await _write(uow, invoice, due_on, instalments)
    uow.emit("invoice.rescheduled", invoice, {"reason": fields["reason"]})
    await _follow(uow, invoice)
    return invoice


def _new_instalments(invoice: Invoice, fields: Fields) -> list[Any]:
    if not invoice.instalments:
        if fields["instalments"] is not None:
            raise invalid("/instalments", Code.invalid_value, "The invoice is due whole; send due_on.")
        _check("/due_on", fields["due_on"], invoice.issued_on)
        return []
    if fields["instalments"] is None:
        raise invalid(
            "/due_on", Code.invalid_value, f"The invoice is due in {len(invoice.instalments)} parts; send instalments."
        )
    moved = _moved(invoice, fields["instalments"])
    dates = [moved[item["number"]] for item in invoice.instalments]
    if dates != sorted(dates):
        raise invalid("/instalments", Code.date_order, "An instalment is not due before the one with a lower number.")
    return [{**item, "due_on": on.isoformat()} for item, on in zip(invoice.instalments, dates, strict=True)]


def _moved(invoice: Invoice, wanted: Sequence[Fields]) -> dict[int, date]:
    dates = {item["number"]: date.fromisoformat(item["due_on"]) for item in invoice.instalments}
    seen: set[int] = set()
    for index, item in enumerate(wanted):
        number, pointer = item["number"], f"/instalments/{index}"
        if number not in dates:
            raise invalid(f"{pointer}/number", Code.unknown_reference, "The invoice has no instalment of this number.")
        if number in seen:
            raise invalid(f"{pointer}/number", Code.duplicate_value, "This instalment is named twice.")
        seen.add(number)
        _check(f"{pointer}/due_on", item["due_on"], invoice.issued_on)
        dates[number] = item["due_on"]
    return dates


def _check(pointer: str, due_on: date, issued_on: date) -> None:
    if due_on < issued_on:
        raise invalid(pointer, Code.date_order, "due_on must not be before issued_on.")


async def _write(uow: UnitOfWork, invoice: Invoice, due_on: date, instalments: list[Any]) -> None:
    for old, new in zip(invoice.instalments, instalments, strict=True):
        if old != new:
            await uow.session.execute(
                update(InvoiceInstalment)
                .where(
                    InvoiceInstalment.tenant_id == uow.tenant_id,
                    InvoiceInstalment.invoice_id == invoice.id,
                    InvoiceInstalment.number == new["number"],
                )
                .values(due_on=date.fromisoformat(new["due_on"]))
                .execution_options(synchronize_session=False)
            )
    invoice.due_on = due_on
    invoice.instalments = instalments


async def _follow(uow: UnitOfWork, invoice: Invoice) -> None:
    """Plan the steps that have not been taken from the new dates."""
    customer = await uow.lock_customer(invoice.customer_id)
    cases = await repository.load_cases(uow, invoice.id)
    policies = await load_case_policies(uow, cases)
    stops = (await load_standings(uow, [customer])).of(invoice).stops
    for case in cases:
        replan_case(uow, case, invoice, policies[case.policy_id, case.policy_version], stops)
    unsent = await load_unsent(uow, [customer.id])
    # Interest for days that are late by the old date alone has lost its ground.
    uow.backdated.add(invoice.id)
    standings = await reconcile(uow, {customer.id: customer}, [invoice], cases=by_invoice(cases), unsent=unsent)
    facts = [
        case_facts(uow, case, invoice, policies[case.policy_id, case.policy_version], standing=standings.of(invoice))
        for case in cases
        if case.state != "closed"
    ]
    plan = evaluate(chase_facts(uow, customer, facts, unapplied={}))
    moved_before = set(uow.charged)
    await prune_undue(uow, unsent, {verdict.case.case_id: verdict for verdict in plan.verdicts})
    await reconcile_released(uow, {customer.id: customer}, moved_before, unsent=unsent)
    # Its place among the customer's other debts is another one now.
    wake(uow, customer, uow.now)
