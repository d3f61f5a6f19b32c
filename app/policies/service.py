"""Commands on dunning policies (rule D1): drafts change, published versions never do."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm.attributes import flag_modified

from app.core.errors import FieldError, conflict, invalid_fields, not_found
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.dunning.definitions import parse_window
from app.dunning.wording import load_texts
from app.models import DunningPolicy, DunningPolicyVersion
from app.policies import repository
from app.policies.repository import PolicyAndVersion
from app.policies.validation import DEFINITION_FIELDS, Checked, Surroundings, check_definition
from app.settlement.reconcile import wake_all


async def create(uow: UnitOfWork, fields: Mapping[str, Any]) -> PolicyAndVersion:
    """Create a policy as a draft.

    Raises:
        ProblemError: 422 with everything that is wrong with it.
    """
    definition = await _valid_definition(uow, fields)
    policy = DunningPolicy(
        tenant_id=uow.tenant_id,
        id=new_id(),
        is_default=False,
        wants_default=fields["default"],
        latest_number=1,
        published_number=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    version = _draft(uow, policy, name=fields["name"], definition=definition)
    uow.session.add_all([policy, version])
    return policy, version


async def explain(uow: UnitOfWork, fields: Mapping[str, Any]) -> Sequence[FieldError]:
    """What `create` would object to; nothing is stored."""
    return (await _check(uow, fields)).faults


async def get(uow: UnitOfWork, policy_id: UUID) -> PolicyAndVersion:
    """A policy with its latest version.

    Raises:
        ProblemError: 404.
    """
    found = await repository.find(uow, policy_id)
    if found is None:
        raise not_found("dunning policy")
    return found


async def lock(uow: UnitOfWork, policy_id: UUID) -> PolicyAndVersion:
    """A policy with its latest version, held so that what is checked is what is changed.

    Raises:
        ProblemError: 404.
    """
    await uow.lock_tenant()
    return await get(uow, policy_id)


async def get_versions(uow: UnitOfWork, policy_id: UUID) -> tuple[DunningPolicy, Sequence[DunningPolicyVersion]]:
    """A policy with all its versions, newest first.

    Raises:
        ProblemError: 404.
    """
    policy, _ = await get(uow, policy_id)
    return policy, await repository.list_versions(uow, policy_id)


async def get_version(uow: UnitOfWork, policy_id: UUID, number: int) -> PolicyAndVersion:
    """A policy with one of its versions.

    Raises:
        ProblemError: 404 for either.
    """
    policy, _ = await get(uow, policy_id)
    version = await repository.find_version(uow, policy_id, number)
    if version is None:
        raise not_found("version of this dunning policy")
    return policy, version


async def update(
    uow: UnitOfWork, policy: DunningPolicy, version: DunningPolicyVersion, fields: Mapping[str, Any]
) -> DunningPolicyVersion:
    """Change the named fields of a locked policy; above a published version a new draft is begun.

    A change that changes nothing leaves everything as it is.

    Returns:
        The policy's latest version.

    Raises:
        ProblemError: 422 with everything that is wrong with the result.
    """
    changed = {name: value for name, value in fields.items() if name in DEFINITION_FIELDS}
    definition = await _valid_definition(uow, {**version.definition, **changed})
    name = fields.get("name", version.name)
    wants_default = fields.get("default", policy.wants_default)
    if (definition, name, wants_default) == (version.definition, version.name, policy.wants_default):
        return version
    policy.wants_default = wants_default
    # The version is a row of its own; its change counts as one of the policy.
    flag_modified(policy, "latest_number")
    if version.status == "published":
        policy.latest_number += 1
        version = _draft(uow, policy, name=name, definition=definition)
        uow.session.add(version)
    else:
        version.name, version.definition = name, definition
    return version


async def publish(uow: UnitOfWork, policy: DunningPolicy, version: DunningPolicyVersion) -> None:
    """Make the draft of a locked policy what new cases start with.

    Raises:
        ProblemError: 409 without a draft, 422 when the draft could no longer be created as it is.
    """
    if version.status == "published":
        raise conflict(
            Code.state_conflict, "The latest version is published already; PATCH the policy to begin a new draft."
        )
    # The tenant's send window may have changed since the draft was written.
    await _valid_definition(uow, version.definition)
    if policy.wants_default:
        former = await repository.find_other_default(uow, policy.id)
        if former is not None:
            former.is_default = former.wants_default = False
            # Only one default at a time, even within the transaction.
            await uow.flush()
    policy.is_default = policy.wants_default
    policy.published_number = version.version_number
    version.status = "published"
    version.published_at = uow.now
    await uow.flush()
    # Open invoices without a case get one, now that there is a policy for them.
    await wake_all(uow)


def _draft(uow: UnitOfWork, policy: DunningPolicy, *, name: str, definition: dict[str, Any]) -> DunningPolicyVersion:
    return DunningPolicyVersion(
        tenant_id=uow.tenant_id,
        policy_id=policy.id,
        version_number=policy.latest_number,
        name=name,
        status="draft",
        definition=definition,
        created_at=uow.now,
        published_at=None,
    )


async def _check(uow: UnitOfWork, fields: Mapping[str, Any]) -> Checked:
    tenant = await repository.tenant_of(uow)
    return check_definition(
        fields,
        Surroundings(
            currency=tenant.currency,
            send_window=parse_window(tenant.send_window),
            texts=await load_texts(uow),
        ),
    )


async def _valid_definition(uow: UnitOfWork, fields: Mapping[str, Any]) -> dict[str, Any]:
    checked = await _check(uow, fields)
    if checked.faults:
        raise invalid_fields(checked.faults)
    return checked.definition
