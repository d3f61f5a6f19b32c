"""Records what became of a claimed reminder, under its lease token: a late or second answer writes nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from app.core.settings import Settings
from app.core.uow import UnitOfWork
from app.domain.errors import Code
from app.domain.policy import Policy
from app.domain.retry import send_backoff
from app.domain.states import REMINDER
from app.dunning.facts import Dossier, load_case_policies
from app.dunning.reminders import with_items
from app.models import Customer, Reminder
from app.reminders.accounts import account_of
from app.reminders.channels.base import Inquiry, Outcome, SendResult
from app.settlement.fallback import fail_unsent
from app.settlement.outcomes import load_touched, record_sent
from app.settlement.reconcile import wake

_MAKING_OUT_PAUSE = timedelta(minutes=5)


async def record(uow: UnitOfWork, results: Mapping[UUID, tuple[UUID, SendResult]]) -> int:
    """Write the outcomes of sends.

    Args:
        uow: one transaction.
        results: by reminder, the lease token it was sent under and what happened.

    Returns:
        How many were written; the others' leases had been taken over.
    """
    customers = await _lock_owners(uow, results)
    reminders = await _load_sending(uow, results)
    fenced = [reminder for reminder in reminders if reminder.lease_token == results[reminder.id][0]]
    dossiers = await load_touched(uow, customers, fenced)
    policies = await load_case_policies(uow, [case for dossier in dossiers.values() for case in dossier.cases.values()])
    accepted: list[Reminder] = []
    refused: list[Reminder] = []
    for reminder in fenced:
        result = results[reminder.id][1]
        uow.track(reminder)
        reminder.last_error = None if result.outcome is Outcome.accepted else result.detail[:500]
        is_erased = customers[reminder.customer_id].erased_at is not None
        if is_erased:
            # It was on its way when the customer was erased: what the provider says may name the address.
            reminder.last_error = None
        if result.outcome is Outcome.accepted:
            reminder.provider_message_id = None if is_erased else result.provider_message_id
            if result.document is not None and not is_erased:
                reminder.content = result.document
            accepted.append(reminder)
        elif result.outcome is Outcome.not_sent:
            _retry(uow, reminder, result)
        elif result.outcome is Outcome.refused:
            refused.append(reminder)
        # An unknown outcome stays claimed until its quarantine ends: see `rescue`.
    await record_sent(uow, accepted, dossiers, policies)
    await _record_refused(uow, refused, dossiers, policies)
    return len(fenced)


def _retry(uow: UnitOfWork, reminder: Reminder, result: SendResult) -> None:
    """Nothing left: it is tried again later, after a new check."""
    REMINDER.require(reminder.status, "ready")
    pause = send_backoff(reminder.attempt_count)
    if result.retry_after_seconds is not None:
        pause = max(pause, timedelta(milliseconds=round(result.retry_after_seconds * 1000)))
    reminder.status = "ready"
    reminder.contacted_on = None
    reminder.lease_token = None
    reminder.lease_expires_at = None
    reminder.next_attempt_at = uow.now + pause


async def _record_refused(
    uow: UnitOfWork,
    reminders: Sequence[Reminder],
    dossiers: Mapping[UUID, Dossier],
    policies: Mapping[tuple[UUID, int], Policy],
) -> None:
    """They were refused for good: their steps go on by another channel, or are skipped and the ladders go on."""
    for reminder in reminders:
        REMINDER.require(reminder.status, "ready")
        reminder.status = "ready"
    await fail_unsent(uow, reminders, dossiers, policies, code=Code.address_rejected)
    for reminder in reminders:
        uow.emit("reminder.failed", reminder)


# In the one order that all locks are taken in.
_LOCK_OWNERS = """
SELECT * FROM customers WHERE tenant_id = $1 AND id = ANY(ARRAY(
    SELECT customer_id FROM reminders WHERE tenant_id = $1 AND id = ANY($2::uuid[])))
ORDER BY id FOR NO KEY UPDATE
"""
_LOAD_SENDING = """
SELECT * FROM reminders WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND status = 'sending' ORDER BY id
"""


async def _lock_owners(uow: UnitOfWork, reminder_ids: Collection[UUID]) -> dict[UUID, Customer]:
    """Lock the customers of reminders."""
    customers = await uow.fetch(Customer, _LOCK_OWNERS, uow.tenant_id, list(reminder_ids))
    return {customer.id: customer for customer in customers}


async def _load_sending(uow: UnitOfWork, reminder_ids: Collection[UUID]) -> list[Reminder]:
    return await with_items(uow, await uow.fetch(Reminder, _LOAD_SENDING, uow.tenant_id, list(reminder_ids)))


async def postpone(uow: UnitOfWork, reminder_id: UUID, customer_id: UUID, detail: str) -> None:
    """A reminder that could not be made out waits a while, where the tenant can see why."""
    await uow.lock_customer(customer_id)
    reminder = await uow.session.get_one(Reminder, (uow.tenant_id, reminder_id))
    if reminder.status == "ready":
        reminder.next_attempt_at = uow.now + _MAKING_OUT_PAUSE
        reminder.last_error = detail[:500]


@dataclass(frozen=True, slots=True)
class Lost:
    """A claimed reminder that nobody told the outcome of."""

    channel: str
    inquiry: Inquiry


async def rescue(uow: UnitOfWork, settings: Settings, *, limit: int) -> dict[UUID, Lost]:
    """Claimed reminders whose worker died or whose outcome stayed unknown, after the quarantine."""
    rows = await uow.session.execute(
        select(Reminder.id, Reminder.channel, Reminder.to, Reminder.content, Reminder.lease_expires_at)
        .where(Reminder.tenant_id == uow.tenant_id, Reminder.status == "sending", Reminder.next_attempt_at <= uow.now)
        .order_by(Reminder.next_attempt_at)
        .limit(limit)
    )
    lost = {}
    for reminder_id, channel, recipient, content, expires_at in rows:
        claimed_at = expires_at - timedelta(seconds=settings.send_lease_seconds) if expires_at is not None else None
        lost[reminder_id] = Lost(
            channel,
            Inquiry(
                message_key=str(reminder_id),
                recipient=recipient or "",
                content=content or b"",
                account=account_of(uow, settings, channel),
                # A test tenant's clock is its own, and no provider shares it.
                attempted_at=None if uow.tenant.is_test else claimed_at,
            ),
        )
    return lost


async def settle_unknown(uow: UnitOfWork, found: Mapping[UUID, bool | None]) -> int:
    """Decide reminders of unknown outcome by what the provider said: accepted, surely not, or cannot tell.

    What cannot be told stays `outcome_unknown`, announced by event and never sent again by itself.
    """
    customers = await _lock_owners(uow, found)
    reminders = [
        reminder
        for reminder in await _load_sending(uow, found)
        if reminder.next_attempt_at is not None and reminder.next_attempt_at <= uow.now
    ]
    dossiers = await load_touched(uow, customers, reminders)
    policies = await load_case_policies(uow, [case for dossier in dossiers.values() for case in dossier.cases.values()])
    for reminder in reminders:
        uow.track(reminder)
        if found[reminder.id] is False:
            reminder.status = "ready"
            reminder.contacted_on = None
            reminder.lease_token = None
            reminder.lease_expires_at = None
            reminder.next_attempt_at = uow.now
    accepted = [reminder for reminder in reminders if found[reminder.id] is True]
    untold = [reminder for reminder in reminders if found[reminder.id] is None]
    await record_sent(uow, accepted, dossiers, policies)
    await record_sent(uow, untold, dossiers, policies, status="outcome_unknown")
    for reminder in reminders:
        wake(uow, customers[reminder.customer_id], uow.now)
    return len(reminders)
