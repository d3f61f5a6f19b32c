"""Queries for payment plans."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import selectinload

from app.core.owned import Owned
from app.core.uow import UnitOfWork
from app.models import Charge, DunningPolicy, PaymentPlan, PlanInvoice, PlanLink

PLANS: Final = Owned(
    PaymentPlan,
    "payment plan",
    loads=(selectinload(PaymentPlan.instalments), selectinload(PaymentPlan.invoices)),
)
IN_FORCE: Final = ("accepted", "active")


@dataclass(frozen=True, slots=True)
class PlanFilter:
    """What a list of plans is narrowed to."""

    customer_id: UUID | None = None
    invoice_id: UUID | None = None
    status: str | None = None
    external_id: str | None = None


async def count_open(uow: UnitOfWork, customer_id: UUID, without: Collection[UUID]) -> int:
    """Plans of a customer that are proposed and can still be accepted, or in force."""
    found = await uow.session.scalar(
        select(func.count()).where(
            PaymentPlan.tenant_id == uow.tenant_id,
            PaymentPlan.customer_id == customer_id,
            PaymentPlan.id.not_in(without),
            or_(
                PaymentPlan.status.in_(IN_FORCE),
                (PaymentPlan.status == "proposed") & (PaymentPlan.expires_at > uow.now),
            ),
        )
    )
    return int(found or 0)


async def find_in_force(uow: UnitOfWork, invoice_ids: Collection[UUID], without: Collection[UUID]) -> UUID | None:
    """A plan in force over one of the invoices."""
    return await uow.session.scalar(
        select(PaymentPlan.id)
        .join(PlanInvoice, (PlanInvoice.tenant_id == PaymentPlan.tenant_id) & (PlanInvoice.plan_id == PaymentPlan.id))
        .where(
            PaymentPlan.tenant_id == uow.tenant_id,
            PaymentPlan.status.in_(IN_FORCE),
            PaymentPlan.id.not_in(without),
            PlanInvoice.invoice_id.in_(invoice_ids),
        )
        .limit(1)
    )


async def list_charge_ids(uow: UnitOfWork, invoice_ids: Collection[UUID]) -> set[UUID]:
    """The charges that stand on invoices."""
    rows = await uow.session.scalars(
        select(Charge).where(
            Charge.tenant_id == uow.tenant_id,
            Charge.invoice_id.in_(invoice_ids),
            Charge.status.in_(("posted", "paid")),
        )
    )
    # One that was taken back by this unit of work may not have been written.
    return {made.id for made in rows if made.status in {"posted", "paid"}}


async def policy_is_published(uow: UnitOfWork, policy_id: UUID) -> bool:
    """Whether a dunning policy exists and can be followed."""
    found = await uow.session.scalar(
        select(DunningPolicy.id).where(
            DunningPolicy.tenant_id == uow.tenant_id,
            DunningPolicy.id == policy_id,
            DunningPolicy.published_number.is_not(None),
        )
    )
    return found is not None


async def find_link(uow: UnitOfWork, plan_id: UUID) -> PlanLink | None:
    """The link of a plan, as it is now."""
    return await uow.session.scalar(
        select(PlanLink)
        .where(PlanLink.tenant_id == uow.tenant_id, PlanLink.plan_id == plan_id)
        .execution_options(populate_existing=True)
    )


async def find_link_by_hash(uow: UnitOfWork, token_hash: bytes) -> PlanLink | None:
    """The link with a token."""
    return await uow.session.scalar(
        select(PlanLink).where(PlanLink.tenant_id == uow.tenant_id, PlanLink.token_hash == token_hash)
    )


async def list_page(uow: UnitOfWork, wanted: PlanFilter, *, limit: int, before: UUID | None) -> Sequence[PaymentPlan]:
    """Plans newest first, one more than `limit`."""
    conditions = []
    if wanted.invoice_id is not None:
        covers = exists().where(
            PlanInvoice.tenant_id == PaymentPlan.tenant_id,
            PlanInvoice.plan_id == PaymentPlan.id,
            PlanInvoice.invoice_id == wanted.invoice_id,
        )
        conditions.append(covers)
    return await PLANS.newest_first(
        uow,
        *conditions,
        equal=(
            (PaymentPlan.customer_id, wanted.customer_id),
            (PaymentPlan.status, wanted.status),
            (PaymentPlan.external_id, wanted.external_id),
        ),
        limit=limit,
        before=before,
    )
