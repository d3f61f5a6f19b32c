"""Completes FastAPI's document: shared components, scopes, headers, examples, webhooks, and a guide at its top."""

import re
from collections.abc import Callable, Iterator
from inspect import cleandoc
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from app.core.security import LINKS, VERBS
from app.deps import required_scope
from app.openapi import components, tags, webhooks
from app.openapi.examples import Examples

Json = dict[str, Any]

GUIDE = Path(__file__).parent / "guide.md"
SUMMARY = "Invoices in, polite and lawful dunning out, every change of status by webhook."
_METHODS = ("get", "put", "post", "delete", "patch")
_FASTAPIS_WORDS = "Successful Response"
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI) -> None:
    """Have the application answer the completed document; it is built once, when it is first asked for."""
    built: list[Json] = []

    def openapi() -> Json:
        if not built:
            built.append(build(app))
        return built[0]

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI names for this


def build(app: FastAPI) -> Json:
    """Build the document from the application's routes."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=SUMMARY,
        description=GUIDE.read_text(encoding="utf-8"),
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/", "description": "This installation."}],
    )
    schemas: Json = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FASTAPIS_OWN:
        schemas.pop(name, None)
    schemas.update(components.problem_schemas())
    document["webhooks"] = webhooks.webhooks(schemas)
    _strip_titles(schemas)
    endpoints = endpoints_of(app)
    for path, method, operation in operations(document):
        _Operation(path, method, operation, endpoints[operation["operationId"]], schemas).complete()
    document["components"].update(components.shared())
    Examples(schemas).add(document)
    document["tags"], document["x-tagGroups"] = tags.describe(document)
    # What is long comes last, so that the document can be read from its top.
    return {name: document[name] for name in sorted(document, key=_ORDER.index)}


_ORDER = ("openapi", "info", "servers", "security", "tags", "x-tagGroups", "paths", "webhooks", "components")


def endpoints_of(app: FastAPI) -> dict[str, Callable[..., Any]]:
    """The function behind each operation id."""
    return {
        context.operation_id: context.endpoint
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute) and context.endpoint is not None
    }


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Every operation with its path and method."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


class _Operation:
    """One operation on its way to being complete."""

    def __init__(self, path: str, method: str, operation: Json, endpoint: Callable[..., Any], schemas: Json) -> None:
        self.schemas = schemas
        self.path = path
        self.method = method
        self.operation = operation
        self.endpoint = endpoint
        self.is_linked = path.removeprefix("/v1/").split("/", 1)[0] in LINKS
        self.is_tenants = path.startswith("/v1/") and not self.is_linked
        self.checks_version = calls(endpoint, "check_if_match")

    def complete(self) -> None:
        """Fill in what the code says but FastAPI does not read."""
        self._words()
        self._security()
        self._parameters()
        self._answers()
        if self.method == "patch":
            self._drop_defaults()

    def _words(self) -> None:
        first, _, rest = cleandoc(self.endpoint.__doc__ or "").partition("\n\n")
        sentence = " ".join(first.split())
        # The title is what comes before a colon or semicolon; the whole sentence then begins the description.
        title = re.split(r"[:;] ", sentence)[0]
        words = [rest.strip()] if title == sentence and rest else [sentence, rest.strip()]
        self.operation["summary"] = title.removesuffix(".")
        self.operation["description"] = "\n\n".join(word for word in words if word)

    def _security(self) -> None:
        if not self.is_tenants:
            self.operation["security"] = []
            return
        resource, verb = required_scope(self.method.upper(), self.path)
        enough = [f"`{name}`" for name in VERBS[VERBS.index(verb) :]]
        self.operation["security"] = [{components.SECURITY_SCHEME: []}]
        self.operation["x-required-scope"] = f"{resource}:{verb}"
        self.operation["description"] += f"\n\nScope: `{resource}:{verb}` (included in {', '.join(enough)})."

    def _parameters(self) -> None:
        parameters = self.operation.setdefault("parameters", [])
        for parameter in parameters:
            if parameter["in"] == "path":
                what = re.sub(r"_?id$", "", parameter["name"]).replace("_", " ")
                parameter.setdefault("description", f"Id of the {what}." if what else "Id of the resource.")
        if self.is_tenants and self.method == "post":
            parameters.append(_reference("parameters", "IdempotencyKey"))
        if self.checks_version:
            parameters.append(_reference("parameters", "IfMatch"))
        if not parameters:
            del self.operation["parameters"]

    def _answers(self) -> None:
        answers = self.operation["responses"]
        if not self.checks_version:
            answers.pop("412", None)
        if self.is_tenants and self.method == "post":
            # Of the Idempotency-Key: its first request still runs, or was another one.
            answers.setdefault("409", {})
            answers.setdefault("422", {})
        for status, answer in list(answers.items()):
            if int(status) < 400 or not (self.is_tenants or self.is_linked):
                answer["headers"] = self._headers() | answer.get("headers", {})
                self._describe(answer)
            else:
                answers[status] = _reference("responses", components.RESPONSES[int(status)].name)
        self.operation["responses"] = dict(sorted(answers.items()))

    def _describe(self, answer: Json) -> None:
        if answer["description"] == _FASTAPIS_WORDS:
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            named = self.schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
            answer["description"] = named.get("description", "Done; there is nothing to say.").partition("\n")[0]

    def _drop_defaults(self) -> None:
        """What a PATCH leaves out stays as it is; a generated client would send the placeholders of the code."""
        reference = self.operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for field in self.schemas[reference.rpartition("/")[2]]["properties"].values():
            field.pop("default", None)

    def _headers(self) -> Json:
        names = {"X-Request-Id": "RequestId"}
        if calls(self.endpoint, "resource_response") or calls(self.endpoint, "etag"):
            names["ETag"] = "ETag"
        if self.is_tenants and self.method == "post":
            names["Idempotency-Replayed"] = "IdempotencyReplayed"
        return {name: _reference("headers", component) for name, component in names.items()}


def calls(function: Callable[..., Any], name: str) -> bool:
    """Whether an endpoint, or a function of its module that it uses, calls `name` or passes it as a keyword.

    Read from the code itself, so that what is documented cannot drift from what is done.
    """
    seen: set[CodeType] = set()
    waiting: list[Any] = [function]
    while waiting:
        found = waiting.pop()
        if not isinstance(found, FunctionType) or found.__code__ in seen:
            continue
        seen.add(found.__code__)
        if name in _names(found.__code__):
            return True
        same_module = (found.__globals__.get(used) for used in found.__code__.co_names)
        waiting += [used for used in same_module if getattr(used, "__module__", None) == found.__module__]
    return False


def _names(code: CodeType) -> set[str]:
    keywords = {word for constant in code.co_consts if isinstance(constant, tuple) for word in constant}
    return {*code.co_names, *keywords}


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _strip_titles(schemas: Json) -> None:
    """Drop the titles that pydantic makes of the fields' names: they say nothing new, twelve hundred times."""
    for schema in schemas.values():
        schema.pop("title", None)
        for field in schema.get("properties", {}).values():
            field.pop("title", None)
            items = field.get("items")
            if isinstance(items, dict):
                title = items.pop("title", None)
                # A model whose validation is put off is written out whole.
                field["items"] = _reference("schemas", title) if title in schemas else items
