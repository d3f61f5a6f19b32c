"""What every request meets before and after its operation: strict bodies, limits, ids, versions, idempotency."""

import asyncio
import json
import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.core.settings import Settings
from tests.conftest import ROOT, Api, MakeApi

JSON = {"Content-Type": "application/json"}


async def send(api: Api, body: bytes, *, expect: int, path: str = "/customers", **headers: str) -> Any:
    answer = await api.call("POST", path, content=body, headers={**JSON, **headers}, expect=expect)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b'{"name": "A"', "malformed_json", ""),
        (b'{"name": "A",}', "malformed_json", ""),
        (b"'name'", "malformed_json", ""),
        (b'{"name": "A", "name": "B"}', "duplicate_key", "/name"),
        (b'{"name": "A", "contacts": [{"name": "a", "n\\u0061me": "b"}]}', "duplicate_key", "/contacts/0/name"),
        (b'{"name": NaN}', "malformed_json", "/name"),
        (b'{"name": -Infinity}', "malformed_json", "/name"),
        (b'{"name": 1e400}', "number_out_of_range", "/name"),
        (b'{"name": 123456789012345678901234567890}', "number_out_of_range", "/name"),
        (b'{"name": "\\ud800"}', "invalid_text", "/name"),
        (b'{"name": "A\\u0000B"}', "invalid_text", "/name"),
        (b'{"name": "A\x00B"}', None, None),
        (b'{"name": "\xff"}', "not_utf8", ""),
        (b'\xef\xbb\xbf{"name": "A"}', "not_utf8", ""),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep", ""),
        (b'{"a":' * 100_000, "too_deep", ""),
    ],
)
async def test_a_body_that_could_be_read_in_two_ways_is_malformed(
    api: Api, body: bytes, code: str | None, pointer: str | None
) -> None:
    problem = await send(api, body, expect=400)
    assert problem["status"] == 400
    if code is not None:
        assert (problem["code"], problem["errors"][0]["pointer"]) == (code, pointer)
    assert await api.all("/customers") == []


async def test_text_is_kept_in_one_form(api: Api) -> None:
    made = await api.post("/customers", {"name": "Mun\u0303oz"})
    assert made["name"] == "Mu\u00f1oz"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"12", b"true"])
async def test_a_body_that_is_no_object_is_not_valid(api: Api, body: bytes) -> None:
    problem = await send(api, body, expect=422)
    assert problem["code"] == "validation_failed"


async def test_a_body_over_the_limit_is_refused_announced_or_not(api: Api, settings: Settings) -> None:
    large = b'{"name": "' + b"A" * 10_000_000 + b'"}'
    assert (await send(api, large, expect=413))["code"] == "payload_too_large"

    async def parts() -> Any:
        for start in range(0, len(large), 500_000):
            yield large[start : start + 500_000]

    answer = await api.call("POST", "/customers", content=parts(), headers=JSON, expect=413)
    assert "content-length" not in answer.request.headers
    assert str(settings.request_max_bytes) in answer.json()["detail"]


async def test_a_body_at_the_limit_is_read(api: Api, settings: Settings) -> None:
    start, end = b'{"name": "A", "tax_id": "', b'"}'
    body = start + b"1" * (settings.request_max_bytes - len(start) - len(end)) + end
    assert (await send(api, body, expect=422))["errors"][0]["code"] == "too_long"
    assert (await send(api, body + b" ", expect=413))["code"] == "payload_too_large"

    async def parts(last: bytes) -> Any:
        yield body
        yield last

    await api.call("POST", "/customers", content=parts(b""), headers=JSON, expect=422)
    await api.call("POST", "/customers", content=parts(b" "), headers=JSON, expect=413)


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_a_body_of_another_kind_is_refused(api: Api, media_type: str) -> None:
    answer = await api.call(
        "POST", "/customers", content=b'{"name": "A"}', headers={"Content-Type": media_type}, expect=415
    )
    assert answer.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_json_is_json_in_any_spelling(api: Api, media_type: str) -> None:
    await api.call("POST", "/customers", content=b'{"name": "A"}', headers={"Content-Type": media_type}, expect=201)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/galaxies", 404, "not_found"),
        ("GET", "/customers/", 404, "not_found"),
        ("GET", "/customers/01900000-0000-7000-8000-000000000000", 404, "not_found"),
        ("GET", "/customers/not-a-uuid", 422, "validation_failed"),
        ("DELETE", "/customers", 405, "method_not_allowed"),
        ("PUT", "/tenant", 405, "method_not_allowed"),
        ("GET", "/customers?limit=0", 422, "validation_failed"),
        ("GET", "/customers?limit=201", 422, "validation_failed"),
        ("GET", "/customers?limit=many", 422, "validation_failed"),
        ("GET", "/customers?cursor=nonsense", 422, "validation_failed"),
    ],
)
async def test_a_request_that_leads_nowhere_is_a_problem(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    answer = await api.call(method, path, expect=status)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["code"]) == (status, code)
    assert {"type", "title", "detail"} <= set(problem)


async def test_a_wrong_method_is_told_the_right_ones(api: Api) -> None:
    """Also of `/terms/preview`, which looks like terms whose id is `preview`."""
    paths = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    for path, item in paths.items():
        if path.startswith("/v1/"):
            answer = await api.call("OPTIONS", re.sub(r"\{.*?\}", str(uuid4()), path.removeprefix("/v1")), expect=405)
            assert answer.headers["allow"].split(", ") == sorted(method.upper() for method in item), path


async def test_bad_query_parameters_name_themselves(api: Api) -> None:
    problem = await api.get("/customers", expect=422, limit=0)
    assert [error["pointer"] for error in problem["errors"]] == ["?limit"]


async def test_what_was_sent_is_not_sent_back(api: Api) -> None:
    secret = "SECRETO-9f3a"
    problem = await send(api, f'{{"name": 12, "kind": "{secret}", "tax_id": ["{secret}"]}}'.encode(), expect=422)
    assert secret not in str(problem)


async def test_a_request_id_is_given_back(api: Api) -> None:
    given = await api.call("GET", "/tenant", headers={"X-Request-Id": "erp:42.a-b_c"}, expect=200)
    assert given.headers["x-request-id"] == "erp:42.a-b_c"
    failed = await api.call("GET", "/galaxies", headers={"X-Request-Id": "erp-43"}, expect=404)
    assert failed.headers["x-request-id"] == failed.json()["request_id"] == "erp-43"
    made = await api.call("POST", "/customers", content=b"{", headers=JSON, expect=400)
    assert UUID(made.headers["x-request-id"]).version == 7
    assert made.json()["request_id"] == made.headers["x-request-id"]


@pytest.mark.parametrize("odd", ["two words", "x" * 129, 'a"b', "<script>"])
async def test_an_odd_request_id_is_replaced(api: Api, odd: str) -> None:
    answer = await api.call("GET", "/tenant", headers={"X-Request-Id": odd}, expect=200)
    assert UUID(answer.headers["x-request-id"]).version == 7


async def test_the_version_is_the_etag(api: Api) -> None:
    made = await api.call("POST", "/customers", json={"name": "Uno"}, expect=201)
    path = f"/customers/{made.json()['id']}"
    assert made.headers["etag"] == '"1"'
    changed = await api.call("PATCH", path, json={"name": "Dos"}, headers={"If-Match": '"1"'}, expect=200)
    assert changed.headers["etag"] == '"2"'
    stale = await api.call("PATCH", path, json={"name": "Tres"}, headers={"If-Match": '"1"'}, expect=412)
    assert stale.json()["code"] == "precondition_failed"
    for tag in ("*", '"7", "2"', 'W/"2"'):
        await api.call("PATCH", path, json={"name": "Dos"}, headers={"If-Match": tag}, expect=200)
    assert (await api.get(path))["name"] == "Dos"


async def test_the_same_request_with_its_key_is_answered_again(api: Api) -> None:
    options: dict[str, Any] = {"json": {"name": "Uno"}, "headers": {"Idempotency-Key": "k-1"}}
    first = await api.call("POST", "/customers", expect=201, **options)
    again = await api.call("POST", "/customers", expect=201, **options)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert len(await api.all("/customers")) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [("/customers", {"name": "Dos"}), ("/customers?x=1", {"name": "Uno"}), ("/api-keys", {"name": "Uno"})],
)
async def test_another_request_with_a_used_key_is_refused(api: Api, path: str, body: Any) -> None:
    headers = {"Idempotency-Key": "k-1"}
    await api.post("/customers", {"name": "Uno"}, headers=headers)
    problem = await api.post(path, body, headers=headers, expect=422)
    assert problem["code"] == "idempotency_key_reused"
    assert len(await api.all("/customers")) == 1


async def test_a_key_belongs_to_its_tenant(api: Api, make_api: MakeApi) -> None:
    other = await make_api()
    first = await api.post("/customers", {"name": "Uno"}, headers={"Idempotency-Key": "k-1"})
    second = await other.post("/customers", {"name": "Uno"}, headers={"Idempotency-Key": "k-1"})
    assert first["id"] != second["id"]


async def test_fifty_same_requests_at_once_have_one_effect(api: Api) -> None:
    customer = (await api.customer())["id"]
    body = {"customer_id": customer, "currency": "MXN", "amount": "5.00", "received_on": "2026-03-01"}
    options: dict[str, Any] = {"json": body, "headers": {"Idempotency-Key": "k-1"}}
    answers = await asyncio.gather(*(api.call("POST", "/payments", expect=201, **options) for _ in range(50)))
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(await api.all("/payments")) == 1
    other = await api.post("/payments", {**body, "amount": "6.00"}, headers=options["headers"], expect=422)
    assert other["code"] == "idempotency_key_reused"


async def test_a_failed_request_keeps_nothing(api: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}
    await api.post("/customers", {"name": "Uno", "kind": "galaxy"}, headers=headers, expect=422)
    await api.call("POST", "/customers", content=b"{", headers={**headers, **JSON}, expect=400)
    assert await api.all("/customers") == []
    await api.post("/customers", {"name": "Uno", "kind": "consumer"}, headers=headers, expect=201)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ñandú"])
async def test_a_key_that_is_no_key_is_refused(api: Api, key: str) -> None:
    answer = await api.call(
        "POST", "/customers", json={"name": "Uno"}, headers={"Idempotency-Key": key.encode()}, expect=400
    )
    assert answer.json()["code"] == "bad_request"
    assert await api.all("/customers") == []


async def test_a_key_of_the_greatest_length_is_a_key(api: Api) -> None:
    headers = {"Idempotency-Key": "~ " * 127 + "~"}
    first = await api.post("/customers", {"name": "Uno"}, headers=headers)
    assert await api.post("/customers", {"name": "Uno"}, headers=headers) == first


async def test_a_fault_of_ours_is_told_without_detail(api: Api, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr("app.customers.service.create", fail)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post(
            "/v1/customers",
            json={"name": "Uno"},
            headers={"Authorization": f"Bearer {api.key}", "Idempotency-Key": "k-1", "X-Request-Id": "erp-44"},
        )
    assert answer.status_code == 500
    assert (answer.json()["code"], answer.json()["request_id"]) == ("internal_error", "erp-44")
    assert "secret" not in answer.text
    monkeypatch.undo()
    await api.post("/customers", {"name": "Uno"}, headers={"Idempotency-Key": "k-1"}, expect=201)
