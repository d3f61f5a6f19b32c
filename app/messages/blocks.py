"""The blocks of a message, such as the table of its invoices, and the page around it; each for text and for HTML.

While a text is rendered, a block is a mark that no value can hold; what it stands for is put in afterwards, so that
nothing wraps or escapes it twice.
"""

import re
from functools import cache
from typing import Any, Final

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from app.messages.plain_text import Row, aligned, paragraphs, split_paragraphs, table
from app.messages.variables import BLOCKS, Material
from app.messages.words import TEXTS

MARKS: Final = {name: f"\x02{name}\x03" for name in BLOCKS}
_MARK: Final = re.compile("\x02([a-z_]+)\x03")
_SPLIT: Final = re.compile("(\x02[a-z_]+\x03)")
_GAPS: Final = re.compile(r"\n{3,}")
_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)
_PARAGRAPH: Final = '<p style="margin:0 0 16px">'


def text_part(body: str, made: Material) -> str:
    """Lay a rendered body out as plain text: wrapped, with its blocks and the fine print."""
    parts = []
    for piece in _SPLIT.split(body):
        mark = _MARK.fullmatch(piece)
        parts.append(_text_block(mark[1], made) if mark else _wrapped(piece))
    parts += [paragraphs(line) for line in made.print["fine_print"]]
    return "\n\n".join(part for part in parts if part) + "\n"


def short_part(body: str, made: Material) -> str:
    """Lay a rendered body out for a telephone: lines as they were written, nothing wrapped."""
    shown = _MARK.sub(lambda mark: f"\n\n{_text_block(mark[1], made)}\n\n", body)
    lines = [" ".join(line.split()) for line in shown.split("\n")]
    lines += ["", *made.print["fine_print"]]
    return _GAPS.sub("\n\n", "\n".join(lines)).strip()


def html_from_text(body: str, made: Material) -> str:
    """Lay a rendered body of plain text out as HTML paragraphs with its blocks."""
    parts: list[str] = []
    for piece in _SPLIT.split(body):
        mark = _MARK.fullmatch(piece)
        if mark:
            parts.append(_html_block(mark[1], made))
        else:
            parts += [f"{_PARAGRAPH}{_with_breaks(part)}</p>" for part in split_paragraphs(piece)]
    return "\n".join(parts)


def html_with_blocks(body: str, made: Material) -> str:
    """Put the blocks into a rendered body of HTML."""
    return _MARK.sub(lambda mark: _html_block(mark[1], made), body)


def whole_page(html: str, made: Material) -> str:
    """Put what must not be missing into a page that a tenant wrote whole."""
    lines = "<br>".join(str(escape(line)) for line in made.print["fine_print"])
    if not lines:
        return html
    note = f'<p style="color:#6b7280;font-size:12px">{lines}</p>'
    ends = [*_END.finditer(html)]
    position = ends[-1].start() if ends else len(html)
    return f"{html[:position]}{note}\n{html[position:]}"


def page(body: str, made: Material, *, title: str, language: str, is_letter: bool) -> str:
    """Put the page around a body of HTML."""
    values = {
        "language": language,
        "title": title,
        "company": made.values["company"]["name"],
        "body": Markup(body),  # noqa: S704  made of what is escaped
        "subject_line": made.words.labels["subject_line"],
        "today": made.values["today"],
        **{name: made.print[name] for name in ("sender", "address", "fine_print")},
    }
    return _page("letter" if is_letter else "page").render(values).strip() + "\n"


def letter_head(made: Material, *, title: str) -> str:
    """What stands above the plain text of a letter: who writes, to whom, when and about what."""
    blocks = (
        [made.values["company"]["name"], *made.print["sender"]],
        made.print["address"],
        [made.values["today"]],
        [f"{made.words.labels['subject_line']}: {title}"],
    )
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n\n"


def _wrapped(piece: str) -> str:
    return "\n\n".join(
        "\n".join(paragraphs(line) for line in part.split("\n") if line.strip()) for part in split_paragraphs(piece)
    )


def _with_breaks(part: str) -> str:
    return "<br>\n".join(str(escape(line.strip())) for line in part.split("\n"))


def _text_block(name: str, made: Material) -> str:
    match name:
        case "greeting":
            return "\n\n".join(made.print["greeting"])
        case "signature":
            return "\n".join(made.print["signature"])
        case "invoice_table":
            return _text_table(made)
        case _:
            return _text_payment(made)


def _html_block(name: str, made: Material) -> str:
    match name:
        case "greeting":
            return "\n".join(f"{_PARAGRAPH}{escape(line)}</p>" for line in made.print["greeting"])
        case "signature":
            lines = "<br>".join(str(escape(line)) for line in made.print["signature"])
            return f'<p style="margin:8px 0 0">{lines}</p>'
        case _:
            return _page(name).render(_printed(made)).strip()


def _printed(made: Material) -> dict[str, Any]:
    return {
        **made.print,
        "words": made.words.labels,
        "invoices": [(line, _notes(line, made)) for line in made.values["invoices"]],
        "also_open": [(line, _notes(line, made)) for line in made.values["also_open"]],
        "has_also_open": bool(made.values["also_open_count"]),
        "total": made.values["total"],
        "payable": made.values["payable"],
    }


def _notes(line: dict[str, Any], made: Material) -> list[Row]:
    labels = made.words.labels
    notes: list[Row] = []
    if line["charges"]:
        notes.append((labels["charges"], line["charges"], ""))
    if line["reference"]:
        notes.append((labels["reference"], line["reference"], ""))
    url = line["payment_url"]
    if url and url != made.values["payment_url"]:
        notes.append((labels["pay_online"], url, url))
    return notes


def _text_table(made: Material) -> str:
    labels = made.words.labels
    summary = [(labels["total"], made.values["total"])]
    if made.print["credit"]:
        summary.insert(0, (labels["credit"], made.print["credit"]))
    parts = [made.print["statement"], _rows(made.values["invoices"], made, summary, made.print["more"])]
    if made.values["also_open_count"]:
        also = made.values["also_open"]
        parts.append(paragraphs(labels["also_open"]))
        parts.append(_rows(also, made, [], made.print["also_more"]) if also else made.print["also_more"])
    return "\n\n".join(parts)


def _rows(lines: list[dict[str, Any]], made: Material, summary: list[tuple[str, str]], remark: str) -> str:
    header = [made.words.labels[key] for key in ("number", "issued", "due_date", "situation", "amount")]
    rows = [
        ([line[key] for key in ("number", "issued_on", "due_on", "status", "amount")], _notes(line, made))
        for line in lines
    ]
    return table(header, rows, summary, remark)


def _text_payment(made: Material) -> str:
    if not made.values["payable"]:
        return paragraphs(made.print["ask_details"])
    parts = [f"{account['title']}\n{aligned(account['rows'])}" for account in made.print["accounts"]]
    if made.print["payment_rows"]:
        parts.append(aligned(made.print["payment_rows"]))
    return "\n\n".join([made.words.labels["how_to_pay"], *parts])


@cache
def _page(name: str) -> Template:
    return _pages().get_template(f"{name}.j2")


@cache
def _pages() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader([TEXTS / "_html"]), undefined=StrictUndefined, autoescape=True, auto_reload=False
    )
