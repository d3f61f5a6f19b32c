"""The fields of a schema as one flat list, for tables: CSV that goes out and files that come in."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel

Json = dict[str, Any]
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Leaf:
    """One field that is not taken apart any further.

    Attributes:
        path: its names from the top, `("sender", "name")`.
        kind: `value` has one value, `map` holds keys of the user's own, `other` are lists and choices of forms.
        form: what the schema says of it.
    """

    path: tuple[str, ...]
    kind: Literal["value", "map", "other"]
    form: Json

    @property
    def name(self) -> str:
        """The path as a column is called."""
        return ".".join(self.path)


@lru_cache(maxsize=64)
def leaves(model: type[BaseModel], *, mode: Literal["validation", "serialization"]) -> tuple[Leaf, ...]:
    """The leaves of a model, in its order."""
    schema = model.model_json_schema(mode=mode)
    return tuple(_walk(schema, schema.get("$defs", {}), ()))


def _walk(form: Json, definitions: Json, path: tuple[str, ...]) -> list[Leaf]:
    form = _resolved(form, definitions)
    if form.get("type") == "object" and "properties" in form and len(path) < _DEEPEST:
        return [
            leaf
            for name, inner in form["properties"].items()
            for leaf in _walk(inner, definitions, (*path, name))
        ]  # fmt: skip
    if form.get("type") == "object":
        return [Leaf(path, "map", form)]
    return [Leaf(path, "other" if form.get("type") in {None, "array"} and "enum" not in form else "value", form)]


def _resolved(form: Json, definitions: Json) -> Json:
    """Without the reference, and without the null beside the one form that is meant."""
    options = [option for option in form.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        return _resolved({**{key: value for key, value in form.items() if key != "anyOf"}, **options[0]}, definitions)
    if "$ref" in form:
        return _resolved(definitions[form["$ref"].rpartition("/")[2]], definitions)
    return form
