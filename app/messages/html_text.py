"""Plain text from the HTML that a tenant wrote, and what such HTML must not contain.

Python's own parser of HTML takes minutes for some malformed kilobytes; this one reads every character once, and takes
the rest as text where it is no HTML.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Final

# fmt: off
_REFUSED: Final = frozenset({
    "applet", "base", "button", "embed", "form", "frame", "frameset", "iframe", "input", "link", "math", "object",
    "script", "select", "svg", "textarea",
})
_HIDDEN: Final = frozenset({"style", "title", "head"})
_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "center", "dd", "div", "dl", "dt", "footer", "h1", "h2", "h3", "h4",
    "h5", "h6", "header", "hr", "main", "ol", "p", "pre", "section", "table", "tbody", "tfoot", "thead", "ul",
})
# fmt: on
_BREAKS: Final = {"br": "\n", "tr": "\n", "li": "\n– ", "td": " ", "th": " "}
_MAX_FAULTS: Final = 10
_BLANKS: Final = re.compile(r"[ \t\r\n\f]+")
_SPACED_LINE: Final = re.compile(r" *\n *")
_GAPS: Final = re.compile(r"\n{3,}")
_NAME: Final = re.compile(r"/?([A-Za-z][A-Za-z0-9]*)")
_QUOTE_OR_END: Final = re.compile("[\"'>]")
_ATTRIBUTE: Final = re.compile(r"""([^\s"'>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_TEMPLATE: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_UNSAFE_LINKS: Final = ("javascript:", "vbscript:", "data:")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of text, or one tag; `tag` is empty for text and None where HTML ends in what is none."""

    position: int
    text: str
    tag: str | None = ""
    closes: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


def html_to_text(html: str) -> str:
    """What a reader would see, paragraphs apart by blank lines, with the addresses of links."""
    reader = _Reader()
    for piece in _pieces(html):
        reader.read(piece)
    text = _SPACED_LINE.sub("\n", "".join(reader.parts))
    return _GAPS.sub("\n\n", text).strip()


def html_faults(source: str) -> list[tuple[int, str]]:
    """Lines of a template of HTML and what is wrong there: what mail programs refuse, or what would run.

    Args:
        source: a template whose syntax has been checked.
    """
    # Without the template's own tags, which keep their lines.
    html = _TEMPLATE.sub(lambda match: "\n" * match[0].count("\n"), source)
    faults: list[tuple[int, str]] = []
    for piece in _pieces(html):
        found = list(_complaints(piece))
        if found:
            line = html.count("\n", 0, piece.position) + 1
            faults += [(line, message) for message in found]
        if len(faults) >= _MAX_FAULTS:
            break
    return faults


def _complaints(piece: _Piece) -> Iterator[str]:
    if piece.tag is None:
        yield "Here is a < that begins no element; write &lt; for the sign."
    elif piece.tag in _REFUSED:
        yield f"A message cannot hold <{piece.tag}>; mail programs refuse it."
    for name, value in piece.attributes.items():
        if name.startswith("on") or name in {"srcdoc", "formaction", "http-equiv"}:
            yield f"A message cannot hold the attribute {name[:30]}."
        elif name in {"href", "src", "background"} and "".join(value.split()).lower().startswith(_UNSAFE_LINKS):
            yield f"A message cannot hold a {name} of this kind; use https."


def _pieces(html: str) -> Iterator[_Piece]:
    start = 0
    while (opened := html.find("<", start)) >= 0:
        if opened > start:
            yield _Piece(start, html[start:opened])
        if html.startswith("<!", opened):
            mark = "-->" if html.startswith("<!--", opened) else ">"
            ended = html.find(mark, opened + 2)
            start = ended + len(mark)
        else:
            name = _NAME.match(html, opened + 1)
            ended = -1 if name is None else _end_of_tag(html, name.end())
            start = ended + 1
            if name is not None and ended >= 0:
                attributes = {
                    match[1].lower(): unescape(match[2] or match[3] or match[4] or "")
                    for match in _ATTRIBUTE.finditer(html, name.end(), ended)
                }
                yield _Piece(opened, "", name[1].lower(), html[opened + 1] == "/", attributes)
        if ended < 0:
            yield _Piece(opened, html[opened:], None)
            return
    if start < len(html):
        yield _Piece(start, html[start:])


def _end_of_tag(html: str, start: int) -> int:
    while (match := _QUOTE_OR_END.search(html, start)) is not None:
        if match[0] == ">":
            return match.start()
        start = html.find(match[0], match.end()) + 1
        if start == 0:
            return -1
    return -1


class _Reader:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self._hidden = 0
        self._open: tuple[str, int] | None = None

    def read(self, piece: _Piece) -> None:
        if not piece.tag:
            if not self._hidden:
                self.parts.append(_BLANKS.sub(" ", unescape(piece.text)))
        elif piece.tag in _HIDDEN:
            self._hidden = max(self._hidden + (-1 if piece.closes else 1), 0)
        elif piece.tag in _BLOCKS:
            self.parts.append("\n\n")
        elif piece.tag == "a":
            self._link(piece)
        elif not piece.closes:
            self.parts.append(_BREAKS.get(piece.tag, ""))

    def _link(self, piece: _Piece) -> None:
        if not piece.closes:
            self._open = (piece.attributes.get("href", ""), len(self.parts))
        elif self._open is not None:
            (href, start), self._open = self._open, None
            shown = "".join(self.parts[start:]).strip()
            if href.startswith(("https://", "http://")) and href != shown:
                self.parts.append(f" ({href})")
