"""Which policy version a new case starts with: the invoice's, the customer's, a segment's, or the tenant's default."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from app.core.uow import UnitOfWork
from app.domain.conditions import Conditions
from app.domain.policy import Policy
from app.dunning.definitions import load_policies, parse_conditions
from app.dunning.facts import debtor_of
from app.models import Customer, DunningPolicy, Invoice

_Key = tuple[UUID, int]


@dataclass(frozen=True, slots=True)
class _Segment:
    conditions: Conditions
    key: _Key


async def load_assignments(
    uow: UnitOfWork, customers: Mapping[UUID, Customer], invoices: Iterable[Invoice]
) -> dict[UUID, Policy]:
    """The published version for each invoice: of the first that names one.

    An invoice's own policy comes before its customer's, then the published policy of the lowest priority whose
    `applies_to` the invoice meets, then the tenant's default.
    """
    wanted = {
        invoice.id: (invoice, invoice.dunning_policy_id or customers[invoice.customer_id].dunning_policy_id)
        for invoice in invoices
    }
    named = {policy_id for _, policy_id in wanted.values() if policy_id is not None}
    published = await _load_published(uow, named) if named else {}
    has_unnamed = any(policy_id is None for _, policy_id in wanted.values())
    segments = await _load_segments(uow) if uow.tenant.has_segments and has_unnamed else []
    assigned = {
        invoice_id: published.get(policy_id)
        if policy_id is not None
        else _of_segment(segments, customers[invoice.customer_id], invoice) or uow.tenant.default_policy
        for invoice_id, (invoice, policy_id) in wanted.items()
    }
    policies = await load_policies(uow, {key for key in assigned.values() if key is not None})
    return {invoice_id: policies[key] for invoice_id, key in assigned.items() if key is not None}


async def _load_published(uow: UnitOfWork, policy_ids: set[UUID]) -> dict[UUID, _Key]:
    rows = await uow.session.execute(
        select(DunningPolicy.id, DunningPolicy.published_number).where(
            DunningPolicy.tenant_id == uow.tenant_id,
            DunningPolicy.id.in_(policy_ids),
            DunningPolicy.published_number.is_not(None),
        )
    )
    return {policy_id: (policy_id, number or 0) for policy_id, number in rows}


async def _load_segments(uow: UnitOfWork) -> list[_Segment]:
    rows = await uow.session.execute(
        select(DunningPolicy.applies_to, DunningPolicy.id, DunningPolicy.published_number)
        .where(
            DunningPolicy.tenant_id == uow.tenant_id,
            func.jsonb_typeof(DunningPolicy.applies_to) == "object",
            DunningPolicy.published_number.is_not(None),
        )
        .order_by(DunningPolicy.priority, DunningPolicy.id)
    )
    return [_Segment(parse_conditions(applies_to), (policy_id, number or 0)) for applies_to, policy_id, number in rows]


def _of_segment(segments: Iterable[_Segment], customer: Customer, invoice: Invoice) -> _Key | None:
    for segment in segments:
        if segment.conditions.met_by(debtor_of(customer), currency=invoice.currency, amount_minor=invoice.total_minor):
            return segment.key
    return None
