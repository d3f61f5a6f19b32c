"""What a plan over some invoices would be: its instalments, its cost, and whether the tenant allows it (rule P1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from uuid import UUID

from app.core.amounts import not_negative, positive
from app.core.calendars import calendar_of
from app.core.errors import FieldError, ProblemError, conflict, invalid
from app.core.uow import UnitOfWork
from app.core.wire import money
from app.domain.errors import Code
from app.domain.interest import DayCount
from app.domain.invoice_state import RECEIVABLE
from app.domain.plan import PlanAsk, PlanError, PlanInterest, Quote
from app.domain.plan_payments import cut_off
from app.domain.plan_quote import quote, terms, terms_hash
from app.domain.plan_rules import PlanFacts, check
from app.domain.plan_rules_wire import plan_rules
from app.ledger.entries import component_order
from app.models import Customer, Invoice, PaymentPlan
from app.plans import repository
from app.settlement.plan_facts import agreement_of, in_turn, load_receipts, payments_of
from app.settlement.references import Reference, load_customer_invoices

Fields = Mapping[str, Any]
# The field that a rule of the tenant is about.
_POINTERS = {
    "allowed_kinds": "/invoice_ids",
    "min_amount": "/invoice_ids",
    "max_amount": "/invoice_ids",
    "max_months": "/instalment_count",
    "min_down_payment_percent": "/down_payment",
    "min_instalment": "/instalment_count",
    "max_open_plans": "/invoice_ids",
    "max_grace_days": "/grace_days",
    "max_allowed_misses": "/allowed_misses",
    "allowed_interest": "/interest/kind",
    "max_annual_rate": "/interest/annual_rate",
    "compound_agreement": "/charges_bear_interest",
}


@dataclass(frozen=True, slots=True)
class Cover:
    """An invoice that a plan would cover, and what of it, in minor units."""

    invoice: Invoice
    principal_minor: int
    charges_minor: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan as it could be agreed."""

    covers: Sequence[Cover]
    quote: Quote
    terms: dict[str, Any]

    @property
    def terms_hash(self) -> str:
        """What an acceptance names."""
        return terms_hash(self.terms)

    @property
    def payload(self) -> dict[str, Any]:
        """The terms as they are shown, with their hash."""
        return {**self.terms, "terms_hash": self.terms_hash}


def references_of(fields: Fields) -> list[tuple[str, Reference]]:
    """The invoices that are named, each with its place in the request.

    Raises:
        ProblemError: 422 where none is.
    """
    named = [(f"/invoice_ids/{index}", Reference(id_, None)) for index, id_ in enumerate(fields["invoice_ids"])]
    named += [
        (f"/invoice_external_ids/{index}", Reference(None, external_id))
        for index, external_id in enumerate(fields["invoice_external_ids"])
    ]
    if not named:
        raise invalid("/invoice_ids", Code.missing, "Name the invoices that the plan covers.")
    return named


async def load_invoices(uow: UnitOfWork, customer_id: UUID | None, fields: Fields) -> list[Invoice]:
    """The invoices that are named: open ones of one customer in one currency, in the order in which they are settled.

    Raises:
        ProblemError: 422 naming the one that is not.
    """
    named = references_of(fields)
    found = await load_customer_invoices(uow, customer_id, [reference for _, reference in named])
    chosen: dict[UUID, Invoice] = {}
    for pointer, reference in named:
        invoice = found.get(reference)
        if invoice is None:
            raise invalid(pointer, Code.unknown_reference, "The customer has no invoice with this id.")
        if invoice.id in chosen:
            raise invalid(pointer, Code.duplicate_value, "This invoice is named twice.")
        first = next(iter(chosen.values()), invoice)
        if invoice.customer_id != first.customer_id:
            raise invalid(pointer, Code.invalid_value, "A plan covers invoices of one customer.")
        if invoice.currency != first.currency:
            raise invalid(pointer, Code.currency_mismatch, f"A plan is in one currency; the first is {first.currency}.")
        if invoice.status not in RECEIVABLE:
            raise invalid(pointer, Code.state_conflict, f"Nothing is open: the invoice is {invoice.status}.")
        chosen[invoice.id] = invoice
    return in_turn(chosen.values())


async def make_offer(
    uow: UnitOfWork, customer: Customer, invoices: Sequence[Invoice], fields: Fields, replaced: PaymentPlan | None
) -> Offer:
    """Work a plan out.

    Args:
        uow: the unit of work.
        customer: who would owe it.
        invoices: what it would cover, in the order in which they are settled.
        fields: what is asked for.
        replaced: the active plan over the same invoices whose place it would take (rule P5).

    Raises:
        ProblemError: 409 where another plan covers an invoice, 422 for what cannot be or is not allowed.
    """
    without = [] if replaced is None else [replaced.id]
    in_force = await repository.find_in_force(uow, [invoice.id for invoice in invoices], without)
    if in_force is not None:
        raise conflict(Code.state_conflict, f"Payment plan {in_force} covers one of these invoices; restructure that.")
    dropped = 0 if replaced is None else await _unearned_minor(uow, replaced)
    covers = _covers(uow, invoices, dropped, include_charges=fields["include_charges"])
    try:
        found = quote(_ask(uow, covers, fields), calendar_of(uow.tenant.settings["calendar"]))
    except PlanError as error:
        pointer = "/invoice_ids" if error.pointer == "/principal" else error.pointer
        raise invalid(pointer, error.code, error.message) from error
    facts = PlanFacts(
        customer_kind=customer.kind,
        open_plans=await repository.count_open(uow, customer.id, without),
        grace_days=fields["grace_days"],
        allowed_misses=fields["allowed_misses"],
        has_compound_agreement=fields["compound_agreement"] is not None,
    )
    _require_allowed(uow, found, facts)
    return Offer(covers, found, _terms(found, customer, covers, fields, replaced))


async def _unearned_minor(uow: UnitOfWork, plan: PaymentPlan) -> int:
    """By how much less would be owed if a plan ended today: its interest that is neither earned nor paid."""
    receipts = (await load_receipts(uow, [plan]))[plan.id]
    ended = cut_off(agreement_of(plan), payments_of(receipts), uow.today)
    kept = sum(share.interest_minor for share in ended.shares)
    return max(0, sum(part.interest_minor for part in plan.instalments) - kept)


def _covers(uow: UnitOfWork, invoices: Sequence[Invoice], dropped_minor: int, *, include_charges: bool) -> list[Cover]:
    """What is open of each invoice once interest of a plan that ends has been taken off the last one."""
    left = dropped_minor
    covers = []
    for invoice in reversed(invoices):
        opens = {
            "interest": invoice.interest_open_minor,
            "fees": invoice.fees_open_minor,
            "principal": invoice.principal_open_minor,
        }
        # What had paid the interest pays the others of the invoice, in their order.
        for component in ("interest", *(name for name in component_order(uow) if name != "interest")):
            part = min(left, opens[component])
            opens[component] -= part
            left -= part
        charges = opens["interest"] + opens["fees"] if include_charges else 0
        covers.append(Cover(invoice, opens["principal"], charges))
    return covers[::-1]


def _ask(uow: UnitOfWork, covers: Sequence[Cover], fields: Fields) -> PlanAsk:
    currency = covers[0].invoice.currency
    interest = fields["interest"]
    amount = fields["instalment_amount"]
    return PlanAsk(
        currency=currency,
        principal_minor=sum(cover.principal_minor for cover in covers),
        charges_minor=sum(cover.charges_minor for cover in covers),
        charges_bear_interest=fields["charges_bear_interest"],
        starts_on=fields["starts_on"] or uow.today,
        first_due_on=fields["first_due_on"],
        frequency=fields["frequency"],
        preferred_day=fields["preferred_day"],
        instalment_count=fields["instalment_count"],
        instalment_minor=None if amount is None else positive("/instalment_amount", amount, currency),
        down_payment_minor=not_negative("/down_payment", fields["down_payment"], currency),
        down_payment_on=fields["down_payment_on"],
        setup_fee_minor=not_negative("/setup_fee", fields["setup_fee"], currency),
        fee_placement=fields["fee_placement"],
        interest=PlanInterest(interest["kind"], Fraction(interest["annual_rate"]), DayCount(interest["day_count"])),
        roll=fields["roll"],
    )


def _require_allowed(uow: UnitOfWork, found: Quote, facts: PlanFacts) -> None:
    rules = plan_rules(uow.tenant.settings["agreement_rules"].get("plans"), found.ask.currency)
    faults = [
        FieldError(_POINTERS[broken.rule], broken.code, f"plans.{broken.rule}: {broken.message}")
        for broken in check(found, rules, facts)
    ]
    if faults:
        raise ProblemError(422, Code.plan_not_allowed, faults[0].message, faults)


def _terms(
    found: Quote, customer: Customer, covers: Sequence[Cover], fields: Fields, replaced: PaymentPlan | None
) -> dict[str, Any]:
    currency = found.ask.currency
    return terms(
        found,
        customer_id=str(customer.id),
        invoices=[
            {
                "invoice_id": str(cover.invoice.id),
                "number": cover.invoice.number,
                "principal": money(cover.principal_minor, currency),
                "charges": money(cover.charges_minor, currency),
            }
            for cover in covers
        ],
        preferred_day=fields["preferred_day"],
        fee_placement=fields["fee_placement"],
        roll=fields["roll"],
        grace_days=fields["grace_days"],
        allowed_misses=fields["allowed_misses"],
        surplus=fields["surplus"],
        compound_agreement=fields["compound_agreement"],
        total_cost=money(found.cost_minor, currency),
        supersedes_id=None if replaced is None else str(replaced.id),
    )
