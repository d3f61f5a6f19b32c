"""What a payment settles: what the payer designated, then the oldest due (rules M3, M7, M11)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from app.core.amounts import not_negative, positive
from app.core.errors import invalid
from app.core.uow import UnitOfWork
from app.domain.allocation import portions
from app.domain.discount import DiscountTerm, best_percent, cash_needed, credited
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.money import parse_amount
from app.domain.plan_calls import Call
from app.ledger.allocations import Difference, settle
from app.ledger.entries import open_item
from app.models import Customer, Invoice, Payment
from app.payments import repository
from app.settlement.plan_calls import covered_first
from app.settlement.references import Reference, load_customer_invoices

Fields = Mapping[str, Any]
SHORT_PAYMENT = "short_payment"


@dataclass(frozen=True, slots=True)
class Designation:
    """What the payer wants to go to one invoice; a discount that is not stated follows from the invoice's terms."""

    invoice: Invoice
    amount_minor: int
    discount_minor: int | None = None
    differences: tuple[Difference, ...] = ()


@dataclass(slots=True)
class Settled:
    """The invoices that a payment has touched, by id."""

    invoices: dict[UUID, Invoice] = field(default_factory=dict)


def discount_terms(invoice: Invoice) -> tuple[DiscountTerm, ...]:
    """The invoice's early-payment discounts as the domain has them."""
    return tuple(
        DiscountTerm(date.fromisoformat(term["until"]), Fraction(term["percent"])) for term in invoice.discount_terms
    )


async def settle_designated(uow: UnitOfWork, payment: Payment, designations: Sequence[Designation]) -> Settled:
    """Apply a payment to what the payer named, exact to the cent."""
    settled = Settled()
    for item in designations:
        await _settle(uow, payment, item, settled)
    return settled


async def settle_oldest(
    uow: UnitOfWork, payment: Payment, settled: Settled, *, customer: Customer, amount_minor: int
) -> None:
    """Apply what is left of a payment to due instalments of plans, then to what has been due the longest (rule M3).

    Disputed amounts are left out. What a plan covers is due by its instalments, and earns no discount any more.

    Args:
        uow: the unit of work.
        payment: the payment.
        settled: what it has touched so far; what it touches here is put in.
        customer: whose invoices it settles.
        amount_minor: by how much to look ahead: what was designated may lie among the oldest.
    """
    plans = await covered_first(uow, customer, payment.currency)
    goes_on = {call.invoice_id for call in plans.later}
    for invoice, cash in _serve(payment.unapplied_minor, plans.due, plans.invoices):
        await _settle(uow, payment, Designation(invoice, cash, 0), settled, closes_rest=invoice.id not in goes_on)
    seen = set(plans.invoices)
    later = plans.later
    while payment.unapplied_minor > 0:
        oldest = await repository.load_oldest_invoices(uow, customer.id, payment.currency, amount_minor, seen)
        seen |= {invoice.id for invoice in oldest}
        earned = 0
        wanted = _merge(oldest, payment.received_on, later)
        for invoice, cash in _serve(payment.unapplied_minor, wanted, {row.id: row for row in oldest} | plans.invoices):
            if invoice.id in plans.invoices:
                await _settle(uow, payment, Designation(invoice, cash, 0), settled)
            else:
                earned += await _settle_cash(uow, payment, invoice, cash, settled)
        # A discount makes the payment reach further than the amounts open had said.
        if not earned:
            return
        later = _left_of(later, plans.invoices)


def _merge(invoices: Sequence[Invoice], received_on: date, later: Sequence[Call]) -> list[Call]:
    """What is asked for, in the order of what is due; at a discount less money is needed."""
    by_id = {invoice.id: invoice for invoice in invoices}
    asked = []
    for portion in portions(open_item(invoice) for invoice in invoices):
        invoice = by_id[portion.item.invoice_id]
        needed = portion.available
        if not portion.item.parts:
            charges = min(needed, invoice.charges_open_minor)
            on = max(received_on, invoice.issued_on)
            needed = charges + cash_needed(needed - charges, best_percent(discount_terms(invoice), on))
        asked.append(Call(portion.due_on, invoice.id, needed))
    return sorted([*asked, *later], key=lambda call: call.due_on) if later else asked


def _serve(cash_minor: int, wanted: Iterable[Call], invoices: Mapping[UUID, Invoice]) -> list[tuple[Invoice, int]]:
    """How much of a payment goes to each invoice, in the order in which it is asked for."""
    left = cash_minor
    taken: dict[UUID, int] = {}
    for call in wanted:
        part = min(left, call.amount_minor)
        if part:
            taken[call.invoice_id] = taken.get(call.invoice_id, 0) + part
            left -= part
    return [(invoices[invoice_id], part) for invoice_id, part in taken.items()]


def _left_of(later: Iterable[Call], invoices: Mapping[UUID, Invoice]) -> list[Call]:
    """What is still asked for of invoices that have been settled meanwhile."""
    room = {invoice_id: open_item(invoice).available for invoice_id, invoice in invoices.items()}
    left = []
    # The last ones are left over.
    for call in reversed(list(later)):
        part = min(call.amount_minor, room[call.invoice_id])
        room[call.invoice_id] -= part
        left.append(call._replace(amount_minor=part))
    return left[::-1]


async def _settle_cash(uow: UnitOfWork, payment: Payment, invoice: Invoice, cash_minor: int, settled: Settled) -> int:
    item = open_item(invoice)
    charges = min(cash_minor, item.interest_open + item.fees_open)
    discountable = min(item.principal_open, item.available - charges)
    on = max(payment.received_on, invoice.issued_on)
    earned = credited(cash_minor - charges, discountable, discount_terms(invoice), on)
    await _settle(uow, payment, Designation(invoice, charges + earned.cash_minor, earned.discount_minor), settled)
    return earned.discount_minor


async def _settle(
    uow: UnitOfWork, payment: Payment, item: Designation, settled: Settled, *, closes_rest: bool = True
) -> None:
    """Apply a part of a payment to an invoice.

    Args:
        uow: the unit of work.
        payment: the payment.
        item: which part, and of which invoice.
        settled: what the payment has touched; the invoice is put in.
        closes_rest: whether a rest within the tolerance is short paid; what is agreed for later is not.
    """
    invoice = item.invoice
    uow.track(invoice)
    discount = item.discount_minor
    if discount is None:
        discount = _earned_discount(payment, item)
    differences = item.differences
    given_up = sum(difference.amount_minor for difference in differences)
    rest = invoice.open_minor - item.amount_minor - discount - given_up
    if closes_rest and not differences and 0 < rest <= min(_tolerance(uow, invoice.currency), item.amount_minor - 1):
        differences = (Difference(SHORT_PAYMENT, rest),)
    await settle(uow, payment, invoice, item.amount_minor, discount_minor=discount, differences=differences)
    settled.invoices[invoice.id] = invoice


def _earned_discount(payment: Payment, item: Designation) -> int:
    invoice = item.invoice
    given_up = sum(difference.amount_minor for difference in item.differences)
    charges = min(item.amount_minor, invoice.charges_open_minor)
    discountable = max(0, invoice.principal_open_minor - given_up)
    on = max(payment.received_on, invoice.issued_on)
    earned = credited(item.amount_minor - charges, discountable, discount_terms(invoice), on)
    return max(0, min(earned.discount_minor, invoice.open_minor - item.amount_minor - given_up))


def _tolerance(uow: UnitOfWork, currency: str) -> int:
    """What a payment may fall short of an invoice and still close it, by the tenant's setting."""
    tolerance = uow.tenant.settings["short_pay_tolerance"].get(currency)
    return 0 if tolerance is None else parse_amount(tolerance, currency)


async def lock_payers(uow: UnitOfWork, customer_id: UUID, allocations: Sequence[Fields]) -> dict[UUID, Customer]:
    """Lock the payer and the customers whose invoices it pays, all at once and in id order."""
    owners = await repository.find_invoice_customers(uow, references_of(allocations))
    return {customer.id: customer for customer in await uow.lock_customers({customer_id, *owners})}


async def designate(
    uow: UnitOfWork, payment: Payment, allocations: Sequence[Fields], *, for_others: bool, available_minor: int
) -> list[Designation]:
    """The payer's own allocations, checked against what is open and what there is to allocate; one for each invoice.

    Raises:
        ProblemError: 422 naming the allocation that is not valid.
    """
    if not allocations:
        return []
    references = references_of(allocations)
    if payment.customer_id is None:
        raise invalid("/allocations", Code.state_conflict, "Assign the payment to a customer before allocating it.")
    found = await load_customer_invoices(uow, None if for_others else payment.customer_id, references)
    wanted: dict[UUID, Designation] = {}
    for index, (reference, item) in enumerate(zip(references, allocations, strict=True)):
        pointer = f"/allocations/{index}"
        invoice = found.get(reference)
        if invoice is None:
            name = "invoice_id" if reference.id is not None else "invoice_external_id"
            raise invalid(
                f"{pointer}/{name}",
                Code.unknown_reference,
                "The customer has no invoice with this id. To pay another customer's, send for_other_customers: true.",
            )
        one = _designation(pointer, payment, invoice, item)
        if _settles(one) == 0:
            raise invalid(f"{pointer}/amount", Code.out_of_range, "This amount must be more than zero.")
        together = wanted[invoice.id] = _together(wanted.get(invoice.id), one)
        if (together.discount_minor or 0) > invoice.principal_open_minor:
            raise invalid(f"{pointer}/discount_taken", Code.allocation_exceeds_open, "This is more than is open.")
        if _settles(together) > invoice.open_minor + invoice.written_off_minor:
            raise invalid(f"{pointer}/amount", Code.allocation_exceeds_open, "This is more than the invoice has open.")
    designations = list(wanted.values())
    if sum(designation.amount_minor for designation in designations) > available_minor:
        raise invalid(
            "/allocations", Code.allocation_exceeds_payment, "The allocations add up to more than the payment has left."
        )
    return designations


async def still_possible(uow: UnitOfWork, payment: Payment, allocations: Sequence[Fields]) -> list[Designation]:
    """What was designated when an instrument was handed over, as far as it is still open; the rest stays unapplied."""
    references = references_of(allocations)
    found = await load_customer_invoices(uow, None, references)
    wanted: dict[UUID, Designation] = {}
    for index, (reference, item) in enumerate(zip(references, allocations, strict=True)):
        invoice = found.get(reference)
        if invoice is None or invoice.status not in RECEIVABLE or invoice.currency != payment.currency:
            continue
        meant = _designation(f"/allocations/{index}", payment, invoice, item)
        together = _together(wanted.get(invoice.id), meant)
        if _settles(together) > invoice.open_minor or (together.discount_minor or 0) > invoice.principal_open_minor:
            # The money goes first; what was to be given up beside it was meant for another amount.
            together = Designation(invoice, min(together.amount_minor, invoice.open_minor))
        wanted[invoice.id] = together
    return [designation for designation in wanted.values() if _settles(designation)]


def _together(known: Designation | None, more: Designation) -> Designation:
    """What is designated for one invoice in several places: it is settled once, so that one discount is worked out."""
    if known is None:
        return more
    stated = [item.discount_minor for item in (known, more) if item.discount_minor is not None]
    return Designation(
        known.invoice,
        known.amount_minor + more.amount_minor,
        sum(stated) if stated else None,
        known.differences + more.differences,
    )


def _designation(pointer: str, payment: Payment, invoice: Invoice, item: Fields) -> Designation:
    currency = payment.currency
    if invoice.currency != currency:
        raise invalid(
            f"{pointer}/amount",
            Code.currency_mismatch,
            f"The invoice is in {invoice.currency}. Record the payment in that currency, and what was handed over in "
            "`tendered`.",
        )
    if invoice.status not in RECEIVABLE | {"written_off"}:
        raise invalid(
            f"{pointer}/amount", Code.allocation_exceeds_open, f"Nothing is open: the invoice is {invoice.status}."
        )
    amount = not_negative(f"{pointer}/amount", item["amount"], currency)
    stated = item["discount_taken"]
    discount = None if stated is None else not_negative(f"{pointer}/discount_taken", stated, currency)
    differences = tuple(
        Difference(
            difference["reason"],
            positive(f"{pointer}/differences/{number}/amount", difference["amount"], currency),
        )
        for number, difference in enumerate(item["differences"])
    )
    return Designation(invoice, amount, discount, differences)


def _settles(designation: Designation) -> int:
    given_up = sum(difference.amount_minor for difference in designation.differences)
    return designation.amount_minor + (designation.discount_minor or 0) + given_up


def references_of(allocations: Sequence[Fields]) -> list[Reference]:
    """The invoices that allocations name."""
    # What was kept of a pending instrument has been through JSON.
    ids = [item["invoice_id"] if item["invoice_id"] is None else UUID(str(item["invoice_id"])) for item in allocations]
    return [Reference(id_, item["invoice_external_id"]) for id_, item in zip(ids, allocations, strict=True)]
