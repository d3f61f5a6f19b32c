"""The command that erases a customer: lock, redact, derive, emit."""

from uuid import UUID

from app.core.errors import conflict
from app.core.uow import UnitOfWork
from app.customers.erasure import repository
from app.customers.erasure.redaction import redact_customer, redact_rows
from app.domain.errors import Code
from app.dunning.reminders import load_unsent
from app.models import Customer, Reminder
from app.settlement.reconcile import reconcile

Acknowledged = tuple[Customer, list[Reminder]]


async def erase(uow: UnitOfWork, customer_id: UUID, *, forces: bool) -> Acknowledged:
    """Take out of everything who a customer is; the money stays, and no reminder is sent any more.

    What is redacted comes first, so that no event of what follows tells what was there. Again, it takes out what has
    come in since, and announces nothing. Messages in the local mailbox folder go with the next housekeeping.

    Raises:
        ProblemError: 404, 409 naming what is not finished, or the import whose file may name the customer.
    """
    customer = await uow.lock_customer(customer_id)
    await _require_files_worked_off(uow)
    is_first = customer.erased_at is None
    if is_first and not forces:
        await _require_finished(uow, customer)
    redact_customer(customer)
    customer.has_agreements = True
    if customer.erased_at is None:
        customer.erased_at = uow.now
    await uow.flush()
    await redact_rows(uow, customer)
    if is_first:
        uow.emit("customer.erased", customer)
    unsent = await load_unsent(uow, [customer.id])
    invoices = await repository.load_open_invoices(uow, customer.id)
    await reconcile(uow, {customer.id: customer}, invoices, unsent=unsent)
    await uow.flush()
    for task in await repository.load_open_tasks(uow, customer.id):
        uow.track(task)
        task.status = "cancelled"
        uow.emit("task.cancelled", task)
    return customer, [reminder for reminder in unsent if reminder.status == "sending"]


async def _require_files_worked_off(uow: UnitOfWork) -> None:
    # Whether a file names the customer is not known before it is read, and its rows would bring the name back.
    import_id = await repository.find_import_under_way(uow)
    if import_id is not None:
        raise conflict(
            Code.state_conflict,
            f"Import {import_id} has not come to its end, and what is left of its file may name the customer. Wait for "
            "it, or cancel it, and erase the customer then.",
        )


async def _require_finished(uow: UnitOfWork, customer: Customer) -> None:
    unfinished = await repository.count_unfinished(uow, customer.id)
    if unfinished:
        listed = ", ".join(f"{what} ({number})" for what, number in unfinished.items())
        raise conflict(
            Code.state_conflict,
            f"Not everything is finished with the customer: {listed}. Finish it first, or send force: true; nobody is "
            "chased for it afterwards.",
        )
