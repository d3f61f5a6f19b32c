"""Commands on charges: post and waive."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from app.charges import repository
from app.charges.repository import CHARGES
from app.core.amounts import positive
from app.core.days import not_ahead
from app.core.errors import conflict, invalid
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.interest import RateTable
from app.domain.invoice_state import RECEIVABLE
from app.domain.late_interest import resolve
from app.domain.rates_wire import single_rate
from app.ledger.allocations import open_of
from app.ledger.charges import CHARGE_ACCOUNTS, waive_charge
from app.models import Charge, Customer, Invoice
from app.settlement.charges import NewCharge, charge, end_charge, load_payers, paid_with_money
from app.settlement.interest import announce_grown, first_due_on, load_accounts, post_interest
from app.settlement.rate_tables import require_allowed, require_table
from app.settlement.reconcile import reconcile, wake
from app.settlement.references import Reference, lock_invoice_customer

Fields = Mapping[str, Any]


async def create(uow: UnitOfWork, fields: Fields) -> Charge:
    """Post a charge to an invoice (rule M10).

    Raises:
        ProblemError: 409 when the invoice can bear no charge, the external id is taken or the sum was charged before;
            422 naming what is not valid.
    """
    customer, invoice = await _lock_invoice(uow, fields)
    posted_on = _posted_on(uow, fields, invoice)
    await CHARGES.refuse_taken(uow, fields["external_id"], "A charge with this external_id was posted already.")
    amount = None if fields["amount"] is None else positive("/amount", fields["amount"], invoice.currency)
    _refuse_foreign(fields, amount)
    if fields["kind"] == "interest" and amount is None:
        made = await _charge_interest(uow, customer, invoice, fields, posted_on)
    else:
        table = await _table_of_sum(uow, customer, invoice, fields, amount)
        if amount is None and table is not None:
            amount = await _fixed_sum(uow, invoice, table)
        if amount is None:
            raise invalid("/amount", Code.missing, "A fee needs an amount.")
        made = charge(uow, invoice, _new(fields, posted_on, net_minor=amount, rate_table=table.code if table else None))
    await reconcile(uow, {customer.id: customer}, [invoice])
    await uow.flush()
    return made


async def waive(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], made: Charge, *, reason: str, waived_on: date | None
) -> None:
    """Give a charge up under the locks of `lock`.

    What had paid it pays the rest of its invoice, or is the payer's again (rule M10).

    Raises:
        ProblemError: 409 when it is not owed or was settled by a credit or a write-off, 422 for its date.
    """
    invoice = await repository.get_invoice(uow, made.invoice_id)
    if made.status not in {"posted", "paid"}:
        raise conflict(Code.state_conflict, f"The charge is {made.status}; only one that is owed or paid is waived.")
    if invoice.status in {"void", "written_off"}:
        raise conflict(Code.state_conflict, f"The invoice is {invoice.status}, and the charge with it.")
    on = not_ahead("/waived_on", waived_on, uow.today)
    if on < made.posted_on:
        raise invalid("/waived_on", Code.date_order, "A charge is not waived before it was posted.")
    component = CHARGE_ACCOUNTS[made.kind]
    missing = made.amount_minor - open_of(invoice, component)
    if missing > 0 and missing > await paid_with_money(uow, invoice, component):
        raise conflict(
            Code.state_conflict, "A credit, a difference or a write-off has settled a part of it; take that back first."
        )
    uow.track(made)
    uow.track(invoice)
    made.waived_on = on
    made.waiver_reason = reason
    announce_grown(uow, await waive_charge(uow, made, invoice, on=on))
    end_charge(uow, made, "waived")
    uow.emit("invoice.updated", invoice)
    await reconcile(uow, customers, [invoice])
    for customer in customers.values():
        wake(uow, customer, uow.now)
    await uow.flush()


async def lock(uow: UnitOfWork, charge_id: UUID) -> tuple[dict[UUID, Customer], Charge]:
    """A charge under the locks of its customer and of those whose payments settle its invoice, by customer.

    Raises:
        ProblemError: 404, 409 where who pays the invoice has changed meanwhile.
    """
    found = await CHARGES.get(uow, charge_id)
    owners = {found.customer_id, *await load_payers(uow, found.invoice_id)}
    customers = {customer.id: customer for customer in await uow.lock_customers(owners)}
    # Before the locks were had, yet another customer may have paid something of it.
    if not await load_payers(uow, found.invoice_id) <= customers.keys():
        raise conflict(Code.state_conflict, "Another command has just changed who pays the invoice; send it again.")
    return customers, await CHARGES.get(uow, charge_id)


async def _lock_invoice(uow: UnitOfWork, fields: Fields) -> tuple[Customer, Invoice]:
    reference = Reference(fields["invoice_id"], fields["invoice_external_id"])
    customer, invoice_id = await lock_invoice_customer(uow, reference)
    invoice = await repository.get_invoice(uow, invoice_id)
    if invoice.status == "paid":
        raise conflict(
            Code.state_conflict,
            "The invoice is paid, and opens again by a reversal alone. Let `late_interest` be posted at settlement, or "
            "charge before the payment is recorded.",
        )
    if invoice.status not in RECEIVABLE:
        raise conflict(Code.state_conflict, f"The invoice is {invoice.status}; nothing can be charged on it.")
    return customer, invoice


def _posted_on(uow: UnitOfWork, fields: Fields, invoice: Invoice) -> date:
    on = not_ahead("/posted_on", fields["posted_on"], uow.today)
    if on < invoice.issued_on:
        raise invalid("/posted_on", Code.date_order, "Nothing is charged on an invoice before it was issued.")
    return on


def _refuse_foreign(fields: Fields, amount: int | None) -> None:
    """Refuse what the kind of charge has no use for.

    Raises:
        ProblemError: 422.
    """
    kind = fields["kind"]
    is_worked_out = kind == "interest" and amount is None
    for name in ("annual_rate", "through_on"):
        if fields[name] is not None and not is_worked_out:
            raise invalid(f"/{name}", Code.invalid_value, "Only interest without an amount is worked out by this.")
    if fields["rate_table"] is not None and (kind == "fee" or (kind == "interest" and amount is not None)):
        raise invalid("/rate_table", Code.invalid_value, "Nothing is worked out by a table here; leave it out.")


async def _charge_interest(
    uow: UnitOfWork, customer: Customer, invoice: Invoice, fields: Fields, posted_on: date
) -> Charge:
    through_on = not_ahead("/through_on", fields["through_on"], uow.today)
    table = (
        single_rate(fields["annual_rate"])
        if fields["annual_rate"] is not None
        else await _rates(uow, customer, invoice, fields)
    )
    account = (await load_accounts(uow, [invoice]))[invoice.id]
    after_on = account.covered_through or first_due_on(invoice)
    if through_on <= after_on:
        raise invalid("/through_on", Code.date_order, f"No interest is left to charge through {through_on}.")
    net = account.debt.between(table, after_on, through_on)
    if net <= 0:
        raise invalid("/through_on", Code.out_of_range, "For these days the interest comes to nothing.")
    posting = account.debt.posting(table, after_on, through_on, net)
    return await post_interest(uow, account, posting, _new(fields, posted_on))


async def _rates(uow: UnitOfWork, customer: Customer, invoice: Invoice, fields: Fields) -> RateTable:
    """The table of a charge: the one that is named, else the one of the invoice's late interest."""
    code, pointer = fields["rate_table"], "/rate_table"
    if code is None:
        setting = resolve(invoice.late_interest, customer.late_interest, uow.tenant.settings["late_interest"])
        if setting is None:
            raise invalid(pointer, Code.missing, "The invoice has no late_interest; send rate_table or an amount.")
        code = setting.rate_table
    require_allowed(pointer, code, customer.kind)
    return await require_table(uow, pointer, code)


async def _table_of_sum(
    uow: UnitOfWork, customer: Customer, invoice: Invoice, fields: Fields, amount: int | None
) -> RateTable | None:
    """The table that grants a recovery cost, which it does once; none for an amount of one's own."""
    if fields["kind"] != "recovery_cost" or (fields["rate_table"] is None and amount is not None):
        return None
    table = await _rates(uow, customer, invoice, fields)
    if first_due_on(invoice) >= uow.today:
        raise conflict(Code.state_conflict, "The invoice is not overdue; a recovery cost is owed once it is.")
    if await repository.fixed_sum_stands(uow, invoice.id, table.code):
        raise conflict(Code.state_conflict, "The recovery cost of this table has been charged on the invoice already.")
    return table


async def _fixed_sum(uow: UnitOfWork, invoice: Invoice, table: RateTable) -> int:
    account = (await load_accounts(uow, [invoice]))[invoice.id]
    late = account.debt.principal_on(first_due_on(invoice))
    amount = table.fixed_sum_minor(late, invoice.currency)
    if amount == 0:
        raise invalid(
            "/rate_table",
            Code.out_of_range,
            f"The table has no fixed sum for what became late of this invoice in {invoice.currency}; send an amount.",
        )
    return amount


def _new(fields: Fields, posted_on: date, *, net_minor: int = 0, rate_table: str | None = None) -> NewCharge:
    return NewCharge(
        kind=fields["kind"],
        net_minor=net_minor,
        posted_on=posted_on,
        external_id=fields["external_id"],
        reason=fields["reason"],
        rate_table=rate_table,
        meta=fields["metadata"],
    )
