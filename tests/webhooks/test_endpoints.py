"""Webhook endpoints through the API."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.conftest import Api, MakeApi
from tests.webhooks.erp import Receiver, Worker, deliveries, listen

URL = "http://127.0.0.1:9/hooks"
NOBODY = "01890a5d-ac96-774b-bcce-b302099a8057"


async def test_the_secret_is_shown_when_an_endpoint_is_made_and_never_again(api: Api) -> None:
    types = ["invoice.*", "payment.created"]
    body = {"url": URL, "description": "ERP", "event_types": types, "metadata": {"a": "b"}}
    made = await api.call("POST", "/webhook-endpoints", json=body, expect=201)
    assert made.headers["cache-control"] == "no-store"
    endpoint = made.json()
    secret = endpoint.pop("secret")
    assert secret.startswith("whsec_")
    assert endpoint["event_types"] == types
    assert (endpoint["status"], endpoint["disabled_reason"], endpoint["metadata"]) == ("enabled", None, {"a": "b"})
    assert await api.get(f"/webhook-endpoints/{endpoint['id']}") == endpoint
    assert (await api.get("/webhook-endpoints"))["data"] == [endpoint]


async def test_the_secret_is_not_readable_in_the_database(api: Api, unit_of_work: Callable[[UUID], Any]) -> None:
    endpoint = await listen(api, URL)
    async with unit_of_work(api.tenant_id) as uow:
        stored = await uow.session.scalar(text("SELECT w::text FROM webhook_endpoints w"))
    assert endpoint["id"] in stored
    assert endpoint["secret"].removeprefix("whsec_") not in stored


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://hooks.example.com/in", "https"),
        ("https://10.0.0.1/in", "public"),
        ("https://169.254.169.254/latest/meta-data", "public"),
        ("https://user:pw@hooks.example.com/", "password"),
        ("https://hooks.example.com/#part", "#"),
        ("ftp://hooks.example.com/", "https"),
        ("https://intranet/", "public"),
        ("", "absolute"),
    ],
)
async def test_a_url_that_may_not_be_called_is_refused_with_the_remedy(api: Api, url: str, word: str) -> None:
    problem = await api.post("/webhook-endpoints", {"url": url}, expect=422)
    (fault,) = problem["errors"]
    assert (fault["pointer"], fault["code"]) == ("/url", "url_not_allowed")
    assert word in fault["message"] or url == ""
    endpoint = await listen(api, URL)
    again = await api.patch(f"/webhook-endpoints/{endpoint['id']}", {"url": url}, expect=422)
    assert again["errors"] == problem["errors"]


async def test_an_unknown_event_type_names_its_place(api: Api) -> None:
    body = {"url": URL, "event_types": ["invoice.*", "invoice.lost", "*"]}
    problem = await api.post("/webhook-endpoints", body, expect=422)
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [("/event_types/1", "invalid_value")]
    await api.post("/webhook-endpoints", {"url": URL, "event_types": []}, expect=422)


async def test_named_fields_change_and_others_stay(api: Api) -> None:
    endpoint = await listen(api, URL, description="old", metadata={"a": "b"})
    path = f"/webhook-endpoints/{endpoint['id']}"
    changed = await api.patch(path, {"event_types": ["customer.created"], "status": "disabled"})
    assert changed["event_types"] == ["customer.created"]
    assert (changed["status"], changed["disabled_reason"]) == ("disabled", "requested")
    assert (changed["url"], changed["description"], changed["metadata"]) == (URL, "old", {"a": "b"})
    assert changed["version"] == endpoint["version"] + 1
    enabled = await api.patch(path, {"status": "enabled", "description": None})
    assert (enabled["status"], enabled["disabled_reason"], enabled["description"]) == ("enabled", None, None)


async def test_if_match_guards_change_and_deletion(api: Api) -> None:
    endpoint = await listen(api, URL)
    path = f"/webhook-endpoints/{endpoint['id']}"
    first = await api.call("GET", path, expect=200)
    await api.patch(path, {"description": "one"}, headers={"If-Match": first.headers["etag"]})
    await api.patch(path, {"description": "two"}, headers={"If-Match": first.headers["etag"]}, expect=412)
    await api.call("DELETE", path, headers={"If-Match": first.headers["etag"]}, expect=412)
    assert (await api.get(path))["description"] == "one"


async def test_a_deleted_endpoint_is_gone_gets_nothing_and_leaves_its_history(
    api: Api, erp: Receiver, worker: Worker
) -> None:
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.work()
    (delivered,) = await deliveries(api, endpoint)
    await api.customer()
    await worker.relay()  # one delivery waits
    (waiting,) = await deliveries(api, endpoint, status="pending")
    path = f"/webhook-endpoints/{endpoint['id']}"
    gone = await api.call("DELETE", path, expect=204)
    assert gone.content == b""
    await api.customer()
    await worker.work()
    assert len(erp.messages) == 1
    for method, suffix, body in [
        ("GET", "", None),
        ("PATCH", "", {"status": "enabled"}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", None),
        ("POST", "/test", None),
        ("GET", "/deliveries", None),
        ("POST", "/replay", {"after": 0}),
    ]:
        await api.call(method, path + suffix, json=body, expect=404)
    assert (await api.get("/webhook-endpoints"))["data"] == []
    assert (await api.get(f"/deliveries/{delivered['id']}"))["status"] == "delivered"
    assert (await api.get(f"/deliveries/{waiting['id']}"))["status"] == "pending"
    await api.post(f"/deliveries/{waiting['id']}/retry", expect=409)


async def test_endpoints_are_listed_newest_first_page_by_page(api: Api) -> None:
    made = [await listen(api, URL, description=str(number)) for number in range(3)]
    first = await api.get("/webhook-endpoints", limit=2)
    rest = await api.get("/webhook-endpoints", limit=2, cursor=first["next_cursor"])
    assert [row["id"] for row in first["data"] + rest["data"]] == [row["id"] for row in made[::-1]]
    assert rest["next_cursor"] is None


async def test_another_tenants_endpoint_delivery_and_event_look_unknown(
    api: Api, make_api: MakeApi, erp: Receiver, worker: Worker
) -> None:
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.work()
    (delivery,) = await deliveries(api, endpoint)
    stranger = await make_api()
    path = f"/webhook-endpoints/{endpoint['id']}"
    for method, target, body in [
        ("GET", path, None),
        ("PATCH", path, {"status": "disabled"}),
        ("DELETE", path, None),
        ("POST", f"{path}/rotate-secret", None),
        ("POST", f"{path}/test", None),
        ("GET", f"{path}/deliveries", None),
        ("POST", f"{path}/replay", {"after": 0}),
        ("GET", f"/deliveries/{delivery['id']}", None),
        ("GET", f"/deliveries/{delivery['id']}/attempts", None),
        ("POST", f"/deliveries/{delivery['id']}/retry", None),
        ("GET", f"/events/{delivery['event_id']}", None),
    ]:
        refused = await stranger.call(method, target, json=body, expect=404)
        unknown = await stranger.call(
            method,
            target.replace(endpoint["id"], NOBODY)
            .replace(delivery["id"], NOBODY)
            .replace(delivery["event_id"], NOBODY),
            json=body,
            expect=404,
        )
        assert refused.json()["detail"] == unknown.json()["detail"]
    assert (await stranger.get("/events"))["data"] == []
    assert (await api.get(path))["status"] == "enabled"


async def test_reading_needs_read_and_commanding_needs_write(api: Api, erp: Receiver, worker: Worker) -> None:
    endpoint = await listen(api, erp.url)
    await api.customer()
    await worker.work()
    (delivery,) = await deliveries(api, endpoint)

    async def with_scopes(*scopes: str) -> Api:
        key = await api.post("/api-keys", {"name": "limited", "scopes": list(scopes)})
        return Api(api.client, api.tenant_id, key["key"], api.settings)

    path = f"/webhook-endpoints/{endpoint['id']}"
    reads = [path, "/webhook-endpoints", f"{path}/deliveries", f"/deliveries/{delivery['id']}", "/events"]
    reads += [f"/deliveries/{delivery['id']}/attempts", f"/events/{delivery['event_id']}"]
    writes: list[tuple[str, str, Any, int]] = [
        ("PATCH", path, {"description": "x"}, 200),
        ("POST", f"{path}/rotate-secret", None, 200),
        ("POST", f"{path}/test", None, 202),
        ("POST", f"{path}/replay", {"after": 0}, 202),
        ("POST", "/webhook-endpoints", {"url": URL}, 201),
        ("POST", f"/deliveries/{delivery['id']}/retry", None, 202),
        ("DELETE", path, None, 204),
    ]
    reader = await with_scopes("read")
    feeder = await with_scopes("events:read")
    for target in reads:
        await reader.call("GET", target, expect=200)
        await feeder.call("GET", target, expect=200 if target.startswith("/events") else 403)
    writer = await with_scopes("webhook-endpoints:write", "deliveries:write")
    for method, target, body, status in writes:
        refused = await reader.call(method, target, json=body, expect=403)
        assert refused.json()["code"] == "insufficient_scope"
        await writer.call(method, target, json=body, expect=status)
