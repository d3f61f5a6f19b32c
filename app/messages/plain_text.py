"""The text part's own typography: clean values, wrapped paragraphs, aligned tables."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

WIDTH: Final = 76
MAX_VALUE_LENGTH: Final = 200

Row = tuple[str, str, str]
"""Label, value, and the link behind the value (empty for none)."""

_BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANKS: Final = re.compile(r"[ \t\r\n]+")
_ODD_WIDTHS: Final = re.compile("[^\x00-\u02ff]")
_PARAGRAPH_BREAK: Final = re.compile(r"\n[ \t]*\n")


@lru_cache(maxsize=8192)
def clean(value: str, limit: int = MAX_VALUE_LENGTH) -> str:
    """Make a stored value fit for one line of a letter or a subject.

    Line breaks and controls become spaces or vanish, directional overrides that could disguise a number vanish, and
    what is longer than any honest name is cut.
    """
    if not value.isprintable():
        value = "".join(_visible(char) for char in value)
    value = _BLANKS.sub(" ", value.strip())
    return value if len(value) <= limit else f"{value[: limit - 1].rstrip()}…"


def _visible(char: str) -> str:
    if char.isspace():
        return " "
    return "" if char in _BIDI_CONTROLS or unicodedata.category(char) in {"Cc", "Cs"} else char


def split_paragraphs(text: str) -> list[str]:
    """Split at blank lines and drop what is empty."""
    return [part for raw in _PARAGRAPH_BREAK.split(text) if (part := raw.strip())]


def paragraphs(text: str) -> str:
    """Wrap each paragraph; a no-break space keeps an amount and its currency together."""
    return "\n\n".join(_wrap(part) for part in split_paragraphs(text))


def _wrap(paragraph: str) -> str:
    lines: list[str] = []
    line: list[str] = []
    room = WIDTH
    # Asked once for all words.
    measure = len if _ODD_WIDTHS.search(paragraph) is None else display_width
    for word in _BLANKS.split(paragraph):
        width = measure(word)
        if line and width > room:
            lines.append(" ".join(line))
            line, room = [], WIDTH
        line.append(word)
        room -= width + 1
    return "\n".join([*lines, " ".join(line)])


def display_width(text: str) -> int:
    """Count columns: two for wide East Asian characters, none for combining marks."""
    # Everything before U+0300 takes one column, and almost every text stays below it.
    if text.isascii() or _ODD_WIDTHS.search(text) is None:
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def aligned(rows: Iterable[Row]) -> str:
    """Write label and value pairs under each other."""
    listed = list(rows)
    width = max(display_width(label) for label, _, _ in listed) + 1
    return "\n".join(f"  {_pad(f'{label}:', width)} {value}" for label, value, _ in listed)


def table(
    header: Sequence[str],
    rows: Sequence[tuple[Sequence[str], Sequence[Row]]],
    summary: Sequence[tuple[str, str]],
    remark: str = "",
) -> str:
    """Write a table whose last column holds amounts, in stacked form when it would be too wide.

    Args:
        header: The column headings.
        rows: Per row its cells, and notes to be written beneath it.
        summary: Label and amount pairs beneath the rows.
        remark: A line between the rows and the summary.
    """
    cells = [header, *(row for row, _ in rows)]
    widths = [max(display_width(row[column]) for row in cells) for column in range(len(header))]
    widths[-1] = max([widths[-1], *(display_width(amount) for _, amount in summary)])
    span = sum(widths) + 2 * (len(widths) - 1)
    if span > WIDTH:
        return _stacked(header, rows, summary, remark)
    rule = "-" * span
    lines = [_row(header, widths), rule]
    for row, notes in rows:
        lines.append(_row(row, widths))
        lines.extend(f"    {label}: {value}" for label, value, _ in notes)
    if remark:
        lines.append(remark)
    if summary:
        lines.append(rule)
        lines.extend(_pad(label, span - display_width(amount)) + amount for label, amount in summary)
    return "\n".join(lines)


def _stacked(
    header: Sequence[str],
    rows: Sequence[tuple[Sequence[str], Sequence[Row]]],
    summary: Sequence[tuple[str, str]],
    remark: str,
) -> str:
    lines: list[str] = []
    for row, notes in rows:
        lines.append(f"{header[0]} {row[0]}")
        lines.extend(f"    {label}: {value}" for label, value in zip(header[1:], row[1:], strict=True))
        lines.extend(f"    {label}: {value}" for label, value, _ in notes)
    if remark:
        lines.append(remark)
    lines.extend(f"{label}: {amount}" for label, amount in summary)
    return "\n".join(lines)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    *left, amount = cells
    padded = [_pad(cell, width) for cell, width in zip(left, widths, strict=False)]
    return "  ".join([*padded, " " * (widths[-1] - display_width(amount)) + amount])


def _pad(text: str, width: int) -> str:
    return text + " " * (width - display_width(text))
