"""Names what in the OpenAPI document would break a client of the last commit: `python -m tests.contract.breaking`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

Json = dict[str, Any]
Direction = Literal["request", "response"]

ROOT = Path(__file__).resolve().parents[2]
PATH = "openapi/openapi.json"
_METHODS = ("get", "put", "post", "delete", "patch")
# Limits of what is accepted: a greater minimum or a smaller maximum refuses what was taken before.
_LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")


def breaking(before: Json, after: Json) -> list[str]:
    """What a client of `before` cannot rely on in `after`, one sentence each."""
    return sorted(set(_Comparison(before, after).all()))


class _Comparison:
    def __init__(self, before: Json, after: Json) -> None:
        self.before = before
        self.after = after
        self.compared: set[tuple[str, str, Direction]] = set()

    def all(self) -> Iterator[str]:
        for path, method, old in _operations(self.before, "paths"):
            new = self.after["paths"].get(path, {}).get(method)
            where = f"{method.upper()} {path}"
            if new is None:
                yield f"{where}: the operation is gone"
            else:
                yield from self.operation(where, old, new)
        for name, method, old in _operations(self.before, "webhooks"):
            new = self.after.get("webhooks", {}).get(name, {}).get(method)
            if new is None:
                yield f"webhook {name}: it is gone"
            else:
                # What we send is what a receiver reads.
                yield from self.body(f"webhook {name}", old.get("requestBody"), new.get("requestBody"), "response")

    def operation(self, where: str, old: Json, new: Json) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"{where}: the operation id {old.get('operationId')} has become {new.get('operationId')}"
        yield from self.parameters(where, old, new)
        was, becomes = old.get("requestBody"), new.get("requestBody")
        if becomes and becomes.get("required") and not (was or {}).get("required"):
            yield f"{where}: the body has become required"
        yield from self.body(f"{where} request", was, becomes, "request")
        for status, answer in old.get("responses", {}).items():
            if status.startswith("2"):
                found = new.get("responses", {}).get(status)
                if found is None:
                    yield f"{where}: the answer {status} is gone"
                yield from self.body(f"{where} {status}", answer, found, "response")

    def parameters(self, where: str, old: Json, new: Json) -> Iterator[str]:
        was, becomes = self.named(self.before, old), self.named(self.after, new)
        for key, parameter in was.items():
            if key not in becomes:
                yield f"{where}: the {key[0]} parameter {key[1]} is gone"
            else:
                schemas = (parameter.get("schema"), becomes[key].get("schema"))
                yield from self.schema(f"{where} {key[1]}", *schemas, "request")
        for key, parameter in becomes.items():
            if parameter.get("required") and not was.get(key, {}).get("required"):
                yield f"{where}: the {key[0]} parameter {key[1]} has become required"

    def named(self, document: Json, operation: Json) -> dict[tuple[str, str], Json]:
        whole = [_resolve(document, parameter)[0] for parameter in operation.get("parameters", [])]
        return {(parameter["in"], parameter["name"]): parameter for parameter in whole}

    def body(self, where: str, old: Json | None, new: Json | None, direction: Direction) -> Iterator[str]:
        was = _resolve(self.before, old or {})[0].get("content", {})
        becomes = _resolve(self.after, new or {})[0].get("content", {})
        for media_type, media in was.items():
            if new is not None and media_type not in becomes:
                yield f"{where}: {media_type} is gone"
            elif media_type in becomes:
                yield from self.schema(where, media.get("schema"), becomes[media_type].get("schema"), direction)

    def schema(self, where: str, old: Any, new: Any, direction: Direction) -> Iterator[str]:
        if not isinstance(old, dict) or not isinstance(new, dict):
            return
        was, was_name, was_null = self.plain(self.before, old)
        becomes, becomes_name, becomes_null = self.plain(self.after, new)
        if direction == "request" and was_null and not becomes_null:
            yield f"{where}: null is no longer taken"
        if direction == "response" and becomes_null and not was_null:
            yield f"{where}: it may be null now"
        if was_name and becomes_name:
            # Each pair once, which also ends the recursion of a schema into itself.
            if (was_name, becomes_name, direction) in self.compared:
                return
            self.compared.add((was_name, becomes_name, direction))
        yield from self.values(where, was, becomes, direction)
        yield from self.fields(where, was, becomes, direction)
        for inner in ("items", "additionalProperties"):
            yield from self.schema(f"{where}[]", was.get(inner), becomes.get(inner), direction)
        for several in ("anyOf", "oneOf", "allOf"):
            pairs = zip(was.get(several, ()), becomes.get(several, ()), strict=False)
            for one, other in pairs:
                yield from self.schema(where, one, other, direction)

    def plain(self, document: Json, schema: Json) -> tuple[Json, str, bool]:
        """A schema without its reference and its null, the component's name, and whether null is one of its values."""
        whole, name = _resolve(document, schema)
        options = whole.get("anyOf", ())
        if {"type": "null"} in options:
            rest = [option for option in options if option != {"type": "null"}]
            if len(rest) == 1:
                whole, name = _resolve(document, rest[0])
            return whole, name, True
        return whole, name, whole.get("type") == "null"

    def values(self, where: str, was: Json, becomes: Json, direction: Direction) -> Iterator[str]:
        for word in ("type", "format", "const"):
            if word in was and was[word] != becomes.get(word):
                yield f"{where}: its {word} {was[word]} has become {becomes.get(word, 'anything')}"
        values: list[Any] = was.get("enum", [])
        gone = [value for value in values if value not in becomes.get("enum", values)]
        if gone:
            yield f"{where}: no longer one of its values: {', '.join(map(str, gone))}"
        if direction == "request":
            if "enum" in becomes and "enum" not in was:
                yield f"{where}: only some values are taken now"
            if becomes.get("pattern", was.get("pattern")) != was.get("pattern"):
                yield f"{where}: its pattern has changed"
            for words, sign in ((_LOWER, 1), (_UPPER, -1)):
                for word in words:
                    if word in becomes and (word not in was or (becomes[word] - was[word]) * sign > 0):
                        yield f"{where}: its {word} is stricter"

    def fields(self, where: str, was: Json, becomes: Json, direction: Direction) -> Iterator[str]:
        if "properties" not in was or "properties" not in becomes:
            return
        for name, field in was["properties"].items():
            if name not in becomes["properties"]:
                yield f"{where}.{name}: the field is gone"
            else:
                yield from self.schema(f"{where}.{name}", field, becomes["properties"][name], direction)
        required, demanded = set(was.get("required", ())), set(becomes.get("required", ()))
        if direction == "request":
            yield from (f"{where}.{name}: the field has become required" for name in demanded - required)
        else:
            kept = required & set(becomes["properties"])
            yield from (f"{where}.{name}: the field may be missing now" for name in kept - demanded)


def _operations(document: Json, section: str) -> Iterator[tuple[str, str, Json]]:
    for path, item in document.get(section, {}).items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _resolve(document: Json, node: Json) -> tuple[Json, str]:
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return node, ""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found, reference


def committed() -> Json | None:
    """The document of the last commit, if there is one."""
    try:
        shown = subprocess.run(["git", "show", f"HEAD:{PATH}"], cwd=ROOT, capture_output=True, check=True)
        document: Json = json.loads(shown.stdout)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    return document


def main(arguments: list[str]) -> int:
    """Compare the work tree with the last commit."""
    before = committed()
    if before is None:
        print("OpenAPI: no committed document to compare with")
        return 0
    found = breaking(before, json.loads((ROOT / PATH).read_text(encoding="utf-8")))
    for sentence in found:
        print(f"OpenAPI: {sentence}")
    if not found or "--allowed" in arguments:
        print(f"OpenAPI: {len(found)} breaking change(s) against the last commit")
        return 0
    print("These break clients of the last commit. If they are meant: make check BREAKING=allowed", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
