"""Plain text from the HTML that a tenant wrote, and what such HTML must not contain."""

import re
from html.parser import HTMLParser
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
_LINES: Final = frozenset({"br", "li", "tr"})
_BLANKS: Final = re.compile(r"[ \t\r\n\f]+")
_SPACED_LINE: Final = re.compile(r" *\n *")
_GAPS: Final = re.compile(r"\n{3,}")


def html_to_text(html: str) -> str:
    """What a reader would see, paragraphs apart by blank lines, with the addresses of links."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    text = _SPACED_LINE.sub("\n", "".join(reader.parts))
    return _GAPS.sub("\n\n", text).strip()


def html_faults(html: str) -> list[tuple[int, str]]:
    """Lines and what is wrong there: elements and attributes that mail programs refuse, or that would run."""
    finder = _Finder()
    finder.feed(html)
    finder.close()
    return finder.faults


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Break lines where an element does."""
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag in _BLOCKS:
            self.parts.append("\n\n")
        elif tag in _LINES:
            self.parts.append("\n– " if tag == "li" else "\n")
        elif tag in {"td", "th"}:
            self.parts.append(" ")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.parts)))

    def handle_endtag(self, tag: str) -> None:
        """Break lines after a block, and say where a link leads."""
        if tag in _HIDDEN:
            self._hidden = max(self._hidden - 1, 0)
        elif tag in _BLOCKS:
            self.parts.append("\n\n")
        elif tag == "a" and self._links:
            href, start = self._links.pop()
            shown = "".join(self.parts[start:]).strip()
            if href.startswith(("https://", "http://")) and href != shown:
                self.parts.append(f" ({href})")

    def handle_data(self, data: str) -> None:
        """Keep what is seen, blanks as a browser shows them."""
        if not self._hidden:
            self.parts.append(_BLANKS.sub(" ", data))


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[tuple[int, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        line = self.getpos()[0]
        if tag in _REFUSED:
            self.faults.append((line, f"A message cannot hold <{tag}>; mail programs refuse it."))
        for name, value in attrs:
            if name.startswith("on") or name in {"srcdoc", "formaction", "http-equiv"}:
                self.faults.append((line, f"A message cannot hold the attribute {name[:30]}."))
            elif name in {"href", "src", "background"} and (value or "").strip().lower().startswith(
                ("javascript:", "vbscript:", "data:")
            ):
                self.faults.append((line, f"A message cannot hold a {name} of this kind; use https."))
