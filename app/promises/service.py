"""Commands on promises to pay: lock, load, decide, write, emit."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, cast
from uuid import UUID

from app.core.amounts import positive, up_to
from app.core.errors import conflict, invalid
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain import promise as rules
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.states import PROMISE
from app.dunning.reminders import load_unsent, under_way
from app.dunning.standing import promise_of
from app.models import Customer, Invoice, Promise, Reminder
from app.promises import repository
from app.promises.repository import PROMISES
from app.settlement.reconcile import reconcile, wake
from app.settlement.references import Reference, load_customer_invoices, lock_customer

Fields = Mapping[str, Any]
Acknowledged = tuple[Promise, list[Reminder]]


async def create(uow: UnitOfWork, fields: Fields) -> Acknowledged:
    """Take a promise to pay (rule D10); the reminders that it came too late for are named.

    Raises:
        ProblemError: 409 when the external id is taken, an invoice is promised already or a rule of the tenant is
            against it, 422 for what is not valid.
    """
    customer = await lock_customer(uow, Reference(fields["customer_id"], fields["customer_external_id"]))
    await PROMISES.refuse_taken(uow, fields["external_id"], "A promise with this external_id was recorded already.")
    history = await repository.load_history(uow, customer.id)
    _require_room(uow, history)
    invoices, currency = await _choose(uow, customer, fields)
    running = {invoice_id for row in history if row.status == "open" for invoice_id in row.invoice_ids}
    if any(invoice.id in running for invoice in invoices):
        raise conflict(Code.state_conflict, "A running promise is for one of these invoices; cancel it first.")
    amount = _amount(fields["amount"], invoices, currency)
    made = _check(uow, fields, amount)
    promise = Promise(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=fields["external_id"],
        customer_id=customer.id,
        invoice_ids=[invoice.id for invoice in invoices],
        currency=currency,
        amount_minor=amount,
        made_on=made.made_on,
        promised_on=made.promised_on,
        tolerance_days=made.tolerance_days,
        tolerance_percent=fields["tolerance_percent"],
        status="open",
        judged_on=None,
        paid_minor=0,
        note=fields["note"],
        meta=fields["metadata"],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(promise)
    uow.emit("promise.created", promise)
    customer.has_agreements = True
    await uow.flush()
    return await _acknowledge(uow, customer, promise, invoices)


async def cancel(uow: UnitOfWork, customer: Customer, promise: Promise) -> Acknowledged:
    """Cancel a promise under its customer's lock that runs; its invoices are chased again from where they stand.

    Raises:
        ProblemError: 409 when it was judged or cancelled.
    """
    PROMISE.require(promise.status, "cancelled")
    uow.track(promise)
    promise.status = "cancelled"
    uow.emit("promise.cancelled", promise)
    return await _acknowledge(uow, customer, promise, await repository.load_invoices(uow, promise.invoice_ids))


def _rules(uow: UnitOfWork) -> Mapping[str, int | None]:
    found: Mapping[str, int | None] = uow.tenant.settings["agreement_rules"].get("promises", {})
    return found


def _require_room(uow: UnitOfWork, history: Sequence[Promise]) -> None:
    """Refuse a promise more than the tenant takes of one customer.

    Raises:
        ProblemError: 409 naming the rule.
    """
    limits = _rules(uow)
    most = limits.get("max_open")
    if most is not None and sum(row.status == "open" for row in history) >= most:
        raise conflict(Code.promise_not_allowed, f"promises.max_open: the customer has {most} running already.")
    most = limits.get("max_consecutive_broken")
    # The table holds no other status.
    broken = rules.consecutive_broken((promise_of(row), cast("rules.PromiseStatus", row.status)) for row in history)
    if most is not None and broken >= most:
        message = f"promises.max_consecutive_broken: the customer's last {broken} were broken, and {most} are too many."
        raise conflict(Code.promise_not_allowed, message)


def _check(uow: UnitOfWork, fields: Fields, amount_minor: int) -> rules.Promise:
    """What is promised, if it can be.

    Raises:
        ProblemError: 422 naming the field.
    """
    try:
        made = rules.Promise(
            amount_minor=amount_minor,
            made_on=uow.today,
            promised_on=fields["promised_on"],
            tolerance_days=fields["tolerance_days"],
            tolerance_percent=Fraction(fields["tolerance_percent"]),
        )
    except rules.PromiseError as error:
        raise invalid(error.pointer, error.code, error.message) from None
    most = _rules(uow).get("max_days")
    if most is not None and (made.counts_until_on - made.made_on).days > most:
        message = f"promises.max_days: a promise reaches {most} days ahead at most, its tolerance included."
        raise invalid("/promised_on", Code.promise_not_allowed, message)
    return made


async def _choose(uow: UnitOfWork, customer: Customer, fields: Fields) -> tuple[list[Invoice], str]:
    """The invoices that a promise is for, and their currency.

    Raises:
        ProblemError: 422 naming the one that it cannot be for.
    """
    name = "invoice_ids" if fields["invoice_ids"] else "invoice_external_ids"
    if not fields[name]:
        currency = fields["currency"] or customer.currency or uow.tenant.currency
        amount = None if fields["amount"] is None else positive("/amount", fields["amount"], currency)
        oldest = await repository.load_oldest_invoices(uow, customer.id, currency, amount)
        if not oldest:
            message = f"The customer has nothing open in {currency} that is not promised already."
            raise invalid("/currency" if fields["currency"] else "", Code.state_conflict, message)
        return list(oldest), currency
    references = [Reference(value, None) if name == "invoice_ids" else Reference(None, value) for value in fields[name]]
    found = await load_customer_invoices(uow, customer.id, references)
    chosen: dict[UUID, Invoice] = {}
    for index, reference in enumerate(references):
        pointer = f"/{name}/{index}"
        invoice = found.get(reference)
        if invoice is None:
            raise invalid(pointer, Code.unknown_reference, "The customer has no invoice with this id.")
        if invoice.status not in RECEIVABLE:
            raise invalid(pointer, Code.state_conflict, f"Nothing is open: the invoice is {invoice.status}.")
        chosen[invoice.id] = invoice
    invoices = list(chosen.values())
    currency = fields["currency"] or invoices[0].currency
    for index, reference in enumerate(references):
        if found[reference].currency != currency:
            message = f"The invoice is in {found[reference].currency}, and the promise in {currency}."
            raise invalid(f"/{name}/{index}", Code.currency_mismatch, message)
    return invoices, currency


def _amount(amount: str | None, invoices: Sequence[Invoice], currency: str) -> int:
    if amount is None:
        # What is disputed is not asked for, so nobody promises it by the way.
        undisputed = sum(invoice.open_minor - invoice.disputed_minor for invoice in invoices)
        if undisputed == 0:
            raise invalid("/amount", Code.missing, "All that is open is disputed; say what is promised.")
        return undisputed
    return up_to("/amount", amount, currency, sum(invoice.open_minor for invoice in invoices))


async def _acknowledge(
    uow: UnitOfWork, customer: Customer, promise: Promise, invoices: Sequence[Invoice]
) -> Acknowledged:
    """Derive what follows, and name the reminders on their way (rule D7)."""
    unsent = await load_unsent(uow, [customer.id])
    await reconcile(uow, {customer.id: customer}, invoices, unsent=unsent)
    wake(uow, customer, uow.now)
    return promise, under_way(unsent, promise.invoice_ids)
