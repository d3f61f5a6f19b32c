"""The comparison of two OpenAPI documents names what breaks clients, and nothing else."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.contract import breaking as tool
from tests.contract.breaking import breaking

Json = dict[str, Any]

ANSWER: Json = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}}
BEFORE: Json = {
    "paths": {
        "/things": {
            "get": {
                "operationId": "list_things",
                "parameters": [
                    {"in": "query", "name": "status", "schema": {"type": "string", "enum": ["open", "closed"]}},
                ],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}}
                },
            },
            "post": {
                "operationId": "create_thing",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}},
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}}
                },
            },
        }
    },
    "webhooks": {
        "thing.made": {
            "post": {"requestBody": ANSWER},
        }
    },
    "components": {
        "schemas": {
            "In": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 100},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "kind": {"type": "string", "enum": ["a", "b"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/In"}},
                },
            },
            "Out": {
                "type": "object",
                "required": ["id", "state"],
                "properties": {
                    "id": {"type": "string"},
                    "state": {"type": "string", "enum": ["new", "old"]},
                    "size": {"type": "integer"},
                },
            },
        }
    },
}


def changed(change: Callable[[Json, Json, Json], object]) -> list[str]:
    after = copy.deepcopy(BEFORE)
    schemas = after["components"]["schemas"]
    change(after, schemas["In"], schemas["Out"])
    return breaking(BEFORE, after)


BREAKING: dict[str, tuple[Callable[[Json, Json, Json], object], str]] = {
    "operation removed": (lambda doc, i, o: doc["paths"]["/things"].pop("post"), "the operation is gone"),
    "path renamed": (lambda doc, i, o: doc["paths"].update({"/t": doc["paths"].pop("/things")}), "operation is gone"),
    "operation id": (
        lambda doc, i, o: doc["paths"]["/things"]["get"].update(operationId="things"),
        "list_things has become things",
    ),
    "parameter removed": (lambda doc, i, o: doc["paths"]["/things"]["get"]["parameters"].clear(), "status is gone"),
    "parameter required": (
        lambda doc, i, o: doc["paths"]["/things"]["get"]["parameters"].append(
            {"in": "query", "name": "q", "required": True, "schema": {"type": "string"}}
        ),
        "q has become required",
    ),
    "parameter's enum narrowed": (
        lambda doc, i, o: doc["paths"]["/things"]["get"]["parameters"][0]["schema"]["enum"].remove("closed"),
        "no longer one of its values: closed",
    ),
    "status of success changed": (
        lambda doc, i, o: doc["paths"]["/things"]["post"].update(responses={"202": {}}),
        "the answer 201 is gone",
    ),
    "field of an answer removed": (lambda doc, i, o: o["properties"].pop("size"), ".size: the field is gone"),
    "field of an answer renamed": (
        lambda doc, i, o: o["properties"].update(length=o["properties"].pop("size")),
        ".size: the field is gone",
    ),
    "field of an answer no longer sure": (lambda doc, i, o: o["required"].remove("state"), ".state: the field may be"),
    "field of an answer nullable": (
        lambda doc, i, o: o["properties"].update(id={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ".id: it may be null now",
    ),
    "value of an answer removed": (lambda doc, i, o: o["properties"]["state"]["enum"].remove("old"), "values: old"),
    "type changed": (lambda doc, i, o: o["properties"]["size"].update(type="string"), "type integer has become string"),
    "field required": (lambda doc, i, o: i["required"].append("kind"), ".kind: the field has become required"),
    "new field required": (
        lambda doc, i, o: (i["properties"].update(new={"type": "string"}), i["required"].append("new")),
        ".new: the field has become required",
    ),
    "field of a request removed": (lambda doc, i, o: i["properties"].pop("note"), ".note: the field is gone"),
    "null no longer taken": (
        lambda doc, i, o: i["properties"].update(note={"type": "string"}),
        ".note: null is no longer taken",
    ),
    "value of a request removed": (lambda doc, i, o: i["properties"]["kind"]["enum"].remove("b"), "values: b"),
    "shorter texts": (lambda doc, i, o: i["properties"]["name"].update(maxLength=50), "maxLength is stricter"),
    "new pattern": (lambda doc, i, o: i["properties"]["name"].update(pattern="^a"), "its pattern has changed"),
    "webhook removed": (lambda doc, i, o: doc["webhooks"].clear(), "webhook thing.made: it is gone"),
}


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_is_named(name: str) -> None:
    change, sentence = BREAKING[name]
    found = changed(change)
    assert any(sentence in line for line in found), found


HARMLESS: dict[str, Callable[[Json, Json, Json], object]] = {
    "nothing": lambda doc, i, o: None,
    "new operation": lambda doc, i, o: doc["paths"].update({"/others": {"get": {"responses": {}}}}),
    "new optional field": lambda doc, i, o: i["properties"].update(more={"type": "string"}),
    "new field of an answer": lambda doc, i, o: (
        o["properties"].update(more={"type": "string"}),
        o["required"].append("more"),
    ),
    "longer texts": lambda doc, i, o: i["properties"]["name"].update(maxLength=200),
    "one more value taken": lambda doc, i, o: i["properties"]["kind"]["enum"].append("c"),
    "null taken": lambda doc, i, o: i["properties"].update(name={"anyOf": [{"type": "string"}, {"type": "null"}]}),
    "field no longer required": lambda doc, i, o: i["required"].clear(),
    "field of an answer sure": lambda doc, i, o: o["required"].append("size"),
    "description": lambda doc, i, o: i.update(description="In other words."),
    "new webhook": lambda doc, i, o: doc["webhooks"].update({"thing.gone": {"post": {}}}),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_breaks_nobody_is_passed_over(name: str) -> None:
    assert changed(HARMLESS[name]) == []


def test_the_real_document_breaks_nothing_of_itself() -> None:
    document = json.loads((ROOT / tool.PATH).read_text(encoding="utf-8"))
    assert breaking(document, document) == []
    without = copy.deepcopy(document)
    del without["components"]["schemas"]["InvoiceOutput"]["properties"]["open_amount"]
    assert any("open_amount: the field is gone" in line for line in breaking(document, without))


def test_without_history_there_is_nothing_to_compare(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert tool.main([]) == 0
    assert "no committed document" in capsys.readouterr().out
