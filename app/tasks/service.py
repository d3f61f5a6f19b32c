"""Commands on tasks: made, changed, done with what came of them, or cancelled."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from app.activities import service as activities
from app.core.errors import ProblemError, conflict, invalid
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.disputes import service as disputes
from app.domain.errors import Code
from app.domain.states import TASK
from app.models import Activity, Customer, Dispute, Promise, Task
from app.promises import service as promises
from app.settlement.calls import complete_call
from app.settlement.references import Reference, lock_customer
from app.tasks.repository import TASKS

Fields = Mapping[str, Any]

_A_CALL: Final = {
    "kind": "call",
    "direction": "outbound",
    "occurred_at": None,
    "is_conversation": None,
    "contact_name": None,
    "author": None,
    "counts_as_contact": None,
}


@dataclass(frozen=True, slots=True)
class Done:
    """A task that was done, and what came of it."""

    task: Task
    activity: Activity | None
    promise: Promise | None
    dispute: Dispute | None


async def create(uow: UnitOfWork, fields: Fields) -> Task:
    """Make a task by hand.

    Raises:
        ProblemError: 409 when the external id is taken, 422 for what is not valid.
    """
    customer = await lock_customer(uow, Reference(fields["customer_id"], fields["customer_external_id"]))
    await TASKS.refuse_taken(uow, fields["external_id"], "A task with this external_id was made already.")
    await activities.check_invoices(uow, customer.id, fields["invoice_ids"])
    task = Task(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=fields["external_id"],
        customer_id=customer.id,
        invoice_ids=list(dict.fromkeys(fields["invoice_ids"])),
        kind=fields["kind"],
        title=fields["title"],
        script=fields["script"],
        due_on=fields["due_on"] or uow.today,
        assignee=fields["assignee"],
        status="open",
        outcome=None,
        note=None,
        completed_at=None,
        reminder_id=None,
        amount_minor=None,
        currency=None,
        meta=fields["metadata"],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(task)
    uow.emit("task.created", task)
    return task


async def update(uow: UnitOfWork, task: Task, fields: Fields) -> Task:
    """Change the named fields of an open task, which is locked.

    Raises:
        ProblemError: 409 when it has ended.
    """
    if task.status != "open":
        raise conflict(Code.state_conflict, f"The task is {task.status}; only an open one can be changed.")
    uow.track(task)
    changed = False
    for name, value in fields.items():
        if getattr(task, name) != value:
            setattr(task, name, value)
            changed = True
    if changed:
        uow.emit("task.updated", task)
    return task


async def complete(uow: UnitOfWork, customer: Customer, task: Task, fields: Fields) -> Done:
    """Say how a task was done; a call moves the reminder that asked for it, and is kept as an activity.

    Raises:
        ProblemError: 409 when it has ended or what came of it is not allowed, 422 for what is not valid.
    """
    TASK.require(task.status, "done")
    outcome = fields["outcome"]
    if task.kind == "call" and outcome == "done":
        raise invalid("/outcome", Code.invalid_value, "Say of a call whether somebody was reached.")
    uow.track(task)
    task.status = "done"
    task.outcome = outcome
    task.note = fields["note"]
    task.completed_at = uow.now
    await uow.flush()
    told = fields["contact"] or (_A_CALL if task.kind == "call" else None)
    contact = None if told is None else {**told, "outcome": None if outcome == "done" else outcome}
    reached = outcome not in activities.NOBODY_REACHED
    moved = await complete_call(uow, task, "reached" if reached else "not_reached")
    # The reminder is the contact then.
    counted = moved is not None and moved.contacted_on is not None
    activity = None
    if contact is not None:
        kept = {"external_id": None, "invoice_ids": task.invoice_ids, "note": fields["note"], "metadata": {}}
        with _faults_under("/contact"):
            activity = activities.record(uow, customer, {**kept, **contact}, task_id=task.id, counted=counted)
    promise = await _promise(uow, task, fields)
    dispute = await _dispute(uow, task, fields)
    uow.emit("task.completed", task)
    return Done(task, activity, promise, dispute)


async def cancel(uow: UnitOfWork, task: Task, *, note: str | None) -> Task:
    """Take a task back; the step whose call it was goes on by its next channel.

    Raises:
        ProblemError: 409 when it has ended.
    """
    TASK.require(task.status, "cancelled")
    uow.track(task)
    task.status = "cancelled"
    task.note = note
    task.completed_at = uow.now
    await uow.flush()
    await complete_call(uow, task, "not_reached")
    uow.emit("task.cancelled", task)
    return task


async def _promise(uow: UnitOfWork, task: Task, fields: Fields) -> Promise | None:
    told = fields["promise"]
    if told is None:
        return None
    promise = {
        "external_id": None,
        "customer_id": task.customer_id,
        "customer_external_id": None,
        "invoice_external_ids": [],
        "tolerance_percent": "0",
        "note": fields["note"],
        "metadata": {},
        **told,
        "invoice_ids": task.invoice_ids if told["invoice_ids"] is None else told["invoice_ids"],
    }
    with _faults_under("/promise"):
        return (await promises.create(uow, promise))[0]


async def _dispute(uow: UnitOfWork, task: Task, fields: Fields) -> Dispute | None:
    told = fields["dispute"]
    if told is None:
        return None
    invoice_id = told["invoice_id"]
    if invoice_id is None:
        if len(task.invoice_ids) != 1:
            raise invalid("/dispute/invoice_id", Code.missing, "The task is not about one invoice; name it.")
        invoice_id = task.invoice_ids[0]
    found = await activities.owns_invoice(uow, task.customer_id, invoice_id)
    if not found:
        raise invalid("/dispute/invoice_id", Code.unknown_reference, "No invoice of this customer with this id.")
    dispute = {
        "external_id": None,
        "invoice_external_id": None,
        "note": fields["note"],
        "documents": [],
        "metadata": {},
        **told,
        "invoice_id": invoice_id,
    }
    with _faults_under("/dispute"):
        return (await disputes.create(uow, dispute))[0]


@contextmanager
def _faults_under(pointer: str) -> Iterator[None]:
    """What is wrong with a resource that comes along is wrong where the body has it."""
    try:
        yield
    except ProblemError as error:
        error.errors = [replace(fault, pointer=pointer + fault.pointer) for fault in error.errors]
        raise
