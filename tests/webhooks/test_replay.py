"""Sending again: one delivery, a range of events, single events."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.models import Delivery
from tests.conftest import NOON_UTC, Api
from tests.webhooks.erp import Receiver, Worker, answer, deliveries, listen


def names(erp: Receiver) -> list[str]:
    return [message.event["data"]["name"] for message in erp.messages]


async def history(api: Api, worker: Worker) -> list[Any]:
    """Three customers and a change, before anybody listens: sequences 1 to 4."""
    made = [await api.customer(name=name) for name in ("uno", "dos", "tres")]
    await api.patch(f"/customers/{made[0]['id']}", {"name": "uno bis"})
    await worker.relay()
    events: list[Any] = (await api.get("/events"))["data"]
    assert [event["sequence"] for event in events] == [1, 2, 3, 4]
    return events


@pytest.mark.parametrize(
    ("body", "replayed"),
    [
        ({"after": 0}, ["uno", "dos", "tres", "uno bis"]),
        ({"after": 1, "before": 4}, ["dos", "tres"]),
        ({"before": 2}, ["uno"]),
        ({"after": 4}, []),
        ({"after": 0, "types": ["customer.updated"]}, ["uno bis"]),
        ({"after": 0, "types": ["customer.*", "invoice.paid"]}, ["uno", "dos", "tres", "uno bis"]),
    ],
)
async def test_a_range_is_delivered_once_more(
    api: Api, erp: Receiver, worker: Worker, body: dict[str, Any], replayed: list[str]
) -> None:
    events = await history(api, worker)
    endpoint = await listen(api, erp.url)
    assert await worker.work() == 0
    answered = await api.post(f"/webhook-endpoints/{endpoint['id']}/replay", body, expect=202)
    assert answered == {"deliveries": len(replayed)}
    await worker.work()
    assert sorted(names(erp)) == sorted(replayed)
    known = {event["id"]: event for event in events}
    assert all(message.event == known[message.id] for message in erp.messages)
    assert all(message.is_signed_with(endpoint["secret"]) for message in erp.messages)


async def test_a_range_follows_the_subscription_and_leaves_other_endpoints_tests_out(
    api: Api, erp: Receiver, worker: Worker
) -> None:
    other = await listen(api, erp.url, event_types=["invoice.paid"])
    await api.post(f"/webhook-endpoints/{other['id']}/test", expect=202)
    await worker.work()
    await history_of_one(api, worker)
    erp.messages.clear()
    endpoint = await listen(api, erp.url, event_types=["customer.updated", "webhook.test"])
    assert await api.post(f"/webhook-endpoints/{endpoint['id']}/replay", {"after": 0}, expect=202) == {"deliveries": 1}
    await worker.work()
    assert names(erp) == ["dos"]


async def history_of_one(api: Api, worker: Worker) -> None:
    customer = await api.customer(name="uno")
    await api.patch(f"/customers/{customer['id']}", {"name": "dos"})
    await worker.relay()


async def test_single_events_are_replayed_to_this_endpoint_alone(api: Api, erp: Receiver, worker: Worker) -> None:
    events = await history(api, worker)
    await listen(api, erp.url)
    endpoint = await listen(api, erp.url, event_types=["invoice.paid"])
    wanted = [events[2]["id"], events[0]["id"], events[0]["id"]]
    answered = await api.post(f"/webhook-endpoints/{endpoint['id']}/replay", {"event_ids": wanted}, expect=202)
    assert answered == {"deliveries": 2}
    await worker.work()
    assert sorted(message.id for message in erp.messages) == sorted(set(wanted))
    assert len(await deliveries(api, endpoint)) == 2


async def test_replaying_a_delivered_event_makes_a_second_delivery(api: Api, erp: Receiver, worker: Worker) -> None:
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.work()
    await api.post(f"/webhook-endpoints/{endpoint['id']}/replay", {"after": 0}, expect=202)
    await worker.work()
    first, second = await deliveries(api, endpoint)
    assert first["event_id"] == second["event_id"]
    assert first["id"] != second["id"]
    assert [message.id for message in erp.messages] == [first["event_id"]] * 2
    assert erp.messages[0].body == erp.messages[1].body


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/after", "missing"),
        ({"types": ["*"]}, "/after", "missing"),
        ({"after": 0, "event_ids": ["01890a5d-ac96-774b-bcce-b302099a8057"]}, "/event_ids", "invalid_value"),
        ({"event_ids": ["01890a5d-ac96-774b-bcce-b302099a8057"]}, "/event_ids/0", "unknown_reference"),
        ({"event_ids": []}, "/event_ids", "too_short"),
        ({"after": -1}, "/after", "out_of_range"),
        ({"after": True}, "/after", "invalid_type"),
        ({"after": 0, "types": ["invoice.lost"]}, "/types/0", "invalid_value"),
    ],
)
async def test_a_replay_of_nothing_sensible_is_refused(api: Api, body: dict[str, Any], pointer: str, code: str) -> None:
    endpoint = await listen(api, "http://127.0.0.1:9/hooks")
    problem = await api.post(f"/webhook-endpoints/{endpoint['id']}/replay", body, expect=422)
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [(pointer, code)]


async def test_too_many_events_are_refused_with_a_range_that_fits(
    api: Api, erp: Receiver, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.webhooks.service.MAX_REPLAY", 3)
    await history(api, worker)
    endpoint = await listen(api, erp.url)
    path = f"/webhook-endpoints/{endpoint['id']}/replay"
    problem = await api.post(path, {"after": 0}, expect=422)
    assert problem["errors"][0]["code"] == "out_of_range"
    assert "before: 4" in problem["detail"]
    assert await deliveries(api, endpoint) == []
    assert await api.post(path, {"after": 0, "before": 4}, expect=202) == {"deliveries": 3}


async def test_retrying_one_that_waits_makes_it_due_now(api: Api, erp: Receiver, worker: Worker) -> None:
    erp.answers.append(answer(500))
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.work()
    (waiting,) = await deliveries(api, endpoint)
    retried = await api.post(f"/deliveries/{waiting['id']}/retry", expect=202)
    assert retried["id"] == waiting["id"]
    assert retried["next_attempt_at"] == "2026-03-02T12:00:00Z"
    await api.advance(NOON_UTC.isoformat())
    assert len(erp.messages) == 2
    (delivered,) = await deliveries(api, endpoint)
    assert (delivered["status"], delivered["attempt_count"]) == ("delivered", 2)


async def test_retrying_a_finished_one_makes_a_new_delivery(api: Api, erp: Receiver, worker: Worker) -> None:
    erp.status = 500
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.work()
    await api.advance((NOON_UTC + timedelta(days=10)).isoformat())
    (exhausted,) = await deliveries(api, endpoint, status="exhausted")
    erp.status = 200
    fresh = await api.post(f"/deliveries/{exhausted['id']}/retry", expect=202)
    assert fresh["id"] != exhausted["id"]
    assert (fresh["event_id"], fresh["status"], fresh["attempt_count"]) == (exhausted["event_id"], "pending", 0)
    await worker.work()
    assert (await api.get(f"/deliveries/{fresh['id']}"))["status"] == "delivered"
    assert await api.get(f"/deliveries/{exhausted['id']}") == exhausted
    assert len({message.body for message in erp.messages}) == 1
    again = await api.post(f"/deliveries/{fresh['id']}/retry", expect=202)
    assert again["id"] not in {fresh["id"], exhausted["id"]}


async def test_retrying_one_in_flight_or_of_a_disabled_endpoint_is_a_conflict(
    api: Api, erp: Receiver, worker: Worker, unit_of_work: Any
) -> None:
    erp.answers.append(answer(500))
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.work()
    (waiting,) = await deliveries(api, endpoint)
    await api.patch(f"/webhook-endpoints/{endpoint['id']}", {"status": "disabled"})
    await api.post(f"/deliveries/{waiting['id']}/retry", expect=409)
    await api.patch(f"/webhook-endpoints/{endpoint['id']}", {"status": "enabled"})
    async with unit_of_work(api.tenant_id) as uow:
        await uow.session.execute(
            update(Delivery).where(Delivery.tenant_id == api.tenant_id).values(status="in_flight")
        )
    problem = await api.post(f"/deliveries/{waiting['id']}/retry", expect=409)
    assert problem["code"] == "state_conflict"
