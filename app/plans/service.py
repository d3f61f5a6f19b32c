"""Commands on payment plans before and beside their acceptance: lock, load, decide, write, emit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.core.errors import conflict, invalid
from app.core.ids import new_id
from app.core.security import new_link
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.invoice_state import RECEIVABLE
from app.domain.plan_payments import Payoff, payoff
from app.domain.states import PLAN
from app.models import Customer, PaymentPlan, PlanInstalment, PlanInvoice, PlanLink
from app.plans import repository
from app.plans.quoting import Offer, load_invoices, make_offer, references_of
from app.plans.repository import PLANS
from app.settlement.plan_facts import agreement_of, definition_of, load_covered, load_receipts, payments_of
from app.settlement.plans import end_plan
from app.settlement.reconcile import reconcile, wake
from app.settlement.references import lock_invoice_customer

Fields = Mapping[str, Any]
OFFERED_FOR: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan, and the token of its link where it was proposed; the token is kept nowhere."""

    plan: PaymentPlan
    token: str | None = None


async def quote(uow: UnitOfWork, fields: Fields) -> Offer:
    """Work a plan out without keeping anything.

    Raises:
        ProblemError: 409 where another plan covers an invoice, 422 for what cannot be or is not allowed.
    """
    invoices = await load_invoices(uow, None, fields)
    customer = await uow.session.get_one(Customer, (uow.tenant_id, invoices[0].customer_id))
    return await make_offer(uow, customer, invoices, fields, None)


async def create(uow: UnitOfWork, fields: Fields) -> Proposal:
    """Draw a plan up, and propose it where that is asked for.

    Raises:
        ProblemError: 409 where the external id is taken or another plan covers an invoice, 422 for what cannot be.
    """
    pointer, first = references_of(fields)[0]
    customer, _ = await lock_invoice_customer(uow, first, pointer)
    invoices = await load_invoices(uow, customer.id, fields)
    offer = await make_offer(uow, customer, invoices, fields, None)
    return await _keep(uow, customer, offer, fields, None)


async def restructure(uow: UnitOfWork, customer: Customer, plan: PaymentPlan, fields: Fields) -> Proposal:
    """Draw up a plan that takes the place of an active one once it is accepted (rule P5); the customer is locked.

    Raises:
        ProblemError: 409 where it is not active, 422 for what cannot be.
    """
    _require_active(plan)
    if fields["starts_on"] is not None and fields["starts_on"] != uow.today:
        raise invalid("/starts_on", Code.invalid_value, "A restructured plan starts today; leave this out.")
    open_ones = [invoice for invoice in (await load_covered(uow, [plan]))[plan.id] if invoice.status in RECEIVABLE]
    if not open_ones:
        raise conflict(Code.state_conflict, "Nothing is open of what the plan covers.")
    offer = await make_offer(uow, customer, open_ones, fields, plan)
    return await _keep(uow, customer, offer, fields, plan)


async def propose(uow: UnitOfWork, plan: PaymentPlan, expires_at: datetime | None) -> Proposal:
    """Offer a plan to its customer, who is locked; an offer that stands is renewed, and its former link ends.

    Raises:
        ProblemError: 409 where it is neither a draft nor proposed, 422 for an expiry that has passed.
    """
    proposal = await _propose(uow, plan, expires_at)
    await uow.flush()
    return proposal


async def cancel(uow: UnitOfWork, customer: Customer, plan: PaymentPlan, *, reason: str) -> None:
    """Give a plan up under its customer's lock.

    Of an active one, interest that is not earned is taken back and dunning goes on.

    Raises:
        ProblemError: 409 where it has ended.
    """
    PLAN.require(plan.status, "cancelled")
    if plan.status != "active":
        uow.track(plan)
        plan.status, plan.end_reason, plan.ended_on = "cancelled", reason, uow.today
        uow.emit("payment_plan.cancelled", plan)
        await uow.flush()
        return
    covered = await end_plan(uow, customer, plan, status="cancelled", reason=reason, cut_off_on=uow.today)
    await reconcile(uow, {customer.id: customer}, covered)
    wake(uow, customer, uow.now)
    await uow.flush()


async def payoff_of(uow: UnitOfWork, plan_id: UUID, on: date | None) -> tuple[PaymentPlan, Payoff, date]:
    """What pays an active plan off on a day (rule P3).

    Raises:
        ProblemError: 404, 409 where it is not active, 422 for a day that has passed.
    """
    plan = await PLANS.get(uow, plan_id)
    _require_active(plan)
    day = on or uow.today
    if day < uow.today:
        raise invalid("?on", Code.date_order, f"This date lies before the business date, {uow.today.isoformat()}.")
    receipts = (await load_receipts(uow, [plan]))[plan.id]
    return plan, payoff(agreement_of(plan), payments_of(receipts), day), day


async def _keep(
    uow: UnitOfWork, customer: Customer, offer: Offer, fields: Fields, replaced: PaymentPlan | None
) -> Proposal:
    await PLANS.refuse_taken(uow, fields["external_id"], "A payment plan with this external_id was drawn up already.")
    policy_id = fields["dunning_policy_id"]
    if policy_id is not None and not await repository.policy_is_published(uow, policy_id):
        raise invalid("/dunning_policy_id", Code.unknown_reference, "No published dunning policy with this id.")
    if fields["expires_at"] is not None and not fields["propose"]:
        raise invalid("/expires_at", Code.invalid_value, "A draft does not expire; send propose: true with it.")
    plan = _new_plan(uow, customer, offer, fields, replaced)
    if fields["include_charges"]:
        plan.known_ids = sorted(await repository.list_charge_ids(uow, [cover.invoice.id for cover in offer.covers]))
    uow.add(plan)
    for each in offer.quote.instalments:
        plan.instalments.append(
            PlanInstalment(
                tenant_id=uow.tenant_id,
                plan_id=plan.id,
                number=each.number,
                due_on=each.due_on,
                principal_minor=each.principal_minor,
                interest_minor=each.interest_minor,
                fee_minor=each.fee_minor,
                paid_minor=0,
                status="pending",
                missed_on=None,
            )
        )
    for cover in sorted(offer.covers, key=lambda cover: cover.invoice.id):
        plan.invoices.append(
            PlanInvoice(
                tenant_id=uow.tenant_id,
                plan_id=plan.id,
                invoice_id=cover.invoice.id,
                principal_minor=cover.principal_minor,
                charges_minor=cover.charges_minor,
            )
        )
    for child in (*plan.instalments, *plan.invoices):
        uow.add(child)
    await uow.flush()
    if not fields["propose"]:
        return Proposal(plan)
    proposal = await _propose(uow, plan, fields["expires_at"])
    await uow.flush()
    return proposal


def _new_plan(
    uow: UnitOfWork, customer: Customer, offer: Offer, fields: Fields, replaced: PaymentPlan | None
) -> PaymentPlan:
    found = offer.quote
    return PaymentPlan(
        tenant_id=uow.tenant_id,
        id=new_id(),
        external_id=fields["external_id"],
        customer_id=customer.id,
        currency=found.ask.currency,
        status="draft",
        definition=definition_of(found, offer.terms),
        principal_minor=found.principal_minor,
        interest_minor=found.interest_minor,
        down_payment_minor=found.ask.down_payment_minor,
        setup_fee_minor=found.ask.setup_fee_minor,
        frequency=found.ask.frequency,
        first_due_on=found.ask.first_due_on,
        grace_days=fields["grace_days"],
        allowed_misses=fields["allowed_misses"],
        surplus=fields["surplus"],
        terms_hash=offer.terms_hash,
        expires_at=None,
        acceptance=None,
        activated_on=None,
        ended_on=None,
        end_reason=None,
        supersedes_id=None if replaced is None else replaced.id,
        dunning_policy_id=fields["dunning_policy_id"],
        paid_minor=0,
        instalment_changes=0,
        known_ids=[],
        wake_on=None,
        meta=fields["metadata"],
        instalments=[],
        invoices=[],
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )


async def _propose(uow: UnitOfWork, plan: PaymentPlan, expires_at: datetime | None) -> Proposal:
    until = expires_at or uow.now + OFFERED_FOR
    if until <= uow.now:
        raise invalid("/expires_at", Code.out_of_range, "This instant has passed; send a later one.")
    uow.track(plan)
    if plan.status != "proposed":
        PLAN.require(plan.status, "proposed")
        plan.status = "proposed"
    plan.expires_at = until
    made = new_link(uow.tenant_id)
    link = await repository.find_link(uow, plan.id)
    if link is None:
        uow.add(
            PlanLink(
                tenant_id=uow.tenant_id,
                plan_id=plan.id,
                token_hash=made.token_hash,
                expires_at=until,
                used_at=None,
            )
        )
    else:
        link.token_hash, link.expires_at, link.used_at = made.token_hash, until, None
    uow.emit("payment_plan.proposed", plan)
    return Proposal(plan, made.token)


def _require_active(plan: PaymentPlan) -> None:
    if plan.status != "active":
        raise conflict(Code.state_conflict, f"The payment plan is {plan.status}; only an active one can be.")
