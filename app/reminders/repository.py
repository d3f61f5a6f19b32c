"""Queries for reminders."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import selectinload

from app.core.uow import UnitOfWork
from app.models import CaseStep, Customer, DunningCase, Invoice, Reminder, ReminderItem


async def find(uow: UnitOfWork, reminder_id: UUID) -> Reminder | None:
    """The reminder with an id, with its items, as it is now."""
    return await uow.session.scalar(
        select(Reminder)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.id == reminder_id)
        .options(selectinload(Reminder.items))
        .execution_options(populate_existing=True)
    )


async def find_customer_id(uow: UnitOfWork, reminder_id: UUID) -> UUID | None:
    """Whose reminder it is, which never changes."""
    return await uow.session.scalar(
        select(Reminder.customer_id).where(Reminder.tenant_id == uow.tenant_id, Reminder.id == reminder_id)
    )


async def list_page(
    uow: UnitOfWork,
    *,
    limit: int,
    before: UUID | None,
    status: str | None,
    customer_id: UUID | None,
    invoice_id: UUID | None,
    channel: str | None,
) -> Sequence[Reminder]:
    """Reminders newest first, one more than `limit`."""
    statement = select(Reminder).where(Reminder.tenant_id == uow.tenant_id).options(selectinload(Reminder.items))
    if before is not None:
        statement = statement.where(Reminder.id < before)
    if status is not None:
        statement = statement.where(Reminder.status == status)
    if customer_id is not None:
        statement = statement.where(Reminder.customer_id == customer_id)
    if channel is not None:
        statement = statement.where(Reminder.channel == channel)
    if invoice_id is not None:
        about = select(ReminderItem.reminder_id).where(
            ReminderItem.tenant_id == uow.tenant_id, ReminderItem.invoice_id == invoice_id
        )
        statement = statement.where(Reminder.id.in_(about))
    return (await uow.session.scalars(statement.order_by(Reminder.id.desc()).limit(limit + 1))).all()


async def list_due(uow: UnitOfWork, *, limit: int) -> dict[UUID, UUID]:
    """Reminders that could be claimed now, and their customers."""
    rows = await uow.session.execute(
        select(Reminder.id, Reminder.customer_id)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.status == "ready", Reminder.next_attempt_at <= uow.now)
        .order_by(Reminder.next_attempt_at, Reminder.id)
        .limit(limit)
    )
    return {row.id: row.customer_id for row in rows}


async def list_of_erased(uow: UnitOfWork) -> Sequence[UUID]:
    """Reminders of customers who were erased, of which nothing is under way any more."""
    found = await uow.session.scalars(
        select(Reminder.id)
        .join(Customer, (Customer.tenant_id == Reminder.tenant_id) & (Customer.id == Reminder.customer_id))
        # The folder is asked for the outcome of one that is being sent.
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.status != "sending", Customer.erased_at.is_not(None))
    )
    return found.all()


async def load_cases(uow: UnitOfWork, case_ids: Sequence[UUID]) -> dict[UUID, DunningCase]:
    """Cases by id."""
    cases = await uow.session.scalars(
        select(DunningCase).where(DunningCase.tenant_id == uow.tenant_id, DunningCase.id.in_(case_ids))
    )
    return {case.id: case for case in cases}


async def load_invoices(uow: UnitOfWork, invoice_ids: Sequence[UUID]) -> dict[UUID, Invoice]:
    """Invoices by id."""
    invoices = await uow.session.scalars(
        select(Invoice).where(Invoice.tenant_id == uow.tenant_id, Invoice.id.in_(invoice_ids))
    )
    return {invoice.id: invoice for invoice in invoices}


async def decide_unknown_steps(uow: UnitOfWork, reminder_id: UUID, *, outcome: str, reason: str | None) -> None:
    """Write what became of the steps of a reminder whose outcome was unknown."""
    await uow.session.execute(
        update(CaseStep)
        .where(CaseStep.tenant_id == uow.tenant_id, CaseStep.reminder_id == reminder_id, CaseStep.outcome == "unknown")
        .values(outcome=outcome, reason=reason, decided_at=uow.now)
        .execution_options(synchronize_session=False)
    )
