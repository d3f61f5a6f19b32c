"""The OpenAPI document is complete, and the committed one is the code's."""

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from app.core.security import LINKS, RESOURCES
from app.core.settings import Settings
from app.domain.events import EVENT_TYPES
from app.main import create_app
from app.openapi.document import endpoints_of
from tests.conftest import ROOT, Api

Json = dict[str, Any]


MAX_BYTES = 1_200_000
HEADERS = ["webhook-id", "webhook-timestamp", "webhook-signature"]


@pytest.fixture(scope="module")
def application() -> FastAPI:
    return create_app(Settings(DATABASE_URL="postgresql://nowhere/none"))


@pytest.fixture(scope="module")
def document(application: FastAPI) -> Json:
    return application.openapi()


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def asks_for_a_key(path: str) -> bool:
    return path.startswith("/v1/") and path.split("/")[2] not in LINKS


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


def whole(document: Json, node: Json) -> Json:
    found: Json = resolve(document, node["$ref"]) if "$ref" in node else node
    return found


def validator(document: Json, schema: Json) -> jsonschema_rs.Draft202012Validator:
    """A validator that knows the schemas which are reached from one, since all of them take long to compile."""
    schemas = document["components"]["schemas"]
    reached: dict[str, Json] = {}
    waiting = [schema]
    while waiting:
        for name in re.findall(r"#/components/schemas/([^\"]+)", json.dumps(waiting.pop())):
            if name not in reached:
                reached[name] = schemas[name]
                waiting.append(schemas[name])
    whole_schema = {**schema, "components": {"schemas": reached}}
    return jsonschema_rs.Draft202012Validator(whole_schema, validate_formats=True)


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
        wanted = {"400", "500", "503"} | ({"401", "403"} if asks_for_a_key(path) else {"410"})
        wanted |= {"404", "422"} if "{" in path else set()
        wanted |= {"413", "415"} if "requestBody" in operation else set()
        # What a validation finds wrong is its answer, not an error.
        wanted |= {"422"} if "requestBody" in operation and not path.endswith("/validate") else set()
        answers = operation["responses"]
        assert wanted <= set(answers), f"{method} {path} lacks {wanted - set(answers)}"
        for status, answer in answers.items():
            if int(status) >= 400:
                assert answer["$ref"].startswith("#/components/responses/"), f"{method} {path} {status}"
                content = whole(document, answer)["content"]
                assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_every_success_has_a_schema(document: Json) -> None:
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if path.startswith("/v1/") and int(status) < 300 and status != "204":
                content = answer["content"]
                schema = content.get("application/json", content.get("application/pdf", {})).get("schema")
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
    assert segments == RESOURCES | LINKS


def test_money_is_text(document: Json) -> None:
    # A number in the contract would invite clients to send floats.
    numbers = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, form in schema.get("properties", {}).items()
        if "number" in {form.get("type"), *(option.get("type") for option in form.get("anyOf", []))}
    ]
    assert numbers == []


def test_the_document_is_small_enough_to_read(document: Json) -> None:
    assert len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()) < MAX_BYTES


def test_every_parameter_and_header_is_described(document: Json) -> None:
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert whole(document, parameter).get("description"), f"{method} {path} {parameter}"
        for status, answer in operation["responses"].items():
            headers = whole(document, answer)["headers"]
            assert "X-Request-Id" in headers, f"{method} {path} {status}"
            assert all(whole(document, header).get("description") for header in headers.values())


def test_every_tag_is_described_and_grouped(document: Json) -> None:
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert {tag["name"] for tag in document["tags"] if tag.get("description")} == used
    assert {tag for group in document["x-tagGroups"] for tag in group["tags"]} == used


def test_every_operation_names_its_scope(document: Json) -> None:
    for method, path, operation in operations(document):
        if not asks_for_a_key(path):
            assert operation["security"] == []
            continue
        resource, _, verb = operation["x-required-scope"].partition(":")
        assert resource == path.split("/")[2]
        assert verb in ({"read", "admin"} if method == "GET" else {"write", "admin"})
        assert f"`{resource}:{verb}`" in operation["description"]
        assert operation["security"] == [{"apiKey": []}]


def names(document: Json, operation: Json) -> set[str]:
    return {whole(document, parameter)["name"] for parameter in operation.get("parameters", [])}


def test_every_post_takes_an_idempotency_key(document: Json) -> None:
    for method, path, operation in operations(document):
        taken = "Idempotency-Key" in names(document, operation)
        assert taken == (method == "POST" and asks_for_a_key(path)), f"{method} {path}"


def test_if_match_is_documented_where_it_is_checked(document: Json, application: FastAPI) -> None:
    endpoints = endpoints_of(application)
    checked = set()
    for method, path, operation in operations(document):
        checks = "check_if_match" in inspect.getsource(endpoints[operation["operationId"]])
        assert ("If-Match" in names(document, operation)) == checks, f"{method} {path}"
        assert ("412" in operation["responses"]) == checks, f"{method} {path}"
        checked |= {operation["operationId"]} if checks else set()
    assert {"update_customer", "update_invoice", "update_tenant", "issue_invoice"} <= checked


def test_a_patch_has_no_defaults_that_clients_would_send(document: Json) -> None:
    for method, path, operation in operations(document):
        if method == "PATCH":
            schema = whole(document, operation["requestBody"]["content"]["application/json"]["schema"])
            assert not [name for name, form in schema["properties"].items() if "default" in form], path


def bodies(document: Json) -> Iterator[tuple[str, Json]]:
    for method, path, operation in operations(document):
        sides = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for side, answer in sides.items():
            for kind, media in whole(document, answer).get("content", {}).items():
                if kind.endswith("json"):
                    yield f"{method} {path} {side}", media
    for event_type, item in document["webhooks"].items():
        yield event_type, item["post"]["requestBody"]["content"]["application/json"]


def test_every_body_has_an_example_that_is_valid(document: Json) -> None:
    seen = 0
    for where, media in bodies(document):
        assert "example" in media, where
        validator(document, media["schema"]).validate(media["example"])
        assert "…" not in json.dumps(media["example"], ensure_ascii=False), where
        seen += 1
    assert seen > 100


def test_every_example_of_a_request_is_accepted_by_the_code(document: Json, application: FastAPI) -> None:
    endpoints = endpoints_of(application)
    seen = 0
    for _, _, operation in operations(document):
        if "requestBody" not in operation:
            continue
        parameter = inspect.signature(endpoints[operation["operationId"]]).parameters.get("body")
        annotation = parameter.annotation if parameter else None
        for model in getattr(annotation, "__args__", [annotation]):
            if not (isinstance(model, type) and issubclass(model, BaseModel)):
                continue
            model.model_validate_json(json.dumps(operation["requestBody"]["content"]["application/json"]["example"]))
            seen += 1
    assert seen > 10


def test_the_webhooks_are_the_catalogue(document: Json) -> None:
    assert set(document["webhooks"]) == set(EVENT_TYPES)
    for event_type, item in document["webhooks"].items():
        operation = item["post"]
        assert operation["description"] == EVENT_TYPES[event_type]
        assert [whole(document, parameter)["name"] for parameter in operation["parameters"]] == HEADERS


async def test_events_have_the_documented_form(document: Json, api: Api) -> None:
    await api.always_open()
    await api.policy([1, 3])
    customer = await api.customer()
    await api.patch(f"/customers/{customer['id']}", {"metadata": {"a": "b"}})
    await api.invoice(customer["id"], "100.00", "2026-03-01", "2026-03-02")
    draft = await api.invoice(customer["id"], "50.00", "2026-03-01", "2026-03-02", status="draft")
    await api.post(f"/invoices/{draft['id']}/issue", expect=200)
    await api.advance("2026-03-04T18:00:00Z")
    payment = await api.pay(customer["id"], "160.00", "2026-03-03")
    await api.post(f"/payments/{payment['id']}/reverse", {"reason": "bounced"}, expect=200)
    credit = {"customer_id": customer["id"], "currency": "MXN", "amount": "10.00", "issued_on": "2026-03-04"}
    await api.post("/credit-notes", {**credit, "apply": True})
    await api.advance("2026-03-20T18:00:00Z")
    seen = set()
    for event in await api.all("/events"):
        body = document["webhooks"][event["type"]]["post"]["requestBody"]
        validator(document, body["content"]["application/json"]["schema"]).validate(event)
        seen.add(event["type"])
    wanted = {
        "customer.updated",
        "invoice.paid",
        "invoice.overdue",
        "reminder.sent",
        "dunning.closed",
        "payment.reversed",
    }
    assert wanted <= seen
