"""Commands on the tenant's own settings."""

from collections.abc import Mapping
from typing import Any

from app.core.uow import UnitOfWork
from app.models import Tenant
from app.settlement.rate_tables import check_setting
from app.settlement.reconcile import wake_all
from app.settlement.terms import check_choice
from app.tenants import repository

# Time alone decides by these what goes out or is posted when, so a change of one asks anew for every customer.
_DECIDES_SENDING = (
    "time_zone", "send_window", "calendar", "max_contacts_per_day", "sending", "dunning_mode", "contact_profile",
    "contact_rules", "late_interest", "channels",
)  # fmt: skip
# Kept together: what is agreed is bound by them when it is agreed.
_AGREEMENT_RULES = ("promises", "disputes", "plans", "write_offs")


async def get(uow: UnitOfWork) -> Tenant:
    """The tenant of the request."""
    return await repository.find(uow)


async def lock(uow: UnitOfWork) -> Tenant:
    """The tenant, held until the end of the unit of work, so that what is checked is what is changed."""
    return await uow.lock_tenant()


async def update(uow: UnitOfWork, tenant: Tenant, fields: Mapping[str, Any]) -> Tenant:
    """Change the named fields of the tenant, which is locked.

    Stored amounts and dates stay what they are; what is decided from now on goes by the new settings.

    Raises:
        ProblemError: 422 for payment terms that contradict themselves or are not kept.
    """
    await check_setting(uow, fields.get("late_interest"))
    before = {name: getattr(tenant, name) for name in _DECIDES_SENDING}
    for name, value in fields.items():
        if name == "sender":
            for part, text in value.items():
                setattr(tenant, f"sender_{part}", text)
        elif name == "payment_terms":
            tenant.payment_terms = await check_choice(uow, "/payment_terms", value)
        elif name in _AGREEMENT_RULES:
            tenant.agreement_rules = {**tenant.agreement_rules, name: value}
        else:
            setattr(tenant, name, value)
    await uow.flush()
    if any(getattr(tenant, name) != value for name, value in before.items()):
        await wake_all(uow)
    if tenant.sending != before["sending"] and tenant.sending != "paused":
        # What was ready when sending was paused goes out now.
        uow.ring("reminder.send")
    return tenant
