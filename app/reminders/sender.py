"""Executes reminder steps: claim, send, record. No transaction is open while the network is used."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from app.core.log import get_logger
from app.core.metrics import REMINDERS
from app.core.settings import Settings
from app.core.uow import Database
from app.reminders.channels.base import Channel, Outcome, OutgoingMessage, SendResult
from app.reminders.channels.mailbox import MailboxChannel
from app.reminders.channels.smtp import SmtpChannel
from app.reminders.claims import Batch, Claim, claim
from app.reminders.pace import FIRST_BATCH, Pace
from app.reminders.recording import postpone, record, rescue, settle_unknown
from app.reminders.repository import list_due

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A batch that this process alone may send, until its permit runs out by the event loop's time."""

    tenant_id: UUID
    batch: Batch
    deadline: float


@dataclass(slots=True)
class SendCounts:
    """Outcomes of one batch; `judged` counts the ready reminders that it took up, whatever became of them."""

    claimed: int = 0
    shadowed: int = 0
    judged: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)


def create_channels(settings: Settings) -> dict[str, Channel]:
    """The channels that this process can send through: e-mail by SMTP, or into the local mailbox folder."""
    if not settings.smtp_host:
        return {"email": MailboxChannel(Path(settings.data_dir) / "mailbox")}
    return {
        "email": SmtpChannel(
            settings.smtp_host,
            settings.smtp_port,
            username=settings.smtp_username or None,
            password=settings.smtp_password.get_secret_value() or None,
            tls=settings.smtp_tls,
            timeout_seconds=settings.smtp_timeout_seconds,
            pool_size=settings.smtp_pool_size,
            messages_per_connection=settings.smtp_messages_per_connection,
        )
    }


@dataclass(slots=True)
class Sender:
    """Sends due reminders of one tenant at a time."""

    database: Database
    settings: Settings
    channels: Mapping[str, Channel]
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        # The other half of the permit is for the claim, and for what the estimate does not know.
        self.pace = Pace(self.settings.send_permit_seconds / 2)

    async def send_batch(self, tenant_id: UUID, *, wait: bool = False) -> SendCounts:
        """Claim a batch, send it within its permit, and record what happened.

        Always of the same size, whatever the channel's pace is, so that an advance takes the same course every time.
        """
        limit = min(FIRST_BATCH, self.settings.send_batch_size)
        return await self.finish_batch(await self.claim_batch(tenant_id, limit=limit, wait=wait))

    async def claim_batch(self, tenant_id: UUID, *, limit: int, wait: bool = False) -> Claimed:
        """Claim up to `limit` reminders; `finish_batch` must follow at once, for their permit has begun.

        Cancelled between claim and record, the claimed reminders stay leased and end as `outcome_unknown` after the
        quarantine: nothing is ever sent again blindly.
        """
        # Taken before the claim, so that the permit is never longer than what a payment's answer promises.
        deadline = asyncio.get_running_loop().time() + self.settings.send_permit_seconds
        batch = await self._claim(tenant_id, limit=limit, wait=wait)
        self.pace.begin(len(batch.claims))
        return Claimed(tenant_id, batch, deadline)

    async def finish_batch(self, claimed: Claimed) -> SendCounts:
        """Send what was claimed within its permit, and record what happened."""
        claims = claimed.batch.claims
        REMINDERS.labels("shadow").inc(claimed.batch.shadowed)
        counts = SendCounts(claimed=len(claims), shadowed=claimed.batch.shadowed, judged=claimed.batch.judged)
        if not claims:
            return counts
        results = await asyncio.gather(*(self._send(item, claimed.deadline) for item in claims))
        async with self.database.unit_of_work(claimed.tenant_id) as uow:
            written = await record(
                uow,
                {item.reminder_id: (item.lease_token, result) for item, result in zip(claims, results, strict=True)},
            )
        if written != len(claims):
            log.warning("reminder.lease_lost", tenant_id=str(claimed.tenant_id), count=len(claims) - written)
        for result in results:
            REMINDERS.labels(str(result.outcome)).inc()
            counts.outcomes[result.outcome] = counts.outcomes.get(result.outcome, 0) + 1
        return counts

    async def rescue_batch(self, tenant_id: UUID) -> int:
        """Decide claimed reminders whose worker never told the outcome, once their quarantine is over."""
        async with self.database.unit_of_work(tenant_id) as uow:
            lost = await rescue(uow, limit=self.settings.send_batch_size)
        if not lost:
            return 0
        found = {reminder_id: await self._look_up(reminder_id, channel) for reminder_id, channel in lost.items()}
        async with self.database.unit_of_work(tenant_id) as uow:
            return await settle_unknown(uow, found)

    async def close(self) -> None:
        """Close the channels."""
        for channel in self.channels.values():
            await channel.close()

    async def _claim(self, tenant_id: UUID, *, limit: int, wait: bool) -> Batch:
        try:
            async with self.database.unit_of_work(tenant_id) as uow:
                return await claim(uow, self.settings, limit=limit, wait=wait)
        except Exception as error:
            # Which reminder fails is found by claiming each alone.
            log.error("reminder.batch_failed", tenant_id=str(tenant_id), exc_info=error)
        # Each takes a transaction of its own, and the permit of all has begun.
        return await self._claim_each(tenant_id, limit=min(limit, FIRST_BATCH), wait=wait)

    async def _claim_each(self, tenant_id: UUID, *, limit: int, wait: bool) -> Batch:
        """Claim due reminders one by one, so that one that cannot be made out does not hold up the others."""
        async with self.database.unit_of_work(tenant_id) as uow:
            due = await list_due(uow, limit=limit)
        batch = Batch()
        for reminder_id, customer_id in due.items():
            try:
                async with self.database.unit_of_work(tenant_id) as uow:
                    part = await claim(uow, self.settings, limit=1, wait=wait, only=reminder_id)
            except Exception as error:
                # It is postponed where the tenant sees why; the others go on.
                log.error("reminder.claim_failed", reminder_id=str(reminder_id), exc_info=error)
                async with self.database.unit_of_work(tenant_id) as uow:
                    await postpone(uow, reminder_id, customer_id, f"could not be made out: {type(error).__name__}")
                part = Batch(judged=1)
            batch.claims += part.claims
            batch.shadowed += part.shadowed
            batch.judged += part.judged
        return batch

    async def _send(self, item: Claim, deadline: float) -> SendResult:
        result = SendResult(Outcome.not_sent, None, "channel not configured")
        try:
            channel = self.channels.get(item.channel)
            if channel is not None:
                message = OutgoingMessage(
                    message_key=item.message_key,
                    sender=item.sender,
                    recipient=item.recipient,
                    content=item.content,
                    deadline=deadline,
                )
                result = await channel.send(message)
        except Exception as error:
            # A fault of the channel: how far it came is not known, and the batch's other outcomes must be recorded.
            log.error("reminder.channel_failed", channel=item.channel, exc_info=error)
            result = SendResult(Outcome.unknown, None, f"channel failed: {type(error).__name__}")
        finally:
            self.pace.end(answered=result.outcome is not Outcome.not_sent)
        return result

    async def _look_up(self, reminder_id: UUID, name: str) -> bool | None:
        channel = self.channels.get(name)
        return await channel.look_up(str(reminder_id)) if channel is not None else None
