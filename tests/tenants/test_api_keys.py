"""API keys through the API: made once, rotated with overlap, revoked at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.uow import UnitOfWork
from app.models import ApiKey
from app.tenants.keys.repository import unrevoked
from tests.conftest import Api, MakeApi


def as_key(api: Api, key: str) -> Api:
    return replace(api, key=key)


async def make_key(api: Api, *scopes: str, **fields: Any) -> Any:
    return await api.post("/api-keys", {"name": "ERP", "scopes": list(scopes), **fields})


async def own_key_id(api: Api) -> str:
    keys = await api.all("/api-keys")
    found: str = next(key["id"] for key in keys if api.key.startswith(key["prefix"]))
    return found


def hours_from_now(hours: float) -> str:
    # Key expiry is in real time, also for a test tenant.
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()  # the wall clock is what is tested


async def test_a_key_is_shown_once_and_works(api: Api) -> None:
    response = await api.call("POST", "/api-keys", json={"name": "ERP", "scopes": ["read"]}, expect=201)
    made = response.json()
    assert response.headers["cache-control"] == "no-store"
    assert made["key"].startswith(made["prefix"])
    listed = await api.all("/api-keys")
    assert [key["name"] for key in listed] == ["ERP", "first key"]
    assert all("key" not in key and "secret_hash" not in key for key in listed)
    assert await api.get(f"/api-keys/{made['id']}") == {name: made[name] for name in made if name != "key"}
    assert (await as_key(api, made["key"]).get("/tenant"))["id"] == str(api.tenant_id)


async def test_a_test_tenants_key_says_so(api: Api, make_api: MakeApi) -> None:
    live = await make_api(is_test=False, clock_at=None)
    assert (await make_key(api, "read"))["key"].startswith("pun_test_")
    assert (await make_key(live, "read"))["key"].startswith("pun_live_")


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("read", "GET", "/customers", 200),
        ("read", "POST", "/customers", 403),
        ("write", "GET", "/customers", 200),
        ("write", "POST", "/customers", 201),
        ("write", "PATCH", "/tenant", 403),
        ("write", "GET", "/api-keys", 403),
        ("customers:read", "GET", "/customers", 200),
        ("customers:read", "GET", "/tenant", 403),
        ("customers:write", "GET", "/customers", 200),
        ("customers:write", "POST", "/customers", 201),
        ("customers:admin", "POST", "/customers", 201),
        ("customers:admin", "GET", "/api-keys", 403),
        ("tenant:write", "PATCH", "/tenant", 403),
        ("tenant:admin", "PATCH", "/tenant", 200),
        ("api-keys:admin", "GET", "/api-keys", 200),
        ("api-keys:write", "POST", "/api-keys", 403),
        ("admin", "PATCH", "/tenant", 200),
    ],
)
async def test_a_scope_allows_this_and_no_more(api: Api, scope: str, method: str, path: str, status: int) -> None:
    limited = as_key(api, (await make_key(api, scope))["key"])
    answer = await limited.call(method, path, json={"name": "Cliente"} if method in {"POST", "PATCH"} else None)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["code"] == "insufficient_scope"


@pytest.mark.parametrize(
    "scope", ["", "owner", "customers", "customers:", ":read", "galaxies:read", "read:customers", "Read"]
)
async def test_an_unknown_scope_is_refused(api: Api, scope: str) -> None:
    problem = await api.post("/api-keys", {"name": "ERP", "scopes": ["read", scope]}, expect=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/scopes/1"]


async def test_a_key_gives_no_scope_that_it_lacks(api: Api) -> None:
    keeper = as_key(api, (await make_key(api, "api-keys:admin", "read"))["key"])
    await make_key(keeper, "read")
    await make_key(keeper, "customers:read")
    for scope in ("write", "admin", "customers:write"):
        problem = await keeper.post("/api-keys", {"name": "x", "scopes": ["read", scope]}, expect=403)
        assert problem["code"] == "insufficient_scope"
    await keeper.post(f"/api-keys/{await own_key_id(api)}/rotate", expect=403)


async def test_an_expired_key_is_refused(api: Api) -> None:
    problem = await api.post(
        "/api-keys", {"name": "x", "scopes": ["read"], "expires_at": hours_from_now(-1)}, expect=422
    )
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/expires_at", "out_of_range")]
    soon = await make_key(api, "read", expires_at=hours_from_now(0.5 / 3600))
    await asyncio.sleep(0.6)
    problem = await as_key(api, soon["key"]).get("/tenant", expect=401)
    assert problem["code"] == "key_expired"


async def test_a_revoked_key_is_refused_by_the_next_request(api: Api) -> None:
    made = await make_key(api, "read")
    limited = as_key(api, made["key"])
    await limited.get("/tenant")
    await api.call("DELETE", f"/api-keys/{made['id']}", expect=204)
    assert (await limited.get("/tenant", expect=401))["code"] == "key_revoked"
    await api.call("DELETE", f"/api-keys/{made['id']}", expect=204)
    assert (await api.get(f"/api-keys/{made['id']}"))["revoked_at"] is not None


async def test_rotation_leaves_both_keys_working_for_the_overlap(api: Api) -> None:
    old = await make_key(api, "customers:write")
    new = await api.post(f"/api-keys/{old['id']}/rotate", {"overlap_hours": 2})
    assert (new["name"], new["scopes"], new["expires_at"]) == (old["name"], old["scopes"], None)
    assert new["id"] != old["id"]
    ends_at = datetime.fromisoformat((await api.get(f"/api-keys/{old['id']}"))["expires_at"])
    assert abs(ends_at - datetime.fromisoformat(hours_from_now(2))) < timedelta(minutes=1)
    for key in (old["key"], new["key"]):
        await as_key(api, key).get("/customers")


async def test_rotation_lasts_a_day_where_nothing_is_said(api: Api) -> None:
    old = await make_key(api, "read")
    await api.post(f"/api-keys/{old['id']}/rotate")
    ends_at = datetime.fromisoformat((await api.get(f"/api-keys/{old['id']}"))["expires_at"])
    assert abs(ends_at - datetime.fromisoformat(hours_from_now(24))) < timedelta(minutes=1)


async def test_rotation_without_overlap_ends_the_old_key_at_once(api: Api) -> None:
    old = await make_key(api, "read")
    new = await api.post(f"/api-keys/{old['id']}/rotate", {"overlap_hours": 0})
    await as_key(api, old["key"]).get("/tenant", expect=401)
    await as_key(api, new["key"]).get("/tenant")
    assert (await api.post(f"/api-keys/{old['id']}/rotate", expect=409))["code"] == "state_conflict"


async def test_rotation_never_lengthens_a_key(api: Api) -> None:
    old = await make_key(api, "read", expires_at=hours_from_now(1))
    new = await api.post(f"/api-keys/{old['id']}/rotate", {"overlap_hours": 168})
    assert new["expires_at"] == old["expires_at"]
    assert (await api.get(f"/api-keys/{old['id']}"))["expires_at"] == old["expires_at"]
    lasting = await api.post(f"/api-keys/{old['id']}/rotate", {"expires_at": None})
    assert lasting["expires_at"] is None


@pytest.mark.parametrize("hours", [-1, 169, 1.5, "24"])
async def test_an_overlap_is_a_week_at_most(api: Api, hours: Any) -> None:
    made = await make_key(api, "read")
    problem = await api.post(f"/api-keys/{made['id']}/rotate", {"overlap_hours": hours}, expect=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/overlap_hours"]


async def test_the_last_admin_key_stays(api: Api) -> None:
    own = await own_key_id(api)
    await make_key(api, "write")
    await make_key(api, "admin", expires_at=hours_from_now(1))
    problem = (await api.call("DELETE", f"/api-keys/{own}", expect=409)).json()
    assert problem["code"] == "state_conflict"
    await api.post(f"/api-keys/{own}/rotate", {"expires_at": hours_from_now(1)}, expect=409)
    await api.get("/api-keys")
    other = await make_key(api, "admin")
    await api.call("DELETE", f"/api-keys/{own}", expect=204)
    await api.get("/tenant", expect=401)
    await as_key(api, other["key"]).get("/api-keys")


async def test_the_last_admin_key_can_be_rotated(api: Api) -> None:
    new = await api.post(f"/api-keys/{await own_key_id(api)}/rotate", {"overlap_hours": 0})
    await api.get("/tenant", expect=401)
    await as_key(api, new["key"]).patch("/tenant", {"name": "Ñandú"})


async def test_two_admin_keys_revoked_at_once_leave_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def read_slowly(uow: UnitOfWork) -> Sequence[ApiKey]:
        keys = await unrevoked(uow)
        await asyncio.sleep(0.1)
        return keys

    # Each has seen the other's key before it ends its own, unless one waits for the other.
    monkeypatch.setattr("app.tenants.keys.repository.unrevoked", read_slowly)
    third = as_key(api, (await make_key(api, "api-keys:admin", expires_at=hours_from_now(1)))["key"])
    ids = [await own_key_id(api), (await make_key(api, "admin"))["id"]]
    answers = await asyncio.gather(*(third.call("DELETE", f"/api-keys/{key_id}") for key_id in ids))
    assert sorted(answer.status_code for answer in answers) == [204, 409]


async def test_another_tenants_key_is_not_found(api: Api, make_api: MakeApi) -> None:
    other = await make_api()
    made = await make_key(other, "read")
    await api.get(f"/api-keys/{made['id']}", expect=404)
    await api.post(f"/api-keys/{made['id']}/rotate", expect=404)
    await api.call("DELETE", f"/api-keys/{made['id']}", expect=404)
    await as_key(other, made["key"]).get("/tenant")


@pytest.mark.parametrize(
    "wrong", ["", "Bearer", "Basic {key}", "Bearer {key}0", "Bearer {other}", "{key}", "Bearer pun_test__"]
)
async def test_without_a_valid_key_nothing_is_told(api: Api, wrong: str) -> None:
    other = f"{api.key[:-1]}{'0' if api.key[-1] != '0' else '1'}"
    headers = {"Authorization": wrong.format(key=api.key, other=other)}
    answer = await api.call("GET", "/tenant", headers=headers, expect=401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthorized"
