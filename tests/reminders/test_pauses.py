"""A provider that is down or limits us rests, for longer each time; nothing is lost, doubled or held up with it."""

from datetime import UTC, datetime, timedelta

from app.core.settings import Settings
from app.core.uow import Database
from app.domain.retry import LONGEST_CHANNEL_PAUSE, channel_pause
from app.reminders.channels.base import Outcome
from app.reminders.pipeline import Pipeline
from app.reminders.sender import Sender
from app.settlement.tick import tick
from tests.conftest import Api
from tests.reminders.channels import MOBILE, owed, provider, reachable
from tests.reminders.conftest import Behind, ScriptedChannel, reminders
from tests.reminders.test_pipeline import HeldChannel, handed_over


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


async def test_a_limit_pauses_the_channel_and_what_is_ready_waits_with_it(api: Api) -> None:
    async with provider(api, script=[429]) as fake:
        invoice = await owed(api, ["sms"])
        await api.advance("2026-03-05T16:00:01Z")
        paused = (await api.get("/tenant"))["channels"]["sms"]["paused_until"]
        assert at(paused) - at("2026-03-05T16:00:00Z") == channel_pause(1)
        # A message that comes in between is not tried.
        other = await api.customer(contacts=reachable("sms"))
        await api.invoice(other["id"], "90.00", "2026-02-02", "2026-03-02")
        await api.advance("2026-03-05T16:00:29Z")
        assert fake.requests == 1
        await api.advance("2026-03-05T16:00:30Z")
        assert [message["To"] for message in fake.messages] == [MOBILE]
        await api.advance("2026-03-05T16:01:00Z")
    assert len(fake.messages) == 2
    assert {reminder["status"] for reminder in await reminders(api)} == {"sent"}
    assert (await api.get("/tenant"))["channels"]["sms"]["paused_until"] is None
    assert (await api.get(f"/invoices/{invoice['id']}"))["collection_state"] == "dunning"


async def test_each_failure_in_a_row_pauses_for_longer(api: Api) -> None:
    async with provider(api, script=[503] * 3) as fake:
        await owed(api, ["sms"])
        await api.advance("2026-03-05T16:30:00Z")
        # At once, after a minute, after five more, after fifteen more: the message's own waits are the longer ones.
        assert (fake.requests, len(fake.messages)) == (4, 1)
    (reminder,) = await reminders(api)
    assert (reminder["status"], reminder["attempts"]) == ("sent", 4)
    waits = [channel_pause(number) for number in range(1, 12)]
    assert waits[:3] == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2)]
    assert waits[-1] == LONGEST_CHANNEL_PAUSE


async def test_a_provider_that_is_gone_holds_up_no_other_channel(api: Api) -> None:
    async with provider(api):
        await owed(api, ["sms"])
        other = await api.customer(contacts=reachable("email"))
        policy = await api.policy([3])
        await api.invoice(other["id"], "90.00", "2026-02-02", "2026-03-02", dunning_policy_id=policy["id"])
    await api.advance("2026-03-05T16:00:01Z")
    by_channel = {reminder["channel"]: reminder for reminder in await reminders(api)}
    assert (by_channel["email"]["status"], by_channel["sms"]["status"]) == ("sent", "ready")
    assert by_channel["sms"]["attempts"] == 1


async def test_a_slow_channel_is_given_no_more_and_the_others_go_on(
    api: Api, behind: Behind, database: Database, settings: Settings
) -> None:
    async with provider(api):
        await owed(api, ["sms"])
        mail = await api.policy([3], default=False)
        for _ in range(30):
            customer = await api.customer(contacts=reachable("sms", "email"))
            await api.invoice(customer["id"], "90.00", "2026-02-02", "2026-03-02")
        for _ in range(3):
            customer = await api.customer(contacts=reachable("email"))
            await api.invoice(customer["id"], "90.00", "2026-02-02", "2026-03-02", dunning_policy_id=mail["id"])
        async with behind.unit() as uow:
            await tick(uow, limit=100)
        slow, quick = HeldChannel(), ScriptedChannel(script=[Outcome.accepted] * 3)
        woken = 0

        def wake() -> None:
            nonlocal woken
            woken += 1

        async with Pipeline(Sender(database, settings, {"sms": slow, "email": quick}), wake) as sending:
            for _ in range(5):
                await sending.wait_for_turn()
                await sending.send(api.tenant_id)
            await handed_over(quick, 3)
            # As many as begin in time, and no more.
            assert len(slow.sent) == 16
            assert woken == 0 or len(quick.sent) == 3
            slow.go.set()
        assert woken > 0
    assert len({message.message_key for message in slow.sent}) == 16
