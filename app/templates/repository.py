"""Queries for templates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from app.core.owned import Resources
from app.core.uow import UnitOfWork
from app.messages.texts import Text, all_shipped
from app.models import Customer, DunningPolicyVersion, Template

TEMPLATES: Final = Resources(Template, "template")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which templates a list holds."""

    key: str | None = None
    language: str | None = None
    channel: str | None = None
    built_in: bool | None = None


async def find(uow: UnitOfWork, template_id: UUID) -> Template | None:
    """The tenant's template with an id."""
    return await uow.session.get(Template, (uow.tenant_id, template_id))


async def lock(uow: UnitOfWork, template_id: UUID) -> Template | None:
    """The same, as it is under the lock of the tenant's settings, which a policy is published under as well."""
    await uow.lock_tenant()
    return await uow.session.get(Template, (uow.tenant_id, template_id), populate_existing=True)


async def find_same(uow: UnitOfWork, key: str, language: str, channel: str) -> Template | None:
    """The tenant's template with this key, language and channel."""
    return await uow.session.scalar(
        select(Template).where(
            Template.tenant_id == uow.tenant_id,
            Template.key == key,
            Template.language == language,
            Template.channel == channel,
        )
    )


async def count(uow: UnitOfWork) -> int:
    """How many templates the tenant has."""
    found = await uow.session.scalar(
        select(func.count()).select_from(Template).where(Template.tenant_id == uow.tenant_id)
    )
    return found or 0


async def list_own(uow: UnitOfWork, wanted: Wanted, *, limit: int, before: UUID | None) -> Sequence[Template]:
    """The tenant's templates newest first, one more than `limit`."""
    if wanted.built_in:
        return []
    return await TEMPLATES.newest_first(
        uow,
        equal=((Template.key, wanted.key), (Template.language, wanted.language), (Template.channel, wanted.channel)),
        limit=limit,
        before=before,
    )


def list_shipped(wanted: Wanted, *, before: UUID | None) -> Iterator[Text]:
    """The templates that ship, in the order of their ids, highest first like all lists."""
    if wanted.built_in is False:
        return
    for text in sorted(all_shipped(), key=lambda text: text.id, reverse=True):
        if (
            (before is None or text.id < before)
            and wanted.key in {None, text.key}
            and wanted.language in {None, text.language}
            and wanted.channel in {None, text.channel}
        ):
            yield text


async def channels_in_policies(uow: UnitOfWork, key: str) -> set[str]:
    """The channels of the steps that name a template in a published version, which cases may be running under."""
    definitions = await uow.session.scalars(
        select(DunningPolicyVersion.definition).where(
            DunningPolicyVersion.tenant_id == uow.tenant_id,
            DunningPolicyVersion.status == "published",
            DunningPolicyVersion.definition.contains({"steps": [{"template": key}]}),
        )
    )
    return {
        channel
        for definition in definitions
        for step in definition["steps"]
        if step["template"] == key
        for channel in step["channels"]
    }


async def find_customer(uow: UnitOfWork, customer_id: UUID | None, external_id: str | None) -> Customer | None:
    """The customer with either id."""
    named = Customer.external_id == external_id if customer_id is None else Customer.id == customer_id
    return await uow.session.scalar(select(Customer).where(Customer.tenant_id == uow.tenant_id, named))
