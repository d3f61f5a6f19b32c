"""What payment plans are judged by: what was agreed, and what has settled the invoices that they cover."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import selectinload

from app.core.uow import UnitOfWork
from app.domain.interest import DayCount
from app.domain.plan import Agreement, Instalment, Quote, Surplus
from app.models import Allocation, Invoice, PaymentPlan, PlanInvoice

_SURPLUS: Final[dict[str, Surplus]] = {"shorten": "shorten", "reamortise": "reamortise", "next": "next"}


class Receipt(NamedTuple):
    """What has settled a part of a plan, in minor units; `is_loss` where nobody has paid it."""

    on: date
    amount_minor: int
    is_loss: bool = False


def definition_of(offer: Quote, terms: Mapping[str, Any]) -> dict[str, Any]:
    """A quote in the form in which a plan keeps it."""
    return {
        "terms": dict(terms),
        "starts_on": offer.ask.starts_on.isoformat(),
        "day_count": offer.ask.interest.day_count.value,
        "instalments": [
            [
                each.number,
                each.due_on.isoformat(),
                each.nominal_on.isoformat(),
                each.principal_minor,
                each.interest_minor,
                each.fee_minor,
            ]
            for each in offer.instalments
        ],
    }


def agreement_of(plan: PaymentPlan) -> Agreement:
    """A plan as it was agreed."""
    return Agreement(
        instalments=tuple(
            Instalment(number, date.fromisoformat(due_on), date.fromisoformat(nominal_on), principal, interest, fee)
            for number, due_on, nominal_on, principal, interest, fee in plan.definition["instalments"]
        ),
        starts_on=date.fromisoformat(plan.definition["starts_on"]),
        grace_days=plan.grace_days,
        allowed_misses=plan.allowed_misses,
        surplus=_SURPLUS[plan.surplus],
        day_count=DayCount(plan.definition["day_count"]),
    )


def payments_of(receipts: Iterable[Receipt]) -> list[tuple[date, int]]:
    """Receipts as the domain takes them."""
    return [(receipt.on, receipt.amount_minor) for receipt in receipts]


async def load_plans(
    uow: UnitOfWork, customer_ids: Collection[UUID], touched: Collection[UUID] = ()
) -> Sequence[PaymentPlan]:
    """Active plans of customers, and completed ones whose invoices were touched; with instalments and invoices."""
    reopens = and_(
        PaymentPlan.status == "completed",
        exists(
            select(1).where(
                PlanInvoice.tenant_id == PaymentPlan.tenant_id,
                PlanInvoice.plan_id == PaymentPlan.id,
                PlanInvoice.invoice_id.in_(touched),
            )
        ),
    )
    rows = await uow.session.scalars(
        select(PaymentPlan)
        .where(
            PaymentPlan.tenant_id == uow.tenant_id,
            PaymentPlan.customer_id.in_(customer_ids),
            or_(PaymentPlan.status == "active", reopens) if touched else PaymentPlan.status == "active",
        )
        .options(selectinload(PaymentPlan.instalments), selectinload(PaymentPlan.invoices))
        .order_by(PaymentPlan.id)
    )
    # One that was ended by this unit of work may not have been written.
    return [plan for plan in rows if plan.status in {"active", "completed"}]


async def load_covered(uow: UnitOfWork, plans: Iterable[PaymentPlan]) -> dict[UUID, list[Invoice]]:
    """What each plan covers, in the order in which it is settled: oldest due first (rule M3)."""
    wanted = {plan.id: [item.invoice_id for item in plan.invoices] for plan in plans}
    rows = await uow.session.scalars(
        select(Invoice).where(
            Invoice.tenant_id == uow.tenant_id, Invoice.id.in_({each for own in wanted.values() for each in own})
        )
    )
    found = {invoice.id: invoice for invoice in rows}
    return {plan_id: in_turn(found[invoice_id] for invoice_id in own) for plan_id, own in wanted.items()}


def in_turn(invoices: Iterable[Invoice]) -> list[Invoice]:
    """Invoices in the order in which they are settled."""
    return sorted(invoices, key=lambda invoice: (invoice.due_on, invoice.issued_on, invoice.id))


async def load_receipts(uow: UnitOfWork, plans: Sequence[PaymentPlan]) -> dict[UUID, list[Receipt]]:
    """What has settled each plan since it became active, by its id.

    Whatever lowers what its invoices owe does: payments and credits, discounts and differences, and what is given up
    of it. What had settled them before, and charges that it does not include, are no part of it.
    """
    await uow.write_new()
    invoice_ids = {item.invoice_id for plan in plans for item in plan.invoices}
    settled = await _load_allocations(uow, invoice_ids)
    given_up = await uow.driver.fetch(_GIVEN_UP, uow.tenant_id, list(invoice_ids))
    receipts: dict[UUID, list[Receipt]] = defaultdict(list)
    for plan in plans:
        known = set(plan.known_ids)
        for item in plan.invoices:
            receipts[plan.id] += [
                Receipt(allocation.effective_on, allocation.settled_minor)
                for allocation in settled.get(item.invoice_id, ())
                if allocation.id not in known and allocation.settled_minor > 0
            ]
        covered = {item.invoice_id for item in plan.invoices}
        receipts[plan.id] += [
            Receipt(row["on"], int(row["amount"]), row["what"] in {"write_off", "invoice_voided"})
            for row in given_up
            if row["invoice_id"] in covered and row["amount"] > 0 and _counts(row, plan, known)
        ]
    return receipts


def _counts(row: Mapping[str, Any], plan: PaymentPlan, known: Collection[UUID]) -> bool:
    """Whether something that was given up was owed to the plan."""
    if row["what"] == "charge_reversed":
        return row["origin_id"] in known
    if row["what"] == "charge_waived":
        return row["origin_id"] in known or row["plan_id"] == plan.id
    return row["origin_id"] not in known


async def _load_allocations(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> dict[UUID, list[Allocation]]:
    # As rows: what was taken back by this unit of work may not have been written.
    rows = await uow.session.scalars(
        select(Allocation).where(
            Allocation.tenant_id == uow.tenant_id,
            Allocation.invoice_id.in_(invoice_ids),
            Allocation.reversed_at.is_(None),
        )
    )
    found: dict[UUID, list[Allocation]] = defaultdict(list)
    for allocation in rows:
        if allocation.reversed_at is None:
            found[allocation.invoice_id].append(allocation)
    return found


async def known_ids(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> set[UUID]:
    """What has settled invoices so far, which a plan that begins now does not count."""
    await uow.write_new()
    settled = await _load_allocations(uow, invoice_ids)
    given_up = await uow.driver.fetch(_GIVEN_UP, uow.tenant_id, list(invoice_ids))
    known = {allocation.id for own in settled.values() for allocation in own}
    return known | {row["origin_id"] for row in given_up if not row["what"].startswith("charge_")}


# A write-off counts as far as it stands, on its first day.
_GIVEN_UP: Final = """
SELECT invoice_id, write_off_id AS origin_id, NULL::uuid AS plan_id, 'write_off' AS what,
    min(effective_on) AS "on", -sum(amount_minor) AS amount
FROM ledger_entries
WHERE tenant_id = $1 AND invoice_id = ANY($2::uuid[]) AND write_off_id IS NOT NULL
GROUP BY invoice_id, write_off_id
UNION ALL
SELECT e.invoice_id, e.charge_id, c.plan_id, e.kind, e.effective_on, -e.amount_minor
FROM ledger_entries e JOIN charges c ON c.tenant_id = e.tenant_id AND c.id = e.charge_id
WHERE e.tenant_id = $1 AND e.invoice_id = ANY($2::uuid[]) AND e.kind IN ('charge_waived', 'charge_reversed')
UNION ALL
SELECT invoice_id, id, NULL::uuid, kind, effective_on, -amount_minor FROM ledger_entries
WHERE tenant_id = $1 AND invoice_id = ANY($2::uuid[]) AND kind IN ('difference_closed', 'invoice_voided')
    AND allocation_id IS NULL
"""
