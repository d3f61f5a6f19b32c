"""What a customer does with the link of a proposed plan: read it, and accept it once."""

from app.core.errors import ProblemError, conflict
from app.core.security import hash_secret
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.models import PaymentPlan, PlanLink
from app.plans import repository
from app.plans.accepting import Acceptance, Acknowledged, accept
from app.plans.repository import PLANS

_SHOWN = ("proposed", "active", "completed")


async def read(uow: UnitOfWork, token: str) -> tuple[PaymentPlan, PlanLink]:
    """The plan behind a link.

    Raises:
        ProblemError: 404, 410 once the link has expired or the plan is no longer offered.
    """
    link = await repository.find_link_by_hash(uow, hash_secret(token))
    if link is None:
        raise ProblemError(404, Code.not_found, "No such link.")
    plan = await PLANS.get(uow, link.plan_id)
    _require_open(uow, plan, link)
    return plan, link


async def accept_link(
    uow: UnitOfWork, token: str, *, name: str, address: str, terms_hash: str | None
) -> tuple[Acknowledged, PlanLink]:
    """Accept the plan behind a link; it can be done once.

    Raises:
        ProblemError: 404, 409 where it was accepted already or has changed, 410 once the link has expired or the plan
            is no longer offered.
    """
    found = await repository.find_link_by_hash(uow, hash_secret(token))
    if found is None:
        raise ProblemError(404, Code.not_found, "No such link.")
    customer, plan = await PLANS.lock(uow, found.plan_id)
    # As it is under the lock: the plan may have been proposed anew meanwhile, by another link.
    link = await repository.find_link(uow, plan.id)
    if link is None or link.token_hash != hash_secret(token):
        raise ProblemError(410, Code.link_expired, "This link was replaced by a newer one.")
    if link.used_at is not None:
        raise conflict(Code.state_conflict, "The payment plan was accepted by this link already.")
    _require_open(uow, plan, link)
    given = Acceptance(by=name, method="link", address=address, terms_hash=terms_hash or plan.terms_hash)
    acknowledged = await accept(uow, customer, plan, given)
    link.used_at = uow.now
    return acknowledged, link


def _require_open(uow: UnitOfWork, plan: PaymentPlan, link: PlanLink) -> None:
    if link.expires_at <= uow.now:
        raise ProblemError(410, Code.link_expired, "This link has expired; ask for a new one.")
    if plan.status not in _SHOWN:
        raise ProblemError(410, Code.link_expired, "The payment plan is no longer offered.")
