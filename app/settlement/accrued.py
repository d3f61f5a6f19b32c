"""Late interest that has accrued and is not posted, for those who read an invoice; events do not carry it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.core.uow import UnitOfWork
from app.core.wire import day, money
from app.domain.invoice_state import RECEIVABLE
from app.domain.late_interest import LateInterest, correct
from app.models import Customer, Invoice
from app.settlement.interest import first_due_on, load_accounts, setting_of
from app.settlement.rate_tables import load_tables


async def load_accrued(uow: UnitOfWork, invoices: Sequence[Invoice]) -> dict[UUID, dict[str, Any]]:
    """What has accrued on those of the invoices that are overdue and bear interest, in set queries."""
    settings = await _load_settings(uow, [invoice for invoice in invoices if _is_late(uow, invoice)])
    if not settings:
        return {}
    tables = await load_tables(uow, {setting.rate_table for setting in settings.values()})
    accounts = await load_accounts(uow, [invoice for invoice in invoices if invoice.id in settings])
    accrued = {}
    for invoice_id, account in accounts.items():
        table = tables[settings[invoice_id].rate_table]
        through_on = account.debt.settled_on or uow.today
        correction = correct(account.debt, account.posted, table=table, through_on=through_on)
        taken = sum(one.net_minor for one in account.posted if one.id in correction.reversed_ids)
        amount = sum(posting.net_minor for posting in correction.postings) - taken
        accrued[invoice_id] = {
            "amount": money(max(0, amount), account.invoice.currency),
            "through_on": day(uow.today),
            "rate_table": table.code,
            "uses_unpublished_rate": any(posting.uses_unpublished_rate for posting in correction.postings),
        }
    return accrued


def _is_late(uow: UnitOfWork, invoice: Invoice) -> bool:
    return invoice.status in RECEIVABLE and first_due_on(invoice) < uow.today


async def _load_settings(uow: UnitOfWork, invoices: Sequence[Invoice]) -> dict[UUID, LateInterest]:
    if not invoices:
        return {}
    customers = await uow.session.scalars(
        select(Customer).where(
            Customer.tenant_id == uow.tenant_id, Customer.id.in_({invoice.customer_id for invoice in invoices})
        )
    )
    by_id = {customer.id: customer for customer in customers}
    found = {invoice.id: setting_of(uow, by_id[invoice.customer_id], invoice) for invoice in invoices}
    return {invoice_id: setting for invoice_id, setting in found.items() if setting is not None}
