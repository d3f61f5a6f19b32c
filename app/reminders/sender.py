"""Executes reminder steps: claim, send, record. No transaction is open while the network is used."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from app.core.log import get_logger
from app.core.settings import Settings
from app.core.uow import Database
from app.reminders.channels.base import Channel, Outcome, OutgoingMessage, SendResult
from app.reminders.channels.mailbox import MailboxChannel
from app.reminders.channels.smtp import SmtpChannel
from app.reminders.claims import Claim, claim
from app.reminders.recording import record, rescue, settle_unknown

log = get_logger(__name__)


@dataclass(slots=True)
class SendCounts:
    """Outcomes of one batch."""

    claimed: int = 0
    shadowed: int = 0
    judged: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    @property
    def worked(self) -> int:
        """How many ready reminders the batch took up, whatever became of them."""
        return self.judged


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

    async def send_batch(self, tenant_id: UUID, *, wait: bool = False) -> SendCounts:
        """Claim a batch, send it within its permit, and record what happened.

        Cancelled between claim and record, the claimed reminders stay leased and end as `outcome_unknown` after the
        quarantine: nothing is ever sent again blindly.
        """
        loop = asyncio.get_running_loop()
        # Taken before the claim, so that the permit is never longer than what a payment's answer promises.
        deadline = loop.time() + self.settings.send_permit_seconds
        async with self.database.unit_of_work(tenant_id) as uow:
            batch = await claim(uow, self.settings, limit=self.settings.send_batch_size, wait=wait)
        claims = batch.claims
        counts = SendCounts(claimed=len(claims), shadowed=batch.shadowed, judged=batch.judged)
        if not claims:
            return counts
        results = await asyncio.gather(*(self._send(item, deadline) for item in claims))
        async with self.database.unit_of_work(tenant_id) as uow:
            written = await record(
                uow,
                {item.reminder_id: (item.lease_token, result) for item, result in zip(claims, results, strict=True)},
            )
        if written != len(claims):
            log.warning("reminder.lease_lost", tenant_id=str(tenant_id), count=len(claims) - written)
        for result in results:
            counts.outcomes[result.outcome] = counts.outcomes.get(result.outcome, 0) + 1
        return counts

    async def rescue_batch(self, tenant_id: UUID) -> int:
        """Decide claimed reminders whose worker never told the outcome, once their quarantine is over."""
        async with self.database.unit_of_work(tenant_id) as uow:
            ids = await rescue(uow, limit=self.settings.send_batch_size)
        if not ids:
            return 0
        found = {reminder_id: await self._look_up(reminder_id) for reminder_id in ids}
        async with self.database.unit_of_work(tenant_id) as uow:
            return await settle_unknown(uow, found)

    async def close(self) -> None:
        """Close the channels."""
        for channel in self.channels.values():
            await channel.close()

    async def _send(self, item: Claim, deadline: float) -> SendResult:
        channel = self.channels.get(item.channel)
        if channel is None:
            return SendResult(Outcome.not_sent, None, "channel not configured")
        message = OutgoingMessage(
            message_key=item.message_key,
            sender=item.sender,
            recipient=item.recipient,
            content=item.content,
            deadline=deadline,
        )
        return await channel.send(message)

    async def _look_up(self, reminder_id: UUID) -> bool | None:
        for channel in self.channels.values():
            answer = await channel.look_up(str(reminder_id))
            if answer is not None:
                return answer
        return None
