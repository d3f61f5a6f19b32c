"""Deliveries as the receiver and the sender's user see them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from app.core.clock import system_now
from app.core.secrets import decrypt, encrypt
from app.core.settings import Settings
from app.domain.retry import RETRY_DELAYS
from app.models import Delivery, WebhookEndpoint
from app.webhooks.claims import claim
from app.webhooks.delivery import Deliverer
from app.webhooks.recording import record
from app.webhooks.transport import AttemptResult, WebhookTransport
from tests.conftest import NOON_UTC, Api
from tests.webhooks.erp import Receiver, Worker, answer, answer_when, attempts, deliveries, listen, receiver

UnitOfWorkOf = Callable[[UUID], Any]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def only_delivery(api: Api, endpoint: Any) -> Any:
    (found,) = await deliveries(api, endpoint)
    return found


async def test_what_arrives_is_signed_and_is_what_is_stored(
    api: Api, erp: Receiver, worker: Worker, unit_of_work: UnitOfWorkOf
) -> None:
    endpoint = await listen(api, erp.url)
    customer = await api.customer(name="Ferretería Núñez ✓", metadata={"z": "1", "a": "2"})
    assert await worker.work() == 1
    (message,) = erp.messages
    assert message.is_signed_with(endpoint["secret"])
    assert not message.is_signed_with("whsec_" + "A" * 32)
    assert message.headers["Content-Type"] == "application/json"
    assert abs(int(message.headers["webhook-timestamp"]) - system_now().timestamp()) < 60
    event = message.event
    assert (message.id, event["type"], event["sequence"]) == (event["id"], "customer.created", 1)
    assert event["data"] == customer
    async with unit_of_work(api.tenant_id) as uow:
        assert await uow.session.scalar(select(Delivery.body)) == message.body
    assert (await api.call("GET", f"/events/{message.id}")).content == message.body
    delivery = await only_delivery(api, endpoint)
    assert (delivery["status"], delivery["attempt_count"], delivery["next_attempt_at"]) == ("delivered", 1, None)
    (attempt,) = await attempts(api, delivery)
    assert attempt["number"] == 1
    assert (attempt["status_code"], attempt["error"], attempt["response_excerpt"]) == (200, None, "noted")
    assert instant(attempt["attempted_at"]) == NOON_UTC


async def test_an_endpoint_gets_what_it_subscribes_to(api: Api, erp: Receiver, worker: Worker) -> None:
    async with receiver() as narrow:
        await listen(api, erp.url, event_types=["customer.*"])
        await listen(api, narrow.url, event_types=["customer.updated", "invoice.paid"])
        customer = await api.customer()
        await api.patch(f"/customers/{customer['id']}", {"name": "Otro"})
        await worker.work()
        assert sorted(erp.types) == ["customer.created", "customer.updated"]
        assert narrow.types == ["customer.updated"]
        assert narrow.messages[0].event["previous"] == {"name": customer["name"]}


async def test_both_secrets_sign_during_the_overlap_and_the_old_one_not_after_it(
    api: Api, erp: Receiver, worker: Worker, unit_of_work: UnitOfWorkOf
) -> None:
    endpoint = await listen(api, erp.url)
    old = endpoint["secret"]
    before = system_now()
    rotated = await api.post(f"/webhook-endpoints/{endpoint['id']}/rotate-secret", expect=200)
    new = rotated["secret"]
    assert new != old
    overlap = instant(rotated["previous_secret_expires_at"]) - before
    assert timedelta(hours=24) <= overlap < timedelta(hours=24, minutes=1)
    await api.customer()
    await worker.work()
    assert len(erp.messages[-1].headers["webhook-signature"].split(" ")) == 2
    assert erp.messages[-1].is_signed_with(old)
    assert erp.messages[-1].is_signed_with(new)

    async with unit_of_work(api.tenant_id) as uow:
        row = await uow.session.scalar(select(WebhookEndpoint))
        row.secrets = [
            {**secret, "expires_at": secret["expires_at"] and (system_now() - timedelta(seconds=1)).isoformat()}
            for secret in row.secrets
        ]
    await api.customer()
    await worker.work()
    assert not erp.messages[-1].is_signed_with(old)
    assert erp.messages[-1].is_signed_with(new)


async def test_a_second_rotation_does_not_prolong_the_first_secret(
    api: Api, unit_of_work: UnitOfWorkOf, settings: Settings
) -> None:
    endpoint = await listen(api, "http://127.0.0.1:9/hooks")
    path = f"/webhook-endpoints/{endpoint['id']}/rotate-secret"
    ends = []
    for _ in range(2):
        await api.post(path, expect=200)
        async with unit_of_work(api.tenant_id) as uow:
            (stored,) = await uow.session.scalars(select(WebhookEndpoint.secrets))
        first = next(secret for secret in stored if decrypt(settings, secret["ciphertext"]) == endpoint["secret"])
        ends.append(first["expires_at"])
    assert ends[0] == ends[1] is not None


async def test_ten_secrets_at_most_sign_at_one_time(api: Api, erp: Receiver, worker: Worker) -> None:
    endpoint = await listen(api, erp.url)
    path = f"/webhook-endpoints/{endpoint['id']}/rotate-secret"
    secrets = [endpoint["secret"], *[(await api.post(path, expect=200))["secret"] for _ in range(9)]]
    assert (await api.post(path, expect=409))["code"] == "state_conflict"
    await api.customer()
    await worker.work()
    assert all(erp.messages[-1].is_signed_with(secret) for secret in secrets)


async def test_the_retry_schedule_from_the_first_attempt_to_exhaustion(api: Api, erp: Receiver, worker: Worker) -> None:
    erp.status = 500
    endpoint = await listen(api, erp.url, event_types=["customer.created"])
    await api.customer()
    await worker.work()
    assert len(erp.messages) == 1  # the first attempt goes out at once, the others wait for the clock
    now = NOON_UTC
    for number, delay in enumerate(RETRY_DELAYS, start=1):
        delivery = await only_delivery(api, endpoint)
        assert (delivery["status"], delivery["attempt_count"]) == ("retry_scheduled", number)
        due = instant(delivery["next_attempt_at"])
        assert delay <= due - now <= delay * 1.1
        assert await worker.work() == 0
        await api.advance((due - timedelta(seconds=1)).isoformat())
        assert len(erp.messages) == number, "an attempt came before its time"
        await api.advance(due.isoformat())
        assert len(erp.messages) == number + 1, "an attempt did not come at its time"
        now = due
    delivery = await only_delivery(api, endpoint)
    assert (delivery["status"], delivery["attempt_count"], delivery["next_attempt_at"]) == ("exhausted", 10, None)
    await api.advance((now + timedelta(days=30)).isoformat())
    assert len(erp.messages) == 10
    assert len({message.id for message in erp.messages}) == 1
    assert len({message.body for message in erp.messages}) == 1
    assert all(message.is_signed_with(endpoint["secret"]) for message in erp.messages)
    assert [attempt["number"] for attempt in await attempts(api, delivery)] == list(range(1, 11))


async def test_one_advance_makes_every_attempt_on_its_way(api: Api, erp: Receiver, worker: Worker) -> None:
    erp.answers.extend([answer(503), answer(503), answer(200)])
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.work()
    told = await api.advance((NOON_UTC + timedelta(days=1)).isoformat())
    assert told["deliveries"] == 2
    delivery = await only_delivery(api, endpoint)
    made = await attempts(api, delivery)
    assert [attempt["status_code"] for attempt in made] == [503, 503, 200]
    assert delivery["status"] == "delivered"
    assert NOON_UTC + timedelta(minutes=5) < instant(made[2]["attempted_at"]) < NOON_UTC + timedelta(minutes=6)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 304])
async def test_a_redirect_is_a_failure_and_is_not_followed(
    api: Api, erp: Receiver, worker: Worker, status: int
) -> None:
    endpoint = await listen(api, erp.url)
    erp.answers.append(answer(status, location=f"http://127.0.0.1:{erp.port}/elsewhere"))
    await api.customer()
    await worker.work()
    assert len(erp.messages) == 1
    delivery = await only_delivery(api, endpoint)
    assert delivery["status"] == "retry_scheduled"
    assert (await attempts(api, delivery))[0]["status_code"] == status


async def test_a_receiver_that_is_not_there_is_retried(api: Api, worker: Worker) -> None:
    async with receiver() as gone:
        url = gone.url
    endpoint = await listen(api, url)
    await api.customer()
    await worker.work()
    delivery = await only_delivery(api, endpoint)
    (attempt,) = await attempts(api, delivery)
    assert delivery["status"] == "retry_scheduled"
    assert (attempt["status_code"], attempt["error"]) == (None, "connect")


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("60", 60, 60),
        ("2", 5, 6),  # never earlier than the schedule
        ("999999", 86_400, 86_400),  # a wrong header does not park a delivery for good
        ("soon", 5, 6),
    ],
)
async def test_retry_after_puts_the_next_attempt_off(
    api: Api, erp: Receiver, worker: Worker, asked: str, least: int, most: int
) -> None:
    endpoint = await listen(api, erp.url)
    erp.answers.append(answer(429, retry_after=asked))
    await api.customer()
    await worker.work()
    due = instant((await only_delivery(api, endpoint))["next_attempt_at"])
    assert timedelta(seconds=least) <= due - NOON_UTC <= timedelta(seconds=most)


async def test_410_disables_the_endpoint_and_tells_the_others(api: Api, erp: Receiver, worker: Worker) -> None:
    async with receiver(status=410) as leaver:
        gone = await listen(api, leaver.url)
        await listen(api, erp.url, event_types=["webhook_endpoint.disabled"])
        await api.customer()
        await worker.work()
        assert (await only_delivery(api, gone))["status"] == "exhausted"
        endpoint = await api.get(f"/webhook-endpoints/{gone['id']}")
        assert (endpoint["status"], endpoint["disabled_reason"]) == ("disabled", "gone")
        await api.customer()
        await worker.work()
        await api.advance((NOON_UTC + timedelta(days=5)).isoformat())
        assert len(leaver.messages) == 1
        assert erp.types == ["webhook_endpoint.disabled"]
        event = erp.messages[0].event
        assert event["data"] == endpoint
        assert event["previous"] == {"status": "enabled", "disabled_reason": None}

        leaver.status = 200
        await api.patch(f"/webhook-endpoints/{gone['id']}", {"status": "enabled"})
        await api.customer(name="later")
        await worker.work()
        assert [message.event["data"].get("name") for message in leaver.messages[1:]] == ["later"]


async def test_what_waits_for_a_disabled_endpoint_goes_out_when_it_is_enabled(
    api: Api, erp: Receiver, worker: Worker
) -> None:
    endpoint = await listen(api, erp.url, event_types=["customer.created"])
    await api.customer(name="waits")
    await worker.relay()
    path = f"/webhook-endpoints/{endpoint['id']}"
    await api.patch(path, {"status": "disabled"})
    await api.customer(name="never sent")
    assert await worker.work() == 0
    await api.advance((NOON_UTC + timedelta(hours=1)).isoformat())
    assert erp.messages == []
    assert (await only_delivery(api, endpoint))["status"] == "pending"
    await api.post(f"{path}/test", expect=409)
    await api.post(f"{path}/replay", {"after": 0}, expect=409)
    await api.patch(path, {"status": "enabled"})
    await worker.work()
    assert [message.event["data"]["name"] for message in erp.messages] == ["waits"]


async def test_a_test_event_goes_to_its_endpoint_alone(api: Api, erp: Receiver, worker: Worker) -> None:
    async with receiver() as other:
        await listen(api, other.url)
        endpoint = await listen(api, erp.url, event_types=["invoice.paid"])
        secret = endpoint.pop("secret")
        answered = await api.post(f"/webhook-endpoints/{endpoint['id']}/test", expect=202)
        assert answered == endpoint
        await worker.work()
        assert other.messages == []
        (message,) = erp.messages
        assert message.is_signed_with(secret)
        assert (message.event["type"], message.event["data"]) == ("webhook.test", endpoint)


class Busy(WebhookTransport):
    """A transport that has no connection free."""

    async def post(self, url: str, body: bytes, headers: Any) -> AttemptResult:
        return AttemptResult(None, "busy", 0)


async def test_busy_is_no_attempt(api: Api, erp: Receiver, worker: Worker, settings: Settings) -> None:
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.relay()
    transport = Busy()
    busy = Deliverer(worker.simulation.database, settings, transport)
    assert await busy.deliver_batch(api.tenant_id) == 0
    await transport.close()
    delivery = await only_delivery(api, endpoint)
    assert (delivery["status"], delivery["attempt_count"]) == ("retry_scheduled", 0)
    assert instant(delivery["next_attempt_at"]) == NOON_UTC + timedelta(seconds=5)
    assert await attempts(api, delivery) == []
    await api.advance((NOON_UTC + timedelta(seconds=4)).isoformat())
    assert erp.messages == []
    await api.advance((NOON_UTC + timedelta(seconds=5)).isoformat())
    assert len(erp.messages) == 1
    assert [attempt["number"] for attempt in await attempts(api, delivery)] == [1]


async def test_two_workers_never_hold_one_delivery(
    api: Api, erp: Receiver, worker: Worker, unit_of_work: UnitOfWorkOf, settings: Settings
) -> None:
    await listen(api, erp.url)
    for _ in range(5):
        await api.customer()
    await worker.relay()
    half = settings.model_copy(update={"deliver_batch_size": 3})
    async with unit_of_work(api.tenant_id) as one:
        first = await claim(one, half)
        async with unit_of_work(api.tenant_id) as two:
            second = await claim(two, half)
    assert (len(first), len(second)) == (3, 2)
    assert not {parcel.delivery_id for parcel in first} & {parcel.delivery_id for parcel in second}
    async with unit_of_work(api.tenant_id) as uow:
        assert await claim(uow, settings) == []


async def test_a_late_worker_writes_nothing_once_its_lease_was_taken_over(
    api: Api, erp: Receiver, worker: Worker, unit_of_work: UnitOfWorkOf, settings: Settings
) -> None:
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.relay()
    short = settings.model_copy(update={"deliver_lease_seconds": 0.0})
    async with unit_of_work(api.tenant_id) as uow:
        (late,) = await claim(uow, short)
    async with unit_of_work(api.tenant_id) as uow:
        (taken,) = await claim(uow, settings)
    assert taken.delivery_id == late.delivery_id
    assert taken.body == late.body
    async with unit_of_work(api.tenant_id) as uow:
        assert await record(uow, [(late, AttemptResult(410, None, 1))]) == 0
    delivery = await only_delivery(api, endpoint)
    assert (delivery["status"], delivery["attempt_count"]) == ("in_flight", 0)
    assert (await api.get(f"/webhook-endpoints/{endpoint['id']}"))["status"] == "enabled"
    async with unit_of_work(api.tenant_id) as uow:
        assert await record(uow, [(taken, AttemptResult(200, None, 1))]) == 1
    async with unit_of_work(api.tenant_id) as uow:
        assert await record(uow, [(late, AttemptResult(200, None, 1)), (taken, AttemptResult(500, None, 1))]) == 0
    delivery = await only_delivery(api, endpoint)
    assert (delivery["status"], delivery["attempt_count"]) == ("delivered", 1)
    assert len(await attempts(api, delivery)) == 1


async def test_a_dead_workers_retry_is_taken_over_but_not_outside_of_an_advance(
    api: Api, erp: Receiver, worker: Worker, unit_of_work: UnitOfWorkOf
) -> None:
    erp.answers.append(answer(500))
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.work()
    async with unit_of_work(api.tenant_id) as uow:
        await uow.session.execute(
            update(Delivery)
            .where(Delivery.tenant_id == api.tenant_id)
            .values(status="in_flight", lease_token=uuid4(), lease_expires_at=datetime(2020, 1, 1, tzinfo=UTC))
        )
    assert await worker.work() == 0
    assert await worker.deliverer.deliver_batch(api.tenant_id) == 1  # as an advance calls it
    assert len(erp.messages) == 2
    assert (await only_delivery(api, endpoint))["status"] == "delivered"


async def test_waiting_takes_in_the_attempts_of_other_workers(api: Api, erp: Receiver, worker: Worker) -> None:
    released = asyncio.Event()
    erp.answers.append(answer_when(released, 500))
    endpoint = await listen(api, erp.url)
    await api.customer()
    other = asyncio.create_task(worker.work())
    await asyncio.wait_for(erp.arrived.wait(), 10)
    waiting = asyncio.create_task(worker.deliverer.deliver_batch(api.tenant_id, wait=True))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    released.set()
    assert await asyncio.wait_for(waiting, 10) == 0
    assert (await only_delivery(api, endpoint))["status"] == "retry_scheduled"
    await other


async def test_a_backlog_of_one_endpoint_leaves_room_for_the_others(
    api: Api, erp: Receiver, worker: Worker, unit_of_work: UnitOfWorkOf, settings: Settings
) -> None:
    await listen(api, erp.url)
    for _ in range(6):
        await api.customer()
    await worker.relay()
    other = await listen(api, erp.url)
    await api.customer()
    await worker.relay()
    async with unit_of_work(api.tenant_id) as uow:
        parcels = await claim(uow, settings.model_copy(update={"deliver_batch_size": 4}))
    claimed = [str(parcel.endpoint_id) for parcel in parcels]
    assert (len(claimed), claimed.count(other["id"])) == (3, 1)


async def test_an_endpoint_whose_secret_cannot_be_read_does_not_stop_the_others(
    api: Api, erp: Receiver, worker: Worker, unit_of_work: UnitOfWorkOf, settings: Settings
) -> None:
    unreadable = await listen(api, erp.url)
    await listen(api, erp.url)
    other_key = settings.model_copy(update={"secret_key": type(settings.secret_key)("another key" * 5)})
    async with unit_of_work(api.tenant_id) as uow:
        row = await uow.session.get(WebhookEndpoint, (api.tenant_id, UUID(unreadable["id"])))
        row.secrets = [{**row.secrets[0], "ciphertext": encrypt(other_key, unreadable["secret"])}]
    await api.customer()
    assert await worker.work() == 1
    assert (await only_delivery(api, unreadable))["status"] == "pending"
