"""What comes of a call that a step asked for: the task's outcome moves the reminder behind it."""

from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.core.uow import UnitOfWork
from app.domain.clocktime import business_date
from app.domain.errors import Code
from app.domain.states import REMINDER
from app.dunning.contacts import zone_of
from app.dunning.facts import load_case_policies
from app.models import Reminder, Task
from app.settlement.fallback import fail_unsent
from app.settlement.outcomes import load_touched, record_one_sent

CallOutcome = Literal["reached", "not_reached"]


async def complete_call(uow: UnitOfWork, task: Task, outcome: CallOutcome) -> Reminder | None:
    """Tell a step what came of its call; the task has been closed by the caller.

    Reached, the step is taken and the call counts as a contact and a conversation of the customer's today. Not reached,
    nothing counts: the step goes on by its next channel, or is skipped where there is none.

    Args:
        uow: the unit of work.
        task: what was done; one without a reminder, or whose reminder has ended, moves nothing.
        outcome: whether somebody was spoken with.

    Returns:
        The reminder, if it was moved.
    """
    if task.reminder_id is None:
        return None
    customer = await uow.lock_customer(task.customer_id)
    reminder = await _find(uow, task.reminder_id)
    if reminder is None or reminder.status != "ready":
        return None
    uow.track(reminder)
    if outcome == "reached":
        REMINDER.require(reminder.status, "sending")
        reminder.status = "sending"
        reminder.contacted_on = business_date(uow.now, zone_of(uow, customer))
        await record_one_sent(uow, customer, reminder)
        return reminder
    dossiers = await load_touched(uow, {customer.id: customer}, [reminder])
    policies = await load_case_policies(uow, dossiers[customer.id].cases.values())
    await fail_unsent(uow, [reminder], dossiers, policies, code=Code.not_reached)
    uow.emit("reminder.cancelled", reminder)
    return reminder


async def _find(uow: UnitOfWork, reminder_id: UUID) -> Reminder | None:
    return await uow.session.scalar(
        select(Reminder)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.id == reminder_id)
        .options(selectinload(Reminder.items))
        .execution_options(populate_existing=True)
    )
