"""The OpenAPI document is complete, and the committed one is the code's."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.core.security import RESOURCES
from app.core.settings import Settings
from app.main import create_app
from tests.conftest import ROOT

Json = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Json:
    made: Json = create_app(Settings(DATABASE_URL="postgresql://nowhere/none")).openapi()
    return made


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: Json, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    node: Any = document
    for part in reference[2:].split("/"):
        node = node[part]
    return node


def is_described(document: Json, schema: Json) -> bool:
    if schema.get("description"):
        return True
    if "$ref" in schema:
        return is_described(document, resolve(document, schema["$ref"]))
    return any(is_described(document, option) for option in schema.get("anyOf", []))


def test_the_committed_document_is_the_codes(document: Json) -> None:
    path = ROOT / "openapi" / "openapi.json"
    committed = json.loads(path.read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(document)), "run `make openapi` and look at what has changed"


def test_every_reference_leads_somewhere(document: Json) -> None:
    for reference in set(references(document)):
        assert resolve(document, reference) is not None


def test_every_operation_says_what_it_does(document: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for method, path, operation in operations(document):
        assert operation.get("summary"), f"{method} {path}"
        assert operation.get("description"), f"{method} {path}"
        assert operation.get("tags"), f"{method} {path}"


def test_every_operation_documents_its_errors(document: Json) -> None:
    for method, path, operation in operations(document):
        if not path.startswith("/v1/"):
            continue
        wanted = {"400", "401", "403", "500", "503"}
        wanted |= {"404", "422"} if "{" in path else set()
        wanted |= {"413", "415"} if "requestBody" in operation else set()
        # What a validation finds wrong is its answer, not an error.
        wanted |= {"422"} if "requestBody" in operation and not path.endswith("/validate") else set()
        answers = operation["responses"]
        assert wanted <= set(answers), f"{method} {path} lacks {wanted - set(answers)}"
        for status, answer in answers.items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], f"{method} {path} {status}"


def test_every_success_has_a_schema(document: Json) -> None:
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if path.startswith("/v1/") and int(status) < 300 and status != "204":
                schema = answer["content"]["application/json"]["schema"]
                assert schema, f"{method} {path} {status}"


def test_every_field_is_described(document: Json) -> None:
    bare = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, form in schema.get("properties", {}).items()
        if not is_described(document, form)
    ]
    assert bare == []


def test_scopes_name_the_resources_of_the_paths(document: Json) -> None:
    segments = {path.split("/")[2] for path in document["paths"] if path.startswith("/v1/")}
    assert segments == RESOURCES


def test_money_is_text(document: Json) -> None:
    # A number in the contract would invite clients to send floats.
    numbers = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, form in schema.get("properties", {}).items()
        if "number" in {form.get("type"), *(option.get("type") for option in form.get("anyOf", []))}
    ]
    assert numbers == []
