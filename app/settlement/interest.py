"""Late interest follows the principal: posted when it is settled or a month has ended, corrected when the past changes.

Invoices that nothing says late interest about cost no statement.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

from app.core.log import get_logger
from app.core.uow import UnitOfWork
from app.domain.charge_tax import add_tax
from app.domain.clocktime import start_of_day
from app.domain.dispute import bearing_balances
from app.domain.interest import RateTable
from app.domain.invoice_state import RECEIVABLE
from app.domain.late_interest import (
    Balances,
    Correction,
    Debt,
    LateInterest,
    Part,
    Posted,
    Posting,
    correct,
    month_end_before,
    next_month,
    resolve,
    running,
    split_parts,
)
from app.domain.rates_wire import single_rate
from app.dunning.standing import Standings, load_standings_of
from app.ledger.allocations import free_component
from app.ledger.charges import reverse_charge
from app.models import Charge, Customer, Invoice, Payment
from app.settlement.charges import NewCharge, charge, end_charge, load_payers, paid_with_money
from app.settlement.rate_tables import allows, load_tables, segment_payload

log = get_logger(__name__)


@dataclass(slots=True)
class Account:
    """What late interest of one invoice is worked out from."""

    invoice: Invoice
    debt: Debt
    charges: dict[UUID, Charge] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)

    @property
    def covered_through(self) -> date | None:
        """The last day that a charge was posted for."""
        return max((one.through_on for one in self.posted), default=None)


def setting_of(uow: UnitOfWork, customer: Customer, invoice: Invoice) -> LateInterest | None:
    """How lateness of an invoice is charged; not at all where the chosen law grants nothing against such a customer."""
    found = resolve(invoice.late_interest, customer.late_interest, uow.tenant.settings["late_interest"])
    return found if found is not None and allows(found.rate_table, customer.kind) else None


def first_due_on(invoice: Invoice) -> date:
    """The first of its due dates."""
    return min((date.fromisoformat(part["due_on"]) for part in invoice.instalments or ()), default=invoice.due_on)


def _debt(invoice: Invoice, changes: Iterable[tuple[date, int]], standings: Standings) -> Debt:
    """The principal over time: nothing is earned while a hold stops charges, nor by what is disputed (D8, D9)."""
    balances = running(changes)
    disputes = standings.disputes.get(invoice.id, ())
    return Debt(
        _parts(invoice, balances),
        standings.of(invoice).charge_stops,
        _parts(invoice, bearing_balances(balances, disputes)) if disputes else (),
    )


def interest_wake_at(uow: UnitOfWork, customer: Customer, invoice: Invoice) -> datetime | None:
    """When time alone next posts interest."""
    if invoice.status not in RECEIVABLE or invoice.principal_open_minor == 0:
        return None
    setting = setting_of(uow, customer, invoice)
    if setting is None or not setting.is_monthly:
        return None
    return start_of_day(next_month(max(uow.today, first_due_on(invoice))), uow.tenant.zone)


async def follow_interest(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], invoices: Iterable[Invoice], standings: Standings
) -> list[Invoice]:
    """Post what has come to be owed, and put right what a change of the past has made wrong (rules M6 and M8).

    Args:
        uow: the unit of work, holding the customers' locks.
        customers: of the invoices, by id.
        invoices: what was touched.
        standings: what is agreed with the customers as it stands after the change.

    Returns:
        The invoices that payments settle otherwise now, having paid interest which is not owed.
    """
    settings: dict[UUID, LateInterest | None] = {}
    wanted = []
    for invoice in invoices:
        setting = setting_of(uow, customers[invoice.customer_id], invoice)
        if _may_have_changed(uow, invoice, setting):
            settings[invoice.id] = setting
            wanted.append(invoice)
    if not wanted:
        return []
    await uow.write_new()
    posted = {setting.rate_table for setting in settings.values() if setting is not None and setting.is_posted}
    tables = await load_tables(uow, posted)
    rebooked = []
    for account in (await load_accounts(uow, wanted, standings)).values():
        if await _follow(uow, account, settings[account.invoice.id], tables, standings):
            rebooked.append(account.invoice)
        uow.backdated.discard(account.invoice.id)
    return rebooked


async def load_accounts(
    uow: UnitOfWork, invoices: Sequence[Invoice], standings: Standings | None = None
) -> dict[UUID, Account]:
    """Principal over time and interest charges of invoices, in set queries; what is not flushed is not in it.

    What is agreed with their customers is loaded where it is not given.
    """
    if standings is None:
        standings = await load_standings_of(uow, invoices)
    changes = await _load_changes(uow, [invoice.id for invoice in invoices])
    accounts = {invoice.id: Account(invoice, _debt(invoice, changes[invoice.id], standings)) for invoice in invoices}
    charges = (
        await uow.session.scalars(
            select(Charge).where(
                Charge.tenant_id == uow.tenant_id,
                Charge.invoice_id.in_(accounts),
                Charge.kind == "interest",
                Charge.status.in_(("posted", "paid", "waived")),
            )
        )
    ).all()
    tables = await load_tables(uow, {made.rate_table for made in charges if made.rate_table is not None})
    for made in charges:
        if made.from_on is None or made.through_on is None or made.status == "reversed":
            # A sum for no certain days; or taken back by this unit of work, which has not written it.
            continue
        account = accounts[made.invoice_id]
        account.charges[made.id] = made
        account.posted.append(_posted(made, made.from_on, made.through_on, tables))
    return accounts


async def post_interest(uow: UnitOfWork, account: Account, posting: Posting, extra: NewCharge) -> Charge:
    """Charge what a period has earned.

    Args:
        uow: the unit of work.
        account: of the invoice.
        posting: the period and what it comes to.
        extra: what else is said about the charge.
    """
    invoice = account.invoice
    made = charge(
        uow,
        invoice,
        NewCharge(
            kind="interest",
            net_minor=posting.net_minor,
            posted_on=extra.posted_on,
            external_id=extra.external_id,
            reason=extra.reason,
            meta=extra.meta,
            rate_table=posting.table.code or None,
            period=(posting.from_on, posting.through_on),
            segments=[
                segment_payload(segment, interest, invoice.currency)
                for segment, interest in zip(posting.segments, posting.interest, strict=True)
            ],
        ),
    )
    invoice.interest_through_on = max(posting.through_on, invoice.interest_through_on or posting.through_on)
    return made


def _may_have_changed(uow: UnitOfWork, invoice: Invoice, setting: LateInterest | None) -> bool:
    if invoice.status not in RECEIVABLE | {"paid"}:
        return False
    if invoice.interest_through_on is not None and invoice.id in uow.backdated:
        return True
    due_on = first_due_on(invoice)
    if setting is None or not setting.is_posted or due_on >= uow.today:
        return False
    if invoice.principal_open_minor == 0:
        # What credits alone have settled was never owed.
        return invoice.status != "paid" and invoice.settled_minor > 0
    return setting.is_monthly and month_end_before(uow.today) > (invoice.interest_through_on or due_on)


async def _follow(
    uow: UnitOfWork,
    account: Account,
    setting: LateInterest | None,
    tables: Mapping[str, RateTable],
    standings: Standings,
) -> bool:
    """Put one invoice's interest right; whether payments settle it otherwise now."""
    invoice = account.invoice
    rebooked = False
    # A table that has gone posts nothing more.
    table = tables.get(setting.rate_table) if setting is not None and setting.is_posted else None
    while True:
        through_on = account.debt.settled_on if invoice.settled_minor > 0 else None
        if through_on is None and setting is not None and setting.is_monthly:
            through_on = month_end_before(uow.today)
        correction = correct(account.debt, account.posted, table=table, through_on=through_on)
        missing = _missing_minor(uow, account, correction)
        if missing <= 0:
            break
        if missing > await paid_with_money(uow, invoice, "interest"):
            # What a credit or a write-off has settled cannot be given back; it stays as it is.
            log.warning("interest.settled_without_money", invoice_id=str(invoice.id))
            return rebooked
        # Money that had paid interest pays something else from its own day on: principal, as a rule, and then less
        # interest was earned. Each round takes less, since what is taken is what had been paid.
        await _free(uow, invoice, missing)
        rebooked = True
        changes = await _load_changes(uow, [invoice.id])
        account.debt = _debt(invoice, changes[invoice.id], standings)
    if not correction.reversed_ids and not correction.postings:
        return rebooked
    uow.track(invoice)
    for posting in correction.postings:
        await post_interest(uow, account, posting, NewCharge("interest", 0, uow.today))
    for charge_id in correction.reversed_ids:
        made = account.charges[charge_id]
        uow.track(made)
        await reverse_charge(uow, made, invoice)
        end_charge(uow, made, "reversed")
    if not correction.postings:
        uow.emit("invoice.updated", invoice)
    gone = set(correction.reversed_ids)
    days = [one.through_on for one in account.posted if one.id not in gone]
    invoice.interest_through_on = max((*days, *(one.through_on for one in correction.postings)), default=None)
    return rebooked


def _missing_minor(uow: UnitOfWork, account: Account, correction: Correction) -> int:
    """By how much what is taken back is more than what is open of the interest and what is posted in its place."""
    if not correction.reversed_ids:
        return 0
    taken = sum(account.charges[charge_id].amount_minor for charge_id in correction.reversed_ids)
    tax = uow.tenant.settings["charge_tax"]
    posted = sum(add_tax(posting.net_minor, "interest", tax).gross_minor for posting in correction.postings)
    return taken - posted - account.invoice.interest_open_minor


async def _free(uow: UnitOfWork, invoice: Invoice, missing_minor: int) -> None:
    # Beyond the locks that the command began with: only where somebody else had paid the interest.
    await uow.lock_customers(await load_payers(uow, invoice.id) | {invoice.customer_id})
    uow.track(invoice)
    announce_grown(uow, await free_component(uow, invoice, "interest", missing_minor))
    await uow.write_new()


def announce_grown(uow: UnitOfWork, payments: Collection[Payment]) -> None:
    """Tell of payments that have cash left again, which may cover other invoices of their customers."""
    for payment in payments:
        uow.emit("payment.allocated", payment)
    owners = {payment.customer_id for payment in payments if payment.customer_id is not None}
    if owners:
        uow.wakes |= dict.fromkeys(owners, uow.now)
        uow.ring("dunning.tick")


def _posted(made: Charge, from_on: date, through_on: date, tables: Mapping[str, RateTable]) -> Posted:
    # A rate without a table counts actual days over 365; its segments are what is kept of it.
    table = tables[made.rate_table] if made.rate_table is not None else single_rate(made.segments[0]["annual_rate"])
    return Posted(
        id=made.id,
        table=table,
        from_on=from_on,
        through_on=through_on,
        net_minor=made.amount_minor - made.tax_minor,
        is_waived=made.status == "waived",
    )


def _parts(invoice: Invoice, balances: Balances) -> tuple[Part, ...]:
    if not invoice.instalments:
        return (Part(invoice.due_on, balances),)
    return split_parts(
        balances,
        [(date.fromisoformat(item["due_on"]), item["amount_minor"]) for item in invoice.instalments],
    )


async def _load_changes(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> dict[UUID, list[tuple[date, int]]]:
    """By how much the principal of invoices changed on which days."""
    changes: dict[UUID, list[tuple[date, int]]] = defaultdict(list)
    for row in await uow.driver.fetch(_CHANGES, uow.tenant_id, list(invoice_ids)):
        changes[row["invoice_id"]].append((row["on"], int(row["amount"])))
    return changes


# What was given up and came in after all was owed all the time, so all entries of a write-off count on its day.
_CHANGES: Final = """
SELECT invoice_id, counted_on AS "on", sum(amount_minor) AS amount FROM (
    SELECT invoice_id, amount_minor, CASE WHEN write_off_id IS NULL THEN effective_on ELSE coalesce(
        min(effective_on) FILTER (WHERE kind = 'written_off') OVER (PARTITION BY invoice_id, write_off_id),
        effective_on) END AS counted_on
    FROM ledger_entries
    WHERE tenant_id = $1 AND invoice_id = ANY($2::uuid[]) AND account = 'principal'
) AS entries
GROUP BY invoice_id, counted_on ORDER BY invoice_id, counted_on
"""
