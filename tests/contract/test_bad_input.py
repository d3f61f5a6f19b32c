"""Bad input to any operation is refused in words, by a problem document, and nothing of it is kept."""

import copy
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select

from app.core.schemas import MONEY_PATTERN
from app.core.settings import Settings
from app.main import create_app
from app.models import Base
from tests.conftest import Api, MakeApi
from tests.contract.seeding import seed

Json = dict[str, Any]
Path = tuple[str | int, ...]

DOCUMENT: Json = create_app(Settings(DATABASE_URL="postgresql://nowhere/none")).openapi()
# Where what is wrong with a value is the answer, and not an error.
TELLS = {"validate_dunning_policy", "write_invoice_batch", "write_payment_batch"}
BAD_MONEY: tuple[Any, ...] = (
    "1.23456", "1,00", "1e5", "NaN", "Infinity", "", " ", "--1", "+1", "01", "1.", ".5", "１２", "1" * 20, "0x10", 1,
    1.5, True, None, [], {},
)  # fmt: skip
MEGABYTES_10 = 10 * 1024 * 1024


def operations() -> Iterator[tuple[str, str, Json]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if path.startswith("/v1/"):
                yield method.upper(), path, operation


# Files are another matter: `tests/imports`.
WITH_BODY = [
    found for found in operations() if "application/json" in found[2].get("requestBody", {}).get("content", {})
]
WITH_IDS = [found for found in operations() if re.search(r"\{\w*_id\}", found[1]) and "external_id" not in found[1]]


def ids(found: tuple[str, str, Json]) -> str:
    return str(found[2]["operationId"])


def address(path: str, values: Json) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], uuid4())), path)


def example(operation: Json) -> Any:
    return copy.deepcopy(operation["requestBody"]["content"]["application/json"]["example"])


def resolve(schema: Json) -> Json:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def texts(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where a body has text."""
    if isinstance(value, str):
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from texts(item, (*path, key))


def amounts(schema: Json, value: Any, path: Path = (), *, may_be_null: bool = False) -> Iterator[tuple[Path, bool]]:
    """Where a body has money, and whether it may say null there."""
    schema = resolve(schema)
    options = schema.get("anyOf", ())
    for option in options:
        yield from amounts(option, value, path, may_be_null={"type": "null"} in options)
    if schema.get("pattern") == MONEY_PATTERN:
        yield path, may_be_null
    if isinstance(value, dict):
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if isinstance(inner, dict):
                yield from amounts(inner, item, (*path, name))
    if isinstance(value, list) and value and "items" in schema:
        yield from amounts(schema["items"], value[0], (*path, 0))


def put(body: Any, path: Path, value: Any) -> Any:
    changed = copy.deepcopy(body)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


async def counts(unit_of_work: Callable[[UUID], Any], tenant_id: UUID) -> dict[str, int]:
    found = {}
    async with unit_of_work(tenant_id) as uow:
        for name, table in Base.metadata.tables.items():
            if "tenant_id" in table.c:
                statement = select(func.count()).select_from(table).where(table.c.tenant_id == tenant_id)
                found[name] = (await uow.session.execute(statement)).scalar_one()
    return found


class Refusals:
    """Sends what must be refused, and holds the answers to what is promised of them."""

    def __init__(self, api: Api, method: str, path: str, operation: Json) -> None:
        self.api = api
        self.method = method
        self.path = path
        self.operation = operation
        self.tells = operation["operationId"] in TELLS
        # Who has no link is told so before anything else is read.
        self.is_behind_a_link = path.startswith("/v1/plan-links/")

    async def send(self, content: bytes, media_type: str = "application/json") -> httpx.Response:
        headers = {"Content-Type": media_type} if media_type else {}
        return await self.api.call(self.method, self.path.removeprefix("/v1"), content=content, headers=headers)

    async def refused(self, content: bytes, *statuses: int, why: str, media_type: str = "application/json") -> Json:
        answer = await self.send(content, media_type)
        where = f"{self.method} {self.path} {why}: {answer.status_code} {answer.text[:500]}"
        if self.is_behind_a_link and answer.status_code == 404:
            return {}
        assert answer.status_code in statuses, where
        assert str(answer.status_code) in self.operation["responses"], f"not documented: {where}"
        if answer.status_code == 200:
            return {}
        assert answer.headers["content-type"] == "application/problem+json", where
        problem: Json = answer.json()
        assert problem["status"] == answer.status_code, where
        assert problem["code"], where
        assert problem["request_id"] == answer.headers["x-request-id"], where
        if answer.status_code == 422:
            assert problem["errors"], where
        for fault in problem.get("errors", []):
            assert set(fault) == {"pointer", "code", "message"}, where
            assert fault["message"], where
        return problem

    async def invalid(self, body: Any, *, why: str) -> Json:
        told = (200,) if self.tells else ()
        return await self.refused(json.dumps(body).encode(), 422, *told, why=why)


@pytest.fixture
async def untouched(api: Api, unit_of_work: Callable[[UUID], Any]) -> AsyncIterator[Api]:
    """A tenant of which nothing may have changed when the test is over."""
    before = await counts(unit_of_work, api.tenant_id)
    yield api
    assert await counts(unit_of_work, api.tenant_id) == before


@pytest.mark.parametrize("found", WITH_BODY, ids=ids)
async def test_a_body_that_is_none(untouched: Api, found: tuple[str, str, Json]) -> None:
    method, path, operation = found
    refusals = Refusals(untouched, method, address(path, {}), operation)
    body = json.dumps(example(operation)).encode()
    if operation["requestBody"].get("required"):
        await refusals.refused(b"", 400, 422, why="missing")
    for why, content in {
        "not JSON": b"{",
        "NaN": b'{"a": NaN}',
        "1e400": b'{"a": 1e400}',
        "not UTF-8": b'{"a": "\xff"}',
        "duplicate key": b'{"name": 1, "name": 1}',
        "deep": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep and unended": b"[" * 100_000,
        "surrogate": b'{"name": "\\ud800"}',
        "NUL": b'{"name": "a\\u0000b"}',
    }.items():
        problem = await refusals.refused(content, 400, why=why)
        assert not problem or problem["code"] in {
            "malformed_json", "number_out_of_range", "not_utf8", "duplicate_key", "too_deep", "invalid_text",
        }  # fmt: skip
    for media_type in ("text/plain", "application/xml", "application/x-www-form-urlencoded", ""):
        await refusals.refused(body, 415, why=media_type, media_type=media_type)
    large = b'{"name": "' + b"x" * MEGABYTES_10 + b'"}'
    await refusals.refused(large, 413, why="10 MB")


@pytest.mark.parametrize("found", WITH_BODY, ids=ids)
async def test_values_that_are_none(untouched: Api, found: tuple[str, str, Json]) -> None:
    method, path, operation = found
    refusals = Refusals(untouched, method, address(path, {}), operation)
    body = example(operation)
    wrong: Any
    for wrong in ([], "text", 42, True):
        await refusals.invalid(wrong, why=f"{wrong!r} for the body")
    problem = await refusals.invalid({**body, "bogus": 1}, why="unknown field")
    if problem:
        assert {"pointer": "/bogus", "code": "unknown_field"}.items() <= problem["errors"][0].items()
    required = resolve(operation["requestBody"]["content"]["application/json"]["schema"]).get("required", ())
    for name in required:
        problem = await refusals.invalid({key: value for key, value in body.items() if key != name}, why=f"no {name}")
        if problem:
            assert f"/{name}" in {fault["pointer"] for fault in problem["errors"]}
    for place in texts(body):
        for what, wrong in {"number": 7, "object": {}, "long": "x" * 150_000}.items():
            await refusals.invalid(put(body, place, wrong), why=f"{what} at {place}")
        for bad in ("a\x00b", "\ud800", "a\x1bb"):
            await refusals.refused(json.dumps(put(body, place, bad)).encode(), 400, why=f"{bad!r} at {place}")
    for place, may_be_null in amounts(operation["requestBody"]["content"]["application/json"]["schema"], body):
        for wrong in (bad for bad in BAD_MONEY if bad is not None or not may_be_null):
            await refusals.invalid(put(body, place, wrong), why=f"{wrong!r} at {place}")


@pytest.fixture(scope="module")
async def others() -> dict[str, Json]:
    return {}


@pytest.mark.parametrize("found", WITH_IDS, ids=ids)
async def test_what_belongs_to_another_tenant_is_not_there(
    untouched: Api, found: tuple[str, str, Json], make_api: MakeApi, others: dict[str, Json]
) -> None:
    if not others:
        others["ids"] = await seed(await make_api(name="Otra"))
    method, path, operation = found
    known = set(re.findall(r"\{(\w+)\}", path)) <= set(others["ids"])
    assert known, f"{path}: teach tests.contract.seeding to make one"
    body = example(operation) if "requestBody" in operation else None
    where = address(path, others["ids"]).removeprefix("/v1")
    answer = await untouched.call(method, where, **({} if body is None else {"json": body}))
    assert answer.status_code == 404, answer.text
    assert answer.json()["code"] == "not_found"
