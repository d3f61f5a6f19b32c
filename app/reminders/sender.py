"""Executes reminder steps: claim, send, record. No transaction is open while the network is used."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from app.core.log import get_logger
from app.core.metrics import REMINDERS
from app.core.settings import Settings
from app.core.uow import Database
from app.reminders.channels.base import Channel, Outcome, OutgoingMessage, SendResult
from app.reminders.channels.http import ProviderClient
from app.reminders.channels.letter import LetterChannel
from app.reminders.channels.mailbox import MailboxChannel
from app.reminders.channels.smtp import SmtpChannel
from app.reminders.channels.twilio import TwilioChannel
from app.reminders.claims import Batch, Claim, claim
from app.reminders.pace import FIRST_BATCH, Pace
from app.reminders.pauses import pause, resume
from app.reminders.recording import Lost, postpone, record, rescue, settle_unknown
from app.reminders.repository import list_due

log = get_logger(__name__)

_NO_ROOMS: Mapping[str, int] = {}
_LOOK_UPS_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Claimed:
    """A batch that this process alone may send, until its permit runs out by the event loop's time."""

    tenant_id: UUID
    batch: Batch
    deadline: float

    def channels(self) -> list[str]:
        """The channels that it goes by."""
        return list(dict.fromkeys(item.channel for item in self.batch.claims))


@dataclass(slots=True)
class SendCounts:
    """Outcomes of one batch; `judged` counts the ready reminders that it took up, whatever became of them."""

    claimed: int = 0
    shadowed: int = 0
    judged: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)


def create_channels(settings: Settings) -> dict[str, Channel]:
    """The channels that this process can send through.

    E-mail leaves by SMTP, or into the local mailbox folder; text messages through the tenants' own accounts. Calls and
    what the tenant's own system is asked for leave nothing to be sent: see `app.reminders.claims`.
    """
    client = ProviderClient(
        allow_http=settings.webhook_allow_http,
        allow_loopback=settings.webhook_allow_loopback,
        answer_seconds=settings.provider_timeout_seconds,
    )
    return {
        "email": _email(settings),
        "sms": TwilioChannel(client),
        "whatsapp": TwilioChannel(client, prefix="whatsapp:"),
        "letter": LetterChannel(),
    }


def mailbox_of(settings: Settings) -> MailboxChannel:
    """The local folder that messages go to where no mail server is set."""
    return MailboxChannel(Path(settings.data_dir) / "mailbox")


def _email(settings: Settings) -> Channel:
    if not settings.smtp_host:
        return mailbox_of(settings)
    return SmtpChannel(
        settings.smtp_host,
        settings.smtp_port,
        username=settings.smtp_username or None,
        password=settings.smtp_password.get_secret_value() or None,
        tls=settings.smtp_tls,
        timeout_seconds=settings.smtp_timeout_seconds,
        pool_size=settings.smtp_pool_size,
        messages_per_connection=settings.smtp_messages_per_connection,
    )


@dataclass(slots=True)
class Sender:
    """Sends due reminders of one tenant at a time."""

    database: Database
    settings: Settings
    channels: Mapping[str, Channel]
    paces: dict[str, Pace] = field(init=False)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        # The other half of the permit is for the claim, and for what the estimate does not know.
        self.paces = {name: Pace(self.settings.send_permit_seconds / 2, self.ended) for name in self.channels}

    async def send_batch(self, tenant_id: UUID, *, wait: bool = False) -> SendCounts:
        """Claim a batch, send it within its permit, and record what happened.

        Always of the same size, whatever the channel's pace is, so that an advance takes the same course every time.
        """
        limit = min(FIRST_BATCH, self.settings.send_batch_size)
        return await self.finish_batch(await self.claim_batch(tenant_id, limit=limit, wait=wait))

    async def claim_batch(
        self, tenant_id: UUID, *, limit: int, rooms: Mapping[str, int] = _NO_ROOMS, wait: bool = False
    ) -> Claimed:
        """Claim up to `limit` reminders; `finish_batch` must follow at once, for their permit has begun.

        Cancelled between claim and record, the claimed reminders stay leased and end as `outcome_unknown` after the
        quarantine: nothing is ever sent again blindly.
        """
        # Taken before the claim, so that the permit is never longer than what a payment's answer promises.
        deadline = asyncio.get_running_loop().time() + self.settings.send_permit_seconds
        batch = await self._claim(tenant_id, limit=limit, rooms=rooms, wait=wait)
        REMINDERS.labels("shadow").inc(batch.shadowed)
        REMINDERS.labels(str(Outcome.accepted)).inc(batch.requested)
        claimed = Claimed(tenant_id, batch, deadline)
        for name in claimed.channels():
            if name in self.paces:
                self.paces[name].begin(sum(item.channel == name for item in batch.claims))
        return claimed

    async def finish_batch(self, claimed: Claimed) -> SendCounts:
        """Send what was claimed within its permit, and record what happened."""
        batch = claimed.batch
        counts = SendCounts(claimed=len(batch.claims), shadowed=batch.shadowed, judged=batch.judged)
        for found in await asyncio.gather(*(self.finish_channel(claimed, name) for name in claimed.channels())):
            for result in found:
                counts.outcomes[result.outcome] = counts.outcomes.get(result.outcome, 0) + 1
        if batch.requested:
            counts.outcomes[Outcome.accepted] = counts.outcomes.get(Outcome.accepted, 0) + batch.requested
        return counts

    async def finish_channel(self, claimed: Claimed, name: str) -> list[SendResult]:
        """Send and record what goes by one channel, which waits for no other one."""
        claims = [item for item in claimed.batch.claims if item.channel == name]
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
        await self._learn(claimed, name, results)
        return results

    async def _learn(self, claimed: Claimed, name: str, results: Sequence[SendResult]) -> None:
        """Let a channel rest whose provider is down or limits us, and take it up again once it answers."""
        faults = [result for result in results if result.is_provider_fault]
        answered = any(result.outcome in {Outcome.accepted, Outcome.refused} for result in results)
        if faults:
            async with self.database.unit_of_work(claimed.tenant_id) as uow:
                asked = max(result.retry_after_seconds or 0 for result in faults)
                await pause(uow, name, retry_after_seconds=asked)
            log.warning("channel.paused", tenant_id=str(claimed.tenant_id), channel=name, reason=faults[0].detail)
        elif answered and name in claimed.batch.failing:
            async with self.database.unit_of_work(claimed.tenant_id) as uow:
                await resume(uow, name)

    async def rescue_batch(self, tenant_id: UUID) -> int:
        """Decide claimed reminders whose worker never told the outcome, once their quarantine is over."""
        async with self.database.unit_of_work(tenant_id) as uow:
            lost = await rescue(uow, self.settings, limit=self.settings.send_batch_size)
        if not lost:
            return 0
        places = asyncio.Semaphore(_LOOK_UPS_AT_ONCE)
        answers = await asyncio.gather(*(self._look_up(one, places) for one in lost.values()))
        found = dict(zip(lost, answers, strict=True))
        async with self.database.unit_of_work(tenant_id) as uow:
            return await settle_unknown(uow, found)

    async def close(self) -> None:
        """Close the channels."""
        for channel in self.channels.values():
            await channel.close()

    async def _claim(self, tenant_id: UUID, *, limit: int, rooms: Mapping[str, int], wait: bool) -> Batch:
        try:
            async with self.database.unit_of_work(tenant_id) as uow:
                return await claim(uow, self.settings, limit=limit, rooms=rooms, wait=wait)
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
            batch.requested += part.requested
            batch.judged += part.judged
            batch.failing |= part.failing
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
                    account=item.account,
                    callback_url=item.callback_url,
                )
                result = await channel.send(message)
        except Exception as error:
            # A fault of the channel: how far it came is not known, and the batch's other outcomes must be recorded.
            log.error("reminder.channel_failed", channel=item.channel, exc_info=error)
            result = SendResult(Outcome.unknown, None, f"channel failed: {type(error).__name__}")
        finally:
            if item.channel in self.paces:
                self.paces[item.channel].end(answered=result.outcome is not Outcome.not_sent)
        return result

    async def _look_up(self, lost: Lost, places: asyncio.Semaphore) -> bool | None:
        channel = self.channels.get(lost.channel)
        if channel is None:
            return None
        async with places:
            return await channel.look_up(lost.inquiry)
