"""Conversations on WhatsApp that the customer has opened: for a day after their last message any text may be sent."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from app.core.uow import UnitOfWork
from app.dunning.facts import Dossier
from app.models import Reminder

_OPEN_FOR: Final = timedelta(hours=24)
_OPEN: Final = """
SELECT DISTINCT customer_id, meta ->> 'from' AS number FROM activities
WHERE tenant_id = $1 AND customer_id = ANY($2::uuid[]) AND direction = 'inbound' AND occurred_at > $3
    AND meta ->> 'channel' = 'whatsapp'
"""


async def load_open_chats(
    uow: UnitOfWork, dossiers: Mapping[UUID, Dossier], reminders: Iterable[Reminder]
) -> frozenset[tuple[UUID, str]]:
    """Customers and their numbers that have written within the last day; asked where the channel is used at all."""
    if "whatsapp" not in uow.tenant.settings["channels"]:
        return frozenset()
    ids = {reminder.customer_id for reminder in reminders} & dossiers.keys()
    rows = await uow.driver.fetch(_OPEN, uow.tenant_id, list(ids), uow.now - _OPEN_FOR)
    return frozenset((row["customer_id"], row["number"]) for row in rows)
