"""To-dos for people: a call that a step asks for, which goes when the step has no reason any more, and what to do next
about a ladder that has come to its end."""

from uuid import UUID

from sqlalchemy import select

from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.core.wire import money
from app.models import Customer, DunningCase, Reminder, Task


async def find_call_task(uow: UnitOfWork, reminder_id: UUID) -> Task | None:
    """The open task of a reminder."""
    return await uow.session.scalar(
        select(Task).where(Task.tenant_id == uow.tenant_id, Task.reminder_id == reminder_id, Task.status == "open")
    )


async def put_call_task(uow: UnitOfWork, customer: Customer, reminder: Reminder) -> Task:
    """The task of a call as it is to be made now; what was written before is written anew."""
    task = await find_call_task(uow, reminder.id)
    if task is not None:
        uow.track(task)
        uow.emit("task.updated", task)
    else:
        task = Task(
            tenant_id=uow.tenant_id,
            id=new_id(),
            external_id=None,
            customer_id=customer.id,
            kind="call",
            assignee=None,
            status="open",
            outcome=None,
            note=None,
            completed_at=None,
            reminder_id=reminder.id,
            meta={},
            version=1,
            created_at=uow.now,
            updated_at=uow.now,
        )
        uow.add(task)
        uow.emit("task.created", task)
    task.due_on = uow.today
    task.title = f"{customer.name}: {money(reminder.total_due_minor, reminder.currency)} {reminder.currency}"
    task.script = reminder.text_body
    task.invoice_ids = list(dict.fromkeys(item.invoice_id for item in reminder.items if item.dropped_reason is None))
    task.amount_minor, task.currency = reminder.total_due_minor, reminder.currency
    return task


async def cancel_call_task(uow: UnitOfWork, reminder: Reminder) -> None:
    """Take back the task of a call that is not to be made any more."""
    task = await find_call_task(uow, reminder.id)
    # As it is now: it may have just been done.
    if task is not None and task.status == "open":
        uow.track(task)
        task.status = "cancelled"
        task.outcome = reminder.skip_reason
        task.completed_at = uow.now
        uow.emit("task.cancelled", task)


_TITLES = {
    "review": "Every dunning step was taken and the debt is still open: decide what comes next.",
    "placement": "Every dunning step was taken and the debt is still open: place it with an agency or a lawyer?",
}


def put_exhaustion_task(uow: UnitOfWork, case: DunningCase, kind: str) -> None:
    """A task due today about an invoice whose ladder has come to its end; those of one customer at once are one."""
    task = uow.tasks.get((case.customer_id, kind))
    if task is not None:
        if case.invoice_id not in task.invoice_ids:
            if not uow.announces(task):
                # Another row of the batch has made it.
                uow.track(task)
                uow.emit("task.updated", task)
            task.invoice_ids = [*task.invoice_ids, case.invoice_id]
        return
    task = Task(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=None,
        customer_id=case.customer_id,
        invoice_ids=[case.invoice_id],
        kind=kind,
        title=_TITLES[kind],
        script=None,
        due_on=uow.today,
        assignee=None,
        status="open",
        outcome=None,
        note=None,
        completed_at=None,
        reminder_id=None,
        amount_minor=None,
        currency=None,
        meta={},
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(task)
    uow.tasks[case.customer_id, kind] = task
    uow.emit("task.created", task)
