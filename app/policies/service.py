"""Commands on dunning policies (rule D1): drafts change, published versions never do."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm.attributes import flag_modified

from app.core.errors import FieldError, conflict, invalid_fields, not_found
from app.core.ids import new_id
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.dunning.definitions import complete, parse_policy, parse_window
from app.dunning.wording import load_texts
from app.messages.pdf import letters_available
from app.models import DunningPolicy, DunningPolicyVersion
from app.policies import repository
from app.policies.repository import PolicyAndVersion
from app.policies.validation import DEFINITION_FIELDS, Checked, Surroundings, check_definition, check_segment
from app.policies.warnings import warnings_of
from app.settlement.reconcile import wake_all

EXPORT_FORMAT: Final = "puntual.dunning-policy/1"


async def create(uow: UnitOfWork, fields: Mapping[str, Any]) -> PolicyAndVersion:
    """Create a policy as a draft.

    Raises:
        ProblemError: 422 with everything that is wrong with it.
    """
    definition, applies_to = await _valid(uow, fields)
    policy = DunningPolicy(
        tenant_id=uow.tenant_id,
        id=new_id(),
        is_default=False,
        wants_default=fields["default"],
        applies_to=applies_to,
        priority=fields["priority"],
        latest_number=1,
        published_number=None,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    version = _draft(uow, policy, name=fields["name"], definition=definition)
    uow.session.add_all([policy, version])
    return policy, version


async def explain(uow: UnitOfWork, fields: Mapping[str, Any]) -> tuple[Sequence[FieldError], Sequence[FieldError]]:
    """What `create` and `publish` would object to, and what is odd where they would not; nothing is stored."""
    checked, segment = await _check(uow, fields)
    faults = [*checked.faults, *(segment.faults if segment else ())]
    if faults:
        return faults, ()
    policy = parse_policy(UUID(int=0), 1, checked.definition)
    return (), warnings_of(policy, uow.tenant.settings, uow.today)


def exported(policy: DunningPolicy, version: DunningPolicyVersion) -> dict[str, Any]:
    """A version as a document that any tenant can import."""
    return {
        "format": EXPORT_FORMAT,
        "name": version.name,
        "default": policy.is_default if version.status == "published" else policy.wants_default,
        "applies_to": policy.applies_to,
        "priority": policy.priority,
        **complete(version.definition),
    }


async def take_in(uow: UnitOfWork, fields: Mapping[str, Any]) -> tuple[DunningPolicy, DunningPolicyVersion, bool]:
    """Create or change the policy of a name, as a draft.

    Its segment and priority are no part of a version and hold at once, as with any change of a policy.

    Returns:
        The policy, its latest version, and whether it is new.

    Raises:
        ProblemError: 409 where several policies have the name, 422 with everything that is wrong.
    """
    await uow.lock_tenant()
    known = await repository.find_named(uow, fields["name"])
    if len(known) > 1:
        raise conflict(Code.state_conflict, "Several policies have this name; rename one, or PATCH the one you mean.")
    if not known:
        return *await create(uow, fields), True
    policy, version = known[0]
    return policy, await update(uow, policy, version, fields), False


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
    before = complete(version.definition)
    identity = {"applies_to": fields.get("applies_to", policy.applies_to)}
    definition, applies_to = await _valid(uow, {**before, **changed, **identity})
    await _assign(uow, policy, applies_to, fields.get("priority", policy.priority))
    name = fields.get("name", version.name)
    wants_default = fields.get("default", policy.wants_default)
    if (definition, name, wants_default) == (before, version.name, policy.wants_default):
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


async def _assign(uow: UnitOfWork, policy: DunningPolicy, applies_to: dict[str, Any] | None, priority: int) -> None:
    """Change which invoices a policy takes by itself: new cases follow at once, running ones stay."""
    if (applies_to, priority) == (policy.applies_to, policy.priority):
        return
    policy.applies_to, policy.priority = applies_to, priority
    if policy.published_number is not None:
        await uow.flush()
        # Open invoices that no policy took may have one now.
        await wake_all(uow)


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
    await _valid(uow, {**complete(version.definition), "applies_to": policy.applies_to})
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


async def _check(uow: UnitOfWork, fields: Mapping[str, Any]) -> tuple[Checked, Checked | None]:
    tenant = await repository.tenant_of(uow)
    surroundings = Surroundings(
        currency=tenant.currency,
        send_window=parse_window(tenant.send_window),
        texts=await load_texts(uow),
        accounts=tenant.channels.keys(),
        makes_letters=await _makes_letters(fields),
    )
    return check_definition(fields, surroundings), check_segment(fields["applies_to"], surroundings)


async def _makes_letters(fields: Mapping[str, Any]) -> bool:
    """Whether letters can be made, where the policy asks for some: finding out takes seconds, once a process."""
    if not any("letter" in step["channels"] for step in fields["steps"]):
        return False
    return await asyncio.to_thread(letters_available)


async def _valid(uow: UnitOfWork, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The definition and the segment as they are stored."""
    checked, segment = await _check(uow, fields)
    faults = [*checked.faults, *(segment.faults if segment else ())]
    if faults:
        raise invalid_fields(faults)
    return checked.definition, segment.definition if segment else None
