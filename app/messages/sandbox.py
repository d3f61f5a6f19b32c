"""Compiles texts that have passed the check, and renders them under limits."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.messages.syntax import MAX_OUTPUT, NotAllowedError, check, prepare
from app.messages.vocabulary import FILTERS

# Escaping makes a character six at most, and the check has counted them unescaped.
_MOST: Final = 6 * MAX_OUTPUT


class TooLongError(ValueError):
    """A text that became longer than any message is."""


def render_text(source: str, values: Mapping[str, Any]) -> str:
    """Render a text as it is, nothing escaped.

    Raises:
        NotAllowedError: the text uses what it must not.
    """
    return _run(_compiled(source, escapes=False), values)


def render_html(source: str, values: Mapping[str, Any]) -> str:
    """Render a text of HTML, its values escaped.

    Raises:
        NotAllowedError: the text uses what it must not.
    """
    return _run(_compiled(source, escapes=True), values)


def _run(template: Template, values: Mapping[str, Any]) -> str:
    parts: list[str] = []
    length = 0
    for part in template.generate(values):
        length += len(part)
        if length > _MOST:
            raise TooLongError("the text became too long")
        parts.append(part)
    return "".join(parts)


# By the source itself: a changed text is another one, in every process at once.
@lru_cache(maxsize=1024)
def _compiled(source: str, *, escapes: bool) -> Template:
    faults = check(source)
    if faults:
        raise NotAllowedError(faults)
    return _environment(escapes=escapes).from_string(prepare(source))


@lru_cache(maxsize=2)
def _environment(*, escapes: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        autoescape=escapes, undefined=StrictUndefined, cache_size=0, keep_trailing_newline=False
    )
    environment.globals.clear()
    environment.tests.clear()
    environment.filters.clear()
    environment.filters.update({name: known.call for name, known in FILTERS.items()})
    return environment
